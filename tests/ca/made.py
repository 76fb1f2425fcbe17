"""A CA in memory, and orders for it: the same keys for every test that does not ask about the keys themselves."""

from __future__ import annotations

import functools
import itertools
import json
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from tokenmgr.ca import ceremony, staging
from tokenmgr.ca.ceremony import Plan
from tokenmgr.ca.certificate import to_pem
from tokenmgr.ca.folder import TOKEN, AuthorityFacts, CaFolder, open_folder
from tokenmgr.ca.issuer import Authority, Certifier, Issuer
from tokenmgr.ca.keys import AuthorityKeys, CaKey, CaKeys, RootUpdate
from tokenmgr.ca.profile import POLICY_MEDIUM, POLICY_PC, Kind, Order, OwnOrder, Profile, own_name
from tokenmgr.ca.signing import CaSigner, spki_of
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.pki.names import subscriber_name

NOW = datetime(2026, 4, 1, 3, 0, 0, tzinfo=UTC)
PROFILE = Profile(
    POLICY_MEDIUM,
    POLICY_PC,
    "http://ca.example.jp/ca.crl",
    "http://ca.example.jp/ca.cer",
    "http://ca.example.jp/ocsp",
)
CA_KINDS = (KeyKind.P256, KeyKind.P384, KeyKind.RSA_3072)


@functools.cache
def key(kind: KeyKind, number: int = 0) -> CaSigner:
    match kind:
        case KeyKind.P256:
            return ec.generate_private_key(ec.SECP256R1())
        case KeyKind.P384:
            return ec.generate_private_key(ec.SECP384R1())
        case _:
            return rsa.generate_private_key(65537, int(kind.value.removeprefix("rsa")))


@functools.cache
def keys(kind: KeyKind = KeyKind.P256) -> CaKeys:
    root, issuing = key(kind, 1), key(kind, 2)
    ends = NOW + timedelta(days=3650)
    above = Certifier(Authority("root", own_name("試験 Root"), root, NOW, ends), PROFILE)

    def certified(of: Kind, name: str, signer: CaSigner, number: int) -> bytes:
        order = OwnOrder(of, (1 << 120) + number, own_name(name), spki_of(signer), NOW, ends)
        return above.sign(above.draft(order))

    pair = CaKey("issuing", issuing, certified(Kind.ISSUING, "試験認証局", issuing, 2))
    return CaKeys(pair, (AuthorityKeys(1, pair, pair, certified(Kind.ROOT, "試験 Root", root, 1)),))


class Token:
    """KeyMaker without a token, whose keys can be looked up and lost."""

    def __init__(self) -> None:
        self.keys: dict[bytes, CaSigner] = {}

    def generate(self, purpose: str, kind: KeyKind, key_id: bytes) -> CaSigner:
        curve = ec.SECP384R1() if kind is KeyKind.P384 else ec.SECP256R1()
        rsa_bits = int(kind.value[3:]) if kind.value.startswith("rsa") else 0
        made = rsa.generate_private_key(65537, rsa_bits) if rsa_bits else ec.generate_private_key(curve)
        self.keys[key_id] = made
        return made

    def destroy(self, key_id: bytes) -> bool:
        return self.keys.pop(key_id, None) is not None


def make_ca(path: Path, token: Token, kind: KeyKind = KeyKind.P256, now: datetime = NOW) -> CaFolder:
    (path / TOKEN).mkdir(parents=True)
    plan = Plan("試験認証局", kind, "https://ca.example.jp", "http://ca.example.jp", "", "", "4711")
    ceremony.make(plan, path, token, now, lambda _step: None)
    (path / staging.RECORD).unlink()
    return open_folder(path)


def ca_key(folder: CaFolder, token: Token, number: int, purpose: str) -> CaKey:
    one = folder.authorities[number - 1]
    return CaKey(purpose, token.keys[one.holdings[purpose].key_id], one.certificates[purpose].der)


def ca_keys(folder: CaFolder, token: Token) -> CaKeys:
    """All of them in service, as cli/authority.py does it."""

    def of(one: AuthorityFacts) -> AuthorityKeys:
        issuing, ocsp = (ca_key(folder, token, one.number, purpose) for purpose in ("issuing", "ocsp"))
        return AuthorityKeys(one.number, issuing, ocsp, one.certificates["root"].der)

    updates = [
        RootUpdate(
            old.certificates["root"].der, new.certificates["root"].der, new.new_with_old.der, new.old_with_new.der
        )
        for old, new in itertools.pairwise(folder.authorities)
        if new.new_with_old and new.old_with_new
    ]
    cmp = ca_key(folder, token, folder.current.number, "cmp")
    return CaKeys(cmp, tuple(map(of, folder.authorities)), tuple(updates))


@functools.cache
def issuer(kind: KeyKind = KeyKind.P256) -> Issuer:
    return Issuer(keys(kind), PROFILE)


def order(
    kind: KeyKind = KeyKind.P256,
    store: StoreKind = StoreKind.MEDIUM,
    serial: int = (1 << 126) + 5,
    subject: bytes | None = None,
    starts: datetime = NOW,
    ends: datetime = NOW + timedelta(days=365),
    public_key: bytes = b"",
) -> Order:
    return Order(
        serial=serial,
        subject=subscriber_name("しんきん", "1234", "00001", "kanri") if subject is None else subject,
        public_key=public_key or spki_of(key(kind, 9)),
        not_before=starts,
        not_after=ends,
        store=store,
    )


def server_order(*names: str) -> OwnOrder:
    ends = NOW + timedelta(days=90)
    public_key = spki_of(key(KeyKind.P256, 8))
    return OwnOrder(Kind.TLS, (1 << 126) + 6, own_name(names[0]), public_key, NOW, ends, names)


def write_pem(file: Path, *certificates: bytes) -> Path:
    file.write_text("".join(map(to_pem, certificates)), encoding="ascii")
    return file


_MANY = (
    "import importlib, json, sys\n"
    "for tool, *arguments in json.load(sys.stdin):\n"
    "    if importlib.import_module('pkilint.bin.' + tool).main(arguments):\n"
    "        print('in', tool, *arguments)\n"
)


def pkilint(*calls: Sequence[str | Path]) -> str:
    """What pkilint finds at NOTICE or above; one process for many files, since it is long in starting."""
    told = json.dumps([[str(word) for word in call] for call in calls])
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", _MANY], input=told, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
