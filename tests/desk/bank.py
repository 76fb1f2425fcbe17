"""A bank that hands its customers over: its key, its tickets, and its file for a customer's computer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

from tests.browser.pki import Authorities, pem
from tests.interop.running import Authority
from tokenmgr import clock
from tokenmgr.customer.profiles import Profile
from tokenmgr.domain.handover import Claims
from tokenmgr.pki import handover
from tokenmgr.pki.p256 import kid_of, new_key, public_pem, spki_of
from tokenmgr.renewal.authority import Authority as Way
from tokenmgr.sql.handovers import HandoverKey

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

    @contextmanager
    def registered(self, ca: Authority) -> Iterator[None]:
        """Its key, at a CA that runs."""
        public = spki_of(self.key)
        ca.administration.add_handover_key(self.code, HandoverKey(kid_of(public), public, clock.now()))
        try:
            yield
        finally:
            ca.administration.withdraw_handover_key(self.code, kid_of(public))

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


def way(profile: Profile) -> Way:
    """To the CA, tried once."""
    return Way(profile.address, profile.code, profile.tls_roots, lambda _: None, 5.0, {}, ())
