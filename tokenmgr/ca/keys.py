"""The CA's keys in service, each with its certificate. The private parts stay where they are: these are signers."""

from __future__ import annotations

from dataclasses import dataclass

from tokenmgr.ca.certificate import Certificate, read_certificate
from tokenmgr.ca.signing import CaSigner, spki_of
from tokenmgr.errors import AuthorityDamaged


@dataclass(frozen=True)
class CaKey:
    """A signer and the DER of the certificate that is proven to be its own."""

    name: str
    signer: CaSigner
    certificate: bytes

    def __post_init__(self) -> None:
        if self.facts.public_key != spki_of(self.signer):
            raise AuthorityDamaged(file=f"{self.name}.pem", reason="other-key")

    @property
    def facts(self) -> Certificate:
        return read_certificate(self.certificate)


@dataclass(frozen=True)
class CaKeys:
    """What a running CA has. The root's key is used in the ceremony only: its certificate is here."""

    issuing: CaKey
    cmp: CaKey
    ocsp: CaKey
    root: bytes

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The issuing CA first, then the root."""
        return self.issuing.certificate, self.root
