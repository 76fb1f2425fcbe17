"""`tokenmgr ca audit export`: the whole trail for a program that checks it, or what was asked of it for Excel."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from tokenmgr.cli import ca_audit_words as audit_words
from tokenmgr.cli import options
from tokenmgr.cli.bank_csv import guarded
from tokenmgr.cli.bank_export import written_whole
from tokenmgr.cli.bank_registry import open_registry
from tokenmgr.cli.ca_audit import asking
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, while_read
from tokenmgr.domain.audit import Entry
from tokenmgr.domain.audit_export import lines_of
from tokenmgr.errors import FileNotWritten
from tokenmgr.sql.audit import Asked
from tokenmgr.wiring.words import t


@click.command(cls=Command, help=t("help.ca_audit_export"))
@asking
@click.option("--format", "how", type=click.Choice(["jsonl", "csv"]), default="jsonl", help=t("help.o_audit_format"))
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help=t("help.o_audit_output"))
@options.words
def export(asked: Asked, how: str, output: Path | None, as_json: bool) -> int:
    if how == "jsonl" and asked != Asked():
        raise click.UsageError(t("audit.whole_only"))
    if output and output.exists():
        raise FileNotWritten(file=str(output), reason="exists")
    with open_registry() as opened, written_whole(output) if output else nullcontext(sys.stdout.buffer) as file:
        trail = opened.administration.trail
        if how == "csv":
            count = _write_csv(trail.entries(asked), file)
        else:
            count = -1  # the last line is none
            lines = lines_of((row.entry for row in trail.whole()), trail.checkpoints())
            for line in lines if output else while_read(lines):
                file.write(f"{line}\n".encode())
                count += 1
        file.flush()
    if output and as_json:
        Output().value({"file": str(output), "lines": count})
    elif output:
        click.echo(t("audit.exported", file=output, count=count))
    return Exit.FINE


def _write_csv(entries: Iterable[Entry], file: BinaryIO) -> int:
    """UTF-8 with its mark and CRLF: what Excel opens as it is meant."""
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="", write_through=True)
    writer = csv.writer(text)
    writer.writerow([t(f"audit.{name}") for name in audit_words.EXPORTED])
    count = 0
    for one in entries:
        writer.writerow([guarded(cell) for cell in audit_words.exported(one)])
        count += 1
    text.detach()
    return count
