"""From a bank's page to this program: what proves itself is an errand, and what does not is nothing at all."""

from __future__ import annotations

import dataclasses
import http.client
import json
import re
import secrets
import subprocess
import urllib.error
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.runner import PROGRAM
from tests.interop import running
from tests.interop.running import BANK, CONTRACT, OTHER_BANK
from tests.renewal.serving import Maker, saying, serving
from tests.renewal.serving import http as answering
from tokenmgr import clock
from tokenmgr.customer.handover import Errand, Handover, a_secret, errand_of
from tokenmgr.customer.profiles import Banks, Profile, read_profile
from tokenmgr.domain.handover import Act, Claims, State
from tokenmgr.errors import (
    AuthorityAnswerWrong,
    AuthorityUnreachable,
    HandoverActUnknown,
    HandoverBankUnknown,
    HandoverEarly,
    HandoverForeign,
    HandoverForged,
    HandoverNotOffered,
    HandoverOver,
    HandoverSpent,
    HandoverUnreadable,
    TokenmgrError,
)
from tokenmgr.pki import handover, p256
from tokenmgr.renewal.authority import Authority
from tokenmgr.sql.handovers import HandoverKey
from tokenmgr.testbed import compiling

KEY, ANOTHERS = (ec.derive_private_key(number, ec.SECP256R1()) for number in (815, 816))
NOW = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
SITE = "https://ib.example"
MIHON = Profile(
    BANK,
    "みほん信用金庫",
    "https://ca.example",
    (),
    "",
    None,
    login=(("ib.example", 443),),
    handover=(p256.spki_of(KEY),),
)
NEXT = dataclasses.replace(
    MIHON, code=OTHER_BANK, name="となりの信用金庫", login=(("next.example", 443),), handover=(p256.spki_of(ANOTHERS),)
)
KNOWN = Banks([MIHON, NEXT], [])


def ticket(key: p256.PrivateKey = KEY, **changes: Any) -> str:
    jti = secrets.token_urlsafe(16)
    made = Claims(BANK, "tokenmgr", jti, NOW, NOW + 5 * MINUTE, SITE, "renew", CONTRACT, "user01", "1f")
    return handover.issue(dataclasses.replace(made, **changes), key)


# --- what a page asks for ---


@pytest.mark.parametrize("address", ["{}", "tokenmgr://renew?t={}", "tokenmgr://renew/?t={}", "TokenMgr://renew?t={}"])
def test_what_proves_itself_is_an_errand(address: str) -> None:
    made = ticket()
    errand = errand_of(address.format(made), KNOWN, NOW)
    assert errand.profile is MIHON
    assert (errand.act, errand.contract, errand.user) == (Act.RENEW, CONTRACT, "user01")
    assert (errand.serial, errand.origin, len(errand.jti)) == ("1f", SITE, 22)
    assert made not in repr(errand)
    another = errand_of(ticket(ANOTHERS, bank=OTHER_BANK, origin="https://next.example", act="acquire"), KNOWN, NOW)
    assert (another.profile, another.act) == (NEXT, Act.ACQUIRE)


@pytest.mark.parametrize(
    ("made", "error"),
    [
        (lambda: ticket(ANOTHERS), HandoverForged),
        (lambda: ticket(ANOTHERS, bank=BANK, origin="https://next.example"), HandoverForged),
        (lambda: ticket(KEY, bank=OTHER_BANK, origin="https://next.example"), HandoverForged),
        (lambda: ticket(bank="9999"), HandoverBankUnknown),
        (lambda: ticket(origin="https://evil.example"), HandoverForeign),
        (lambda: ticket(origin="https://next.example"), HandoverForeign),
        (lambda: ticket(origin="https://ib.example:8443"), HandoverForeign),
        (lambda: ticket(issued_at=NOW - 9 * MINUTE, expires_at=NOW - 2 * MINUTE), HandoverOver),
        (lambda: ticket(issued_at=NOW + 2 * MINUTE), HandoverEarly),
        (lambda: ticket(expires_at=NOW + 11 * MINUTE), HandoverUnreadable),
        (lambda: ticket(audience="another"), HandoverUnreadable),
        (lambda: ticket(contract=""), HandoverUnreadable),
        (lambda: ticket(act="reissue"), HandoverActUnknown),
        (lambda: f"tokenmgr://acquire?t={ticket()}", HandoverActUnknown),
        (lambda: f"tokenmgr://renew?t={ticket()}&x=1", HandoverUnreadable),
        (lambda: f"tokenmgr://renew?t={ticket()}#x", HandoverUnreadable),
        (lambda: f"tokenmgr://renew?t={ticket()}\n", HandoverUnreadable),
        (lambda: f"https://renew?t={ticket()}", HandoverUnreadable),
        (lambda: "a" * 5000, HandoverUnreadable),
        (lambda: "", HandoverUnreadable),
    ],
)
def test_what_does_not_is_nothing(made: Callable[[], str], error: type[TokenmgrError]) -> None:
    with pytest.raises(error):
        errand_of(made(), KNOWN, NOW)


def test_the_site_that_asks_is_named() -> None:
    with pytest.raises(HandoverForeign) as caught:
        errand_of(ticket(origin="https://evil.example"), KNOWN, NOW)
    assert caught.value.facts == {"origin": "https://evil.example", "bank": "みほん信用金庫"}


def test_a_bank_that_has_no_key_hands_nothing_over() -> None:
    with pytest.raises(HandoverNotOffered):
        errand_of(ticket(), Banks([dataclasses.replace(MIHON, handover=())], []), NOW)


@given(st.text(max_size=100) | st.from_regex(r"tokenmgr://[a-z]+\?t=[A-Za-z0-9_.-]*", fullmatch=True))
def test_garbage_is_unreadable(text: str) -> None:
    with pytest.raises(HandoverUnreadable):
        errand_of(text, KNOWN, NOW)


# --- with a CA that runs ---


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.Authority]:
    with running.authority(tmp_path_factory.mktemp("handing"), workers=1) as made:
        spki = p256.spki_of(KEY)
        made.administration.add_handover_key(BANK, HandoverKey(p256.kid_of(spki), spki, clock.now()))
        yield made


@pytest.fixture(scope="module")
def bank(ca: running.Authority, tmp_path_factory: pytest.TempPathFactory) -> Profile:
    """As the bank hands it out, where its customers log in written by hand."""
    said = re.sub(r"^address = .*$", f'address = "{ca.url}"\nlogin = "{SITE}"', told(ca, "profile", BANK), flags=re.M)
    file = tmp_path_factory.mktemp("banks.d") / "1234.toml"
    file.write_text(said, encoding="utf-8")
    return read_profile(file)


def told(ca: running.Authority, *arguments: str, **environment: str) -> str:
    line, env = [str(PROGRAM), "bank", *arguments], {**ca.environment, **environment}
    done = subprocess.run(line, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return str(done.stdout).strip()


def reached(profile: Profile, pauses: tuple[float, ...] = ()) -> Authority:
    waited: list[float] = []
    return Authority(profile.address, profile.code, profile.tls_roots, waited.append, 5.0, {}, pauses)


def asking(bank: Profile) -> Errand:
    """A page that has just been pressed."""
    now = clock.now().replace(microsecond=0)
    return errand_of(ticket(issued_at=now, expires_at=now + 5 * MINUTE), Banks([bank], []), clock.now())


def seen(ca: running.Authority, errand: Errand) -> tuple[str, int | None, str | None]:
    found = json.loads(ca.fetch(f"/handover/{BANK}/{errand.jti}"))
    return found["state"], found["step"], found["code"]


def test_from_the_page_to_its_end(ca: running.Authority, bank: Profile) -> None:
    errand = asking(bank)
    assert seen(ca, errand) == ("waiting", None, None)
    with reached(bank) as authority, reached(bank) as another:
        ours = Handover(errand, authority, a_secret())
        ours.redeem()
        assert seen(ca, errand) == ("open", None, None)
        ours.redeem()  # its answer was lost
        theirs = Handover(errand, another, a_secret())
        with pytest.raises(HandoverSpent):
            theirs.redeem()
        theirs.tell(State.FAILED, code="M104")  # is not heard, and stops nobody
        for step in (1, 9):
            ours.tell(State.WORKING, step)
            assert seen(ca, errand) == ("working", step, None)
        ours.tell(State.DONE)
    assert seen(ca, errand) == ("done", None, None)


def test_only_its_page_may_read(ca: running.Authority, bank: Profile) -> None:
    errand = asking(bank)
    assert reader(ca, errand) == "*"
    with reached(bank) as authority:
        Handover(errand, authority, a_secret()).redeem()
    assert reader(ca, errand) == SITE


def reader(ca: running.Authority, errand: Errand) -> str | None:
    """Whom browsers let read."""
    connection = http.client.HTTPSConnection("127.0.0.1", ca.port, context=ca.context)
    connection.request("GET", f"/handover/{BANK}/{errand.jti}", headers={"Origin": "https://evil.example"})
    found = connection.getresponse().getheader("Access-Control-Allow-Origin")
    connection.close()
    return found


def test_the_ca_judges_for_itself(ca: running.Authority, bank: Profile) -> None:
    """Whatever a program on a customer's computer believes."""
    errand = asking(bank)
    forged = ticket(ANOTHERS, issued_at=clock.now(), expires_at=clock.now() + MINUTE)
    with reached(bank) as authority:
        for text, error in ((forged, HandoverForged), ("x", HandoverUnreadable)):
            with pytest.raises(error):
                Handover(dataclasses.replace(errand, ticket=text), authority, a_secret()).redeem()
    with pytest.raises(urllib.error.HTTPError) as refused:
        ca.fetch(f"/handover/{BANK}", b"{" * 9000, {"Content-Type": "application/json"})
    assert json.loads(refused.value.read())["error"]["code"] == "R113"
    refused.value.close()


def test_by_another_clock(ca: running.Authority, bank: Profile, testbed_store: Path, tmp_path: Path) -> None:
    """Of a server whose clock is a quarter of an hour behind."""
    (tmp_path / "page.key").write_bytes(p256.private_pem(KEY))
    library = compiling.built("clock", compiling.source("clock"), testbed_store)
    who = ("--bank", BANK, "--origin", SITE, "--contract", CONTRACT, "--user", "user01", "--scheme")
    line = ("handover", "ticket", "--key", str(tmp_path / "page.key"), *who)
    made = told(ca, *line, LD_PRELOAD=str(library), TESTBED_SECONDS_AHEAD="-900")
    with pytest.raises(HandoverOver):
        errand_of(made, Banks([bank], []), clock.now())
    then = clock.now() - timedelta(seconds=900)  # a computer that is as wrong believes it; the CA does not
    errand = errand_of(made, Banks([bank], []), then)
    with reached(bank) as authority, pytest.raises(HandoverOver) as refused:
        Handover(errand, authority, a_secret()).redeem()
    assert refused.value.until < clock.now()


def test_a_ca_that_is_away_is_told_of_at_redeeming_and_of_nothing_after(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    errand = errand_of(ticket(), KNOWN, NOW)
    heard: list[bytes] = []
    refusing = saying(answering("503 Service Unavailable", "application/json", b"{}"), heard)
    with serving(refusing, maker.server()) as port:
        profile = dataclasses.replace(MIHON, address=f"https://127.0.0.1:{port}", tls_roots=maker.root)
        with reached(profile, (0.0,)) as authority:
            ours = Handover(errand, authority, a_secret())
            with pytest.raises(AuthorityUnreachable):
                ours.redeem()
            first, second = (json.loads(one.partition(b"\r\n\r\n")[2]) for one in heard)
            assert first == second  # with the same secret
            for step in range(1, 10):
                ours.tell(State.WORKING, step)
            assert len(heard) == 3
            ours.tell(State.DONE)
            assert len(heard) == 4
            assert first["secret"] not in heard[-1].decode().partition("\r\n")[0]
    ours.tell(State.DONE)  # nobody is there at all


def test_another_hand_overs_answer_is_not_believed(tmp_path: Path) -> None:
    maker = Maker(tmp_path)
    for body in (b'{"jti": "x"}', b'{"jti": 1}', b"[]", b"{}"):
        with serving(saying(answering("201 Created", "application/json", body)), maker.server()) as port:
            profile = dataclasses.replace(MIHON, address=f"https://127.0.0.1:{port}", tls_roots=maker.root)
            with reached(profile) as authority, pytest.raises(AuthorityAnswerWrong):
                Handover(errand_of(ticket(), KNOWN, NOW), authority, a_secret()).redeem()
