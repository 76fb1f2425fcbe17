"""The record of an installation: what stood where something of ours stands, and what we have written there. It is on
the disk before the change that it tells of."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path, PurePath
from typing import Any

from tokenmgr import system
from tokenmgr.customer.installing_files import Access, write_new
from tokenmgr.domain import installation
from tokenmgr.domain.installation import Part, RegistryValue, Target
from tokenmgr.errors import RecordUnfit

FILE, LOCK = "installed.json", "installing.lock"
VERSION = 1


@dataclass(frozen=True)
class Entry:
    part: Part
    target: Target
    before: str | None  # the value that we have replaced
    file: str | None  # the whole file that it stood in, for as long as nobody else writes there
    ours: tuple[str, ...]  # every value that we have written, one after another
    left: tuple[str, ...]  # digests of that file as we have left it
    made: tuple[str, ...]  # folders, or keys of the registry
    mode: int | None = None  # of that file
    owner: int | None = None
    group: int | None = None

    @property
    def access(self) -> Access | None:
        return None if self.mode is None else Access(self.mode, self.owner, self.group)


class Record:
    def __init__(self, folder: Path, entries: list[Entry], is_public: bool) -> None:
        self.path, self.entries, self._is_public = folder / FILE, entries, is_public

    @property
    def _access(self) -> Access:
        """It shows nobody what the files that are in it do not."""
        hides = any(one.access and not one.access.is_everybodys for one in self.entries)
        return Access(0o644 if self._is_public and not hides else 0o600)

    @staticmethod
    def read(folder: Path, is_public: bool = False) -> Record:
        path = folder / FILE
        try:
            told = json.loads(path.read_text(encoding="ascii"))
            if told["version"] != VERSION:
                raise RecordUnfit(file=str(path), reason="not-a-record")
            return Record(folder, [_entry(one) for one in told["entries"]], is_public)
        except FileNotFoundError:
            return Record(folder, [], is_public)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            reason = (error.strerror or "") if isinstance(error, OSError) else "not-a-record"
            raise RecordUnfit(file=str(path), reason=reason) from error

    def of(self, target: Target) -> Entry | None:
        return next((one for one in self.entries if one.target == target), None)

    def put(self, entry: Entry) -> None:
        """In the place of an older one of the same target: they are taken back in the order that they were written."""
        known = self.of(entry.target)
        if known is None:
            self.entries = [*self.entries, entry]
        else:
            self.entries = [entry if one is known else one for one in self.entries]
        self.save()

    def drop(self, entry: Entry) -> None:
        self.entries = [one for one in self.entries if one.target != entry.target]
        self.save()

    def save(self) -> None:
        """With nothing in it there is none."""
        new = self.path.with_name(f"{FILE}.new")
        if self.entries:
            told = {"version": VERSION, "entries": [_told(one) for one in self.entries]}
            write_new(new, json.dumps(told, indent=1).encode("ascii"), self._access)
            new.replace(self.path)
        else:
            new.unlink(missing_ok=True)
            self.path.unlink(missing_ok=True)
        system.sync_folder(self.path.parent)


def _told(entry: Entry) -> dict[str, Any]:
    target = {name: str(one) if isinstance(one, PurePath) else one for name, one in asdict(entry.target).items()}
    kind = type(entry.target).__name__
    return {**asdict(entry), "part": entry.part.value, "target": {"kind": kind, **target}}


def _entry(told: dict[str, Any]) -> Entry:
    target = dict(told["target"])
    kind = {one.__name__: one for one in _KINDS}[target.pop("kind")]
    if kind is not RegistryValue:
        target["path"] = Path(target["path"])
    if "names" in target:
        target["names"] = tuple(target["names"])
    lists: dict[str, Any] = {name: tuple(told[name]) for name in ("ours", "left", "made")}
    access: dict[str, Any] = {name: told.get(name) for name in ("mode", "owner", "group")}
    return Entry(Part(told["part"]), kind(**target), told["before"], told["file"], **lists, **access)


_KINDS: tuple[type[Any], ...] = (
    installation.WholeFile,
    installation.IniLine,
    installation.NssModule,
    installation.JsonValue,
    RegistryValue,
)
