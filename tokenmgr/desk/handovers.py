"""The hand-overs of this user: a file each, which the window writes and the native host reads for the bank's page. A
page's site may know how far its own is, and nothing else stands in them."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tokenmgr import system
from tokenmgr.domain.handover import WAITING, Progress, State, Unreadable, is_jti, read_object

KEPT = timedelta(days=1)  # a ticket lives ten minutes, and a page that is left open asks no longer than this
MOST_REFUSED = 20
LONGEST_ORIGIN = 300


@dataclass(frozen=True)
class Refused:
    """A site that has asked, and is no bank's on this computer or had no ticket of its own."""

    origin: str
    at: datetime


class Handovers:
    def __init__(self, home: Path) -> None:
        self.folder = home / "handover"

    def begin(self, jti: str, origin: str, now: datetime) -> bool:
        """Whether it is new. Of two that begin the same at the same time one is told so."""
        with self._alone():
            self._sweep(now)
            if self._read(jti) is not None:
                return False
            self._write(jti, origin, WAITING)
            return True

    def forget(self, jti: str) -> None:
        """It has not begun after all, and may be tried again."""
        with self._alone():
            self._file(jti).unlink(missing_ok=True)

    def progress(self, jti: str, origin: str) -> Progress | None:
        """None for any other site, as where there is no such hand-over."""
        with self._alone():  # Windows replaces no file that somebody is reading
            found = self._read(jti)
        return found[1] if found is not None and found[0] == origin else None

    def tell(self, jti: str, origin: str, progress: Progress, only_after: Progress | None = None) -> bool:
        """Whether that is further than before. One that came by no native host has no file yet, and gets one."""
        with self._alone():
            found = self._read(jti)
            before = WAITING if found is None else found[1]
            if not progress.follows(before) or only_after not in (None, before):
                return False
            self._write(jti, origin if found is None else found[0], progress)
            return True

    # --- sites that were refused ---

    def refuse(self, origin: str, now: datetime) -> None:
        """For the customer to be told of: the last ones, each once."""
        with self._alone():
            others = [one for one in self.refused() if one.origin != origin]
            kept = [*others, Refused(origin[:LONGEST_ORIGIN], now)][-MOST_REFUSED:]
            self._put(self._refusals, [{"origin": one.origin, "at": int(one.at.timestamp())} for one in kept])

    def refused(self) -> list[Refused]:
        """The latest last."""
        try:
            told = json.loads(self._refusals.read_bytes())
            return [Refused(str(one["origin"]), datetime.fromtimestamp(one["at"], UTC)) for one in told]
        except (OSError, ValueError, TypeError, KeyError):
            return []  # nobody was, or somebody else has written there

    def forget_refused(self) -> None:
        """The customer has seen them."""
        with self._alone():
            self._refusals.unlink(missing_ok=True)

    # --- files ---

    @property
    def _refusals(self) -> Path:
        return self.folder / "refused.json"

    def _alone(self) -> AbstractContextManager[None]:
        return system.locked(system.private_folder(self.folder) / "lock")

    def _file(self, jti: str) -> Path:
        if not is_jti(jti):
            raise ValueError("jti")
        return self.folder / f"{jti}.json"

    def _read(self, jti: str) -> tuple[str, Progress] | None:
        try:
            told = read_object(self._file(jti).read_bytes())
            return str(told["origin"]), Progress(State(told["state"]), told["step"], told["code"])
        except (OSError, Unreadable, ValueError, TypeError, KeyError):
            return None

    def _write(self, jti: str, origin: str, progress: Progress) -> None:
        told = {"origin": origin, "state": progress.state.value, "step": progress.step, "code": progress.code}
        self._put(self._file(jti), told)

    def _put(self, file: Path, told: object) -> None:
        """Whole, for whoever reads it now. Nobody needs it after a power cut."""
        new = file.with_suffix(".new")
        new.write_text(json.dumps(told), encoding="utf-8")
        new.replace(file)

    def _sweep(self, now: datetime) -> None:
        before = (now - KEPT).timestamp()
        for file in self.folder.glob("*.json"):
            with suppress(OSError):
                if file != self._refusals and file.stat().st_mtime < before:
                    file.unlink()
