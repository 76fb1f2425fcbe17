"""`tokenmgr desk`: what sets it up is loaded when it is asked for."""

from __future__ import annotations

import click

from tokenmgr.cli.help import LazyGroup
from tokenmgr.wiring.words import t

LATER = {
    "install": "tokenmgr.cli.desk_installing:install",
    "uninstall": "tokenmgr.cli.desk_installing:uninstall",
    "status": "tokenmgr.cli.desk_installing:status",
}


@click.group(cls=LazyGroup, lazy=LATER, help=t("help.desk"))
def desk() -> None:
    pass
