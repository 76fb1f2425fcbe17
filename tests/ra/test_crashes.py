"""S6, S7, R13: the CA is killed at each of its steps. Whoever sends the same again ends with one confirmed certificate,
equal to whatever had been sent before, and the registry knows every certificate that was ever signed."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509 import load_der_x509_certificate
from sqlalchemy import select

from tests.api.rig import DAY, Customer, Rig, granted, new_key
from tests.ra.mortal import Job, Zygote, zygote
from tokenmgr.cmp.messages import Info, Kind, certificate_request, confirmation, parse
from tokenmgr.cmp.reissuing import reissue_answered, reissue_request
from tokenmgr.domain.audit import Action
from tokenmgr.domain.generation import State
from tokenmgr.domain.party import Role
from tokenmgr.domain.reissue import Cause
from tokenmgr.sql.schema import audit

STEPS = 8  # before and after each of: record, sign, sign off, confirm


@pytest.fixture(scope="module")
def nest() -> Iterator[Zygote]:
    with zygote() as made:
        yield made


def customer_for(rig: Rig, kind: Kind, user: str) -> Customer:
    rig.enrol(user)
    customer = rig.begin(user)
    if kind is Kind.KUR:
        customer.acquire()
        customer = Customer(rig, user, key=customer.key, certificate=customer.certificate)
    return customer


def job_of(customer: Customer, request: bytes, folder: Path, dies_at: int) -> Job:
    rig = customer.rig
    folder.mkdir()
    return Job(
        url=rig.url,
        now=rig.now.isoformat(),
        user=customer.user,
        folder=str(folder),
        dies_at=dies_at,
        request=request.hex(),
        ticket=(customer.ticket[0], customer.ticket[1].hex()) if customer.ticket else None,
        key=customer.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        certificate=customer.certificate.hex(),
    )


def resumed(rig: Rig, customer: Customer, request: bytes, folder: Path) -> bytes:
    """The same bytes again, and then its certConf: the one that was sent, or one that is made now."""
    customer.rig, customer.transaction = rig, parse(request).header.transaction_id or b""
    certificate = granted(customer.send(request))
    sent, confirming = folder / "sent", folder / "confirming"
    if sent.exists():
        assert sent.read_bytes() == certificate
    again = confirming.read_bytes() if confirming.exists() else None
    answer = customer.send(again or customer.build(Kind.CERTCONF, confirmation(certificate)))
    assert answer.kind is Kind.PKICONF
    return certificate


def all_is_known(rig: Rig, folder: Path) -> None:
    for file in folder.glob("signed-*"):
        read = load_der_x509_certificate(file.read_bytes())
        found = rig.registry.generation(read.serial_number)
        assert found is not None
        assert found.state is not State.VOID
        kept = found.certificate and load_der_x509_certificate(found.certificate).tbs_certificate_bytes
        assert read.tbs_certificate_bytes == (kept or found.draft)


@pytest.mark.parametrize("kind", [Kind.IR, Kind.KUR])
def test_killed_at_each_step(rig: Rig, nest: Zygote, tmp_path: Path, kind: Kind) -> None:
    rig.change_policy(validity_days=30)
    for step in range(STEPS + 1):
        folder, user = tmp_path / f"step-{step}", f"user-{step}"
        customer = customer_for(rig, kind, user)
        request = customer.build(kind, certificate_request(new_key(), customer.subject))
        ended = nest.run(job_of(customer, request, folder, step))
        assert ended == (signal.SIGKILL if step < STEPS else 0)
        assert (folder / "confirmed").exists() is (step >= STEPS)

        again = Rig(rig.url)
        assert again.states(user).count(State.ACTIVE) == (1 if kind is Kind.KUR or step >= STEPS - 1 else 0)
        all_is_known(again, folder)
        certificate = resumed(again, customer, request, folder)
        all_is_known(again, folder)
        assert again.active(user).certificate == certificate
        assert again.states(user) in ([State.ACTIVE], *two_of(State.SUPERSEDED))
        again.close()


def two_of(old: State) -> list[list[State]]:
    """The one before and the new one, made within one second: in either order."""
    return [[old, State.ACTIVE], [State.ACTIVE, old]]


@pytest.mark.parametrize("kind", [Kind.IR, Kind.KUR])
def test_killed_again_and_again(rig: Rig, nest: Zygote, tmp_path: Path, kind: Kind) -> None:
    """One request that is killed one step further each time: what was done is never done twice."""
    rig.change_policy(validity_days=30)
    customer = customer_for(rig, kind, "unlucky")
    request = customer.build(kind, certificate_request(new_key(), customer.subject))
    known = set()
    for number in range(STEPS):
        folder = tmp_path / str(number)
        ended = nest.run(job_of(customer, request, folder, dies_at=number + 1))
        all_is_known(rig, folder)
        known |= {file.name for file in folder.glob("signed-*")}
        assert len(rig.states("unlucky")) == (2 if kind is Kind.KUR else 1)
        if ended == 0:
            break
    assert ended == 0
    assert len(known) == 1
    assert rig.states("unlucky").count(State.ACTIVE) == 1
    assert State.PENDING not in rig.states("unlucky")


def test_a_re_issue_killed_at_each_step(rig: Rig, nest: Zygote, tmp_path: Path) -> None:
    """S6: the same bytes again bring it about once, whether it was done before the end or not."""
    rig.enrol("admin", Role.ADMINISTRATOR)
    admin = rig.with_certificate("admin")
    for step in range(3):
        folder, user = tmp_path / f"step-{step}", f"user-{step}"
        rig.enrol(user)
        rig.with_certificate(user)
        rig.now += timedelta(minutes=1)
        admin.begin_anew()
        request = admin.build(Kind.GENM, reissue_request(user, Cause.LOST))
        assert nest.run(job_of(admin, request, folder, step)) == (signal.SIGKILL if step < 2 else 0)
        assert (folder / "sent").exists() is (step == 2)
        assert rig.states(user) == [State.ACTIVE if step == 0 else State.REVOKED]
        again = Rig(rig.url)
        again.now = rig.now + timedelta(seconds=10)
        answer = again.send(request)
        assert isinstance(answer.body, Info)
        until = reissue_answered(answer.body, user)
        assert until == (again.now if step == 0 else rig.now) + 80 * DAY
        assert again.states(user) == [State.REVOKED]
        told = again.database.read(select(audit.c.whom).where(audit.c.action == Action.SUBSCRIBER_REISSUED.value))
        assert [row[0].split("/")[-1] for row in told].count(user) == 1
        again.begin(user).acquire()
        again.close()
