"""What was made once and is wanted again: tokens by what they were made from, and the compiled layer.

So the same name, seed, scenarios and day bring the same medium, keys included, in a few milliseconds, for as long as it
is asked for now and then.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

from tokenmgr.testbed import claims
from tokenmgr.testbed.building import Order, build
from tokenmgr.testbed.simulated import SimulatedMedium

UNUSED = timedelta(days=7)  # a token that nobody asked for so long goes


class Store:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def token(self, order: Order, environment: Mapping[str, str]) -> Path:
        """Its files: tokens/, its number, its CA's certificates and revocation list."""
        kept = self.folder / f"token-{order.digest}"
        with contextlib.suppress(FileNotFoundError):
            os.utime(kept)  # asked for now
            return kept
        with claims.aside(self.folder, ".making-") as claim:
            making = SimulatedMedium(claim.folder, environment)
            making.prepare()
            built = build(making, order)
            (making.folder / "serial").write_text(built.serial, encoding="ascii")
            (making.folder / "ca.pem").write_bytes(order.authority.chain_pem)
            (making.folder / "crl.pem").write_bytes(order.authority.revocations(built.revoked))
            try:
                claim.settle(kept)
            except OSError:
                if not kept.exists():  # else another has just made the same
                    raise
        self._forget(kept)
        return kept

    def _forget(self, newest: Path) -> None:
        """By the clock of the files: the process's own may be moved (clock.c)."""
        oldest = newest.stat().st_mtime - UNUSED.total_seconds()
        for old in self.folder.glob("token-*"):
            with contextlib.suppress(FileNotFoundError):
                if old.stat().st_mtime < oldest:
                    claims.discard(old)
