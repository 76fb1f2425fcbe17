"""R9, R11: the four fields of an acquisition, and what whoever does not know them all can learn: nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import pytest
from argon2 import PasswordHasher, extract_parameters
from argon2.exceptions import VerifyMismatchError
from sqlalchemy import event

from tests.actors import TESTER
from tests.api.rig import BANK, CONFIRMATION_PIN, CONTRACT, DAY, LOGIN_PIN, OTHER_BANK, SECOND, USER, Rig
from tokenmgr.domain.generation import RevocationReason, StoreKind
from tokenmgr.domain.party import Role
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.errors import ClaimLocked, ClaimNotAccepted, NotPermittedNow, TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.ra import acquire, passcodes
from tokenmgr.ra.ports import Enrolled, Ticket
from tokenmgr.sql.parties import Enrolment
from tokenmgr.sql.registry import SqlRegistry

ADMINISTRATOR = "kanri01"


class Counting(PasswordHasher):
    compared = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Any:  # noqa: A002
        self.compared += 1
        return super().verify(hash, password)


@pytest.fixture
def hasher(monkeypatch: pytest.MonkeyPatch) -> Counting:
    """Counts comparisons. What an unknown ID is compared with costs little here, as every hash of the rig does."""
    counting = Counting(time_cost=1, memory_cost=8, parallelism=1)
    monkeypatch.setattr(passcodes, "_HASHER", counting)
    monkeypatch.setattr(passcodes, "_NOBODY", counting.hash("nobody's"))
    return counting


@dataclass(frozen=True)
class Seen:
    """All that there is to be seen of one claim, from outside and from the machine room."""

    code: str
    facts: dict[str, object]
    compared: int
    statements: tuple[str, ...]


def claim(rig: Rig, bank: str = BANK, **changes: Any) -> Ticket:
    found = rig.registry.bank(bank)
    assert found is not None
    return acquire.begin(rig.registry, found, rig.claim(**changes), rig.now)


def accepted(rig: Rig, bank: str = BANK, **changes: Any) -> bool:
    return claim(rig, bank, **changes).bank == bank


def error_of(act: Callable[[], object]) -> TokenmgrError:
    with pytest.raises(TokenmgrError) as caught:
        act()
    return caught.value


def look(rig: Rig, hasher: Counting, **changes: Any) -> Seen:
    said: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        said.append(statement)

    before = hasher.compared
    event.listen(rig.database.engine, "before_cursor_execute", note)
    try:
        error = error_of(lambda: claim(rig, **changes))
    finally:
        event.remove(rig.database.engine, "before_cursor_execute", note)
    return Seen(error.code, error.facts, hasher.compared - before, tuple(said))


WRONG: dict[str, dict[str, Any]] = {
    "wrong login PIN": {"login_pin": "999999"},
    "wrong confirmation PIN": {"user": "user02", "confirmation_pin": Secret("999999")},
    "both wrong": {"user": "user03", "login_pin": "999999", "confirmation_pin": Secret("999999")},
    "each in the other's place": {
        "user": "user04",
        "login_pin": CONFIRMATION_PIN,
        "confirmation_pin": Secret(LOGIN_PIN),
    },
    "unknown ID": {"user": "nobody"},
    "unknown contract": {"contract": "9999999"},
    "an administrator's": {"user": ADMINISTRATOR, "login_pin": "999999"},
}


def people(rig: Rig) -> None:
    for number in (2, 3, 4):
        rig.enrol(f"user0{number}")
    rig.enrol(ADMINISTRATOR, Role.ADMINISTRATOR)


@pytest.mark.parametrize("lock_contract", [False, True])
def test_nobody_learns_which_field_was_wrong(rig: Rig, hasher: Counting, lock_contract: bool) -> None:
    """The same errors with the same facts, by the same statements, as many comparisons, until it locks; and after."""
    people(rig)
    rig.change_policy(lock_contract=lock_contract)
    seen = {name: [look(rig, hasher, **changes) for _ in range(7)] for name, changes in WRONG.items()}
    first = seen["wrong login PIN"]
    assert [(one.code, one.facts, one.compared) for one in first] == [
        *[("R102", {"tries_left": left}, 2) for left in (4, 3, 2, 1, 0)],
        *[("R103", {}, 0)] * 2,
    ]
    assert all(one[:5] == first[:5] for one in seen.values()), seen
    assert all([(one.code, one.compared) for one in some[5:]] == [("R103", 0)] * 2 for some in seen.values())


def test_what_no_id_can_be_is_refused_and_counted_alike(rig: Rig, hasher: Counting) -> None:
    for user in ("利用者一", "x" * 64, "a\u00a0b"):
        errors = [look(rig, hasher, user=user) for _ in range(6)]
        assert [(one.code, one.compared) for one in errors] == [("R102", 2)] * 5 + [("R103", 0)]


def test_an_id_without_pins_is_nobodys(rig: Rig, hasher: Counting) -> None:
    rig.administration.enrol(Enrolment(BANK, CONTRACT, "bare", Role.USER, "", "", "", rig.now + DAY))
    for pin in ("", "nobody's", LOGIN_PIN):
        assert look(rig, hasher, user="bare", login_pin=pin, confirmation_pin=Secret(pin)).code == "R102"


def test_the_hash_of_nobody_is_known_to_nobody() -> None:
    assert not passcodes.match(Secret(""), Secret(""), None, None)
    assert not passcodes.match(Secret(""), Secret(""), "", "")
    assert not passcodes._is(Secret(""), passcodes._NOBODY)
    assert not passcodes._is(Secret("x"), "no hash at all")


def test_the_hash_of_nobody_costs_what_anybodys_does() -> None:
    """It is whole, so that it is computed to the end, and by the parameters of every other one."""
    with pytest.raises(VerifyMismatchError):
        passcodes._HASHER.verify(passcodes._NOBODY, b"x")
    assert extract_parameters(passcodes._NOBODY) == extract_parameters(passcodes.hashed(Secret("x")))


def test_right_pins_forgive(rig: Rig, hasher: Counting) -> None:
    for _ in range(2):
        assert [look(rig, hasher, login_pin="999999").facts for _ in range(4)][-1] == {"tries_left": 1}
        claim(rig)
    assert look(rig, hasher, login_pin="999999").facts == {"tries_left": 4}


def test_once_locked_right_pins_are_not_looked_at(rig: Rig, hasher: Counting) -> None:
    for _ in range(5):
        look(rig, hasher, login_pin="999999")
    assert (look(rig, hasher).code, look(rig, hasher).compared) == ("R103", 0)
    rig.now += 30 * DAY  # no time heals it; the bank does
    rig.registry.tidy(rig.now)
    assert look(rig, hasher).code == "R103"
    rig.administration.unlock(rig.subscriber.id)
    assert claim(rig).subscriber == rig.subscriber.id


@pytest.mark.parametrize("lock_contract", [False, True])
def test_an_administrators_lock_out_locks_the_contract_by_policy(
    rig: Rig, hasher: Counting, lock_contract: bool
) -> None:
    people(rig)
    rig.enrol("elsewhere", bank=OTHER_BANK)
    rig.change_policy(lock_contract=lock_contract)
    for _ in range(5):
        look(rig, hasher, user=ADMINISTRATOR, login_pin="999999")
    assert look(rig, hasher, user=ADMINISTRATOR).code == "R103"
    if lock_contract:
        assert isinstance(error_of(lambda: claim(rig)), ClaimLocked)
        # Who does not know both PINs is told nothing of it, or the lock would tell who the administrator is.
        assert isinstance(error_of(lambda: claim(rig, user="nobody")), ClaimNotAccepted)
        assert isinstance(error_of(lambda: claim(rig, login_pin="999999")), ClaimNotAccepted)
    assert accepted(rig, OTHER_BANK, user="elsewhere")
    assert isinstance(error_of(lambda: claim(rig, contract="9999999")), ClaimNotAccepted)
    rig.administration.unlock(rig.administration.find(BANK, CONTRACT, ADMINISTRATOR).id)
    assert accepted(rig)


def test_a_users_lock_out_locks_nobody_else(rig: Rig, hasher: Counting) -> None:
    people(rig)
    rig.change_policy(lock_contract=True)
    for _ in range(6):
        look(rig, hasher, login_pin="999999")
    assert accepted(rig, user=ADMINISTRATOR)
    assert accepted(rig, user="user02")


class Crashing(SqlRegistry):
    """Dies between spending the try and reading the hashes."""

    def enrolled(self, bank: str, contract: str, user: str) -> Enrolled | None:
        raise KeyboardInterrupt


def test_a_crash_between_spending_and_checking_gives_no_try(rig: Rig, hasher: Counting) -> None:
    bank = rig.registry.bank(BANK)
    assert bank is not None
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            acquire.begin(Crashing(rig.database, TESTER), bank, rig.claim(login_pin="999999"), rig.now)
    assert look(rig, hasher, login_pin="999999").facts == {"tries_left": 1}


def test_a_crowd_gets_no_more_tries_than_one(rig: Rig, hasher: Counting) -> None:
    with ThreadPoolExecutor(12) as pool:
        errors = list(pool.map(lambda _: error_of(lambda: claim(rig, login_pin="999999")).code, range(12)))
    assert sorted(errors) == ["R102"] * 5 + ["R103"] * 7
    assert hasher.compared == 10


# --- what policy says, to whoever knows both PINs ---


def _closed(rig: Rig) -> None:
    rig.administration.open_acquisition(rig.subscriber.id, None, rig.now)


def _passed(rig: Rig) -> None:
    rig.now += 80 * DAY + SECOND


def _has_one(rig: Rig) -> None:
    rig.with_certificate(days_left=31)


def _may_renew(rig: Rig) -> None:
    rig.with_certificate(days_left=29)


def _expired(rig: Rig) -> None:
    rig.with_certificate(days_left=0)
    rig.now += SECOND


def _revoked(rig: Rig) -> None:
    customer = rig.with_certificate()
    rig.registry.revoke(rig.of(customer.certificate).serial, RevocationReason.CESSATION, rig.now)


def _no_store(rig: Rig) -> None:
    rig.change_policy(media_offered=False)


FORBIDDEN = [
    (_closed, "not-open", "ask-administrator"),
    (_passed, "deadline-passed", "ask-administrator"),
    (_has_one, "has-one", "wait"),
    (_may_renew, "has-one", "renew"),
    (_expired, "grace-over", "ask-administrator"),
    (_revoked, "not-open", "ask-administrator"),
    (_no_store, "store-forbidden", "other-store"),
]


@pytest.mark.parametrize(("prepare", "reason", "way"), FORBIDDEN, ids=lambda one: getattr(one, "__name__", str(one)))
def test_policy_is_told_to_whoever_knows_both_pins(
    rig: Rig, hasher: Counting, prepare: Callable[[Rig], None], reason: str, way: str
) -> None:
    prepare(rig)
    for changes in ({"login_pin": "999999"}, {"confirmation_pin": Secret("999999")}):
        assert look(rig, hasher, **changes).code == "R102"
    for _ in range(7):  # and costs nobody a try
        error = error_of(lambda: claim(rig))
        assert isinstance(error, NotPermittedNow)
        assert (error.reason, error.way) == (reason, way)
    assert look(rig, hasher, login_pin="999999").facts == {"tries_left": 4}


def test_an_administrator_is_sent_to_the_branch(rig: Rig, hasher: Counting) -> None:
    people(rig)
    rig.now += 80 * DAY + SECOND
    assert look(rig, hasher, user=ADMINISTRATOR).facts["way"] == "visit-branch"


@pytest.mark.parametrize("days", [0, 80, 90, 180])
def test_grace_ends_to_the_second(rig: Rig, days: int) -> None:
    """R9: all four are in real use."""
    rig.change_policy(grace_days=days)
    rig.with_certificate(days_left=0)
    ends = rig.now + days * DAY
    if days:
        rig.now = ends
        assert accepted(rig)
    rig.now = ends + SECOND
    error = error_of(lambda: claim(rig))
    assert isinstance(error, NotPermittedNow)
    assert (error.reason, error.until) == ("grace-over", ends)


def test_an_acquisition_is_open_to_the_second(rig: Rig) -> None:
    rig.now += 80 * DAY
    assert accepted(rig)
    rig.now += SECOND
    assert isinstance(error_of(lambda: claim(rig)), NotPermittedNow)


def test_the_store_is_the_bank_and_the_customers(rig: Rig) -> None:
    """S3: what the customer chose, where the bank offers it; never another one instead."""
    rig.change_policy(pc_allowed=False)
    assert claim(rig).store is StoreKind.MEDIUM
    error = error_of(lambda: claim(rig, store=StoreKind.PC))
    assert isinstance(error, NotPermittedNow)
    assert (error.reason, error.way) == ("store-forbidden", "other-store")


def test_the_last_try_is_the_policys(rig: Rig, hasher: Counting) -> None:
    rig.change_policy(wrong_pins=1)
    assert look(rig, hasher, user="nobody").facts == {"tries_left": 0}
    assert look(rig, hasher, user="nobody").code == "R103"
    assert replace(BankPolicy(), wrong_pins=1).wrong_pins == 1
    assert accepted(rig, user=USER)


@pytest.fixture(autouse=True)
def _no_secret_is_shown() -> Iterator[None]:
    yield
    assert LOGIN_PIN not in repr(acquire.Claim("1", "2", Secret(LOGIN_PIN), Secret(LOGIN_PIN), StoreKind.PC))
