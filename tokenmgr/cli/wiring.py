"""Where objects are wired together: settings -> libraries -> the medium that is meant; the shared options."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import click

from tokenmgr import config, log
from tokenmgr.cli.libraries import libraries
from tokenmgr.cli.output import t
from tokenmgr.domain.medium import EmptySlot, MediumFacts, SlotTrouble
from tokenmgr.errors import MediumAmbiguous, MediumNotFound, MediumNotNamed, NoMedium, TokenmgrError
from tokenmgr.token.module import Library


@dataclasses.dataclass
class Surroundings:
    """What the libraries show at one moment. A library that fails is told and hides no other."""

    media: list[tuple[Library, MediumFacts]]
    empty: list[EmptySlot]
    troubles: list[SlotTrouble]
    failures: list[tuple[str, TokenmgrError]]
    answered: int = 0

    @property
    def only_failed(self) -> bool:
        return len(self.failures) == 1 and not (self.media or self.empty or self.troubles or self.answered)

    def choose(self, serial: str | None) -> tuple[Library, MediumFacts]:
        """The medium that is meant: the named one, or the only one. Nothing is changed on a guess."""
        if serial:
            found = [(library, medium) for library, medium in self.media if medium.serial == serial]
            if len(found) > 1:
                raise MediumAmbiguous(serial=serial, places=tuple(library.path for library, _ in found))
        else:
            found = self.media
            if len(found) > 1:
                raise MediumNotNamed(serials=self._serials())
        if not found:
            if self.failures and not self.media:
                raise self.failures[0][1]
            raise MediumNotFound(serial=serial, seen=self._serials()) if serial else NoMedium()
        return found[0]

    def _serials(self) -> tuple[str, ...]:
        return tuple(medium.serial for _, medium in self.media)


@contextmanager
def surroundings(only: str | None) -> Iterator[Surroundings]:
    with libraries(only) as found:
        yield look(found)


def look(found: list[Library]) -> Surroundings:
    seen = Surroundings([], [], [], [])
    for library in found:
        try:
            slots = library.slots()
            seen.answered += 1
            for slot in slots:
                match slot:
                    case MediumFacts():
                        seen.media.append((library, slot))
                    case EmptySlot():
                        seen.empty.append(slot)
                    case SlotTrouble():
                        seen.troubles.append(slot)
        except TokenmgrError as error:
            seen.failures.append((library.path, error))
    return seen


Command = Callable[..., Any]


def common(command: Command) -> Command:
    """--json, --lang, --library and -v, on every command. `only` is the library, `as_json` whether JSON is wanted."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help=t("help.o_json")),
        click.option("--library", "only", metavar="PATH", callback=_not_empty, help=t("help.o_library")),
        click.option("--lang", type=click.Choice(config.LANGUAGES), expose_value=False, help=t("help.o_lang")),
        click.option("-v", "verbosity", count=True, expose_value=False, callback=_verbose, help=t("help.o_verbose")),
    ):
        command = option(command)
    return command


def _verbose(_context: click.Context, _parameter: click.Parameter, count: int) -> None:
    log.setup(count)


def medium_option(command: Command) -> Command:
    return click.option(
        "--medium", "serial", metavar="SERIAL", callback=_not_empty, expose_value=True, help=t("help.o_medium")
    )(command)


def _not_empty(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """An unset variable of a script is not a choice."""
    if value is not None and not value.strip():
        raise click.BadParameter("empty")
    return value


def fd_option(name: str, help_key: str) -> Callable[[Command], Command]:
    return click.option(f"--{name}", type=click.IntRange(min=0), metavar="N", help=t(help_key))
