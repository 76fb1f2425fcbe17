"""Words, tables, JSON and exit codes: how the command line speaks. Language: --lang, settings, locale."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from enum import IntEnum
from typing import TYPE_CHECKING, TypeVar

import click

from tokenmgr.errors import Cancelled, FileNotWritten, InputError, Interrupted, LeftForLater, TokenmgrError
from tokenmgr.wiring.words import t, texts

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

log = logging.getLogger(__name__)
T = TypeVar("T")


class Exit(IntEnum):
    """What scripts can tell (docs/cli.md)."""

    FINE = 0
    BUG = 1
    USAGE = 2  # the command line or the settings; nothing was touched
    RETRY = 3  # it may work when the named next step is done
    REFUSED = 4  # it will not work as it is; somebody must decide
    FINDINGS = 5  # it worked, and what it found needs a hand
    DUE = 6  # a certificate's renewal is open
    EXPIRED = 7  # a certificate has expired, and nothing is in its place
    CANCELLED = 130


class Output:
    def __init__(self, as_json: bool = False) -> None:
        self.as_json = as_json

    def value(self, value: object) -> None:
        click.echo(json.dumps(value, ensure_ascii=not speaks_unicode(), indent=2, default=datetime.isoformat))

    def failure(self, error: Exception) -> int:
        """An error as what happened, what was kept, the next step. Details of an unknown one go to -v only."""
        if isinstance(error, OSError):  # ours are translated where they arise; what is left is the output itself
            file = str(error.filename or t("words.some_file"))  # a write that fails does not say to what
            tell_error(FileNotWritten(file=file, reason=error.strerror or ""))
            if error.filename is None:
                _forget_output()
            return Exit.USAGE
        if not isinstance(error, TokenmgrError):
            log.info("unexpected", exc_info=error)
            known, status = TokenmgrError(), Exit.BUG
        else:
            known = error
            status = exit_of(error)
        if self.as_json:
            self.value({"error": error_as_json(known)})
        else:
            tell_error(known)
        return status

    def cancelled(self, during_work: bool) -> int:
        self.failure(Interrupted() if during_work else Cancelled())
        return Exit.CANCELLED


class _Patient(io.FileIO):
    """A reader may have seen enough: `tokenmgr status | head -1`. The rest is for nobody; the command goes on to its
    end: its status is its own, and no removal is left in the middle."""

    is_unread = False

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except BrokenPipeError:
            _Patient.is_unread = True
            return memoryview(data).nbytes


def while_read(rows: Iterable[T]) -> Iterator[T]:
    """What is told and no more than that may be long, or have no end: it ends with its reader."""
    for row in rows:
        yield row
        if _Patient.is_unread:
            return


def prepare_streams() -> None:
    """A terminal that cannot show a character shows a question mark; neither that nor a pipe that nobody reads any more
    ends the program."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if not isinstance(stream, io.TextIOWrapper):
            continue
        stream.reconfigure(errors="replace")
        if stream is getattr(sys, f"__{name}__") and not stream.isatty():
            stream.flush()
            raw = io.BufferedWriter(_Patient(stream.fileno(), "wb", closefd=False))
            now = io.TextIOWrapper(raw, stream.encoding, "replace", line_buffering=stream.line_buffering)
            setattr(sys, name, now)


def speaks_unicode() -> bool:
    return sys.stdout is not None and (sys.stdout.encoding or "").lower().startswith("utf")


def _forget_output() -> None:
    """What could not be written would be tried again when Python ends, and end it with another status."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def exit_of(error: TokenmgrError) -> Exit:
    if isinstance(error, LeftForLater | Cancelled):
        return Exit.CANCELLED
    return Exit.USAGE if isinstance(error, InputError) else Exit.RETRY if error.retriable else Exit.REFUSED


def error_as_json(error: TokenmgrError) -> dict[str, object]:
    return {"code": error.code, "retriable": error.retriable, "facts": error.facts, **texts().error(error)}


def tell_error(error: TokenmgrError, instead: Mapping[str, str] | None = None) -> None:
    """`instead`: parts of it that whoever tells it knows better."""
    words = {**texts().error(error), **(instead or {})}
    click.secho(f"{t('words.error', code=error.code)}  {words['what']}", err=True, fg="red")
    click.echo(f"  {t('words.kept', text=words['kept'])}", err=True)
    click.echo(f"  {t('words.next', text=words['next'])}", err=True)


def table(rows: Iterable[tuple[str, str]], indent: str = "", err: bool = False) -> None:
    rows = list(rows)
    widest = max((width(name) for name, _ in rows), default=0)
    for name, text in rows:
        click.echo(f"{indent}{pad(name, widest)}  {text}", err=err)


def columns(lines: Sequence[Sequence[str]]) -> None:
    """Aligned columns; the first line is their heading."""
    widths = [max(width(cell) for cell in column) for column in zip(*lines, strict=True)]
    for number, line in enumerate(lines):
        text = "  ".join(pad(cell, size) for cell, size in zip(line, widths, strict=True)).rstrip()
        click.secho(text, bold=number == 0)


def several(said: Sequence[str]) -> str:
    """As one reason of an error: each on a line of its own."""
    return "\n    ".join(said)


def pad(text: str, size: int) -> str:
    return text + " " * (size - width(text))


def width(text: str) -> int:
    """Columns in a terminal: a kanji takes two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)
