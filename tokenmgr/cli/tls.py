"""The server's own TLS certificate, from its own CA: made when there is none, when it ends within a month, or when
another authority issues since. At each start, and while it serves."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from tokenmgr.api.service import Service
from tokenmgr.ca.certificate import to_pem
from tokenmgr.ca.folder import CaFolder, write_whole
from tokenmgr.ca.profile import Kind, OwnOrder, own_name
from tokenmgr.domain.generation import Generation, State
from tokenmgr.errors import Taken, ValueUnfit
from tokenmgr.ra.issuing import new_serial
from tokenmgr.serving.workers import check_tls
from tokenmgr.system import locked, private_folder

VALID = timedelta(days=397)
EARLY = timedelta(days=30)
FOLDER, LOCK = "tls", "tls.lock"


def own_certificate(service: Service, folder: CaFolder, now: datetime) -> tuple[Path, Path]:
    """The chain's file and the key's. Python's TLS takes its key from a file only, so this one is in none of the CA's
    tokens; it opens nothing but this server's connections."""
    here = private_folder(folder.path / FOLDER)
    certificate, key = here / "chain.pem", here / "key.pem"
    with locked(folder.path / LOCK):  # one of several workers and nodes makes it, for all
        if not (_fit(certificate, key) and _is_good(certificate, service, now)):
            _make(service, folder, certificate, key, now)
    return certificate, key


def _fit(certificate: Path, key: Path) -> bool:
    """Not those of two makings, nor one that was cut short."""
    try:
        check_tls(str(certificate), str(key))
    except ValueUnfit:
        return False
    return True


def _is_good(file: Path, service: Service, now: datetime) -> bool:
    try:
        first = file.read_text(encoding="ascii").split("-----END CERTIFICATE-----")[0]
    except (OSError, ValueError):
        return False
    from cryptography.x509 import load_pem_x509_certificate

    try:
        read = load_pem_x509_certificate(f"{first}-----END CERTIFICATE-----\n".encode())
    except ValueError:
        return False
    if read.issuer.public_bytes() != service.issuer.subject:  # whoever trusts the newest root alone would refuse it
        return False
    known = service.registry.generation(read.serial_number)
    ends = read.not_valid_after_utc
    is_long = now < ends - EARLY or ends >= service.issuer.not_after  # another one would end no later
    return known is not None and known.revoked_at is None and is_long


def _make(service: Service, folder: CaFolder, certificate: Path, key: Path, now: datetime) -> None:
    """Recorded before it is signed, like every other (ARCHITECTURE: record before signing)."""
    made = ec.generate_private_key(ec.SECP256R1())
    spki = made.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    starts = now.replace(microsecond=0)
    order = OwnOrder(
        kind=Kind.TLS,
        serial=new_serial(),
        subject=own_name(f"{folder.about.name} TLS"),
        public_key=spki,
        not_before=starts,
        not_after=min(starts + VALID, service.issuer.not_after),
        names=_names(folder),
    )
    draft = service.issuer.draft(order)
    service.administration.drop_unsigned(now)  # of a start that was cut short
    service.administration.adopt(_generation(order, service.keys.current.number))
    der = service.issuer.sign(draft)
    service.administration.certified(order.serial, der)
    write_whole(key, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode("ascii"))
    write_whole(certificate, "".join(map(to_pem, (der, *service.chain[:-1]))))


class _Own(Protocol):
    """An order, or what a certificate says."""

    @property
    def serial(self) -> int: ...
    @property
    def public_key(self) -> bytes: ...
    @property
    def not_before(self) -> datetime: ...
    @property
    def not_after(self) -> datetime: ...


def _generation(own: _Own, authority: int, certificate: bytes = b"") -> Generation:
    import hashlib

    return Generation(
        serial=own.serial,
        subscriber=None,
        state=State.ACTIVE,
        store=None,
        key_hash=hashlib.sha256(own.public_key).digest(),
        not_before=own.not_before,
        not_after=own.not_after,
        certificate=certificate,
        authority=authority,
    )


def adopt_own(service: Service) -> None:
    """The ceremony's: CMP's certificate names the responder, which must know it; and a responder knows its own."""
    numbered = [(one.number, one.ocsp) for one in service.keys.authorities]
    for number, key in [(service.keys.current.number, service.keys.cmp), *numbered]:
        if service.registry.generation(key.facts.serial) is None:
            with contextlib.suppress(Taken):  # another node is starting too
                service.administration.adopt(_generation(key.facts, number, key.certificate))


def _names(folder: CaFolder) -> tuple[str, ...]:
    """As it is reached from elsewhere, and from this computer."""
    told = urlsplit(folder.about.url).hostname or "localhost"
    return tuple(dict.fromkeys((told, "localhost", "127.0.0.1", "::1")))
