"""A CA in memory with an OCSP responder, whose certificates are good at any date: other programs look at the clock."""

from __future__ import annotations

import functools
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.ca.made import NOW, PROFILE, key, write_pem
from tokenmgr.ca.certificate import read_certificate
from tokenmgr.ca.issuer import Authority, Certifier
from tokenmgr.ca.keys import CaKey
from tokenmgr.ca.ocsp import Responder, Single, Standing
from tokenmgr.ca.ocsp_request import CertId
from tokenmgr.ca.profile import Kind, Order, OwnOrder, own_name
from tokenmgr.ca.signing import spki_of
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.pki.names import subscriber_name

BEGINS, ENDS = datetime(2001, 1, 1, tzinfo=UTC), datetime(2190, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
FIRST = 1 << 126  # serial number of the first customer


@dataclass(frozen=True)
class StatusCa:
    root: bytes
    issuing: CaKey
    ocsp: CaKey
    customers: tuple[bytes, ...]

    @property
    def responder(self) -> Responder:
        return Responder(self.ocsp, self.issuing.certificate)

    def write(self, folder: Path) -> None:
        """root.pem, issuing.pem, chain.pem, ocsp.pem, and the customers' as 0.pem, 1.pem, …"""
        write_pem(folder / "root.pem", self.root)
        write_pem(folder / "issuing.pem", self.issuing.certificate)
        write_pem(folder / "chain.pem", self.issuing.certificate, self.root)
        write_pem(folder / "ocsp.pem", self.ocsp.certificate)
        for number, certificate in enumerate(self.customers):
            write_pem(folder / f"{number}.pem", certificate)


@functools.cache
def status_ca(kind: KeyKind = KeyKind.P256) -> StatusCa:
    root, issuing, ocsp = (key(kind, number) for number in (1, 2, 3))
    above = Certifier(Authority("root", own_name("試験 Root"), root, BEGINS, ENDS), PROFILE)

    def own(by: Certifier, of: Kind, name: str, public_key: bytes, serial: int) -> bytes:
        order = OwnOrder(of, (1 << 120) + serial, own_name(name), public_key, BEGINS, ENDS)
        return by.sign(by.draft(order))

    root_certificate = own(above, Kind.ROOT, "試験 Root", spki_of(root), 1)
    below = CaKey("issuing", issuing, own(above, Kind.ISSUING, "試験認証局", spki_of(issuing), 2))
    facts = read_certificate(below.certificate)
    by = Certifier(Authority("issuing", facts.subject, issuing, BEGINS, ENDS), PROFILE)
    answering = CaKey("ocsp", ocsp, own(by, Kind.OCSP, "OCSP", spki_of(ocsp), 3))
    customers = []
    for number in range(3):
        subject = subscriber_name("しんきん", "1234", "00001", f"user{number}")
        order = Order(FIRST + number, subject, spki_of(key(KeyKind.P256, 10 + number)), BEGINS, ENDS, StoreKind.MEDIUM)
        customers.append(by.sign(by.draft(order)))
    return StatusCa(root_certificate, below, answering, tuple(customers))


def single(cert_id: CertId, standing: Standing, begins: datetime = NOW, lasts: timedelta = DAY) -> Single:
    return Single(cert_id, standing, begins, begins + lasts)


def run(*line: str | Path, folder: Path) -> str:
    """What a program says that is content with everything; its words are the error's where it is not."""
    done = ended(*line, folder=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def ended(*line: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(line, cwd=folder, capture_output=True, text=True, timeout=60)
