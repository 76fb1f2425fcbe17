"""The medium that is meant, logged in to: settings -> medium -> its store, for commands that need no bank."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from tokenmgr.cli import options
from tokenmgr.cli.options import Command
from tokenmgr.cli.terminal import Terminal
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.errors import FileUnreadable
from tokenmgr.pki.bundle import LONGEST
from tokenmgr.wiring import stores
from tokenmgr.wiring.places import Where
from tokenmgr.wiring.words import t


def medium_and_pin(command: Command) -> Command:
    """Which medium, and its PIN."""
    for option in (
        options.medium_option,
        options.fd_option("pin-fd", "help.o_pin_fd"),
        click.option("--final-try", is_flag=True, help=t("help.o_final")),
        options.common,
    ):
        command = option(command)
    return command


@contextmanager
def medium_store(serial: str | None, only: str | None, pin_fd: int | None, final_try: bool) -> Iterator[MediumStore]:
    """No store on the PC: what S1 promises of a key is asked of it."""
    with stores.opened(Where(serial, None, pin_fd, final_try), only, Terminal()) as found:
        assert isinstance(found.store, MediumStore)  # noqa: S101  that is what a medium is opened as
        yield found.store


def read_file(path: Path) -> bytes:
    """No more than any bundle of certificates has, and a byte."""
    try:
        with path.open("rb") as file:
            return file.read(LONGEST + 1)
    except OSError as error:
        raise FileUnreadable(file=str(path), reason=error.strerror or "") from error
