"""`tokenmgr status`: whose certificates are here, until when, what is open today, the one next step. No PIN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokenmgr.cli import options
from tokenmgr.cli.due import remind
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, exit_of, tell_error
from tokenmgr.cli.status_view import tell, whole
from tokenmgr.domain.status import Verdict
from tokenmgr.wiring.looked import Looked, look
from tokenmgr.wiring.words import t

if TYPE_CHECKING:
    pass

EXITS = {
    Verdict.FINE: Exit.FINE,
    Verdict.UNSURE: Exit.RETRY,
    Verdict.DUE: Exit.DUE,
    Verdict.EXPIRED: Exit.EXPIRED,
    Verdict.HAND: Exit.FINDINGS,
}


@click.command(cls=Command, help=t("help.status"))
@options.store
@click.option("--bank", metavar="CODE", help=t("help.o_status_bank"))
@click.option("--offline", is_flag=True, help=t("help.o_offline"))
@click.option("--due", is_flag=True, help=t("help.o_status_due"))
@click.option("--notify", is_flag=True, help=t("help.o_notify"))
@options.common
def status(
    bank: str | None, offline: bool, due: bool, notify: bool, as_json: bool, only: str | None, **named: Any
) -> int:
    if notify and not due:
        raise click.UsageError(t("seen.notify_with_due"))
    looked = look(options.where(named), only, bank, offline)
    if due:
        looked = looked.pressing()
    if as_json:
        Output().value(as_value(looked))
    else:
        tell_look(looked)
    if due:
        remind(looked.found, looked.troubles, notify, as_json)
    return exit_of_look(looked)


def exit_of_look(looked: Looked) -> Exit:
    verdict = looked.found.verdict
    if looked.why and verdict is Verdict.FINE:
        return exit_of(looked.why)
    return exit_of(looked.unheard[0]) if looked.unheard and not verdict.is_pressing else EXITS[verdict]


def as_value(looked: Looked) -> dict[str, Any]:
    return whole(looked.found, looked.words, looked.why, looked.broken)


def tell_look(looked: Looked) -> None:
    if looked.why:
        tell_error(looked.why)
    tell(looked.found, looked.words)
    for error in looked.broken:
        tell_error(error)
