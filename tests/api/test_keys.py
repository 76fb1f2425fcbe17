"""GET /banks/{bank}/keys/{fingerprint}: what there is of a key, and of what is open the same as a request hears."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import hashlib
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.api.asgi import Client
from tests.api.rig import BANK, CONTRACT, DAY, NOW, OTHER_BANK, SECOND, USER, Customer, Rig, granted, new_key
from tests.api.test_http import refused
from tests.ra.told import told
from tests.sql.world import generation
from tokenmgr.api import app, jobs, publications
from tokenmgr.api.app import application
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.domain.generation import RevocationReason, State, StoreKind
from tokenmgr.domain.party import Role
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.errors import ClaimLocked, ClaimNotAccepted, NotPermittedNow, SignatureUnfit
from tokenmgr.ra import acquire

UNKNOWN = {"state": "unknown"}


def fingerprint(key: PrivateKey) -> str:
    return hashlib.sha256(key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def asked(rig: Rig, key: PrivateKey, bank: str = BANK) -> dict[str, Any]:
    response = Client(application(rig.service)).get(f"/banks/{bank}/keys/{fingerprint(key)}")
    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
    assert response.headers["cache-control"] == "no-store"
    said: dict[str, Any] = response.json()
    return said


def opened(until: datetime) -> dict[str, object]:
    return {"open": True, "until": until.isoformat(), "reason": "", "way": ""}


def shut(reason: str, way: str, until: datetime | None = None) -> dict[str, object]:
    return {"open": False, "until": until.isoformat() if until else None, "reason": reason, "way": way}


def end_of(customer: Customer) -> datetime:
    return customer.rig.of(customer.certificate).not_after


# --- states -----------------------------------------------------------------------------------------------------------


def test_of_a_key_that_nobody_has_sent_nothing_is_known(rig: Rig) -> None:
    assert asked(rig, new_key()) == UNKNOWN


def test_one_that_waits_for_its_confirmation(rig: Rig) -> None:
    customer = rig.begin()
    granted(customer.request())
    (one,) = rig.history()
    assert one.confirm_by is not None
    assert asked(rig, customer.key) == {
        "state": "pending",
        "serial_number": f"{one.serial:x}",
        "role": "user",
        "contract": CONTRACT,
        "user": USER,
        "store": "medium",
        "not_after": one.not_after.isoformat(),
        "confirm_by": one.confirm_by.isoformat(),
        "is_last": False,
        "is_rehearsal": False,
        "rehearsal_wanted": False,
        "locked": False,
        "renewal": shut("revoked", "acquire"),  # it signs nothing yet
        "acquisition": opened(NOW + 80 * DAY),
    }


def test_an_active_one(rig: Rig) -> None:
    rig.enrol("admin", Role.ADMINISTRATOR)
    admin = rig.with_certificate("admin", store=StoreKind.PC)
    said = asked(rig, admin.key)
    assert (said["state"], said["role"], said["user"], said["store"]) == ("active", "administrator", "admin", "pc")
    assert (said["is_last"], said["not_after"]) == (True, end_of(admin).isoformat())


def test_its_predecessor_and_the_renewal_before_and_after(rig: Rig) -> None:
    old, key = rig.with_certificate(days_left=20), new_key()
    certificate = granted(old.request(key))
    assert [asked(rig, one)["state"] for one in (old.key, key)] == ["active", "pending"]
    assert asked(rig, old.key)["renewal"] == opened(end_of(old))  # which is finished, or given up, first
    old.confirm(certificate)
    former, latter = asked(rig, old.key), asked(rig, key)
    assert (former["state"], former["is_last"]) == ("superseded", False)
    assert former["renewal"] == shut("superseded", "resume")
    assert (latter["state"], latter["is_last"]) == ("active", True)
    assert latter["renewal"]["reason"] == "too-early"


@pytest.mark.parametrize("role", Role)
def test_on_hold_and_revoked(rig: Rig, role: Role) -> None:
    rig.enrol("somebody", role)
    customer = rig.with_certificate("somebody", days_left=20)
    serial, way = rig.of(customer.certificate).serial, "ask-administrator" if role is Role.USER else "visit-branch"
    rig.registry.hold(serial, rig.now)
    said = asked(rig, customer.key)
    assert (said["state"], said["is_last"]) == ("held", True)
    assert said["renewal"] == said["acquisition"] == shut("on-hold", way)
    rig.registry.revoke(serial, RevocationReason.KEY_COMPROMISE, rig.now)
    said = asked(rig, customer.key)
    assert (said["state"], said["is_last"]) == ("revoked", True)
    assert said["renewal"] == shut("revoked", "acquire")
    assert said["acquisition"] == shut("not-open", way)
    until = rig.now + 80 * DAY
    rig.administration.open_acquisition(rig.administration.find(BANK, CONTRACT, "somebody").id, until, rig.now)
    assert asked(rig, customer.key)["acquisition"] == opened(until)


def test_where_the_old_one_is_revoked_at_once_it_says_so(rig: Rig) -> None:
    rig.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)
    old = rig.with_certificate(days_left=20)
    new = old.renew()
    assert [asked(rig, one.key)["state"] for one in (old, new)] == ["revoked", "active"]
    assert [asked(rig, one.key)["is_last"] for one in (old, new)] == [False, True]


def test_what_was_recorded_and_is_void_is_unknown(url: str) -> None:
    """Nobody was ever handed a certificate for that key: it may be asked for again."""

    def away(_: Callable[[], bytes]) -> bytes:
        raise SignatureUnfit(key="issuing")

    rig = Rig(url, hook=away)
    with contextlib.closing(rig):
        customer = rig.begin()
        customer.request()
        assert asked(rig, customer.key)["state"] == "recorded"
        rig.pass_time(200 * DAY)
        jobs.round_of(rig.service)
        assert rig.states() == [State.VOID]
        assert asked(rig, customer.key) == UNKNOWN


def test_the_cas_own_keys_are_unknown(rig: Rig) -> None:
    key = new_key()
    rig.administration.adopt(
        dataclasses.replace(generation(None, 1, NOW), state=State.ACTIVE, key_hash=bytes.fromhex(fingerprint(key)))
    )
    assert asked(rig, key) == UNKNOWN


def test_another_banks_key_is_unknown(rig: Rig) -> None:
    customer = rig.with_certificate()
    assert asked(rig, customer.key)["state"] == "active"
    assert asked(rig, customer.key, OTHER_BANK) == UNKNOWN


# --- what is open, as a request would hear ----------------------------------------------------------------------------

MOMENTS = [  # from the end of the certificate
    (-31 * DAY, "too-early"),
    (-30 * DAY - SECOND, "too-early"),
    (-30 * DAY, ""),
    (timedelta(), ""),
    (SECOND, "expired"),
    (90 * DAY, "expired"),
]


@pytest.mark.parametrize(("since", "reason"), MOMENTS, ids=str)
def test_a_renewal_is_as_open_as_its_request_will_hear(rig: Rig, since: timedelta, reason: str) -> None:
    customer = rig.with_certificate()
    rig.now = end_of(customer) + since
    said = asked(rig, customer.key)["renewal"]
    assert (said["open"], said["reason"]) == (not reason, reason)
    answer = customer.request(new_key())
    if said["open"]:
        assert granted(answer)
        assert said["until"] == end_of(customer).isoformat()
    elif reason == "too-early":
        assert told(answer) == ("R104", {name: said[name] for name in ("reason", "way", "until")})


GRACE = [
    (-31 * DAY, shut("has-one", "wait")),
    (-29 * DAY, shut("has-one", "renew")),
    (SECOND, opened(NOW)),
    (90 * DAY, opened(NOW)),
    (90 * DAY + SECOND, shut("grace-over", "ask-administrator")),
]


@pytest.mark.parametrize(("since", "expected"), GRACE, ids=range(len(GRACE)))
def test_an_acquisition_is_as_open_as_its_claim_will_hear(
    rig: Rig, since: timedelta, expected: dict[str, object]
) -> None:
    rig.change_policy(grace_days=90)
    customer = rig.with_certificate()
    rig.now = end_of(customer) + since
    said = asked(rig, customer.key)["acquisition"]
    assert {**said, "until": None} == {**expected, "until": None}
    if said["open"]:
        assert said["until"] == (end_of(customer) + 90 * DAY).isoformat()
        assert rig.begin().acquire()
        return
    with pytest.raises(NotPermittedNow) as caught:
        rig.begin()
    assert (caught.value.until is None) == (said["way"] == "renew")  # a renewal is open: from when on says nothing
    assert said == shut(caught.value.reason, caught.value.way, caught.value.until)


def test_it_is_decided_for_the_store_that_the_key_is_in(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=20, store=StoreKind.PC)
    rig.change_policy(pc_allowed=False)
    assert asked(rig, customer.key)["renewal"] == shut("store-forbidden", "other-store")


def test_a_lock_is_told_of_the_id_itself_alone(rig: Rig) -> None:
    """What an administrator's lock-out does to others is told to whoever knows both PINs."""
    rig.change_policy(lock_contract=True, wrong_pins=2)
    rig.enrol("admin", Role.ADMINISTRATOR)
    user, admin = rig.with_certificate(), rig.with_certificate("admin", days_left=20)
    bank = rig.registry.bank(BANK)
    assert bank
    for locked, refusal in ((False, ClaimNotAccepted), (True, ClaimNotAccepted), (True, ClaimLocked)):
        with pytest.raises(refusal):
            acquire.begin(rig.registry, bank, rig.claim("admin", "999999"), rig.now)
        assert asked(rig, admin.key)["locked"] is locked
    assert asked(rig, admin.key)["renewal"]["open"]
    assert not asked(rig, user.key)["locked"]
    rig.administration.unlock(rig.administration.find(BANK, CONTRACT, "admin").id)
    assert not asked(rig, admin.key)["locked"]


# --- how it is asked --------------------------------------------------------------------------------------------------

DIGITS = "0123456789abcdef" * 4
MALFORMED = [
    DIGITS[:-1],
    DIGITS + "0",
    DIGITS.upper(),
    DIGITS[:-1] + "g",
    " " + DIGITS[1:],
    "-" + DIGITS[1:],
    DIGITS[:-1] + "%0A",
    DIGITS + "%0A",
    DIGITS[:-1] + "%00",
    DIGITS[:-1] + "%FF",
    "０" * 64,
    "x" * 8000,
]


@pytest.mark.parametrize("name", MALFORMED, ids=range(len(MALFORMED)))
def test_what_is_no_fingerprint_is_refused(quick: Rig, name: str) -> None:
    refused(Client(application(quick.service)).get(f"/banks/{BANK}/keys/{name}"), 400, "R113")


def test_other_ways_to_ask(quick: Rig) -> None:
    client = Client(application(quick.service))
    refused(client.get(f"/banks/9999/keys/{DIGITS}"), 404, "R101")
    refused(client.post(f"/banks/{BANK}/keys/{DIGITS}"), 405, "R113")
    for path in (
        f"/banks/{BANK}/keys",
        f"/banks/{BANK}/keys/",
        f"/banks/{BANK}/keys/{DIGITS}/",
        f"/banks//keys/{DIGITS}",
    ):
        refused(client.get(path), 404, "R113")


def test_it_is_counted_and_waits_at_the_gate_of_all_looks(quick: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "LOOKS", 1)
    made, path = application(quick.service), f"/banks/{BANK}/keys/{DIGITS}"
    entered, left = threading.Event(), threading.Event()
    standing = publications.key_standing

    def slowly(*which: Any) -> dict[str, object]:
        entered.set()
        assert left.wait(30)
        return standing(*which)

    monkeypatch.setattr(publications, "key_standing", slowly)

    async def crowd() -> tuple[int, int]:
        first = asyncio.create_task(Client(made).asked("GET", path))
        await asyncio.to_thread(entered.wait, 30)
        second = await Client(made).asked("GET", path)
        left.set()
        return (await first).status_code, second.status_code

    assert asyncio.run(crowd()) == (200, 503)
    metrics = Client(made, "127.0.0.1").get("/metrics").text
    for status in (200, 503):
        assert f'tokenmgr_answers_total{{route="key",status="{status}"}} 1.0' in metrics


def test_the_offer_says_what_time_it_is_and_what_becomes_of_the_old_one(quick: Rig) -> None:
    quick.now = NOW + timedelta(microseconds=7)
    client = Client(application(quick.service))
    assert client.get(f"/banks/{BANK}").json()["now"] == "2026-04-01T03:00:00.000007+00:00"
    quick.now = NOW
    assert client.get(f"/banks/{BANK}").json()["now"] == "2026-04-01T03:00:00.000000+00:00"
    for which in OldGeneration:
        quick.change_policy(old_generation=which)
        assert client.get(f"/banks/{BANK}").json()["old_generation"] == which.value
