"""What each kind of certificate of this CA says.

CLIENT    a customer's: logs in to banking. One of two policies says whether its key is on a medium or in a PC (S3)
ROOT      signs ISSUING, CROSS and nothing else; ISSUING signs all the others
REHEARSAL a customer's that logs in nowhere: it shows that a renewal would go through, and is revoked once it has
CROSS     a root's key, certified by another root, so that whoever trusts one of them reaches the other
CMP       protects the CA's answers to requests
OCSP      signs answers about revocation
TLS       the CA's own server
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from ipaddress import ip_address

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID, ExtensionOID, NameOID

from tokenmgr.domain import arc
from tokenmgr.domain.arc import ARC
from tokenmgr.domain.generation import StoreKind
from tokenmgr.pki import der

# An organisation with an arc of its own puts its policies into ca.toml before the first certificate.
POLICY_MEDIUM = f"{ARC}.1.1"  # the key was generated on a medium and cannot leave it (S1)
POLICY_PC = f"{ARC}.1.2"  # the key is kept in a PC; no promise is made of it
# A rehearsal says where its key was, and is good for nothing else: no authority above it has these policies, and no
# server asks for this purpose.
POLICIES_REHEARSED = {StoreKind.MEDIUM: f"{ARC}.1.3", StoreKind.PC: f"{ARC}.1.4"}

CMC_CA = "1.3.6.1.5.5.7.3.27"  # RFC 6402, 2.10; RFC 9480, 2.2: a CA that speaks CMP by itself


class Kind(Enum):
    ROOT = "root"
    CROSS = "cross"
    ISSUING = "issuing"
    CMP = "cmp"
    OCSP = "ocsp"
    TLS = "tls"
    CLIENT = "client"
    REHEARSAL = "rehearsal"


@dataclass(frozen=True)
class Shape:
    """Of a kind: what it may be used for, and which extensions it has, no more and no fewer."""

    usages: frozenset[str]
    purposes: tuple[str, ...]
    extensions: frozenset[str]
    authority: bool = False
    path_length: int | None = None


_ALWAYS = {ExtensionOID.KEY_USAGE.dotted_string, ExtensionOID.SUBJECT_KEY_IDENTIFIER.dotted_string}
_BELOW = _ALWAYS | {ExtensionOID.AUTHORITY_KEY_IDENTIFIER.dotted_string}
_LEAF = _BELOW | {ExtensionOID.EXTENDED_KEY_USAGE.dotted_string}
_SOUGHT = {ExtensionOID.CRL_DISTRIBUTION_POINTS.dotted_string, ExtensionOID.AUTHORITY_INFORMATION_ACCESS.dotted_string}
_POLICIES = {ExtensionOID.CERTIFICATE_POLICIES.dotted_string}
_BASIC = {ExtensionOID.BASIC_CONSTRAINTS.dotted_string}
_SIGNS = frozenset({"digital_signature"})
_CERTIFIES = frozenset({"key_cert_sign", "crl_sign"})

# basicConstraints are for CAs: without them a certificate is none (RFC 5280, 4.2.1.9, 6.1.4 k). An OCSP responder has
# no revocation pointers, since id-pkix-ocsp-nocheck says that nobody need look (RFC 6960, 4.2.2.2.1).
SHAPES = {
    Kind.ROOT: Shape(_CERTIFIES, (), frozenset(_ALWAYS | _BASIC), authority=True),
    Kind.CROSS: Shape(_CERTIFIES, (), frozenset(_BELOW | _BASIC | _POLICIES), authority=True),
    Kind.ISSUING: Shape(_CERTIFIES, (), frozenset(_BELOW | _BASIC | _POLICIES), authority=True, path_length=0),
    Kind.CMP: Shape(_SIGNS, (CMC_CA,), frozenset(_LEAF | _SOUGHT)),
    Kind.OCSP: Shape(
        _SIGNS,
        (ExtendedKeyUsageOID.OCSP_SIGNING.dotted_string,),
        frozenset(_LEAF | {ExtensionOID.OCSP_NO_CHECK.dotted_string}),
    ),
    Kind.TLS: Shape(
        _SIGNS,
        (ExtendedKeyUsageOID.SERVER_AUTH.dotted_string,),
        frozenset(_LEAF | _SOUGHT | {ExtensionOID.SUBJECT_ALTERNATIVE_NAME.dotted_string}),
    ),
    Kind.CLIENT: Shape(
        _SIGNS, (ExtendedKeyUsageOID.CLIENT_AUTH.dotted_string,), frozenset(_LEAF | _SOUGHT | _POLICIES)
    ),
    Kind.REHEARSAL: Shape(_SIGNS, (arc.REHEARSAL,), frozenset(_LEAF | _SOUGHT | _POLICIES)),
}
AUTHORITIES = frozenset(kind for kind, shape in SHAPES.items() if shape.authority)
CRITICAL = frozenset({ExtensionOID.KEY_USAGE.dotted_string, ExtensionOID.BASIC_CONSTRAINTS.dotted_string})


@dataclass(frozen=True)
class Order:
    """One customer's certificate, decided by others: its name and key are DER, taken as they are. Whole seconds."""

    serial: int
    subject: bytes
    public_key: bytes
    not_before: datetime
    not_after: datetime
    store: StoreKind
    is_rehearsal: bool = False

    def __post_init__(self) -> None:
        _require_whole_seconds(self.not_before, self.not_after)


@dataclass(frozen=True)
class OwnOrder:
    """A certificate of the CA's own. `names` are a TLS server's, DNS names or IP addresses."""

    kind: Kind
    serial: int
    subject: bytes
    public_key: bytes
    not_before: datetime
    not_after: datetime
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _require_whole_seconds(self.not_before, self.not_after)


def _require_whole_seconds(*moments: datetime) -> None:
    """X.509 knows no others, and one that was rounded would not be what was recorded (R2)."""
    for moment in moments:
        if moment.utcoffset() is None or moment.microsecond:
            raise ValueError("a moment in a certificate has a zone, and whole seconds")


AnyOrder = Order | OwnOrder


def kind_of_order(order: AnyOrder) -> Kind:
    if isinstance(order, OwnOrder):
        return order.kind
    return Kind.REHEARSAL if order.is_rehearsal else Kind.CLIENT


@dataclass(frozen=True)
class Asked:
    """What a certificate policy that a client asks for is about."""

    store: StoreKind
    is_rehearsal: bool = False


@dataclass(frozen=True)
class Profile:
    """What is the same in every certificate of one CA."""

    policy_medium: str
    policy_pc: str
    crl_url: str
    issuer_url: str
    ocsp_url: str

    def policies(self, order: AnyOrder) -> tuple[str, ...]:
        """Of a customer's exactly one; an authority's between it and the root names both, or neither would be good
        below it (RFC 5280, 4.2.1.4, 6.1.3 d)."""
        if isinstance(order, Order) and order.is_rehearsal:
            return (POLICIES_REHEARSED[order.store],)
        if isinstance(order, Order):
            return (self.policy_medium if order.store is StoreKind.MEDIUM else self.policy_pc,)
        return (self.policy_medium, self.policy_pc) if order.kind in (Kind.ISSUING, Kind.CROSS) else ()

    def asked(self, policies: bytes) -> Asked | None:
        """By a certificatePolicies extension with one policy of this CA; None for anything else."""
        named = {self.policy_medium: Asked(StoreKind.MEDIUM), self.policy_pc: Asked(StoreKind.PC)}
        named |= {oid: Asked(store, is_rehearsal=True) for store, oid in POLICIES_REHEARSED.items()}
        return {_made_policies(oid): asked for oid, asked in named.items()}.get(policies)

    def extensions(self, order: AnyOrder, issuer_key_id: bytes) -> list[x509.Extension[x509.ExtensionType]]:
        """In a fixed order. Those that do not depend on the key are made once."""
        kind, policies = kind_of_order(order), self.policies(order)
        names = order.names if isinstance(order, OwnOrder) else ()
        varying = _made(x509.SubjectKeyIdentifier(key_identifier(order.public_key)))
        return [*_fixed(self, kind, policies, names, issuer_key_id), varying]


@functools.lru_cache(maxsize=256)
def _fixed(
    profile: Profile, kind: Kind, policies: tuple[str, ...], names: tuple[str, ...], issuer_key_id: bytes
) -> tuple[x509.Extension[x509.ExtensionType], ...]:
    shape = SHAPES[kind]
    urls = {
        AuthorityInformationAccessOID.CA_ISSUERS: profile.issuer_url,
        AuthorityInformationAccessOID.OCSP: profile.ocsp_url,
    }
    makers: dict[x509.ObjectIdentifier, Callable[[], x509.ExtensionType]] = {
        ExtensionOID.BASIC_CONSTRAINTS: lambda: x509.BasicConstraints(shape.authority, shape.path_length),
        ExtensionOID.KEY_USAGE: lambda: _key_usage(shape.usages),
        ExtensionOID.EXTENDED_KEY_USAGE: lambda: x509.ExtendedKeyUsage(map(x509.ObjectIdentifier, shape.purposes)),
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER: lambda: x509.AuthorityKeyIdentifier(issuer_key_id, None, None),
        ExtensionOID.CERTIFICATE_POLICIES: lambda: x509.CertificatePolicies(map(_policy, policies)),
        ExtensionOID.CRL_DISTRIBUTION_POINTS: lambda: x509.CRLDistributionPoints(
            [x509.DistributionPoint([_url(profile.crl_url)], None, None, None)]
        ),
        ExtensionOID.AUTHORITY_INFORMATION_ACCESS: lambda: x509.AuthorityInformationAccess(
            x509.AccessDescription(how, _url(url)) for how, url in urls.items() if url
        ),
        ExtensionOID.SUBJECT_ALTERNATIVE_NAME: lambda: x509.SubjectAlternativeName(map(_name, names)),
        ExtensionOID.OCSP_NO_CHECK: x509.OCSPNoCheck,
    }
    return tuple(_made(make()) for oid, make in makers.items() if oid.dotted_string in shape.extensions)


@functools.cache
def _made_policies(oid: str) -> bytes:
    return x509.CertificatePolicies([_policy(oid)]).public_bytes()


def _made(extension: x509.ExtensionType) -> x509.Extension[x509.ExtensionType]:
    return x509.Extension(extension.oid, extension.oid.dotted_string in CRITICAL, extension)


def _key_usage(usages: frozenset[str]) -> x509.KeyUsage:
    names = (
        "digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
        "key_cert_sign", "crl_sign", "encipher_only", "decipher_only",
    )  # fmt: skip
    return x509.KeyUsage(**{name: name in usages for name in names})


def _policy(oid: str) -> x509.PolicyInformation:
    return x509.PolicyInformation(x509.ObjectIdentifier(oid), None)


def _url(url: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(url)


def _name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def key_identifier(spki: bytes) -> bytes:
    """RFC 5280, 4.2.1.2 (1): the SHA-1 of the BIT STRING of the key, without its tag, length and unused bits."""
    _algorithm, bits = der.children(spki)
    return hashlib.sha1(bits.body[1:], usedforsecurity=False).digest()


def own_name(common_name: str) -> bytes:
    """A Name of this CA's own, as RFC 5280, 4.1.2.4, has it: C=JP as a PrintableString, CN as a UTF8String. By hand,
    since `cryptography` counts the 64 characters of a common name in bytes, of which a kanji has three."""
    pairs = (
        (NameOID.COUNTRY_NAME, der.tlv(der.PRINTABLE, b"JP")),
        (NameOID.COMMON_NAME, der.tlv(der.UTF8, common_name.encode())),
    )
    return der.tlv(
        der.SEQUENCE,
        *(der.tlv(der.SET, der.tlv(der.SEQUENCE, der.oid(oid.dotted_string), value)) for oid, value in pairs),
    )
