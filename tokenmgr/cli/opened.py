"""The medium that is meant, logged in to: settings -> medium -> its store, for commands that need no bank."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import click

from tokenmgr.cli import prompts, wiring
from tokenmgr.cli.output import t
from tokenmgr.cli.wiring import Command
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.errors import FileUnreadable
from tokenmgr.pki.bundle import LONGEST


def options(command: Command) -> Command:
    """Which medium, and its PIN."""
    for option in (
        wiring.medium_option,
        wiring.fd_option("pin-fd", "help.o_pin_fd"),
        click.option("--final-try", is_flag=True, help=t("help.o_final")),
        wiring.common,
    ):
        command = option(command)
    return command


@contextmanager
def medium_store(serial: str | None, only: str | None, pin_fd: int | None, final_try: bool) -> Iterator[MediumStore]:
    with wiring.surroundings(only) as seen:
        library, facts = seen.choose(serial)
        accepted = prompts.final_try(facts, library.family_of(facts), final_try)
        with (
            prompts.pin(t("pins.ask", serial=facts.serial), pin_fd) as pin,
            closing(MediumStore(library, facts.serial, pin, accepted)) as store,
        ):
            yield store


def read_file(path: Path) -> bytes:
    """No more than any bundle of certificates has, and a byte."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST + 1)
    except OSError as error:
        raise FileUnreadable(file=str(path), reason=error.strerror or "") from error
