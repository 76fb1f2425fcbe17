"""What lies on a medium, seen by nobody of the product: `python -m tests.crash.look` reads the paths of PKCS#11
libraries, a JSON line each, and forks for each, because a library is loaded once a process and for one medium.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

import pkcs11
from pkcs11 import Attribute, ObjectClass

_SHOWN = (ObjectClass.PRIVATE_KEY, ObjectClass.PUBLIC_KEY, ObjectClass.CERTIFICATE, ObjectClass.DATA)


@dataclass(frozen=True)
class Thing:
    """An object on a medium. `value` is a certificate's DER."""

    kind: str
    key_id: str
    label: str
    value: bytes


class Looker:
    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._to, self._from = cast(IO[bytes], process.stdin), cast(IO[bytes], process.stdout)
        self._seen: tuple[object, list[Thing]] = None, []

    def look(self, library: str, pin: str, tokens: Path) -> list[Thing]:
        """Again only where one of its files is another one since."""
        if self._seen[0] != (library, _files(tokens)):
            found = self._look(library, pin)
            self._seen = (library, _files(tokens)), found
        return self._seen[1]

    def _look(self, library: str, pin: str) -> list[Thing]:
        self._to.write(json.dumps([library, pin]).encode() + b"\n")
        self._to.flush()
        told = json.loads(self._from.readline())
        assert isinstance(told, list), told
        return [Thing(kind, key_id, label, base64.b64decode(value)) for kind, key_id, label, value in told]


def _files(tokens: Path) -> dict[Path, tuple[int, ...]]:
    """As SoftHSM keeps objects; token.object is none, and counts logins."""
    found = {path: path.stat() for path in tokens.rglob("*.object") if path.name != "token.object"}
    return {path: (told.st_ino, told.st_size, told.st_mtime_ns) for path, told in found.items()}


@contextmanager
def looker() -> Iterator[Looker]:
    command = [sys.executable, "-m", "tests.crash.look"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield Looker(process)


def _look(library: str, pin: str) -> list[list[str]]:
    (slot,) = pkcs11.lib(library).get_slots(token_present=True)
    with slot.get_token().open(user_pin=pin) as session:
        found = [one for kind in _SHOWN for one in list(session.get_objects({Attribute.CLASS: kind}))]
        return [_told(one) for one in found]


def _told(one: Any) -> list[str]:
    kind = one[Attribute.CLASS]
    value = one[Attribute.VALUE] if kind is ObjectClass.CERTIFICATE else b""
    key_id = "" if kind is ObjectClass.DATA else one[Attribute.ID].hex()
    return [kind.name, key_id, one[Attribute.LABEL], base64.b64encode(value).decode()]


def main() -> None:
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                told: object = _look(*json.loads(line))
            except Exception as error:  # noqa: BLE001  whoever asked is told
                told = f"{type(error).__name__}: {error}"
            sys.stdout.write(json.dumps(told) + "\n")
            sys.stdout.flush()
            os._exit(0)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main()
