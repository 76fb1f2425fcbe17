"""The file on the disk: one writer at a time among all processes, and at every instant the old file or the new one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tokenmgr import system
from tokenmgr.errors import PcStoreBusy, PcStoreMissing, PcStoreUnwritable
from tokenmgr.keystore import form
from tokenmgr.keystore.form import Content, damaged, name_of

ROOM = 1 << 16  # for a key, its certificate and the chain, several times over


def read(path: Path) -> Content:
    """Without the passphrase: nothing that needs one is looked at."""
    try:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise damaged(path, "store-no-file")  # whatever is behind it would be replaced by something else
        with path.open("rb") as file:
            data = file.read(form.LARGEST + 1)
    except FileNotFoundError as error:
        raise PcStoreMissing(serial=name_of(path), place=str(path)) from error
    except OSError as error:
        raise unwritable(path, error) from error
    if len(data) > form.LARGEST:
        raise damaged(path, "store-too-large")
    return form.read(path, data)


def write(content: Content) -> None:
    """Whole, and on the disk when it returns. By whoever is `alone`: what a killed writer has left goes."""
    path, data = content.path, form.written(content)
    if len(data) > form.LARGEST:
        raise PcStoreUnwritable(serial=name_of(path), place=str(path), reason="store-too-large")
    replaced = False
    try:
        new = _new(path)
        try:
            _put(new, data)
            os.replace(new, path)  # noqa: PTH105  what makes it whole, by its own name
            replaced = True
            system.sync_folder(path.parent)
        except BaseException:
            with suppress(OSError):
                new.unlink(missing_ok=True)
            raise
    except OSError as error:
        told = unwritable(path, error)
        told.uncertain = replaced
        raise told from error


def require_room(path: Path) -> None:
    """By writing as much beside it as the next certificate will take, and taking that away again."""
    try:
        new, size = _new(path), path.stat().st_size
        try:
            _put(new, bytes(size + ROOM))
        finally:
            new.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """By a file beside it, which stays: the store itself is another file after each change."""
    with ExitStack() as stack:
        try:
            is_ours = stack.enter_context(system.held(path.with_name(f"{path.name}.lock")))
        except OSError as error:
            raise unwritable(path, error) from error
        if not is_ours:
            raise PcStoreBusy(serial=name_of(path), place=str(path))
        yield


def unwritable(path: Path, error: OSError) -> PcStoreUnwritable:
    return PcStoreUnwritable(serial=name_of(path), place=str(path), reason=error.strerror or str(error))


def _new(path: Path) -> Path:
    """Always the same name: so there is never more than one to be taken away."""
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    return new


def _put(path: Path, data: bytes) -> None:
    with open(path, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
