"""`tokenmgr desk`: the customer's window (desk/), and what belongs to it on this computer."""

from __future__ import annotations

import functools
import sys

import click

from tokenmgr import config
from tokenmgr.cli.help import Command, LazyGroup
from tokenmgr.errors import DeskMissing
from tokenmgr.wiring.words import t

COMMANDS = {
    "install": "tokenmgr.cli.desk_installing:install",
    "uninstall": "tokenmgr.cli.desk_installing:uninstall",
    "status": "tokenmgr.cli.desk_installing:status",
    "extension": "tokenmgr.cli.desk_extension:extension",
}
SCHEME, ON_INPUT = "tokenmgr:", "-"
LONGEST = 8192  # characters of an address


class DeskGroup(LazyGroup):
    """`tokenmgr desk tokenmgr://…` is what the system runs for such a link; `tokenmgr desk -`, the native host, since a
    command line is everybody's to read."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name.lower().startswith(SCHEME):
            return Command(cmd_name, callback=functools.partial(_open, cmd_name))
        if cmd_name == ON_INPUT:
            return Command(cmd_name, callback=lambda: _open(_told()))
        return super().get_command(ctx, cmd_name)


@click.group(cls=DeskGroup, lazy=COMMANDS, invoke_without_command=True, help=t("help.desk"))
@click.option("--tray", is_flag=True, help=t("help.o_tray"))
@click.option("--lang", type=click.Choice(config.LANGUAGES), expose_value=False, help=t("help.o_lang"))
@click.pass_context
def desk(context: click.Context, tray: bool) -> int:
    """The exit status of the window."""
    return 0 if context.invoked_subcommand else _open("", tray)


def _told() -> str:
    """A program of windows may have no standard input: then the window opens by itself."""
    return sys.stdin.read(LONGEST).strip() if sys.stdin is not None else ""


def _open(link: str, only_tray: bool = False) -> int:
    try:
        from tokenmgr.desk.start import main
    except ImportError as error:
        raise DeskMissing(reason=str(error)) from error
    return main(link, only_tray)
