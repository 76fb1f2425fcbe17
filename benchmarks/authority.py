"""A CA as its operator makes it, its keys in a SoftHSM token of its own: for the benchmarks of the server's side."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

from tests.api.rig import Customer, Rig, new_key
from tests.interop.running import PIN, POLICY
from tests.interop.running import authority as running
from tokenmgr import clock
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.ca.issuer import Issuer
from tokenmgr.cli.authority import open_authority
from tokenmgr.cmp.messages import CertReply, Kind, certificate_request, confirmation, parse
from tokenmgr.domain.generation import StoreKind
from tokenmgr.log import Secret
from tokenmgr.ra.ports import Ticket

__all__ = ["PIN", "customers", "made", "renew", "rig_on"]


@contextmanager
def made(home: Path) -> Iterator[CaFolder]:
    """Its ceremony held; what served meanwhile has ended."""
    with running(home):
        pass
    os.environ["TOKENMGR_HOME"] = str(home)
    yield open_folder(home / "ca")


@contextmanager
def rig_on(folder: CaFolder, url: str) -> Iterator[Rig]:
    """The server's rooms on these keys and that database, at this very moment: nobody serves over HTTP."""
    with Secret(PIN) as pin, tempfile.TemporaryDirectory() as shared, open_authority(folder, pin, Path(shared)) as keys:
        rig = Rig(url, POLICY, made=(keys, Issuer(keys, folder.profile)))
        rig.now = clock.now()
        yield rig
        rig.close()


def customers(rig: Rig, names: Iterator[str]) -> Iterator[Customer]:
    """Whose renewal is open; by tickets without PINs, whose argon2 is made to take long."""
    for name in names:
        who = rig.enrol(name)
        ticket = Ticket(name, b"secret", who.bank, who.id, StoreKind.MEDIUM, rig.now + timedelta(minutes=1))
        rig.registry.open_ticket(ticket, who.contract, who.user)
        one = Customer(rig, name, ticket=(ticket.reference, ticket.secret))
        certificate = one.acquire()
        yield Customer(rig, name, key=one.key, certificate=certificate)


def renew(customer: Customer, answer: Callable[[bytes], bytes]) -> None:
    """kur and certConf, and no more checks than that it went well."""
    customer.transaction = os.urandom(16)  # several processes at once
    customer.last = parse(answer(customer.build(Kind.KUR, certificate_request(new_key(), customer.subject))))
    reply = customer.last.body
    assert isinstance(reply, CertReply)
    assert reply.certificate, reply.text
    assert parse(answer(customer.build(Kind.CERTCONF, confirmation(reply.certificate)))).kind is Kind.PKICONF
