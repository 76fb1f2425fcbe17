"""Carries out the plan of an installation (domain/installation.py), and takes it back.

Before anything is written the record says what stands there now and what will: so whatever is cut short, and whatever
somebody changes later, is known by what is found. Each file is replaced whole. What is there as it was wanted before we
came is nobody's of ours, and stays.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import asdict, dataclass, replace
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Protocol

from tokenmgr import system
from tokenmgr.customer.installing_files import Access, untrusted, write_new
from tokenmgr.customer.installing_record import FILE, LOCK, Entry, Record
from tokenmgr.domain.installation import Change, InFile, NssModule, Part, RegistryValue, Target, WholeFile
from tokenmgr.errors import BrowserOpen, InstallingBusy, InstallingError, PlaceUnfit, PlaceUnwritable, RecordUnfit
from tokenmgr.keystore import nss

NEW = ".tokenmgr-new"  # how what is not whole yet is called, beside what it replaces


class Registry(Protocol):
    """Windows' own, or another that does the same."""

    def read(self, root: str, key: str, name: str) -> str | None: ...
    def write(self, root: str, key: str, name: str, value: str | None) -> None: ...
    def has(self, root: str, key: str) -> bool: ...
    def drop(self, root: str, key: str) -> None: ...


class State(Enum):
    INSTALLED = "installed"
    NOT = "not-installed"
    CHANGED = "changed"  # ours once, and not what an installation would write now
    OTHERS = "another-program"


class Done(Enum):
    WRITTEN = "written"
    AS_IT_WAS = "as-it-was"  # nothing to do
    TAKEN_BACK = "taken-back"
    LEFT = "left-alone"  # somebody has changed it since
    REFUSED = "refused"


@dataclass(frozen=True)
class Outcome:
    part: Part
    target: Target
    done: Done
    error: InstallingError | None = None


@dataclass(frozen=True)
class Seen:
    """What stands where a change would go; `error` is what stands in its way."""

    change: Change
    state: State
    found: str | None = None
    error: InstallingError | None = None


class Installer:
    def __init__(self, folder: Path, registry: Registry | None = None, is_public: bool = False) -> None:
        """`folder` is the record's, which is its user's alone or public."""
        self.folder, self._is_public = folder, is_public
        self._registry = registry

    @property
    def registry(self) -> Registry:
        if self._registry is not None:
            return self._registry
        if sys.platform == "win32":
            from tokenmgr.windows_registry import WindowsRegistry

            return WindowsRegistry()
        raise NotImplementedError

    def look(self, changes: Sequence[Change]) -> list[Seen]:
        """Nothing is written."""
        record = self._record()
        return [self._look(one, record.of(one.target)) for one in changes]

    def look_at_all(self, changes: Sequence[Change]) -> list[Seen]:
        """And at what an installation before has written beside these."""
        planned = {one.target for one in changes}
        more = [Change(one.part, one.target, one.ours[-1]) for one in self._record().entries]
        return self.look([*changes, *(one for one in more if one.target not in planned)])

    def install(self, changes: Sequence[Change]) -> list[Outcome]:
        with self._alone():
            record = self._record()
            return [self._each(one.part, one.target, partial(self._put, record, one)) for one in changes]

    def uninstall(self) -> list[Outcome]:
        """The last first."""
        if not self.folder.is_dir():
            return []
        with self._alone():
            record = self._record()
            entries = list(reversed(record.entries))
            done = [self._each(one.part, one.target, partial(self._take_back, record, one)) for one in entries]
            record.save()
            return done

    def _record(self) -> Record:
        for one in (self.folder, self.folder / FILE):
            self._require_trusted(one)
        return Record.read(self.folder, self._is_public)

    def _require_trusted(self, path: Path) -> None:
        """What everybody's record says is written with an administrator's rights."""
        if self._is_public and path.exists() and (found := untrusted(path)):
            raise RecordUnfit(file=str(found[0]), reason=found[1])

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            with system.mask(0o022) if self._is_public else nullcontext(), self._held() as is_ours:
                if not is_ours:
                    raise InstallingBusy(file=str(self.folder / LOCK))
                yield
        except OSError as error:
            place = str(error.filename or self.folder).removesuffix(NEW)
            raise PlaceUnwritable(place=place, reason=error.strerror or "") from error

    @contextmanager
    def _held(self) -> Iterator[bool]:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._require_trusted(self.folder)
        with system.held(self.folder / LOCK) as is_ours:
            yield is_ours

    def _each(self, part: Part, target: Target, act: Callable[[], Done]) -> Outcome:
        """What stands in one's way stands in no other's."""
        try:
            return Outcome(part, target, act())
        except (BrowserOpen, PlaceUnfit) as error:
            return Outcome(part, target, Done.REFUSED, error)

    def _look(self, change: Change, entry: Entry | None) -> Seen:
        try:
            _, found = self._read(change.target)
        except InstallingError as error:
            return Seen(change, State.NOT, None, error)
        if found == change.value:
            return Seen(change, State.INSTALLED if self._starts(change.target) else State.CHANGED, found)
        if found is None:
            return Seen(change, State.NOT, None, _in_the_way(change.target))
        is_ours = entry is not None and found != entry.before
        return Seen(change, State.CHANGED if is_ours else State.OTHERS, found, _in_the_way(change.target))

    # --- one change ---

    def _put(self, record: Record, change: Change) -> Done:
        target, value = change.target, change.value
        text, found = self._read(target)
        old = record.of(target)
        if found == value and self._starts(target):
            if old is not None:
                _clear(target)
            return Done.AS_IT_WAS
        _require_closed(target)
        entry = self._entry(change, text, found, old)
        if not isinstance(target, RegistryValue):
            text = _edited(target, text, value)
            entry = replace(entry, left=(*entry.left, _digest(text)))
        record.put(entry)
        self._write(target, text, value, None if isinstance(target, WholeFile) else entry.access)
        return Done.WRITTEN

    def _entry(self, change: Change, text: str | None, found: str | None, old: Entry | None) -> Entry:
        """What an installation before this one has written is not what stood there before."""
        target = change.target
        made, access = self._missing(target), {} if text is None else _access_of(target)
        if old is None:
            return Entry(change.part, target, found, text, (change.value,), (), made, **access)
        ours = (*(one for one in old.ours if one != change.value), change.value)
        made = (*old.made, *(one for one in made if one not in old.made))
        if found not in old.ours:
            return Entry(change.part, target, found, text, ours, (), made, **access)
        if isinstance(target, RegistryValue) or _digest(text) in old.left:
            return replace(old, ours=ours, made=made)
        return replace(old, file=_edited(target, text, old.before), ours=ours, left=(), made=made)

    def _take_back(self, record: Record, entry: Entry) -> Done:
        target = entry.target
        text, found = self._read(target)
        done = Done.AS_IT_WAS if found == entry.before else Done.LEFT
        if found in entry.ours:
            _require_closed(target)
            if not isinstance(target, RegistryValue):
                text = entry.file if _digest(text) in entry.left else _edited(target, text, entry.before)
            self._write(target, text, entry.before, entry.access)
            done = Done.TAKEN_BACK
        self._tidy(entry)
        record.drop(entry)
        return done

    def _read(self, target: Target) -> tuple[str | None, str | None]:
        """The text of its file, where it is in one, and the value."""
        if isinstance(target, RegistryValue):
            return None, self.registry.read(target.root, target.key, target.name)
        path = Path(target.path)
        try:
            text = path.read_bytes().decode("utf-8", "surrogateescape")
        except (FileNotFoundError, NotADirectoryError):
            return None, None
        except OSError as error:
            raise PlaceUnwritable(place=str(path), reason=error.strerror or "") from error
        try:
            return text, target.found(text)
        except (ValueError, RecursionError) as error:
            raise PlaceUnfit(place=str(path), reason="not-json") from error

    def _write(self, target: Target, text: str | None, value: str | None, access: Access | None) -> None:
        """`access`: that of the file, where it has or had one that is to stay."""
        if isinstance(target, RegistryValue):
            self.registry.write(target.root, target.key, target.name, value)
            return
        path = Path(target.path).resolve()  # a link stays one
        path.parent.mkdir(parents=True, exist_ok=True)
        if text is None:
            path.unlink(missing_ok=True)
        else:
            new = path.with_name(path.name + NEW)
            write_new(new, text.encode("utf-8", "surrogateescape"), access or Access(_usual_mode(target)))
            new.replace(path)
        system.sync_folder(path.parent)

    def _starts(self, target: Target) -> bool:
        """A program without its x bit is not what an installation has written, whatever is in it."""
        if system.NAME == "windows" or not (isinstance(target, WholeFile) and target.executable):
            return True
        wanted = 0o111 if self._is_public else 0o100
        return Path(target.path).stat().st_mode & wanted == wanted

    def _missing(self, target: Target) -> tuple[str, ...]:
        """The folders that will be made for it, or the keys; the innermost first."""
        if isinstance(target, RegistryValue):
            parts = target.key.split("\\")
            keys = ["\\".join(parts[:number]) for number in range(len(parts), 0, -1)]
            return tuple(one for one in keys if not self.registry.has(target.root, one))
        return tuple(str(one) for one in Path(target.path).resolve().parents if not one.exists())

    def _tidy(self, entry: Entry) -> None:
        """What was made for it goes, unless something else is in it by now."""
        target = entry.target
        _clear(target)
        if isinstance(target, RegistryValue):
            for key in entry.made:
                self.registry.drop(target.root, key)
            return
        for folder in entry.made:
            with suppress(OSError):
                Path(folder).rmdir()


def _clear(target: Target) -> None:
    """What a killed writer has left."""
    if not isinstance(target, RegistryValue):
        path = Path(target.path).resolve()
        with suppress(FileNotFoundError, NotADirectoryError):
            path.with_name(path.name + NEW).unlink()


def _edited(target: InFile, text: str | None, value: str | None) -> str | None:
    try:
        return target.edited(text, value)
    except ValueError as error:
        raise PlaceUnfit(place=str(target.path), reason="not-json") from error


def _digest(text: str | None) -> str:
    return "" if text is None else hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _access_of(target: Target) -> dict[str, int | None]:
    return {} if isinstance(target, RegistryValue) else asdict(Access.of(Path(target.path)))


def _usual_mode(target: InFile) -> int:
    """NSS's files are their user's alone."""
    if isinstance(target, WholeFile) and target.executable:
        return 0o755
    return 0o600 if isinstance(target, NssModule) else 0o644


def _in_the_way(target: Target) -> BrowserOpen | None:
    if isinstance(target, NssModule):
        database = nss.at(Path(target.path).parent)
        if programs := nss.programs(database):
            return BrowserOpen(place=str(database.path), programs=programs)
    return None


def _require_closed(target: Target) -> None:
    if error := _in_the_way(target):
        raise error
