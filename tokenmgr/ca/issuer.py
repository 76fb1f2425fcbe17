"""The only way to this CA's signature: draft, lint, sign exactly what was linted, check what comes back.

draft = issuer.draft(order)       # raises CertificateUnfit or KeyUnfit; no key has been touched
certificate = issuer.sign(draft)  # once
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import load_der_public_key
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import ExtensionOID

from tokenmgr.ca import keycheck, lint
from tokenmgr.ca.certificate import read_certificate
from tokenmgr.ca.keys import CaKeys
from tokenmgr.ca.profile import AUTHORITIES, AnyOrder, Asked, Order, OwnOrder, Profile, key_identifier
from tokenmgr.ca.rules import Wanted
from tokenmgr.ca.signing import CaSigner, blank, scheme_of, seal, spki_of
from tokenmgr.ca.tbs import moment, read_tbs, two
from tokenmgr.domain.generation import StoreKind
from tokenmgr.errors import CertificateUnfit, DraftSpent
from tokenmgr.pki import der


@dataclass(frozen=True)
class Draft:
    """A permission to sign these bytes, once. What is signed is what the permit holds, whatever is done to the rest."""

    serial: int
    tbs: bytes
    _permit: list[tuple[object, bytes]] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Authority:
    """Who signs: a name, the key of that name, and for how long."""

    name: str
    subject: bytes
    signer: CaSigner
    begins: datetime
    ends: datetime


class Certifier:
    """For one authority. The ceremony has one of the root's; everything else goes through Issuer."""

    def __init__(
        self, authority: Authority, profile: Profile, is_known_weak: keycheck.IsKnownWeak | None = None
    ) -> None:
        self._authority = authority
        self._profile = profile
        self._is_known_weak = is_known_weak
        self._key = spki_of(authority.signer)
        self._key_id = key_identifier(self._key)
        self._scheme = scheme_of(authority.signer)
        self._blank = blank(authority.signer)
        self._name = _name(authority.subject)

    def draft(self, order: AnyOrder) -> Draft:
        keycheck.refuse_weak(order.public_key, self._is_known_weak)
        if order.serial <= 0:  # the builder lets 0 through, with a warning
            raise CertificateUnfit(findings=(lint.RULES["serial_is_positive"].finding,))
        try:
            tbs = self._built(order)
        except (ValueError, TypeError) as error:  # such as a serial number of 21 octets
            raise CertificateUnfit(findings=(f"it_can_be_built ({error})",)) from error
        lint.refuse_unfit(tbs, self._wanted(order))
        return self._permit(order.serial, tbs)

    def _permit(self, serial: int, tbs: bytes) -> Draft:
        return Draft(serial, tbs, [(self, tbs)])

    def sign(self, draft: Draft) -> bytes:
        try:
            issuer, tbs = draft._permit.pop()
        except IndexError:
            raise DraftSpent from None
        if issuer is not self:
            raise DraftSpent
        return seal(self._authority.signer, tbs, self._authority.name)

    def _built(self, order: AnyOrder) -> bytes:
        builder = x509.CertificateBuilder(
            issuer_name=self._name,
            subject_name=_name(order.subject),
            public_key=load_der_public_key(order.public_key),  # type: ignore[arg-type]  # keycheck knows its kind
            serial_number=order.serial,
            not_valid_before=order.not_before,
            not_valid_after=order.not_after,
            extensions=self._profile.extensions(order, self._key_id),
        )
        return builder.sign(self._blank, self._scheme.digest).tbs_certificate_bytes

    def _wanted(self, order: AnyOrder) -> Wanted:
        return Wanted(
            order=order,
            issuer=self._authority.subject,
            issuer_key=self._key,
            issuer_key_id=self._key_id,
            issuer_begins=self._authority.begins,
            issuer_ends=self._authority.ends,
            algorithm=self._scheme.algorithm,
            policies=self._profile.policies(order),
            crl_url=self._profile.crl_url,
            issuer_url=self._profile.issuer_url,
            ocsp_url=self._profile.ocsp_url,
        )


class Issuer(Certifier):
    """The issuing CA in service."""

    def __init__(self, keys: CaKeys, profile: Profile, is_known_weak: Callable[[bytes], bool] | None = None) -> None:
        facts = read_certificate(keys.issuing.certificate)
        authority = Authority("issuing", facts.subject, keys.issuing.signer, facts.not_before, facts.not_after)
        super().__init__(authority, profile, is_known_weak)
        self.number = keys.current.number
        self.chain = keys.chain
        self.subject = facts.subject
        self.not_after = facts.not_after
        self.profile = profile

    def draft(self, order: AnyOrder) -> Draft:
        """Of a customer, or one of the CA's own; never of an authority: those are made in a ceremony."""
        if isinstance(order, OwnOrder) and order.kind in AUTHORITIES:
            raise CertificateUnfit(findings=("no_authority_below_the_issuing_one (RFC 5280, 4.2.1.9)",))
        return super().draft(order)

    def resume(self, serial: int, tbs: bytes) -> Draft:
        """A customer's draft that was recorded, and cut short before it was signed, to the byte. It passed then, and it
        passes now: what was ordered is read out of it, and every other rule holds anew."""
        try:
            order = _ordered(tbs, self._profile)
        except ValueError as error:
            raise CertificateUnfit(findings=(lint.NO_CERTIFICATE,)) from error
        if order.serial != serial:
            raise CertificateUnfit(findings=("serial_is_the_recorded_one (the record)",))
        keycheck.refuse_weak(order.public_key, self._is_known_weak)
        lint.refuse_unfit(tbs, self._wanted(order))
        return self._permit(serial, tbs)


def _ordered(tbs: bytes, profile: Profile) -> Order:
    """The order that this would be the certificate of. Its one policy says where its key is, and whether it is a
    rehearsal."""
    read = read_tbs(tbs)
    asked = profile.asked(read.value(ExtensionOID.CERTIFICATE_POLICIES.dotted_string)) or Asked(StoreKind.PC)
    return Order(
        serial=der.unsigned(read.serial),
        subject=read.subject,
        public_key=read.public_key,
        not_before=moment(read.not_before),
        not_after=moment(read.not_after),
        store=asked.store,
        is_rehearsal=asked.is_rehearsal,
    )


class _Given(x509.NameAttribute[str]):
    """As it was ordered: type and value are taken over, and what they may be is for the lint to say. (The builder's own
    check takes the bounds of RFC 5280 for bytes, and refuses a name of 30 kanji.)"""

    def __init__(self, oid: str, value: str, kind: _ASN1Type) -> None:
        self._oid, self._value, self._type = x509.ObjectIdentifier(oid), value, kind


def _name(name: bytes) -> x509.Name:
    rdns = []
    for rdn in der.children(name):
        pairs = (two(der.children(pair.whole)) for pair in der.children(rdn.whole, der.SET))
        rdns.append(x509.RelativeDistinguishedName([_attribute(kind, value) for kind, value in pairs]))
    return x509.Name(rdns)


def _attribute(kind: der.Element, value: der.Element) -> x509.NameAttribute[str]:
    if value.tag not in (der.UTF8, der.PRINTABLE, der.IA5):
        raise der.Malformed("a string of another type")
    return _Given(der.dotted(kind), value.body.decode("utf-8"), _ASN1Type(value.tag))
