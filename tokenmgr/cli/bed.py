"""What the commands of `tokenmgr testbed` have in common: the user's own testbed, a medium's name, a day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import click

from tokenmgr.errors import DayWrong
from tokenmgr.testbed.bed import Testbed
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import t


def bed(sweep: bool = False) -> Testbed:
    """`sweep`: first clean up what killed runs have left, and say so."""
    found = Testbed(settings().home / "testbed", settings().environment, settings().library_folder)
    if sweep and (swept := [*found.sweep(), *_stale_profiles()]):
        click.echo(t("testbed.swept", names=", ".join(swept)), err=True)
    return found


PROFILE_OF = "# testbed: "  # in a bank's file: the folder of its CA, with which it comes and goes (story.py)


def _stale_profiles() -> Iterator[str]:
    for file in sorted(settings().bank_folder.glob("testbed-*.toml")):
        told, _, _ = file.read_text(encoding="utf-8").partition("\n")
        if told.startswith(PROFILE_OF) and not Path(told.removeprefix(PROFILE_OF)).exists():
            file.unlink(missing_ok=True)
            yield f"banks.d/{file.name}"


def medium_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.argument("name", shell_complete=_up)(command)


def _up(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [medium.name for medium in bed().media() if medium.name.startswith(incomplete)]


def day_of(text: str | None) -> date | None:
    try:
        return date.fromisoformat(text) if text is not None else None
    except ValueError as error:
        raise DayWrong(day=text or "") from error
