"""`tokenmgr ca backup`: all that makes this CA but its PIN, in one file, while it goes on serving."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Any

import click

from tokenmgr import __version__, clock, system
from tokenmgr.ca.about import About, read_about
from tokenmgr.ca.archive import Writer
from tokenmgr.ca.folder import ABOUT, TOKEN, open_folder
from tokenmgr.cli.actors import operator
from tokenmgr.cli.authority import TURN, ca_folder
from tokenmgr.cli.bank_registry import open_registry
from tokenmgr.cli.options import words
from tokenmgr.cli.output import Exit, Output, table
from tokenmgr.clock import japan_time
from tokenmgr.domain.audit import Action, Event
from tokenmgr.errors import AuthorityDamaged, BackupBusy, BackupExists, FileNotWritten, TrailBroken
from tokenmgr.sql import copying
from tokenmgr.sql.engine import Database
from tokenmgr.system import sync_folder
from tokenmgr.wiring.words import chosen_language, t

FOLDER, TABLES = "folder/", "tables/"  # what a member's name begins with
CLOSED = "closed"  # what a CA that was closed has left to be served (ca_close)
_EVERY = 10_000  # rows between two words about how far it is


@click.command(help=t("help.ca_backup"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@words
def backup(file: Path, as_json: bool) -> int:
    folder = open_folder(ca_folder())
    if file.exists():
        raise BackupExists(file=str(file))
    made = clock.now()
    with _to_be(file) as (stream, part), open_registry() as registry:
        writer = Writer(stream)
        try:
            rows, manifest = _write(writer, registry.database, folder.path, made)
            seal = writer.finish(manifest)
            os.fsync(stream.fileno())
        except BaseException as error:
            writer.abandon()
            if isinstance(error, copying.Unlike):  # what no restore would take must not be kept for a backup
                raise TrailBroken(findings=(), count=1) from error
            raise
        # Before there is such a file: so what has this entry is not the copy, but what it was made from.
        after = {"entry": manifest["registry"]["entry"], "seal": seal}
        copying.noted(registry.database, operator(), Event(Action.CA_BACKED_UP, after=after))
        settle(part, file)
    sync_folder(file.absolute().parent)
    told = {"file": str(file), "bytes": file.stat().st_size, "rows": rows, "made": made.isoformat(), **after}
    _tell(told, made, as_json)
    return Exit.FINE


def settle(part: Path, file: Path) -> None:
    """Over nothing, not even what was made since we looked: a second name is given to nothing that is there."""
    try:
        os.link(part, file)
    except FileExistsError as error:
        raise BackupExists(file=str(file)) from error
    except OSError as error:  # a medium whose file system has no second names, such as FAT
        if file.exists():
            raise BackupExists(file=str(file)) from error
        part.rename(file)


def _tell(told: dict[str, Any], made: datetime, as_json: bool) -> None:
    if as_json:
        Output().value(told)
        return
    click.echo(t("ca_copy.made", file=told["file"]))
    table(
        [
            (t("ca_copy.moment"), japan_time(made, chosen_language())),
            (t("ca_copy.rows"), f"{told['rows']:,}"),
            (t("ca_copy.bytes"), f"{told['bytes']:,}"),
            (t("ca_copy.entry"), str(told["entry"])),
            (t("ca_copy.seal"), str(told["seal"])),
        ]
    )
    click.echo(t("ca_copy.secrets"))


def _write(writer: Writer, database: Database, path: Path, made: datetime) -> tuple[int, dict[str, Any]]:
    """The registry first: a folder only gains, so that one is never behind what its registry knows of."""
    progress = Progress()
    with copying.moment(database) as moment:
        for name in copying.TABLES:
            writer.member(f"{TABLES}{name}.jsonl", (f"{line}\n".encode() for line in progress.rows(moment.lines(name))))
        registry = {"migrations": moment.migrations, "entry": moment.head[0], "hash": moment.head[1].hex()}
    about = _write_folder(writer, path)
    progress.end()
    return progress.count, {
        "program": __version__,
        "made": made.isoformat(),
        "name": about.name,
        "token": {"library": about.library, "serial": about.serial},
        "registry": registry,
    }


def _write_folder(writer: Writer, path: Path) -> About:
    """ca.toml before the files that it names, and those before the token: each is written after what it needs. `tls/`
    stays behind: that key is one server's own, and the next start makes another."""
    try:
        text, about = (path / ABOUT).read_bytes(), read_about(path / ABOUT)
        files = {ABOUT: text} | {name: (path / name).read_bytes() for name in sorted(about.files)}
        files |= _tree(path, CLOSED)
        if not about.library:
            with system.locked(path / TURN):  # SoftHSM writes its files anew at each login
                files |= _tree(path, TOKEN)
        if (path / ABOUT).read_bytes() != text:  # renewed meanwhile
            return _write_folder(writer, path)
    except OSError as error:
        raise AuthorityDamaged(file=str(error.filename or path), reason=error.strerror or str(error)) from error
    for name, content in files.items():
        writer.member(f"{FOLDER}{name}", [content])
    return about


def _tree(path: Path, name: str) -> dict[str, bytes]:
    """SoftHSM's *.lock files, too: an object without one can be read and never destroyed."""
    found = sorted(one for one in (path / name).rglob("*") if one.is_file())
    return {one.relative_to(path).as_posix(): one.read_bytes() for one in found}


@contextmanager
def _to_be(file: Path) -> Iterator[tuple[IO[bytes], Path]]:
    """Beside it, for its owner alone, until it has its name. What a killed backup has left is written over; but for a
    whole one, wherever that is by now, which has only kept this second name."""
    part = file.with_name(f"{file.name}.part")
    try:
        if part.exists() and part.stat().st_nlink > 1:
            part.unlink()
        opened = os.open(part, os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0), 0o600)
        with os.fdopen(opened, "r+b") as stream, _claimed(part, file):
            part.chmod(0o600)
            stream.truncate()
            try:
                yield stream, part
            finally:
                with suppress(OSError):
                    part.unlink()
    except OSError as error:
        raise FileNotWritten(file=str(file), reason=error.strerror or str(error)) from error


def _claimed(part: Path, file: Path) -> IO[bytes]:
    try:
        return system.hold(part)
    except OSError as error:
        raise BackupBusy(file=str(file)) from error


class Progress:
    """How many rows, on a terminal only."""

    def __init__(self) -> None:
        self.count = 0
        self._shown = sys.stderr is not None and sys.stderr.isatty()

    def rows(self, lines: Iterable[str]) -> Iterator[str]:
        """The first line of a table is no row."""
        for number, line in enumerate(lines):
            yield line
            self.count += number > 0
            if self._shown and self.count % _EVERY == 0:
                click.echo(f"\r{t('ca_copy.progress', count=f'{self.count:,}')}", nl=False, err=True)

    def end(self) -> None:
        if self._shown and self.count >= _EVERY:
            click.echo(err=True)
