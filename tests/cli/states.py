"""States into which a transcript brings a medium, each made with the program's own token layer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from cryptography import x509
from cryptography.x509.oid import NameOID

from tokenmgr import clock
from tokenmgr.domain.credential import KeyKind
from tokenmgr.log import Secret
from tokenmgr.pki.request import request
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer

KEY_ID = bytes.fromhex("c0ffee01")


def certified(medium: SimulatedMedium, serial: str) -> None:
    """One P-256 key with its certificate and the CA's."""
    _certify(medium, serial, days=365, age=0, chain=True)


def expired(medium: SimulatedMedium, serial: str) -> None:
    _certify(medium, serial, days=365, age=366, chain=True)


def chainless(medium: SimulatedMedium, serial: str) -> None:
    _certify(medium, serial, days=365, age=0, chain=False)


def readable_key(medium: SimulatedMedium, serial: str) -> None:
    """A key that somebody else's software made without protecting it."""
    with medium.library() as library, Session.open(library, serial, write=True) as session:
        session.login(Secret(PIN))
        common = {"TOKEN": True, "ID": KEY_ID, "LABEL": "foreign"}
        session._ask(
            "generate",
            mechanism="EC_KEY_PAIR_GEN",
            key_type="EC",
            public={
                **common,
                "CLASS": "PUBLIC_KEY",
                "EC_PARAMS": bytes.fromhex("06082a8648ce3d030107"),
                "VERIFY": True,
            },
            private={
                **common,
                "CLASS": "PRIVATE_KEY",
                "PRIVATE": True,
                "SENSITIVE": False,
                "EXTRACTABLE": True,
                "SIGN": True,
            },
        )


def _certify(medium: SimulatedMedium, serial: str, days: int, age: int, chain: bool) -> None:
    started = clock.now() - timedelta(days=age)
    authority = ThrowawayCA(started)
    with medium.library() as library, Session.open(library, serial, write=True) as session:
        session.login(Secret(PIN))
        key = session.generate_key(KeyKind.P256, KEY_ID, "鍵")
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "9999 0001 管理者")])
        certificate = authority.issue(request(signer(session, key), subject), days=days)
        session.put_certificate(certificate, KEY_ID, "鍵", authority.chain if chain else ())


STATES: dict[str, Callable[[SimulatedMedium, str], None]] = {
    "certified": certified,
    "expired": expired,
    "chainless": chainless,
    "readable-key": readable_key,
}
