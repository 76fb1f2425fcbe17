"""`tokenmgr native-host`: a browser starts it (tokenmgr/__main__.py, before any of this); here it has its help."""

from __future__ import annotations

import click

from tokenmgr.cli.help import Command
from tokenmgr.desk.native_host import main
from tokenmgr.wiring.words import t


@click.command("native-host", cls=Command, help=t("help.native_host"))
@click.argument("caller", nargs=-1)
def native_host(caller: tuple[str, ...]) -> int:
    return main(list(caller))
