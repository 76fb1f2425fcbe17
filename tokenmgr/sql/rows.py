"""Rows <-> the domain's values. A moment is whole microseconds since 1970, a serial number is forty hex digits."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import Generation, RevocationReason, State, StoreKind
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.policy import BankPolicy, OldGeneration

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICRO = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    return (moment - EPOCH) // MICRO


def micros_or_none(moment: datetime | None) -> int | None:
    return None if moment is None else micros(moment)


def moment(number: int) -> datetime:
    return EPOCH + timedelta(microseconds=number)


def moment_or_none(number: int | None) -> datetime | None:
    return None if number is None else moment(number)


def hexed(serial: int) -> str:
    """RFC 5280, 4.1.2.2: at most 20 octets."""
    if not 0 < serial < 1 << 160:
        raise ValueError("serial")
    return f"{serial:040x}"


def hexed_or_none(serial: int | None) -> str | None:
    return None if serial is None else hexed(serial)


# --- a bank, with its policy ---


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.value
    return [_plain(one) for one in value] if isinstance(value, tuple) else value


_POLICY: Mapping[str, Callable[[Any], Any]] = {
    "notice_days": tuple,
    "escalation_days": tuple,
    "key_kinds": lambda names: tuple(KeyKind(name) for name in names),
    "old_generation": OldGeneration,
}


def policy_text(policy: BankPolicy) -> str:
    return json.dumps({field.name: _plain(getattr(policy, field.name)) for field in dataclasses.fields(policy)})


def policy_of(text: str) -> BankPolicy:
    """What has been added to the policy since the bank's was written is as its default says."""
    return BankPolicy(**{name: _POLICY.get(name, _same)(value) for name, value in json.loads(text).items()})


def _same(value: Any) -> Any:
    return value


BANK = ("code", "name", "policy", "service_name", "contact", "media_page")


@functools.lru_cache(maxsize=1024)
def bank_of(code: str, name: str, policy: str, service_name: str, contact: str, media_page: str) -> Bank:
    """Kept by all that the row says, so never outdated: reading a policy costs more than reading the row."""
    return Bank(code, name, policy_of(policy), service_name, contact, media_page)


def bank_values(bank: Bank) -> dict[str, str]:
    return {**{name: getattr(bank, name) for name in BANK}, "policy": policy_text(bank.policy)}


# --- a subscriber ---

SUBSCRIBER = ("id", "bank", "contract", "user_id", "role", "email")


def subscriber_of(row: Sequence[Any]) -> Subscriber:
    number, bank, contract, user, role, email = row
    return Subscriber(number, bank, contract, user, Role(role), email)


# --- a generation ---

GENERATION = tuple(field.name for field in dataclasses.fields(Generation))


def generation_of(row: Sequence[Any]) -> Generation:
    (serial, subscriber, state, store, key_hash, not_before, not_after, predecessor, confirm_by, confirmed_at,
     revoked_at, reason, certificate, draft, authority, is_rehearsal) = row  # fmt: skip
    return Generation(
        serial=int(serial, 16),
        subscriber=subscriber,
        state=State(state),
        store=None if store is None else StoreKind(store),
        key_hash=key_hash,
        not_before=moment(not_before),
        not_after=moment(not_after),
        predecessor=None if predecessor is None else int(predecessor, 16),
        confirm_by=moment_or_none(confirm_by),
        confirmed_at=moment_or_none(confirmed_at),
        revoked_at=moment_or_none(revoked_at),
        reason=None if reason is None else RevocationReason(reason),
        certificate=certificate,
        draft=draft,
        authority=authority,
        is_rehearsal=bool(is_rehearsal),
    )


def generation_values(one: Generation) -> dict[str, Any]:
    return {
        "serial": hexed(one.serial),
        "subscriber": one.subscriber,
        "state": one.state.value,
        "store": one.store.value if one.store else None,
        "key_hash": one.key_hash,
        "not_before": micros(one.not_before),
        "not_after": micros(one.not_after),
        "predecessor": hexed_or_none(one.predecessor),
        "confirm_by": micros_or_none(one.confirm_by),
        "confirmed_at": micros_or_none(one.confirmed_at),
        "revoked_at": micros_or_none(one.revoked_at),
        "reason": one.reason.value if one.reason else None,
        "certificate": one.certificate,
        "draft": one.draft,
        "authority": one.authority,
        "is_rehearsal": int(one.is_rehearsal),
    }
