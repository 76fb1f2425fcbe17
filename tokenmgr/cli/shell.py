"""`tokenmgr testbed shell`: a shell in which every PKCS#11 program sees the simulated media."""

from __future__ import annotations

import click

from tokenmgr import config, log
from tokenmgr.cli.bed import bed, day_of
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import table
from tokenmgr.errors import NothingUp
from tokenmgr.testbed import shell as shells
from tokenmgr.testbed.simulated import PIN
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import t


@click.command(cls=Command, help=t("help.testbed_shell"))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@click.option("--usb", is_flag=True, help=t("help.o_bus"))
@click.option("--at", "day", metavar="DATE", help=t("help.o_clock"))
@click.option("-c", "--command", "line", metavar="LINE", help=t("help.o_command"))
@click.option("--lang", type=click.Choice(config.LANGUAGES), expose_value=False, help=t("help.o_lang"))
@click.option("-v", "verbosity", count=True, help=t("help.o_verbose"))
def shell(names: tuple[str, ...], usb: bool, day: str | None, line: str | None, verbosity: int) -> int:
    log.setup(verbosity)
    here = bed(sweep=True)
    media = [here.medium(name) for name in names] or here.media()
    if not media:
        raise NothingUp
    with shells.environment(here, media, settings().environment, usb, day_of(day)) as environment:
        environment["TOKENMGR_HOME"] = str(settings().home)
        if line is None:
            _greet([medium.name for medium in media])
        return shells.run(environment, line)


def _greet(names: list[str]) -> None:
    click.echo(t("testbed.shell", names=", ".join(names), pin=PIN))
    here = [program for program in shells.programs() if program.here]
    table([("tokenmgr", "tokenmgr media"), *((program.command, program.line) for program in here)], indent="  ")
    missing = [program for program in shells.programs() if not program.here]
    if missing:
        click.echo(
            t("testbed.shell_more", packages=" ".join(dict.fromkeys(" ".join(p.package for p in missing).split())))
        )
    click.echo(t("testbed.shell_end"))
