"""POST /banks/{bank}/acquisitions: the four fields of R9 bring a one-time reference and secret for a CMP `ir`."""

from __future__ import annotations

import json
from datetime import datetime

from tokenmgr.api.service import Service
from tokenmgr.domain.audit import Actor, ActorKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.errors import BankUnknown, RequestMalformed
from tokenmgr.log import Secret
from tokenmgr.ra import acquire

LONGEST = 2048
_FIELDS = ("contract", "user", "login_pin", "confirmation_pin", "store")
LONGEST_FIELD = 64


def begin(service: Service, code: str, data: bytes, now: datetime, origin: str) -> dict[str, object]:
    bank = service.registry.bank(code)
    if bank is None:
        raise BankUnknown(bank=code[:16])
    claim = _claim(data)
    by = Actor(ActorKind.CLAIMANT, code, origin)  # whoever it is: what they have typed may be anything
    ticket = acquire.begin(service.registry.by(by), bank, claim, now)
    return {
        "reference": ticket.reference,
        "secret": ticket.secret.decode("ascii"),
        "until": ticket.until,
        "store": ticket.store.value,
        "key_kinds": [kind.value for kind in bank.policy.key_kinds],
    }


def _claim(data: bytes) -> acquire.Claim:
    try:
        given = json.loads(data, object_pairs_hook=_object)
    except (ValueError, RecursionError) as error:
        raise RequestMalformed(reason="not JSON") from error
    if not isinstance(given, dict) or set(given) != set(_FIELDS):
        raise RequestMalformed(reason=f"an object with {', '.join(_FIELDS)}")
    if not all(isinstance(value, str) and 1 <= len(value) <= LONGEST_FIELD for value in given.values()):
        raise RequestMalformed(reason=f"each field is a text of 1 to {LONGEST_FIELD} characters")
    if not all(is_text(value) for value in given.values()):
        raise RequestMalformed(reason="a character that no field has")
    if given["store"] not in (kind.value for kind in StoreKind):
        raise RequestMalformed(reason="store is medium or pc")
    return acquire.Claim(
        contract=given["contract"],
        user=given["user"],
        login_pin=Secret(given["login_pin"]),
        confirmation_pin=Secret(given["confirmation_pin"]),
        store=StoreKind(given["store"]),
    )


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Of a name that comes twice, whoever reads it before us may have taken the other one."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise ValueError("a name twice")
    return dict(pairs)


def is_text(value: str) -> bool:
    """No lone surrogates, no NUL: neither PostgreSQL nor a hash takes them."""
    return value.isprintable()
