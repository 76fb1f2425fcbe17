"""`tokenmgr testbed renewal`, which is `make run`: the promise of R13, kept before whoever looks on.

A CA of its own, a bank, a contract and its customer; an acquisition, a renewal, a plug that is pulled in the middle,
and the resume (story.py). All of it is real but the stick, and all of it is gone at the end, however that comes.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import click

from tokenmgr import config, log
from tokenmgr.cli.bed import bed
from tokenmgr.cli.output import Exit
from tokenmgr.cli.prompts import at_terminal
from tokenmgr.cli.story import CONTRACT, USER, Story
from tokenmgr.customer.profiles import profiles
from tokenmgr.errors import SimulatedUnknown
from tokenmgr.renewal.journal import SUFFIX
from tokenmgr.testbed.own_ca import Commands, own_ca
from tokenmgr.testbed.simulated import PIN
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import chosen_language, t

OTHER_USER = "0002"


@click.command(help=t("help.testbed_renewal"))
@click.option("--stay", is_flag=True, help=t("help.o_stay"))
@click.option("--lang", type=click.Choice(config.LANGUAGES), expose_value=False, help=t("help.o_lang"))
@click.option("-v", "verbosity", count=True, help=t("help.o_verbose"))
def renewal(stay: bool, verbosity: int) -> int:
    """With --stay the medium is left plugged in and the CA serving until Enter, for other terminals."""
    log.setup(verbosity)
    program = "tokenmgr" if shutil.which("tokenmgr") else shlex.quote(sys.argv[0])
    is_staying = stay and at_terminal()
    click.secho(t("shown.title"), bold=True)
    try:
        with _told() as story:
            story.run()
            if is_staying:
                _stay(story, program)
    except KeyboardInterrupt:  # whoever looked on has seen enough; what is left there is nobody's to look after
        click.echo(f"\n{t('shown.stopped')}", err=True)
        return Exit.CANCELLED
    command = "testbed scenarios" if is_staying else "testbed renewal --stay"
    click.echo(f"\n{t('shown.done', program=program, command=command)}")
    return Exit.FINE


@contextmanager
def _told() -> Iterator[Story]:
    """With a medium, a folder for the CA, and a bank's code that this user knows no bank by. Whatever is entered among
    the user's settings meanwhile is taken out again."""
    media, here, name = bed(sweep=True), settings(), f"renewal-{os.getpid()}"
    profile = here.bank_folder / f"testbed-{name}.toml"
    banks = profiles(here.bank_folder)
    taken = {*(one.code for one in banks.known), *(one.bank for one in banks.broken)}
    code = next(str(number) for number in range(9999, 999, -1) if str(number) not in taken)
    with ExitStack() as stack:
        stack.callback(_take_down, name)
        (medium,) = media.up("fresh", name=name, label="Shinkin IB", alive=True)
        stack.callback(_remove_journals, here.journal_folder, medium.serial)
        ca = stack.enter_context(own_ca(media.folder / f"{name}-ca", here.environment, chosen_language()))
        customer = Commands(here.home, here.environment, chosen_language())
        stack.callback(profile.unlink, missing_ok=True)
        yield Story(medium, ca, customer, code, profile)


def _take_down(name: str) -> None:
    with suppress(SimulatedUnknown):  # taken away by hand, or never there
        bed().down(name)


def _remove_journals(folder: Path, serial: str) -> None:
    """What other terminals have done with a medium that is gone."""
    for path in folder.glob(f"*{SUFFIX}"):
        if f'"store":"{serial}"' in path.read_text(encoding="utf-8", errors="replace").partition("\n")[0]:
            for one in (path, path.with_suffix(".lock")):
                one.unlink(missing_ok=True)


def _stay(story: Story, program: str) -> None:
    """What to type elsewhere, and another ID to acquire for."""
    story.enrol(OTHER_USER, "user")
    home = f"TOKENMGR_HOME={shlex.quote(str(settings().home))} " if "TOKENMGR_HOME" in config.ENVIRONMENT else ""
    ca_home = f"TOKENMGR_HOME={shlex.quote(str(story.ca.home))} "
    name, code, (login, confirmation) = story.medium.name, story.code, story.pins
    acquire = f"acquire --bank {code} --contract {CONTRACT} --user {OTHER_USER}"
    click.echo(f"\n{t('shown.stay', pin=PIN)}")
    _commands(home + program, "media", "status", "verify", "pin change", "renew", "clean", "doctor")
    click.echo(t("shown.stay_acquire", login=login, confirmation=confirmation))
    _commands(home + program, acquire, f"testbed unplug {name}", f"testbed plug {name}", "resume")
    click.echo(t("shown.stay_ca"))
    _commands(ca_home + program, f"bank subscriber show {code} {CONTRACT} {USER}", "ca audit list", "ca status")
    click.prompt(t("shown.press"), default="", show_default=False, prompt_suffix=" ")


def _commands(program: str, *commands: str) -> None:
    for command in commands:
        click.echo(f"  {program} {command}")
