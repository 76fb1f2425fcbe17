"""`tokenmgr ca restore`: a whole CA from a backup's file, or none.

1. CHECKED   every byte of the file is as it was written
2. STAGED    the folder, aside, its certificates checked up to the root
3. LOADED    the registry: one transaction, in which every certificate and its status, the chain of the trail and its
             checkpoints' signatures are checked
4. SETTLED   the folder is the CA's: one rename

Killed before 4 there is no CA; the same restore again goes on.
"""

from __future__ import annotations

import dataclasses
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from enum import Enum
from pathlib import Path, PurePosixPath

import click

from tokenmgr import clock
from tokenmgr.api.checkpoints import file_anew
from tokenmgr.ca import staging
from tokenmgr.ca.about import about_text
from tokenmgr.ca.archive import Reader
from tokenmgr.ca.checkpoints import FILE as CHECKPOINTS
from tokenmgr.ca.checkpoints import CheckpointFile, Signers
from tokenmgr.ca.folder import ABOUT, DATABASE, TOKEN, CaFolder, may_hold_a_token, open_folder, write_whole
from tokenmgr.ca.issued import Issued, NotOurs
from tokenmgr.ca.staging import Record
from tokenmgr.cli.actors import operator
from tokenmgr.cli.authority import ca_folder, own_token
from tokenmgr.cli.ca_asked import database_checked
from tokenmgr.cli.ca_backup import CLOSED, FOLDER, TABLES, Progress
from tokenmgr.cli.ca_view import as_value, tell
from tokenmgr.cli.options import words
from tokenmgr.cli.output import Exit, Output
from tokenmgr.clock import japan_time
from tokenmgr.domain.audit_check import Forged
from tokenmgr.errors import AuthorityDamaged, CeremonyAsked, FileNotWritten, LeftoversElsewhere
from tokenmgr.sql import copying
from tokenmgr.sql.audit import SEALED, Trail, checkpoint_of
from tokenmgr.sql.copying import Row, Source, Unlike, Untold
from tokenmgr.sql.engine import Database
from tokenmgr.system import private_folder
from tokenmgr.wiring.words import chosen_language, t


class Step(Enum):
    CHECKED = 1
    STAGED = 2
    LOADED = 3
    SETTLED = 4


Tell = Callable[[Step], None]


@click.command(help=t("help.ca_restore"))
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--database", default="", metavar="URL", help=t("help.o_restore_database"))
@click.option("--seal", default="", metavar="HEX", help=t("help.o_restore_seal"))
@words
def restore(file: Path, database: str, seal: str, as_json: bool) -> int:
    url, target = database_checked(database), ca_folder()
    with staging.alone(target):
        if not may_hold_a_token(target):
            raise CeremonyAsked(reason="ca-folder", subject=str(target))
        _clean_up(target)
        with Reader.open(file) as reader:
            if seal and seal.lower() != reader.seal:
                raise reader.unfit("other-seal", reader.seal)
            for _name in reader.check():
                pass
            source = _source(reader)
            _say(Step.CHECKED, as_json)
            _bring_back(reader, source, target, url, lambda step: _say(step, as_json))
            made = datetime.fromisoformat(str(source.backup["made"]))
    found = open_folder(target)
    if as_json:
        Output().value(as_value(found) | {"backup": dict(source.backup)})
        return Exit.FINE
    click.echo(t("ca_copy.restored", folder=target))
    tell(found)
    click.echo("\n" + t("ca_copy.unknown", moment=japan_time(made, chosen_language())))
    return Exit.FINE


def _say(step: Step, as_json: bool) -> None:
    if not as_json:
        with suppress(OSError):
            click.echo(f"{step.value}/{len(Step)}  {t(f'ca_restore.{step.name.lower()}')}", err=True)


def _clean_up(target: Path) -> None:
    """What was left by a restore that was killed, or by a ceremony that has put no key anywhere else."""
    left = staging.leftovers(target)
    for one in left:
        if one.is_elsewhere and one.record is not None:
            raise LeftoversElsewhere(folder=str(one.folder), library=one.record.library, serial=one.record.serial)
    for one in left:
        staging.clean(one, lambda _key: False)


def _source(reader: Reader) -> Source:
    told = reader.manifest
    tables = {name.removeprefix(TABLES).removesuffix(".jsonl") for name in reader.members if name.startswith(TABLES)}
    try:
        registry = told["registry"]
        return Source(
            migrations=int(registry["migrations"]),
            head=(int(registry["entry"]), bytes.fromhex(registry["hash"])),
            lines=lambda name: reader.lines(f"{TABLES}{name}.jsonl"),
            tables=frozenset(tables),
            backup={"made": str(datetime.fromisoformat(told["made"])), "entry": registry["entry"], "seal": reader.seal},
        )
    except (KeyError, TypeError, ValueError) as error:
        raise reader.unfit("not-a-backup") from error


def _bring_back(reader: Reader, source: Source, target: Path, url: str, tell: Tell) -> None:
    folder = staging.create(target)
    with _given_up_with(folder):
        staging.write_record(folder, Record("", "", ()))
        staged = _stage(reader, folder, url)
        tell(Step.STAGED)
        _load(reader, source, staged)
        tell(Step.LOADED)
        staging.settle(folder, target)
        tell(Step.SETTLED)


@contextmanager
def _given_up_with(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, OSError):
            raise FileNotWritten(file=str(folder), reason=error.strerror or str(error)) from error
        raise


def _stage(reader: Reader, folder: Path, url: str) -> CaFolder:
    for name in reader.members:
        if name.startswith(FOLDER):
            _write(folder, _fit(reader, name.removeprefix(FOLDER)), reader.read(name))
    try:
        staged = open_folder(folder)
        about = dataclasses.replace(staged.about, database=url)
        write_whole(folder / ABOUT, about_text(about))
        staged = open_folder(folder)
    except AuthorityDamaged as error:
        raise reader.unfit("folder-damaged", f"{Path(error.file).name}: {error.reason}") from error
    if staged.has_own_token:
        with own_token(folder) as library:
            library.find(staged.about.serial)  # as far as that can be seen without its PIN
    return staged


def _fit(reader: Reader, name: str) -> PurePosixPath:
    """ca.toml, certificates beside it, and what is in the two folders: nothing anywhere else."""
    path = PurePosixPath(name)
    is_top = len(path.parts) == 1 and (name == ABOUT or path.suffix == ".pem")
    is_below = len(path.parts) > 1 and path.parts[0] in (TOKEN, CLOSED)
    if not (is_top or is_below) or ".." in path.parts or path.is_absolute() or "\\" in name or str(path) != name:
        raise reader.unfit("member-elsewhere", name)
    return path


def _write(folder: Path, path: PurePosixPath, content: bytes) -> None:
    """On the disk with all the rest, before the folder is the CA's (staging.settle)."""
    for parent in reversed(path.parents[:-1]):
        private_folder(folder / parent)
    with open(folder / path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(content)


def _load(reader: Reader, source: Source, staged: CaFolder) -> None:
    issued, progress = Issued(staged), Progress()
    signed = Signers(one.certificates["root"].der for one in staged.authorities)
    lines = source.lines
    counted = dataclasses.replace(source, lines=lambda name: progress.rows(lines(name)))

    def check(name: str, row: Row) -> None:
        if name == "generation" and row["certificate"]:
            try:
                issued.require(int(row["serial"], 16), row["authority"], row["certificate"])
            except (NotOurs, ValueError, TypeError) as error:
                raise reader.unfit("foreign-certificate", str(row["serial"])) from error
        if name == "checkpoint":
            try:
                signed(checkpoint_of(tuple(row[column] for column in SEALED)))
            except Forged as error:
                raise reader.unfit("forged-checkpoint", str(row["number"])) from error

    url = staged.about.database or f"sqlite:///{staged.path / DATABASE}"
    database = Database.open(url)
    try:
        copying.restore(database, operator(), counted, check, clock.now())
        file_anew(CheckpointFile(staged.path / CHECKPOINTS), Trail(database))
    except Untold as error:
        raise reader.unfit("status-altered", str(error)) from error
    except Unlike as error:
        raise reader.unfit("registry-damaged") from error
    finally:
        database.close()
        progress.end()
