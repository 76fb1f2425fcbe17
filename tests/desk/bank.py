"""A bank that hands its customers over: its key, its tickets, and its file for a customer's computer."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from tests.browser.pki import Authorities, pem
from tokenmgr import clock
from tokenmgr.domain.handover import Claims
from tokenmgr.pki import handover
from tokenmgr.pki.p256 import new_key, public_pem, spki_of

SITE = "https://ib.example"


@dataclass(frozen=True)
class HandingBank:
    """Real time: browsers and processes have no other."""

    code: str = "1234"
    key: EllipticCurvePrivateKey = field(default_factory=new_key)
    roots: str = field(default_factory=lambda: pem(Authorities().root_certificate).decode())

    def ticket(
        self, origin: str = SITE, ago: timedelta = timedelta(0), user: str = "user01", act: str = "renew"
    ) -> str:
        made, jti = clock.now() - ago, secrets.token_urlsafe(16)
        claims = Claims(self.code, "tokenmgr", jti, made, made + timedelta(minutes=5), origin, act, "0012345", user)
        return handover.issue(claims, self.key)

    def hand_out(self, home: Path, *sites: str, address: str = "https://127.0.0.1:1") -> None:
        """Its file, on the computer that has this home."""
        folder = home / "banks.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{self.code}.toml").write_text(
            f'code = "{self.code}"\nname = "みほん信用金庫"\naddress = "{address}"\nproxy = "none"\n'
            f'login = "{" ".join(sites or (SITE,))}"\nroots = """\n{self.roots}"""\n'
            f'handover = """\n{public_pem(spki_of(self.key))}"""\n',
            encoding="utf-8",
        )


def jti_of(ticket: str) -> str:
    return handover.read(ticket).claims.jti
