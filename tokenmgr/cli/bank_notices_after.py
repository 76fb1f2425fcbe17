"""`tokenmgr bank notices retry|bounced`: mails that did not arrive."""

from __future__ import annotations

from typing import BinaryIO

import click

from tokenmgr import clock
from tokenmgr.cli import options
from tokenmgr.cli.actors import staff
from tokenmgr.cli.bank_notices import outbox_of
from tokenmgr.cli.bank_registry import open_registry
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.domain.notice import Stage
from tokenmgr.errors import BounceUnreadable, NoticeUnknown
from tokenmgr.notices import bounces, letters
from tokenmgr.sql.outbox import Entry, Outbox, Which
from tokenmgr.wiring.words import t


@click.command(cls=Command, help=t("help.bank_notices_retry"))
@click.argument("numbers", nargs=-1, type=click.IntRange(min=1), metavar="[NUMBER]...")
@click.option("--all-failed", is_flag=True, help=t("help.o_notices_all_failed"))
@click.option("--bank", "code", metavar="CODE", help=t("help.o_notices_bank"))
@options.words
def retry(numbers: tuple[int, ...], all_failed: bool, code: str | None, as_json: bool) -> int:
    if bool(numbers) == all_failed or (code is not None and not all_failed):
        raise click.UsageError(t("notices.numbers_or_all"))
    with open_registry() as opened:
        if code is not None:
            opened.bank(code)
        outbox = outbox_of(opened)
        again = _failed(outbox, code) if all_failed else list(numbers)
        outbox.retry(again, clock.now(), staff())
    if as_json:
        Output().value({"retried": again})
    else:
        click.echo(t("notices.retried", count=len(again)))
    return Exit.FINE


def _failed(outbox: Outbox, code: str | None) -> list[int]:
    return [one.number for stage in Stage if stage.has_failed for one in outbox.entries(Which(bank=code, stage=stage))]


@click.command(cls=Command, help=t("help.bank_notices_bounced"))
@click.argument("file", type=click.File("rb"), default="-")
@options.words
def bounced(file: BinaryIO, as_json: bool) -> int:
    """Whoever was not sent a mail cannot name it (letters.py)."""
    bounce = bounces.read(file.read(bounces.LARGEST + 1))
    is_failed = bounce.action is bounces.Action.FAILED
    is_late = bounce.action is bounces.Action.DELAYED
    with open_registry() as opened:
        outbox = outbox_of(opened)
        entry = _named(outbox, bounce.message_id, opened.registry.nonce_key())
        told = " ".join(word for word in (bounce.status, bounce.told) if word)
        is_news = (is_failed or is_late) and outbox.bounced(entry.number, entry.address, told, is_failed, staff())
    if as_json:
        Output().value({"number": entry.number, "failed": is_failed, "new": is_news, "told": told})
    else:
        said = "bounced" if is_failed else "delayed" if is_late else "passed_on"
        is_said = is_news or said == "passed_on"
        click.echo(t(f"notices.{said if is_said else 'bounced_before'}", number=entry.number, told=told))
    return Exit.FINE


def _named(outbox: Outbox, message_id: str, key: bytes) -> Entry:
    number = letters.number_of(message_id)
    try:
        entry = outbox.entry(number) if number is not None else None
    except NoticeUnknown:
        entry = None
    if entry is None or not _edition(entry).is_named(message_id, key):
        raise BounceUnreadable(reason="not-ours")
    return entry


def _edition(entry: Entry) -> letters.Edition:
    return letters.Edition(entry.number, entry.notice, entry.address, entry.queued_at)
