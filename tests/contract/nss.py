"""NSS's softoken: the store of Firefox and Chromium, in a folder of its own. It is told which by C_Initialize."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.rig import Rig
from tests.contract.services import require
from tests.token.helpers import run
from tokenmgr import catalogue

PIN = "1234"


@contextmanager
def running(folder: Path) -> Iterator[Rig]:
    library = catalogue.library(catalogue.shipped().family("nss"))
    require("certutil", library or "the library of nss")
    assert library is not None
    store, password = folder / "store", folder / "password"
    store.mkdir()
    password.write_text(PIN)
    run("certutil", "-N", "-d", f"sql:{store}", "-f", password)
    told = f"configdir='sql:{store}' certPrefix='' keyPrefix='' secmod='secmod.db' flags="
    rig = Rig("nss", library, dict(os.environ), PIN, "", told)
    rig.wait()
    yield rig
