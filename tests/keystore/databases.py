"""NSS's databases, made by its own tool."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.token.helpers import run
from tokenmgr import catalogue
from tokenmgr.keystore import nss
from tokenmgr.token.module import Library


def made(folder: Path, password: str = "") -> nss.Database:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "password"
    file.write_text(password, encoding="utf-8")
    run("certutil", "-N", "-d", f"sql:{folder}", *(("-f", file) if password else ("--empty-password",)))
    file.unlink()
    return nss.at(folder)


@contextmanager
def softoken(database: nss.Database, write: bool = True) -> Iterator[Library]:
    family = catalogue.shipped().family(nss.KIND)
    path = catalogue.library(family)
    assert path, "libnss3 is not installed"
    with Library(
        path, dict(os.environ), family, None, (), nss.told(database, write), lambda _: database.name
    ) as library:
        yield library
