"""A user's own scripts before and after an operation: hooks/before/ and hooks/after/, in the order of their names.

Each is told on its standard input, as one JSON object, what is to be done or what came of it (docs/automation.md),
and never a secret. One that runs before may stop the operation, and nothing has been touched yet. Those that run after
do so whatever came of it, and change nothing of that. Nobody else's script is run.
"""

from __future__ import annotations

import json
import logging
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from tokenmgr import system
from tokenmgr.customer.profiles import Profile
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.domain.renewal import Ending
from tokenmgr.errors import (
    AuthorityWaits,
    HookFailed,
    HookHung,
    HookRefused,
    HookUntrusted,
    LeftForLater,
    RenewalError,
    TokenmgrError,
)
from tokenmgr.pki.names import holder_of
from tokenmgr.renewal.journal import Journal
from tokenmgr.renewal.order import Order
from tokenmgr.renewal.ports import StorePort

log = logging.getLogger(__name__)
VERSION = 1
BEFORE, AFTER = "before", "after"
LONGEST_LINE = 500
NOT_STARTED, ENDED_BY_SIGNAL, INTERRUPTED = 126, 128, 130  # as a shell tells of it
PATIENCE = 1.0  # seconds for the last words of one that has ended: what it leaves behind may hold its streams for ever

Words = Callable[[TokenmgrError], Mapping[str, object]]


@dataclass(frozen=True)
class Hooks:
    """`folder` is None where none are to be run. `words` are an error's, for people; `tell` is of a warning."""

    folder: Path | None = None
    seconds: float = 60.0
    words: Words = lambda _error: {}
    tell: Callable[[RenewalError], None] = lambda _error: None

    @contextmanager
    def around(
        self, about: Mapping[str, Any], let_go: Callable[[], None], ending: Callable[[], str]
    ) -> Iterator[Callable[[CertificateFacts], None]]:
        """An operation. Its new certificate is told to what this gives. `let_go` closes the store, which a
        script may want to use; `ending` is the journal's."""
        before, after = self._found(BEFORE), self._found(AFTER)
        done: list[CertificateFacts] = []
        try:
            if before:
                let_go()
            self._all_before(before, {"event": BEFORE, **about})
            yield done.append
        except BaseException as error:
            if after:
                let_go()
                self._all_after(
                    after, {"event": AFTER, **about, **self._ended(error, about["store"]["name"], ending())}
                )
            raise
        if after:
            let_go()
            told = {"outcome": "done", "error": None, "certificate": _whole(done[-1]) if done else None}
            self._all_after(after, {"event": AFTER, **about, **told})

    # --- which ---

    def _found(self, when: str) -> list[Path]:
        """Other files are left alone: notes, and what an editor leaves."""
        if self.folder is None or not (self.folder / when).is_dir():
            return []
        folder = self.folder / when
        files = sorted((one for one in folder.iterdir() if not one.name.startswith(".")), key=lambda one: one.name)
        found = []
        for one in files:
            if system.how_to_run(one):
                found.append(one)
            else:
                log.info("%s is no script that can be run", one)
        for place in (*found, *((folder, self.folder, self.folder.parent) if found else ())):
            if reason := system.distrust(place):
                raise HookUntrusted(hook=str(place), reason=reason)
        return found

    # --- run ---

    def _all_before(self, hooks: Sequence[Path], told: Mapping[str, Any]) -> None:
        for one in hooks:
            status, said = self._run(one, told)
            if status:
                raise HookRefused(hook=str(one), status=status, said=said)

    def _all_after(self, hooks: Sequence[Path], told: Mapping[str, Any]) -> None:
        """What is told was so before them, and is so after them, whoever loses patience with one."""
        for one in hooks:
            try:
                status, said = self._run(one, told)
                if status:
                    self.tell(HookFailed(hook=str(one), status=status, said=said))
            except HookHung as error:
                self.tell(error)
            except KeyboardInterrupt:
                self.tell(HookFailed(hook=str(one), status=INTERRUPTED))
                return

    def _run(self, hook: Path, told: Mapping[str, Any]) -> tuple[int, str | None]:
        """Its status, and the last that it has said on its standard error."""
        log.info("%s begins", hook)
        try:
            process = _started(hook, json.dumps({"v": VERSION, **told}, ensure_ascii=False, indent=2))
        except OSError as error:
            return NOT_STARTED, error.strerror
        _, words = _Lines(hook.name, process.stdout), _Lines(hook.name, process.stderr)
        try:
            status = process.wait(self.seconds)
        except BaseException as error:
            system.end_group(process.pid)
            process.wait()
            if isinstance(error, subprocess.TimeoutExpired):
                raise HookHung(hook=str(hook), seconds=self.seconds) from error
            raise
        return (ENDED_BY_SIGNAL - status if status < 0 else status), words.last()

    def _ended(self, error: BaseException, name: str, ending: str) -> dict[str, Any]:
        if not isinstance(error, Exception):  # Ctrl-C, or the system wants us to end
            known: TokenmgrError = LeftForLater(serial=name)
        else:
            known = error if isinstance(error, TokenmgrError) else TokenmgrError()
        later = isinstance(known, LeftForLater | AuthorityWaits)
        outcome = "undone" if ending == Ending.UNDONE.value else "left-for-later" if later else "failed"
        told = {"code": known.code, "retriable": known.retriable, **self.words(known)}
        return {"outcome": outcome, "error": told, "certificate": None}


def _started(hook: Path, told: str) -> subprocess.Popen[str]:
    """It is told by a file, because it need not read it."""
    with tempfile.TemporaryFile() as file:
        file.write(told.encode() + b"\n")
        file.seek(0)
        return subprocess.Popen(
            system.how_to_run(hook),
            stdin=file,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=hook.parent,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is ours to answer, and it is ended with all that it has started
            creationflags=system.CHILD_FLAGS,
        )


class _Lines:
    """What a script says on one of its streams, told with -v as it comes; its last line is kept."""

    def __init__(self, name: str, stream: IO[str] | None) -> None:
        self._name, self._last = name, ""
        self._reading = threading.Thread(target=self._read, args=(stream,), daemon=True)
        self._reading.start()

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in iter(lambda: stream.readline(LONGEST_LINE), ""):
                text = "".join(one if one.isprintable() else " " for one in line).rstrip()
                if text:
                    log.info("%s: %s", self._name, text)
                    self._last = text.strip()

    def last(self) -> str | None:
        self._reading.join(PATIENCE)
        return self._last or None


def about(
    profile: Profile, stores: Sequence[StorePort], order: Order, journal: Journal, is_resumed: bool
) -> dict[str, Any]:
    """What is known before anything is done. `stores`: the one for the new certificate, then that of the old one where
    it is another."""
    old = order.old.facts if order.old else None
    who = holder_of(old.subject_der) if old else order.whose
    kinds = [{"kind": one.kind.value, "name": one.name} for one in stores]
    return {
        "operation": str(journal.heading.get("operation", "")),
        "resumed": is_resumed,
        "store": kinds[0],
        "from": kinds[1] if kinds[1:] else None,
        "bank": {"code": profile.code, "name": profile.name},
        "whose": {"contract": who.contract, "user": who.user} if who else None,
        "old": _days(old) if old else None,
        "journal": str(journal.path),
    }


def _days(facts: CertificateFacts) -> dict[str, Any]:
    return {
        "serial_number": f"{facts.serial_number:x}",
        "not_before": facts.not_before.isoformat(),
        "not_after": facts.not_after.isoformat(),
    }


def _whole(facts: CertificateFacts) -> dict[str, Any]:
    import ssl  # here: it takes longer to load than all of this

    return {**_days(facts), "subject": facts.subject, "pem": ssl.DER_cert_to_PEM_cert(facts.der)}
