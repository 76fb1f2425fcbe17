"""One file that holds a CA: a ZIP, so that any program can look into it, and stricter than a ZIP has to be.

members          each written once, in a stream, and read in one
manifest.json    the last member: what it is, and each other member's size and SHA-256
the comment      SHA-256 of all bytes before it, in hex: whatever is cut off, added or altered shows there first
"""

from __future__ import annotations

import hashlib
import json
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from tokenmgr.errors import BackupUnfit

MANIFEST, FORMAT = "manifest.json", "tokenmgr CA backup 1"
SEAL = 64  # characters, at the very end
_LARGEST_MANIFEST = 1 << 24
_PIECE = 1 << 20
_FAST = 3  # of zlib's nine levels: certificates hardly shrink, rows do at once
_DAMAGED = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, UnicodeDecodeError)


class Writer:
    """Into an empty file that can be read too. Nothing is in it until `finish`."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._zip = zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=_FAST)
        self._zip.comment = b"0" * SEAL
        self._members: dict[str, dict[str, Any]] = {}

    def member(self, name: str, pieces: Iterable[bytes]) -> None:
        digest, size = hashlib.sha256(), 0
        info = zipfile.ZipInfo(name)
        info.compress_type, info.external_attr = zipfile.ZIP_DEFLATED, 0o600 << 16
        with self._zip.open(info, "w", force_zip64=True) as stream:
            for piece in pieces:
                stream.write(piece)
                digest.update(piece)
                size += len(piece)
        self._members[name] = {"size": size, "sha256": digest.hexdigest()}

    def finish(self, about: Mapping[str, Any]) -> str:
        """The seal, by which one backup is told from another."""
        manifest = {"format": FORMAT, **about, "members": self._members}
        self._zip.writestr(MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=2))
        self._zip.close()
        self._file.flush()
        seal = _seal_of(self._file)
        self._file.seek(-SEAL, 2)
        self._file.write(seal.encode("ascii"))
        self._file.flush()
        return seal

    def abandon(self) -> None:
        """After a failure; else the ZIP would be ended when the collector comes by."""
        with suppress(OSError, ValueError):
            self._zip.close()


def _seal_of(file: IO[bytes]) -> str:
    left = file.seek(0, 2) - SEAL
    file.seek(0)
    digest = hashlib.sha256()
    while left > 0 and (piece := file.read(min(_PIECE, left))):
        digest.update(piece)
        left -= len(piece)
    return digest.hexdigest()


class Reader:
    """Every byte of the file has been checked when it is open."""

    def __init__(self, path: Path, archive: zipfile.ZipFile, seal: str) -> None:
        self._path, self._zip, self.seal = path, archive, seal
        self.manifest = self._manifest()

    @classmethod
    @contextmanager
    def open(cls, path: Path) -> Iterator[Reader]:
        with ExitStack() as stack:
            try:
                file = stack.enter_context(path.open("rb"))
            except OSError as error:
                raise BackupUnfit(file=str(path), reason="unreadable", subject=error.strerror or "") from error
            seal = _require_sealed(path, file)
            with _reading(path):
                archive = stack.enter_context(zipfile.ZipFile(file))
            yield cls(path, archive, seal)

    @property
    def members(self) -> list[str]:
        return list(self.manifest["members"])

    def read(self, name: str) -> bytes:
        """A small one."""
        with _reading(self._path):
            return self._zip.read(name)

    def lines(self, name: str) -> Iterator[str]:
        with _reading(self._path), self._zip.open(name) as stream:
            for line in stream:
                yield line.decode("utf-8")

    def unfit(self, reason: str, subject: str = "") -> BackupUnfit:
        return BackupUnfit(file=str(self._path), reason=reason, subject=subject)

    def check(self) -> Iterator[str]:
        """Each member's size and digest; its name once that is done."""
        for name, told in self.manifest["members"].items():
            digest, size = hashlib.sha256(), 0
            with _reading(self._path), self._zip.open(name) as stream:
                while piece := stream.read(_PIECE):
                    digest.update(piece)
                    size += len(piece)
            if (size, digest.hexdigest()) != (told["size"], told["sha256"]):
                raise self.unfit("member-altered", name)
            yield name

    def _manifest(self) -> dict[str, Any]:
        names = self._zip.namelist()
        if MANIFEST not in names or self._zip.getinfo(MANIFEST).file_size > _LARGEST_MANIFEST:
            raise self.unfit("not-a-backup")
        try:
            told = json.loads(self._zip.read(MANIFEST))
            if told["format"] != FORMAT:
                raise self.unfit("other-format", str(told["format"]))
            members = {name: (one["size"], one["sha256"]) for name, one in told["members"].items()}
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise self.unfit("not-a-backup") from error
        if sorted(names) != sorted([*members, MANIFEST]):
            raise self.unfit("other-members")
        return dict(told)


def _require_sealed(path: Path, file: IO[bytes]) -> str:
    """Told apart from what never was a backup: a ZIP begins with PK."""
    if file.read(2) != b"PK":
        raise BackupUnfit(file=str(path), reason="not-a-backup")
    seal = _seal_of(file)
    if file.read(SEAL) != seal.encode("ascii"):
        raise BackupUnfit(file=str(path), reason="seal-broken")
    return seal


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except _DAMAGED as error:
        raise BackupUnfit(file=str(path), reason="not-a-backup", subject=str(error)) from error
