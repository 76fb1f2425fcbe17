"""`tokenmgr testbed`: simulated media, for testers."""

from __future__ import annotations

import shlex
import shutil
import sys

import click

from tokenmgr import config, log
from tokenmgr.cli.help import Group
from tokenmgr.cli.libraries import settings
from tokenmgr.cli.output import Exit, chosen_language, t, texts
from tokenmgr.cli.prompts import at_terminal
from tokenmgr.testbed.life import Life


@click.group(cls=Group, help=t("help.testbed"))
def testbed() -> None:
    pass


@testbed.command(help=t("help.testbed_life"))
@click.option("--stay", is_flag=True, help=t("help.o_stay"))
@click.option("--lang", type=click.Choice(config.LANGUAGES), expose_value=False, help=t("help.o_lang"))
@click.option("-v", "verbosity", count=True, help=t("help.o_verbose"))
def life(stay: bool, verbosity: int) -> int:
    """Shown step by step as it happens. With --stay the medium is left plugged in until Enter, for other terminals."""
    log.setup(verbosity)
    program = "tokenmgr" if shutil.which("tokenmgr") else shlex.quote(sys.argv[0])
    here = settings()
    shown = Life(here, texts(), chosen_language(), lambda line: click.echo(line))
    try:
        shown.run()
        if stay and at_terminal():
            click.echo(t("life.stay"))
            home = f"TOKENMGR_HOME={shlex.quote(str(here.home))} " if "TOKENMGR_HOME" in here.environment else ""
            for command in ("media", "pin change", f"verify --medium {shown.serial}   (PIN {shown.pin})", "doctor"):
                click.echo(f"  {home}{program} {command}")
            click.prompt(t("life.press"), default="", show_default=False, prompt_suffix=" ")
    finally:
        shown.end()
    click.echo(t("life.done", program=program))
    return Exit.FINE
