"""Long lists, row by row as they are read: as columns, or as one JSON array."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

import click

from tokenmgr.cli import output
from tokenmgr.cli.output import pad, width
from tokenmgr.wiring.words import t


def stream_json(items: Iterable[object], before: str = "[", after: str = "]\n", indent: str = "  ") -> None:
    click.echo(before, nl=False)
    is_first = True
    for item in output.while_read(items):
        click.echo(f"{'' if is_first else ','}\n{indent}{dumped(item)}", nl=False)
        is_first = False
    click.echo(("" if is_first else f"\n{indent[2:]}") + after, nl=False)


def dumped(item: object) -> str:
    return json.dumps(item, ensure_ascii=not output.speaks_unicode())


def stream_columns(heading: Sequence[tuple[str, int]], rows: Iterable[Sequence[Any]], none: str = "") -> None:
    """The heading's names and the columns' least widths; a longer cell moves its own line only. `none` is said in place
    of the heading where there is no row."""
    names = [t(f"bank.{name}") for name, _ in heading]
    widths = [max(width(name), least) for name, (_, least) in zip(names, heading, strict=True)]

    def line(cells: Sequence[Any]) -> str:
        return "  ".join(pad(str(cell), size) for cell, size in zip(cells, widths, strict=True)).rstrip()

    count = 0
    for count, row in enumerate(output.while_read(rows), 1):
        if count == 1:
            click.secho(line(names), bold=True)
        click.echo(line(row))
    if not count:
        click.echo(none or line(names))
