"""`tokenmgr clean`: what nobody needs any more goes from the medium, after it was listed and agreed to."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Any

import click

from tokenmgr import clock
from tokenmgr.cli import options, prompts
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, error_as_json, tell_error
from tokenmgr.cli.terminal import Terminal
from tokenmgr.cli.view import until
from tokenmgr.customer.cleaning import Listed, Refused, listed, removed
from tokenmgr.customer.holdings import Item
from tokenmgr.customer.profiles import profiles
from tokenmgr.domain.generation import StoreKind
from tokenmgr.errors import ProfileMissing, ProfileWrong
from tokenmgr.renewal.cleanup import Decided
from tokenmgr.wiring import stores
from tokenmgr.wiring.glimpse import glimpse
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import t


@click.command(cls=Command, help=t("help.clean"))
@options.store
@options.target_store
@click.option("--bank", metavar="CODE", help=t("help.o_clean_bank"))
@click.option("--offline", is_flag=True, help=t("help.o_offline"))
@click.option("--yes", is_flag=True, help=t("help.o_bank_yes"))
@options.fd_option("pin-fd", "help.o_pin_fd")
@click.option("--final-try", is_flag=True, help=t("help.o_final"))
@options.common
def clean(bank: str | None, offline: bool, yes: bool, as_json: bool, only: str | None, **named: Any) -> int:
    banks = profiles(settings().bank_folder)
    known = [] if offline else banks.named(bank) if bank or banks.known else []
    broken = banks.broken_of(bank)
    if bank and not known and not offline:
        raise ProfileMissing(bank=bank, folder=str(settings().bank_folder))
    there = options.where(named, "to_")
    with ExitStack() as stack:
        at = stack.enter_context(stores.opened(options.where(named), only, Terminal(as_json)))
        beside = stack.enter_context(stores.opened(there, only, Terminal(as_json))).store if there.is_named else None
        found = listed(at.store, known, settings().journal_folder, glimpse, clock.now, beside)
        if not as_json:
            _tell(found)
            for error in broken:
                tell_error(error)
        gone, refused = _remove(found, yes, as_json)
    if as_json:
        Output().value(_as_json(found, gone, refused, broken))
    else:
        _tell_done(found, gone, refused)
    return Exit.FINDINGS if found.is_unfinished or refused else Exit.FINE


def _remove(found: Listed, yes: bool, as_json: bool) -> tuple[list[Item], Refused]:
    if not found.removable or (as_json and not yes):
        return [], []
    if not as_json:
        prompts.agree(t("clean.warning", serial=found.store.name, count=len(found.removable)), yes)
    return removed(found, clock.now())


# --- what is told ---


def _tell(found: Listed) -> None:
    for heading, those in (("clean.would_remove", found.removable), ("clean.left_alone", found.kept)):
        if those:
            click.secho(t(heading, serial=found.store.name, count=len(those)), bold=True)
        for one, why in those:
            click.echo(f"  {_named(one)}")
            click.echo(f"    {t(f'clean.{_word(why)}', serial=found.store.name)}")
    for asked in found.asked:
        if asked.error:
            tell_error(asked.error)
    for begun in found.begun:
        if begun.trouble:
            tell_error(begun.trouble)


def _tell_done(found: Listed, gone: Sequence[Item], refused: Refused) -> None:
    for one, error in refused:
        click.echo(_named(one), err=True)
        tell_error(error)
    if gone:
        click.secho(t("clean.done", serial=found.store.name, count=len(gone)), fg="green")
    elif not found.removable:
        click.echo(t("clean.nothing", serial=found.store.name))
    if found.is_unfinished:
        click.secho(t("clean.unfinished_first", serial=found.store.name), fg="yellow")


def _word(why: Decided) -> str:
    return str(why.reason.value).replace("-", "_")


def _named(one: Item) -> str:
    if one.facts is None:
        return t("clean.key" if one.has_key else "clean.damaged", key_id=one.key_id, label=one.label)
    holder = f"{one.whose.contract} {one.whose.user}" if one.whose else one.facts.subject
    return t("clean.certificate", holder=holder, serial=f"{one.facts.serial_number:x}", until=until(one.facts))


def _as_json(found: Listed, gone: Sequence[Item], refused: Refused, broken: Sequence[ProfileWrong]) -> dict[str, Any]:
    row = functools.partial(_row, found)
    unfinished = [one for one in found.begun if one.trouble or one.store == found.store.name]
    return {
        "name" if found.store.kind is StoreKind.PC else "serial": found.store.name,
        "would_remove": [row(one, why) for one, why in found.removable],
        "left_alone": [row(one, why) for one, why in found.kept],
        "removed": [one.key_id for one in gone],
        "refused": [{"id": one.key_id, "error": error_as_json(error)} for one, error in refused],
        "unfinished": [str(one.path) for one in unfinished],
        "banks": [
            {"code": one.profile.code, "error": error_as_json(one.error) if one.error else None} for one in found.asked
        ]
        + [{"code": one.bank or None, "error": error_as_json(one)} for one in broken],
    }


def _row(found: Listed, one: Item, why: Decided) -> dict[str, Any]:
    credential, store = found.successor(why)
    best = credential.facts if credential else None
    return {
        "id": one.key_id,
        "label": one.label,
        "has_key": one.has_key,
        "fingerprint": one.fingerprint,
        "certificates": [f"{c.facts.serial_number:x}" if c.facts else None for c in one.certificates],
        "subject": one.facts.subject if one.facts else None,
        "not_after": one.facts.not_after.isoformat() if one.facts else None,
        "reason": why.reason.value,
        "text": t(f"clean.{_word(why)}"),
        "successor": f"{best.serial_number:x}" if best else None,
        "successor_in": store.name if store and best else None,
    }
