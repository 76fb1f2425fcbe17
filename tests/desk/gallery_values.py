"""What the pages of the gallery are made of: a certificate and its bank, a medium and a look at it. No day passes, and
the certificate has the same bytes on every run."""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, cast

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.desk.situations import SERIAL
from tokenmgr.customer.holdings import Item
from tokenmgr.customer.looks import Look
from tokenmgr.customer.profiles import Profile
from tokenmgr.customer.status import Row, Status
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.choosing import Place, Prepared
from tokenmgr.desk.seeing import Seen
from tokenmgr.domain.contents import Contents
from tokenmgr.domain.credential import CertificateFacts, StoredCertificate
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.holding import Holding, Whose
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.domain.standing import Standing
from tokenmgr.domain.status import Judged, Next, Why
from tokenmgr.domain.status import Place as Generation
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.wiring.looked import Looked, Words

NOW = datetime(2027, 3, 20, 1, 0, 0, tzinfo=UTC)
STARTS, ENDS = datetime(2026, 4, 1, 0, 0, 0, tzinfo=UTC), datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC)
NEW_ENDS = datetime(2028, 3, 19, 23, 59, 59, tzinfo=UTC)
BANK, ORIGIN = "みやび信用金庫", "https://ib.miyabi.example"
WHOSE = Whose("1234", "0123456789", "keiri01", BANK)
CONTACT = "03-0000-0000（平日 9:00～17:00）"
FILE = "file:/home/keiri/store.json"
FIREFOX = "nss:/home/keiri/.mozilla/firefox/default"
NUMBER, NEW_NUMBER = 0x5C31_88E2_07A4_91BD, 0x1F9A_D64C_20E7_55B8

HELD = Holding(True, "", WHOSE, STARTS, ENDS, standing=Standing("active", role="user"))


@functools.cache
def certificate(number: int = NUMBER, starts: datetime = STARTS, ends: datetime = ENDS) -> CertificateFacts:
    """By keys that are no secret, with a signature that has no chance in it (RFC 6979)."""
    own, authority = (ec.derive_private_key(one, ec.SECP256R1()) for one in (number, 1))
    holder = (NameOID.COUNTRY_NAME, "JP"), (NameOID.ORGANIZATION_NAME, BANK)
    unit = ((NameOID.ORGANIZATIONAL_UNIT_NAME, "1234-0123456789"), (NameOID.COMMON_NAME, "keiri01"))
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Miyabi Issuing CA")])
    made = x509.CertificateBuilder(issuer, x509.Name([x509.NameAttribute(*one) for one in (*holder, *unit)]))
    made = made.public_key(own.public_key()).serial_number(number).not_valid_before(starts).not_valid_after(ends)
    made = made.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
    signed = made.sign(authority, hashes.SHA256(), ecdsa_deterministic=True)
    return certificate_facts(signed.public_bytes(Encoding.DER))


def medium(pin: PinState = PinState.FINE) -> MediumFacts:
    """A stick as its library tells of it."""
    told = (SERIAL, "MIYABI", "", "ePass2003", "", "", "", "feitian-epass2003", 0, "ePass 00 00", True, False)
    return MediumFacts(*told, pin, PinState.FINE, 6, 16, None, None)


def item(facts: CertificateFacts | None = None) -> Item:
    facts = facts or certificate()
    return Item(None, None, (StoredCertificate(b"\1", "", facts.der, facts, 0),), has_key=True)


def store(next_: Next = Next.RENEW, pin: PinState = PinState.FINE) -> Store:
    row = Row(item(), HELD, Judged(Generation.CURRENT, Why.DUE, next_))
    look = Look(SERIAL, "MIYABI", StoreKind.MEDIUM, pin, lambda: Contents(SERIAL, [], [], [], []))
    return Store(look, rows=[row])


def on_pc() -> Store:
    look = Look(FILE, "file", StoreKind.PC, PinState.NOT_TOLD, lambda: Contents(FILE, [], [], [], []))
    row = Row(item(), HELD, Judged(Generation.CURRENT, Why.FINE, Next.NOTHING))
    return Store(look, rows=[row])


def seen(*stores: Store) -> Seen:
    looked = Looked(Status(stores, [], [], NOW), Words([profile()], False), None, [], [])
    return Seen(looked, [medium()] if stores else [], is_asked=True)


def profile() -> Profile:
    return Profile("1234", BANK, "https://ca.example", (), "", None, contact=CONTACT)


def prepared(*kinds: StoreKind) -> Prepared:
    offer = SimpleNamespace(stores=tuple(one.value for one in kinds), service_name="")
    places = Place(SERIAL, StoreKind.MEDIUM, "MIYABI"), Place("E5F6A7B8", StoreKind.MEDIUM, "MIYABI 2")
    others = Place(FIREFOX, StoreKind.PC, "firefox"), Place(FILE, StoreKind.PC, is_made=False)
    return Prepared(profile(), cast(Any, offer), (*places, *others))
