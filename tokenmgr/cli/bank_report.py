"""What an import says: a line for each refused row, a bar where somebody watches, and the sum. As JSON, one object."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Any, Self

import click

from tokenmgr.cli.bank_csv import Fault, Refused
from tokenmgr.cli.bank_view import dumped
from tokenmgr.wiring.words import t

_CLEAR_LINE = "\r\x1b[K"


class Report:
    """`lines` is how long the bar is: of the file, its heading among them."""

    def __init__(self, as_json: bool, lines: int, shows_progress: bool) -> None:
        self.added = self.contracts = self.refused = 0
        self._as_json = as_json
        self._watched = shows_progress and sys.stderr.isatty()
        self._started = time.monotonic()
        self._bar: Any = click.progressbar(
            length=max(lines, 1),
            label=t("bank.progress"),
            hidden=not self._watched,
            show_pos=True,
            item_show_func=lambda _: self._rate(),
            file=sys.stderr,
        )

    def __enter__(self) -> Self:
        self._bar.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._bar.__exit__(kind, error, tb)

    def add(self) -> None:
        self.added += 1
        self._bar.update(1)

    def refuse(self, one: Refused) -> None:
        if self._as_json:
            self._say_json(one)
        else:
            if self._watched:
                click.echo(_CLEAR_LINE, nl=False, err=True)
            faults = t("bank.row_separator").join(_words(fault) for fault in one.faults)
            click.echo(t("bank.row", row=one.row, faults=faults))
        self.refused += 1
        self._bar.update(1)

    def end(self, kept: bool, interrupted: bool = False) -> None:
        """`kept`: what was added is in the registry."""
        if self._watched:
            self._bar.render_finish()
        if self._as_json:
            self._end_json(kept, interrupted)
        elif interrupted:
            click.echo(self._sum() if kept else t("bank.all_refused", refused=self.refused))
            click.echo(t("bank.cut_short" if kept else "bank.cut_short_nothing"), err=True)
        else:
            click.echo(self._sum() if kept else self._sum_of_nothing())

    def _sum(self) -> str:
        return t("bank.imported", added=self.added, contracts=self.contracts, refused=self.refused)

    def _sum_of_nothing(self) -> str:
        if not self.added:
            return t("bank.all_refused", refused=self.refused)
        return t("bank.looked", added=self.added, contracts=self.contracts, refused=self.refused)

    def _say_json(self, one: Refused) -> None:
        faults = [{"column": fault.column or None, "what": fault.what} for fault in one.faults]
        start = ",\n    " if self.refused else '{\n  "refused": [\n    '
        click.echo(start + dumped({"row": one.row, "faults": faults}), nl=False)

    def _end_json(self, kept: bool, interrupted: bool) -> None:
        click.echo("\n  ],\n" if self.refused else '{\n  "refused": [],\n', nl=False)
        click.echo(f'  "good": {self.added},\n  "new_contracts": {self.contracts},')
        for name, value in (("added", self.added), ("contracts_added", self.contracts)):
            click.echo(f'  "{name}": {value if kept else 0},')
        click.echo(f'  "interrupted": {dumped(interrupted)}\n}}')

    def _rate(self) -> str:
        seconds = time.monotonic() - self._started
        return t("bank.rate", rate=f"{(self.added + self.refused) / max(seconds, 0.1):.1f}")


def _words(fault: Fault) -> str:
    return t("bank.row_fault", column=fault.column, what=fault.what) if fault.column else fault.what
