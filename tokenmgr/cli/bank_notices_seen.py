"""`tokenmgr bank notices preview|list`: what would be written, and what was."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any

import click

from tokenmgr import clock
from tokenmgr.cli import bank_standing as standing
from tokenmgr.cli import options
from tokenmgr.cli.bank_notices import outbox_of, policies_of, why_word
from tokenmgr.cli.bank_registry import Open, open_registry
from tokenmgr.cli.bank_view import stream_columns, stream_json
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.clock import JAPAN, japan_day
from tokenmgr.domain.notice import HALFWAY, Due, Kind, Notice, Person, Stage
from tokenmgr.notices import schedule
from tokenmgr.notices.courier import matter_of
from tokenmgr.notices.letters import Edition
from tokenmgr.notices.post import NO_ANSWER, WRONG_ADDRESS, Letter
from tokenmgr.notices.texts import write
from tokenmgr.sql.outbox import Entry, Outbox, Which
from tokenmgr.wiring.words import t, texts

PREVIEWED = [("bank", 4), ("contract", 12), ("user", 12), ("notice_what", 14), ("notice_to", 12), ("notice_note", 4)]
LISTED = [
    ("notice_number", 6),
    ("notice_state", 8),
    ("notice_what", 14),
    ("bank", 4),
    ("contract", 12),
    ("user", 12),
    ("notice_to", 12),
    ("notice_when", 23),
    ("notice_note", 4),
]


def _day(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
    """Its last second in Japan."""
    if text is None:
        return None
    try:
        begins = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=JAPAN)
        return begins + timedelta(days=1, seconds=-1)
    except (ValueError, OverflowError) as error:
        raise click.BadParameter(t("notices.takes_day")) from error


def _serial(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(text, 16)
    except ValueError as error:
        raise click.BadParameter(t("notices.takes_serial")) from error


# --- preview ---


@click.command(cls=Command, help=t("help.bank_notices_preview"))
@click.option("--bank", "code", metavar="CODE", help=t("help.o_notices_bank"))
@click.option("--on", "day", metavar="DATE", callback=_day, help=t("help.o_notices_on"))
@click.option("--text", "wants_text", is_flag=True, help=t("help.o_notices_text"))
@click.option("--show", "number", type=click.IntRange(min=1), metavar="NUMBER", help=t("help.o_notices_show"))
@options.words
def preview(code: str | None, day: datetime | None, wants_text: bool, number: int | None, as_json: bool) -> int:
    with open_registry() as opened:
        if code is not None:
            opened.bank(code)
        sight = _Sight(opened, day or clock.now())
        if number is not None:
            _tell_letters([sight.again(number)], as_json)
        elif wants_text:
            _tell_letters(sight.first_of_each(_due(opened, code, day)), as_json)
        else:
            _tell_due(opened, _due(opened, code, day), as_json)
    return Exit.FINE


def _due(opened: Open, code: str | None, day: datetime | None) -> Iterator[tuple[str, Due]]:
    """Now, or on that day alone: what is due before it will have been sent by then."""
    found = schedule.due(outbox_of(opened), policies_of(opened), day or clock.now(), code, with_left_out=True)
    return found if day is None else ((bank, one) for bank, one in found if japan_day(one.at) == japan_day(day))


def _tell_due(opened: Open, found: Iterable[tuple[str, Due]], as_json: bool) -> None:
    outbox, whom = outbox_of(opened), opened.administration.subscriber

    def as_json_(bank: str, one: Due) -> dict[str, Any]:
        about = outbox.about(one.notice.serial)
        return {
            "bank": bank,
            "contract": about.contract,
            "user": about.user,
            **_notice_as_json(one.notice),
            "to": whom(one.notice.to).user,
            "address": one.address,
            "not_after": standing.instant(about.held.not_after),
            "due_at": standing.instant(one.at),
            "skipped": one.skipped.value if one.skipped else None,
        }

    def cells(bank: str, one: Due) -> tuple[str, ...]:
        about = outbox.about(one.notice.serial)
        note = why_word(one.skipped) if one.skipped else one.address
        return bank, about.contract, about.user, what_word(one.notice), whom(one.notice.to).user, note

    if as_json:
        stream_json(as_json_(*one) for one in found)
    else:
        stream_columns(PREVIEWED, (cells(*one) for one in found), t("notices.nothing_due"))


def _tell_letters(letters: Iterable[Letter], as_json: bool) -> None:
    found = list(letters)
    if as_json:
        Output().value([asdict(one) for one in found])
        return
    for number, one in enumerate(found):
        if number:
            click.echo("\n" + "─" * 72)
        click.echo(f"From: {one.sender_name} <{one.sender}>\nTo: {one.to}\nSubject: {one.subject}\n\n{one.text}")


@dataclass(frozen=True)
class _Sight:
    """Letters as they would be written, which go nowhere."""

    opened: Open
    now: datetime

    def first_of_each(self, found: Iterable[tuple[str, Due]]) -> Iterator[Letter]:
        """Of each bank, kind and reader."""
        seen: set[tuple[str, str, bool]] = set()
        outbox = outbox_of(self.opened)
        for bank, one in found:
            if one.skipped:
                continue
            holder: Person = outbox.about(one.notice.serial).held.holder
            which = (bank, one.notice.kind, one.notice.to == holder.subscriber)
            if which not in seen:
                seen.add(which)
                yield self._letter(outbox, Edition(0, one.notice, one.address, self.now))

    def again(self, number: int) -> Letter:
        outbox = outbox_of(self.opened)
        errand = outbox.errand(number)
        return self._letter(outbox, Edition(number, errand.notice, errand.address, errand.queued_at))

    def _letter(self, outbox: Outbox, edition: Edition) -> Letter:
        about = outbox.about(edition.notice.serial)
        return write(matter_of(about, edition, self.opened.registry.nonce_key(), self.now))


# --- list ---


@click.command("list", cls=Command, help=t("help.bank_notices_list"))
@click.option("--bank", "code", metavar="CODE", help=t("help.o_notices_bank"))
@click.option("--state", type=click.Choice([one.value for one in Stage]), help=t("help.o_notices_state"))
@click.option("--serial", metavar="HEX", callback=_serial, help=t("help.o_notices_serial"))
@click.option("--contract", metavar="NUMBER", help=t("help.o_notices_contract"))
@click.option("--user", metavar="USER", help=t("help.o_notices_user"))
@options.words
def list_(
    code: str | None, state: str | None, serial: int | None, contract: str | None, user: str | None, as_json: bool
) -> int:
    which = Which(None, code, Stage(state) if state else None, serial, contract, user)
    with open_registry() as opened:
        found = outbox_of(opened).entries(which)
        if as_json:
            stream_json(_as_json(one) for one in found)
        else:
            stream_columns(LISTED, (_cells(one) for one in found), t("notices.none_listed"))
    return Exit.FINE


def _as_json(one: Entry) -> dict[str, Any]:
    return {
        "number": one.number,
        "state": one.stage.value,
        "bank": one.bank,
        "contract": one.contract,
        "user": one.user,
        "role": one.role.value,
        **_notice_as_json(one.notice),
        "to": one.to_user,
        "address": one.address,
        "skipped": one.skipped.value if one.skipped else None,
        "tries": one.tries,
        "told": one.told,
        **{name: standing.instant(getattr(one, name)) for name in ("due_at", "queued_at", "next_at", "sent_at")},
    }


def _cells(one: Entry) -> tuple[str, ...]:
    """When it was sent, or may be tried; else since when it was due."""
    at = one.sent_at or (one.next_at if one.stage is Stage.WAITING else one.due_at)
    note = why_word(one.skipped) if one.skipped else told_words(one.told)
    return (
        str(one.number),
        t(f"notices.stage_{one.stage.value}"),
        what_word(one.notice),
        one.bank,
        one.contract,
        one.user,
        one.to_user,
        standing.moment(at),
        note,
    )


def _notice_as_json(notice: Notice) -> dict[str, Any]:
    return {"serial": f"{notice.serial:x}", "kind": notice.kind, "lead": notice.lead or None}


def told_words(told: str) -> str:
    """A mail server's own words; or ours, of its silence and of what could not be written."""
    if told in (NO_ANSWER, WRONG_ADDRESS):
        return t(f"notices.told_{told.replace('-', '_')}")
    return texts().of_code(told) or told


def what_word(notice: Notice) -> str:
    if notice.kind == Kind.DUE.value and notice.lead == HALFWAY:
        return t("notices.kind_halfway")
    return t(f"notices.kind_{Kind(notice.kind).value}", days=notice.lead)
