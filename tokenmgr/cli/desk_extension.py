"""`tokenmgr desk extension`: the browser extension, for whoever hands it out."""

from __future__ import annotations

from pathlib import Path

import click

from tokenmgr.cli import options
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.customer.profiles import profiles
from tokenmgr.desk.extension import build, origin_of
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import t


@click.command(cls=Command, help=t("help.desk_extension"))
@click.option("--out", type=click.Path(path_type=Path), required=True, help=t("help.o_extension_out"))
@click.option("--origin", "origins", multiple=True, help=t("help.o_extension_origin"))
@options.words
def extension(out: Path, origins: tuple[str, ...], as_json: bool) -> int:
    folders = build(out, origins or _of_the_banks())
    if as_json:
        Output().value({folder.name: str(folder) for folder in folders})
    else:
        for folder in folders:
            click.echo(t("installing.extension_written", folder=folder))
    return Exit.FINE


def _of_the_banks() -> list[str]:
    known = profiles(settings().bank_folder).known
    return list(dict.fromkeys(origin_of(place) for bank in known for place in bank.login))
