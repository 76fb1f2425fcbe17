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
class AuthorityKeys:
    """What goes on for an authority as long as certificates of its own are out: its lists and its answers."""

    number: int
    issuing: CaKey
    ocsp: CaKey
    root: bytes


@dataclass(frozen=True)
class RootUpdate:
    """A root and how to get to it from the one before (RFC 9480, 2.15)."""

    old_with_old: bytes
    new_with_new: bytes
    new_with_old: bytes
    old_with_new: bytes


@dataclass(frozen=True)
class CaKeys:
    """What a running CA has. The roots' keys are used in ceremonies only: their certificates are here."""

    cmp: CaKey
    authorities: tuple[AuthorityKeys, ...]  # the oldest first; the newest is the one in service
    root_updates: tuple[RootUpdate, ...] = ()  # the oldest first

    @property
    def current(self) -> AuthorityKeys:
        return self.authorities[-1]

    @property
    def issuing(self) -> CaKey:
        return self.current.issuing

    @property
    def ocsp(self) -> CaKey:
        return self.current.ocsp

    @property
    def root(self) -> bytes:
        return self.current.root

    @property
    def chain(self) -> tuple[bytes, ...]:
        """The issuing CA first, the root last; between them what leads whoever trusts only an older root there."""
        crossings = (one.new_with_old for one in reversed(self.root_updates))
        return self.issuing.certificate, *crossings, self.root

    @property
    def root_update(self) -> RootUpdate | None:
        """To the newest root."""
        return self.root_updates[-1] if self.root_updates else None

    @property
    def subjects(self) -> frozenset[bytes]:
        """Whose certificates may still be out."""
        return frozenset(one.issuing.facts.subject for one in self.authorities)

    @property
    def issuers(self) -> tuple[bytes, ...]:
        """What older certificates need besides: their issuing CAs, and the older roots with the newer."""
        older = tuple(one.issuing.certificate for one in self.authorities[-2::-1])
        return older + tuple(one.old_with_new for one in reversed(self.root_updates))

    @property
    def anchors(self) -> tuple[bytes, ...]:
        """What customers' certificates are checked by, of whichever authority they are."""
        return tuple(der for one in self.authorities for der in (one.issuing.certificate, one.root))
