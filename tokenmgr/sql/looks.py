"""How each bank looks to its customers (R16): one row a bank, where it has said anything of it at all."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, select, text

from tokenmgr.domain.audit import Action, Actor, Event, Value
from tokenmgr.domain.look import Look, Reminder
from tokenmgr.errors import NotRegistered
from tokenmgr.sql import tries
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import differing
from tokenmgr.sql.schema import bank as banks
from tokenmgr.sql.schema import bank_look
from tokenmgr.sql.trail import note

USUAL = Look()
_LOOK = select(bank_look.c.look, bank_look.c.logo)
_OF = _LOOK.where(bank_look.c.bank == bindparam("which"))
_TEXTS = select(bank_look.c.bank, bank_look.c.look)
_ALL = select(bank_look.c.bank, bank_look.c.look, bank_look.c.logo)
_BANK_LOCKED = select(banks.c.code).where(banks.c.code == bindparam("which")).with_for_update(key_share=True)
_KEEP = text(
    "INSERT INTO bank_look (bank, look, logo) VALUES (:which, :look, :logo)"
    " ON CONFLICT (bank) DO UPDATE SET look = :look, logo = :logo"
)


def look_of(database: Database, bank: str) -> Look:
    row = database.first(_OF, {"which": bank}) if tries.is_possible(bank) else None
    return USUAL if row is None else read(*row)


def all_looks(database: Database) -> dict[str, Look]:
    """Of the banks that have said anything."""
    return {bank: read(look, logo) for bank, look, logo in database.read(_ALL)}


def sites(database: Database) -> dict[str, str]:
    """Where each bank's pages are, of the banks that have said it; without the logos, which may be large."""
    return {bank: site for bank, look in database.read(_TEXTS) if (site := str(json.loads(look)["site"]))}


def change_look(connection: Connection, by: Actor, bank: str, change: Callable[[Look], Look]) -> Look:
    """From what there is under the bank's lock, as its other fields are changed (parties.py)."""
    if connection.execute(_BANK_LOCKED, {"which": bank}).first() is None:
        raise NotRegistered(kind="bank", name=bank)
    row = connection.execute(_OF, {"which": bank}).first()
    former = USUAL if row is None else read(*row)
    changed = change(former)
    if changed == former:
        return former
    connection.execute(_KEEP, {"which": bank, "look": written(changed), "logo": changed.logo})
    before, after = differing(_told(former), _told(changed))
    gone = dict.fromkeys(_told(former).keys() - _told(changed).keys())
    before |= {name: _told(former)[name] for name in gone}
    note(connection, by, Event(Action.BANK_CHANGED, bank, bank, before=before, after=after | gone))
    return changed


@functools.lru_cache(maxsize=1024)
def read(look: str, logo: bytes) -> Look:
    """Kept by all that the row says, so never outdated."""
    said = json.loads(look)
    return Look(
        **{**said, "reminder": Reminder(said["reminder"]), "languages": tuple(said["languages"]), "logo": bytes(logo)}
    )


def written(look: Look) -> str:
    said: dict[str, Any] = {one.name: getattr(look, one.name) for one in dataclasses.fields(Look) if one.name != "logo"}
    return json.dumps(said | {"reminder": look.reminder.value}, ensure_ascii=False)


def _told(look: Look) -> dict[str, Value]:
    """As the trail has it: each word by itself; of a logo and of a whole text, which they are."""
    told: dict[str, Value] = {"look.logo": _named(look.logo), "look.reminder": look.reminder.value}
    told["look.languages"] = " ".join(look.languages)
    for name in ("colour", "site", "program_page", "sender", "sender_name"):
        told[f"look.{name}"] = getattr(look, name)
    for language, words in look.words.items():
        told |= {f"look.words.{language}.{name}": word for name, word in words.items()}
    return told | _named_all(look.mails)


def _named_all(mails: Mapping[str, str]) -> dict[str, Value]:
    return {f"look.mails.{name}": _named(mail.encode()) for name, mail in mails.items()}


def _named(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest() if data else ""
