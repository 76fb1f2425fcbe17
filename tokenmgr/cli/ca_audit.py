"""`tokenmgr ca audit list|follow|export|verify`: who did what, and whether the trail is as it was written."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import click

from tokenmgr.cli import ca_audit_words as audit_words
from tokenmgr.cli import options
from tokenmgr.cli.bank_registry import open_registry
from tokenmgr.cli.bank_view import stream_json
from tokenmgr.cli.help import LazyGroup
from tokenmgr.cli.output import Exit, while_read
from tokenmgr.clock import JAPAN
from tokenmgr.domain.audit import Action, ActorKind, Entry, encoded
from tokenmgr.sql.audit import Asked, Trail
from tokenmgr.wiring.words import t

OTHERS = {
    "export": "tokenmgr.cli.ca_audit_export:export",
    "verify": "tokenmgr.cli.ca_audit_verify:verify",
}
AT_ONCE = 500
EVERY = 0.5  # seconds between two looks of whoever follows
ACTIONS = {one.value for one in Action}
GROUPS = {name.partition(".")[0] + "." for name in ACTIONS}


@click.group(cls=LazyGroup, lazy=OTHERS, help=t("help.ca_audit"))
def audit() -> None:
    pass


# --- what is asked for ----------------------------------------------------------------------------------------------


def _moment(is_end: bool) -> Callable[[click.Context, click.Parameter, str | None], datetime | None]:
    """A day, or a moment, in Japan time where it does not say otherwise; inclusive."""

    def read(_context: click.Context, _parameter: click.Parameter, text: str | None) -> datetime | None:
        if text is None:
            return None
        try:
            found = datetime.fromisoformat(text)
            found = found if found.tzinfo else found.replace(tzinfo=JAPAN)
            step = timedelta(days=1) if len(text) == len("2026-04-01") else timedelta(seconds=1)
            return found + step - timedelta(microseconds=1) if is_end and not found.microsecond else found
        except (ValueError, OverflowError) as error:
            raise click.BadParameter(t("audit.takes_moment")) from error

    return read


def _action(_context: click.Context, _parameter: click.Parameter, text: str | None) -> str:
    if text is not None and text not in ACTIONS | GROUPS:
        raise click.BadParameter(t("audit.takes_action", actions=" ".join(sorted(ACTIONS | GROUPS))))
    return text or ""


def _serial(_context: click.Context, _parameter: click.Parameter, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        found = int(text.replace(":", "").replace(" ", ""), 16)
    except ValueError:
        found = 0
    if not 0 < found < 1 << 160:
        raise click.BadParameter(t("audit.takes_serial"))
    return found


_FILTERS = (
    click.option("--since", metavar="MOMENT", callback=_moment(False), help=t("help.o_audit_since")),
    click.option("--until", metavar="MOMENT", callback=_moment(True), help=t("help.o_audit_until")),
    click.option("--first", type=click.IntRange(1), metavar="N", help=t("help.o_audit_first")),
    click.option("--last", type=click.IntRange(1), metavar="N", help=t("help.o_audit_last")),
    click.option("--actor", default="", metavar="NAME", help=t("help.o_audit_actor")),
    click.option("--kind", type=click.Choice([one.value for one in ActorKind]), help=t("help.o_audit_kind")),
    click.option("--action", metavar="ACTION", callback=_action, help=t("help.o_audit_action")),
    click.option("--bank", default="", metavar="CODE", help=t("help.o_bank_only")),
    click.option("--whom", default="", metavar="NAME", help=t("help.o_audit_whom")),
    click.option("--serial", metavar="HEX", callback=_serial, help=t("help.o_audit_serial")),
)


def asking(command: Callable[..., Any]) -> Callable[..., Any]:
    """All the filters, as one `asked`."""

    @functools.wraps(command)
    def with_asked(kind: str | None, **named: Any) -> Any:
        filters = {name: named.pop(name) for name in vars(Asked()) if name in named}
        return command(asked=Asked(kind=ActorKind(kind) if kind else None, **filters), **named)

    wrapped: Callable[..., Any] = with_asked
    for option in reversed(_FILTERS):
        wrapped = option(wrapped)
    return wrapped


# --- list, follow ---------------------------------------------------------------------------------------------------


@audit.command("list", help=t("help.ca_audit_list"))
@asking
@click.option("--newest", type=click.IntRange(1), metavar="N", help=t("help.o_audit_newest"))
@options.words
def list_(asked: Asked, newest: int | None, as_json: bool) -> int:
    with open_registry() as opened:
        found = opened.administration.trail.entries(asked, newest)
        if as_json:
            stream_json(audit_words.value(one) for one in found)
        else:
            audit_words.tell(audit_words.cells(one) for one in found)
    return Exit.FINE


@audit.command(help=t("help.ca_audit_follow"))
@asking
@options.words
def follow(asked: Asked, as_json: bool) -> int:
    with open_registry() as opened:
        trail = opened.administration.trail
        begins = asked.first - 1 if asked.first else trail.head()[0]
        try:
            if as_json:
                for one in while_read(_each(trail, begins, asked)):
                    click.echo(encoded(audit_words.value(one)))
            else:
                audit_words.tell(audit_words.cells(one) for one in _each(trail, begins, asked))
        except KeyboardInterrupt:
            pass  # its end, not an accident
    return Exit.FINE


def _each(trail: Trail, number: int, asked: Asked) -> Iterator[Entry]:
    while True:
        found = trail.after(number, asked, AT_ONCE)
        yield from found
        if found:
            number = found[-1].number
        if len(found) < AT_ONCE:
            time.sleep(EVERY)
