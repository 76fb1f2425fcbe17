"""`tokenmgr media`: what is plugged in."""

from __future__ import annotations

import dataclasses

import click

from tokenmgr import catalogue
from tokenmgr.cli import wiring
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, columns, error_as_json, exit_of, t, tell_error, texts
from tokenmgr.cli.view import medium_as_json
from tokenmgr.errors import NoMedium, TokenmgrError


@click.command(cls=Command, help=t("help.media"))
@wiring.common
def media(as_json: bool, only: str | None) -> int:
    with wiring.surroundings(only) as seen:
        if as_json:
            why = {} if seen.media else {"error": error_as_json(_why_none(seen))}
            Output().value(
                why
                | {
                    "media": [medium_as_json(medium) for _, medium in seen.media],
                    "empty": [dataclasses.asdict(slot) for slot in seen.empty],
                    "troubles": [dataclasses.asdict(trouble) for trouble in seen.troubles],
                    "failures": [{"library": path, **error_as_json(error)} for path, error in seen.failures],
                }
            )
        else:
            _tell(seen)
    return Exit.FINE if seen.media else exit_of(_why_none(seen))


def _why_none(seen: wiring.Surroundings) -> TokenmgrError:
    """A library that fails is the reason where it is the only one; of several, another may be the medium's."""
    return seen.failures[0][1] if seen.only_failed else NoMedium()


def _tell(seen: wiring.Surroundings) -> None:
    if seen.media:
        heading = [t(f"labels.{name}") for name in ("serial", "label", "family", "pin")]
        rows = [
            [m.serial or t("media.blank"), m.label, catalogue.family(m.family).title, t(f"pin.{m.pin.value}")]
            for _, m in seen.media
        ]
        columns([heading, *rows])
    else:
        tell_error(_why_none(seen))
    for slot in seen.empty:
        click.echo(t("media.empty", reader=slot.reader), err=True)
    for trouble in seen.troubles:
        click.echo(t("media.trouble", **dataclasses.asdict(trouble)), err=True)
    for path, error in [] if seen.only_failed else seen.failures:
        click.echo(t("media.library_trouble", library=path, what=texts().error(error)["what"]), err=True)
