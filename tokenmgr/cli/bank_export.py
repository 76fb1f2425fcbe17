"""`tokenmgr bank export FILE.csv|-`: every ID with what it holds, and no PIN and no hash."""

from __future__ import annotations

import csv
import io
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import click

from tokenmgr import clock
from tokenmgr.cli import bank_standing as standing
from tokenmgr.cli import options
from tokenmgr.cli.bank_csv import COLUMNS, guarded
from tokenmgr.cli.bank_registry import Open, open_registry
from tokenmgr.cli.bank_view import stream_json
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, while_read
from tokenmgr.clock import japan_time
from tokenmgr.domain.party import Bank
from tokenmgr.errors import FileNotWritten
from tokenmgr.sql.listing import Listed, Which
from tokenmgr.wiring.words import t

HEADER: tuple[str, ...] = (
    *(name for name in COLUMNS if not name.endswith("_pin")),
    "state",
    "serial",
    "expires",
    "store",
    "open_until",
)
STDOUT = "-"


@click.command(cls=Command, help=t("help.bank_export"))
@click.argument("file")
@click.option("--bank", metavar="CODE", help=t("help.o_bank_only"))
@options.words
def export(file: str, bank: str | None, as_json: bool) -> int:
    with open_registry() as opened:
        banks = [opened.bank(bank)] if bank is not None else opened.administration.banks()
        rows = _rows(opened, banks)
        if file == STDOUT and as_json:
            stream_json(dict(zip(HEADER, row, strict=True)) for row in rows)
            return Exit.FINE
        if file == STDOUT:
            write_csv(HEADER, while_read(rows), sys.stdout.buffer)
            return Exit.FINE
        with written_whole(Path(file)) as opened_file:
            count = write_csv(HEADER, rows, opened_file)
    if as_json:
        Output().value({"file": file, "rows": count})
    else:
        click.echo(t("bank.exported", file=file, count=count))
    return Exit.FINE


def _rows(opened: Open, banks: list[Bank]) -> Iterator[tuple[str, ...]]:
    now = clock.now()
    for bank in banks:
        names = {one.number: one.name for one in opened.administration.contracts(bank.code)}
        for one in opened.administration.subscribers(Which(bank=bank.code)):
            who = one.subscriber
            contract = names.get(who.contract, "")
            state = " ".join(standing.states(one, bank.policy, now))
            yield who.bank, who.contract, contract, who.user, who.role.value, who.email, state, *_held(opened, one)


def _held(opened: Open, one: Listed) -> tuple[str, str, str, str]:
    until = "" if one.open_until is None else japan_time(one.open_until, "en")
    if one.serial is None or one.not_after is None:
        return "", "", "", until
    held = opened.registry.generation(one.serial)
    store = held.store.value if held is not None and held.store is not None else ""
    return f"{one.serial:x}", japan_time(one.not_after, "en"), store, until


@contextmanager
def written_whole(path: Path) -> Iterator[BinaryIO]:
    """Whole, or as it was before; for its owner alone, since addresses are in it."""
    try:
        number, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        new = Path(name)
        try:
            with open(number, "wb") as file:  # noqa: PTH123  a descriptor
                yield file
            new.replace(path)
        except BaseException:
            new.unlink()
            raise
    except OSError as error:
        raise FileNotWritten(file=str(path), reason=error.strerror or "") from error


def write_csv(header: Sequence[str], rows: Iterable[Sequence[str]], file: BinaryIO) -> int:
    """UTF-8 with its mark and CRLF: what Excel opens as it is meant."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow(header)
    count = 0
    for row in rows:
        writer.writerow([guarded(cell) for cell in row])
        count += 1
    text.flush()
    text.detach()
    return count
