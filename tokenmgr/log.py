"""Logging, and Secret: a PIN that cannot be printed.

Nothing is logged by default. `-v` and `-vv` show the library's calls by name and result, never their arguments.
"""

from __future__ import annotations

import json
import logging
import sys
from datetime import UTC, datetime
from types import TracebackType
from typing import NoReturn, Self

MASK = "●●●●"


class Secret:
    """A PIN. Held in memory that `wipe` overwrites; shown as dots by every way there is of printing it.

    Python may have made copies before a Secret was born (a prompt returns a str); from here on there are none.
    """

    __slots__ = ("_bytes",)

    def __init__(self, value: bytes | bytearray | memoryview | str) -> None:
        self._bytes = bytearray(value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value)

    def reveal(self) -> bytearray:
        """The bytes themselves, not a copy: whoever asks hands them on and forgets them."""
        return self._bytes

    def wipe(self) -> None:
        self._bytes[:] = bytes(len(self._bytes))
        self._bytes.clear()

    def __len__(self) -> int:
        return len(self._bytes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._bytes == other._bytes

    __hash__ = None  # type: ignore[assignment]  # hashing would leave a trace of the PIN

    def __repr__(self) -> str:
        return f"Secret({MASK})"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never serialised")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.wipe()


def setup(verbosity: int) -> None:
    """To standard error: nothing, then steps (-v), then every call (-vv)."""
    level = {0: logging.WARNING, 1: logging.INFO}.get(verbosity, logging.DEBUG)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(relativeCreated)7.0f ms  %(name)s  %(message)s"))
    root = logging.getLogger("tokenmgr")
    root.handlers[:] = [handler]
    root.setLevel(level)
    root.propagate = False


class _Lines(logging.Formatter):
    """One JSON object a line, for the machines that read a service's log."""

    _OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}

    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": record.process,
            "from": record.name,
            "message": record.getMessage(),
        }
        said |= {name: value for name, value in vars(record).items() if name not in self._OWN}
        if record.exc_info:
            said["trace"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


def setup_service() -> None:
    """To standard error, where systemd and containers expect it: everything from INFO on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Lines())
    for name in ("tokenmgr", "uvicorn"):
        root = logging.getLogger(name)
        root.handlers[:] = [handler]
        root.setLevel(logging.INFO if name == "tokenmgr" else logging.WARNING)
        root.propagate = False


def mask_identifier(text: str) -> str:
    """An ID for a support file: enough to tell two apart, too little to name anybody."""
    return "" if not text else f"…{text[-2:]} ({len(text)})"
