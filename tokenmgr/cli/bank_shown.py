"""`tokenmgr testbed bank`, the second act of `make run`: the pages of two banks, with certificates of every age.

Without --stay everybody walks through them, in a browser that nobody sees (walk.py). With it they stay open, and what
is printed says where, as whom, and what will be seen. Whatever was made goes at the end, however that comes.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from tokenmgr import config, log
from tokenmgr.cli.cast import FIRST, MIHON, TROUPES
from tokenmgr.cli.output import Exit, pad
from tokenmgr.cli.playbill import places, sees, who
from tokenmgr.cli.prompts import at_terminal
from tokenmgr.cli.stage import Stage, stage
from tokenmgr.cli.story import dim, line
from tokenmgr.cli.walk import Walk
from tokenmgr.testbed import chromium
from tokenmgr.testbed.chromium import Walker
from tokenmgr.testbed.postbox import Caught
from tokenmgr.testbed.simulated import PIN
from tokenmgr.wiring.words import t


@click.command("bank", help=t("help.testbed_bank"))
@click.option("--stay", is_flag=True, help=t("help.o_stay_bank"))
@click.option("--lang", type=click.Choice(config.LANGUAGES), expose_value=False, help=t("help.o_lang"))
@click.option("-v", "verbosity", count=True, help=t("help.o_verbose"))
def bank(stay: bool, verbosity: int) -> int:
    log.setup(verbosity)
    chromium.require()
    click.secho(t("shown.pages_title"), bold=True)
    try:
        with stage(_caught) as here:
            _prepare(here)
            if stay and at_terminal():
                _stay(here)
            else:
                _walk(here)
    except KeyboardInterrupt:  # whoever looked on has seen enough
        click.echo(f"\n{t('shown.stopped')}", err=True)
        return Exit.CANCELLED
    click.echo(f"\n{t('shown.pages_done')}")
    return Exit.FINE


def _prepare(here: Stage) -> None:
    _chapter(1, "pages_past")
    with _timed():
        here.live(lambda troupe, player: line(f"{pad(troupe.bank.name, 18)}{who(player, player.place)}"))
    _chapter(2, "pages_open")
    with _timed():
        here.open()
    line(f"$ tokenmgr ca serve    {here.ca.url}")
    line(f"$ tokenmgr bank serve  {here.ca.pages_url}")
    _chapter(3, "pages_mails")
    with _timed():
        here.write()


def _walk(here: Stage) -> None:
    here.ask_for_pins(False)
    with Walker(here.chromium, here.ca.pages_url) as walker:
        walk = Walk(here, walker)
        for number, troupe in enumerate(TROUPES, 4):
            _chapter(number, "pages_walk", name=troupe.bank.name, service=troupe.bank.service_name)
            with _timed():
                walk.visit(troupe)
        _chapter(4 + len(TROUPES), "pages_renewal")
        with _timed():
            walk.renew()
    line("")
    line(t("shown.pages_count", pages=walk.pages, mails=len(here.postbox.caught)))


def _stay(here: Stage) -> None:
    for number, troupe in enumerate(TROUPES, 4):
        _chapter(number, "pages_at", name=troupe.bank.name, service=troupe.bank.service_name)
        line(here.site(troupe))
        for player in troupe.players:
            for place in places(player):
                line(f"  {who(player, place)}  {sees(troupe, player, place)}")
    _chapter(4 + len(TROUPES), "pages_how")
    here.install()
    browser, customer, banks = here.scripts()
    addresses = [here.site(troupe) for troupe in TROUPES]
    line(t("shown.pages_pins", login=here.pins.login, confirmation=here.pins.confirmation, pin=PIN))
    with ExitStack() as stack:
        if config.has_screen():
            stack.enter_context(here.chromium.opened(addresses[0]))
        line(t("shown.pages_opened" if config.has_screen() else "shown.pages_browser"))
        _commands(browser, *addresses)
        line(t("shown.pages_mails_at", place=here.postbox.index.as_uri()))
        line(t("shown.pages_program"))
        _commands(customer, "status", f"renew --bank {MIHON.bank.code} --medium {here.media[FIRST].serial}")
        line(t("shown.pages_ca"))
        _commands(banks, f"bank notices list --bank {MIHON.bank.code}", "ca audit list", "ca status")
        click.prompt(t("shown.press"), default="", show_default=False, prompt_suffix=" ")


def _commands(script: Path, *words: str) -> None:
    for one in words:
        line(f"  {shlex.quote(str(script))} {one}")


def _caught(mail: Caught) -> None:
    line(f"✉ {pad(mail.to, 28)} {mail.subject}")


def _chapter(number: int, text: str, **facts: str) -> None:
    click.secho(f"\n  {number}  {t(f'shown.{text}', **facts)}", bold=True)


@contextmanager
def _timed() -> Iterator[None]:
    started = time.perf_counter()
    yield
    line(dim(time.perf_counter() - started))
