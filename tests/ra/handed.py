"""A bank's page: its key, and the tickets that it makes."""

from __future__ import annotations

import dataclasses
import secrets
from datetime import timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.rig import BANK, CONTRACT, USER, Rig
from tokenmgr.domain.handover import Claims
from tokenmgr.pki import handover, p256
from tokenmgr.sql.handovers import HandoverKey

KEY, ANOTHERS = (ec.derive_private_key(number, ec.SECP256R1()) for number in (815, 816))
ORIGIN = "https://ib.example"
SECRET, OTHER_SECRET = "s" * 43, "t" * 43
MINUTE = timedelta(minutes=1)


def registered(rig: Rig, bank: str = BANK, key: p256.PrivateKey = KEY) -> str:
    spki = p256.spki_of(key)
    rig.administration.add_handover_key(bank, HandoverKey(p256.kid_of(spki), spki, rig.now))
    return p256.kid_of(spki)


def claims(rig: Rig, **changes: Any) -> Claims:
    now, jti = rig.now.replace(microsecond=0), secrets.token_urlsafe(16)
    made = Claims(BANK, "tokenmgr", jti, now, now + 5 * MINUTE, ORIGIN, "renew", CONTRACT, USER)
    return dataclasses.replace(made, **changes)


def ticket(rig: Rig, key: p256.PrivateKey = KEY, **changes: Any) -> str:
    return handover.issue(claims(rig, **changes), key)
