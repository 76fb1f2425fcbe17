"""CSV as Excel in Japan saves it: UTF-8 with or without its mark, or CP932; a line is a row, so row 7 is Excel's row 7.

No cell has a line break. A quotation mark that is left open so spoils its own line, not the rest of the file.
"""

from __future__ import annotations

import codecs
import csv
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tokenmgr.errors import ValueUnfit
from tokenmgr.wiring.words import t

COLUMNS = ("bank", "contract", "contract_name", "user", "role", "email", "login_pin", "confirmation_pin")
LONGEST_LINE = 4096
_AT_ONCE = 1 << 16
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_FORMULAS = tuple("=+-@＝＋－＠\t\r")  # full-width ones too, which a Japanese Excel takes for the others


@dataclass(frozen=True)
class Fault:
    """`column` is empty where it is the whole row. What is wrong, in words; never what is in the cell."""

    column: str
    what: str


@dataclass(frozen=True)
class Refused:
    row: int
    faults: tuple[Fault, ...]


@dataclass(frozen=True)
class Row:
    number: int
    cells: Mapping[str, str] = field(repr=False)  # PINs are among them


@dataclass(frozen=True)
class Sheet:
    path: Path
    encoding: str
    header: tuple[str, ...]
    lines: int

    @classmethod
    def open(cls, path: Path) -> Sheet:
        """Its encoding and its columns, or everything that is wrong with them."""
        try:
            encoding, lines = _looked_through(path)
            first = next(_lines(path, encoding), (0, ""))[1]
        except OSError as error:
            raise _unfit(path, t("bank.csv_unreadable", said=error.strerror or "")) from error
        try:
            header = tuple(cell.strip().lower() for cell in _cells(first or ""))
        except csv.Error as error:
            raise _unfit(path, t("bank.row_quotes")) from error
        if first is None or not any(header):
            raise _unfit(path, t("bank.csv_empty"))
        while header and not header[-1]:  # what Excel leaves behind on the right
            header = header[:-1]
        _require_columns(path, header)
        return cls(path, encoding, header, lines)

    def rows(self) -> Iterator[Row | Refused]:
        """Lines with nothing in any cell are no rows."""
        lines = _lines(self.path, self.encoding)
        next(lines, None)
        for number, line in lines:
            if line is None:
                yield Refused(number, (Fault("", t("bank.row_long", longest=LONGEST_LINE)),))
                continue
            try:
                cells = _cells(line)
            except csv.Error:
                yield Refused(number, (Fault("", t("bank.row_quotes")),))
                continue
            if any(cell.strip() for cell in cells):
                yield self._row(number, cells)

    def _row(self, number: int, cells: list[str]) -> Row | Refused:
        wanted = len(self.header)
        if len(cells) < wanted or any(cell.strip() for cell in cells[wanted:]):
            return Refused(number, (Fault("", t("bank.row_cells", count=len(cells), wanted=wanted)),))
        return Row(number, dict(zip(self.header, cells, strict=False)))


def _require_columns(path: Path, header: tuple[str, ...]) -> None:
    wrong = {
        "csv_missing": [name for name in COLUMNS if name not in header],
        "csv_unknown": [name if name.isprintable() else "?" for name in header if name not in COLUMNS],
        "csv_twice": [name for name, count in Counter(header).items() if count > 1],
    }
    said = [t(f"bank.{key}", columns=", ".join(name[:40] for name in names)) for key, names in wrong.items() if names]
    if said:
        raise _unfit(path, t("bank.row_separator").join(said))


def _looked_through(path: Path) -> tuple[str, int]:
    """How it is encoded, by all of it, and how many lines it has."""
    still = {name: codecs.getincrementaldecoder(name)() for name in ("utf-8", "cp932")}
    lines, start, is_last = 0, b"", False
    with path.open("rb") as file:
        while not is_last:
            block = file.read(_AT_ONCE)
            start, is_last = start or block[:2], not block
            lines += block.count(b"\n") or block.count(b"\r")
            for name, decoder in [*still.items()]:
                try:
                    decoder.decode(block, final=is_last)
                except UnicodeDecodeError:
                    del still[name]
    if start in _UTF16:
        raise _unfit(path, t("bank.csv_utf16"))
    if not still:
        raise _unfit(path, t("bank.csv_encoding"))
    return ("utf-8-sig" if "utf-8" in still else "cp932"), lines


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str | None]]:
    """Numbered from 1, in bounded memory: None stands for one that is too long."""
    with path.open(encoding=encoding) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            is_long = len(line) > LONGEST_LINE and not line.endswith("\n")
            rest = line
            while rest and not rest.endswith("\n"):
                rest = file.readline(_AT_ONCE)
            yield number, None if is_long else line


def _cells(line: str) -> list[str]:
    return next(csv.reader([line], strict=True), [])


def _unfit(path: Path, reason: str) -> ValueUnfit:
    return ValueUnfit(what=str(path), reason=reason)


def guarded(cell: str) -> str:
    """No spreadsheet takes it for a formula."""
    return f"'{cell}" if cell.startswith(_FORMULAS) else cell
