"""`tokenmgr desk`: the customer's window (desk/), and what belongs to it on this computer."""

from __future__ import annotations

import functools

import click

from tokenmgr.cli.help import Command, LazyGroup
from tokenmgr.errors import DeskMissing
from tokenmgr.wiring.words import t

COMMANDS = {
    "install": "tokenmgr.cli.desk_installing:install",
    "uninstall": "tokenmgr.cli.desk_installing:uninstall",
    "status": "tokenmgr.cli.desk_installing:status",
    "extension": "tokenmgr.cli.desk_extension:extension",
}
SCHEME = "tokenmgr:"


class DeskGroup(LazyGroup):
    """`tokenmgr desk tokenmgr://…` is what the system runs for such a link."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name.lower().startswith(SCHEME):
            return Command(cmd_name, callback=functools.partial(_open, cmd_name))
        return super().get_command(ctx, cmd_name)


@click.group(cls=DeskGroup, lazy=COMMANDS, invoke_without_command=True, help=t("help.desk"))
@click.option("--tray", is_flag=True, help=t("help.o_tray"))
@click.pass_context
def desk(context: click.Context, tray: bool) -> int:
    """The exit status of the window."""
    return 0 if context.invoked_subcommand else _open("", tray)


def _open(link: str, only_tray: bool = False) -> int:
    try:
        from tokenmgr.desk.start import main
    except ImportError as error:
        raise DeskMissing(reason=str(error)) from error
    return main(link, only_tray)
