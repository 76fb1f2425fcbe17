"""Where certificates are, seen by nobody of the product. And a stock of each, to be had by the hundred: one
is made, and copied.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
from base64 import b64decode
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.hazmat.primitives.serialization import load_pem_private_key as pem_key
from cryptography.x509 import load_der_x509_certificate

from tests import warm
from tests.crash import medium
from tests.crash.login import Door
from tests.crash.look import Looker, Thing
from tests.crash.node import environment
from tests.crash.program import Ended, Running
from tests.token.helpers import run
from tokenmgr.testbed.simulated import SimulatedMedium

NSS_PASSWORD = "battery-staple-9"
FILE_PASSPHRASE = "paper-clip-0815"
PINS = (medium.PIN, NSS_PASSWORD, FILE_PASSPHRASE)


class Place(Protocol):
    @property
    def option(self) -> str:
        """--medium or --pc, and the name after it, is what the program calls it by."""

    @property
    def name(self) -> str: ...
    @property
    def pin(self) -> str: ...
    @property
    def files(self) -> Path:
        """The folder that all of it is in."""

    def things(self) -> list[Thing]: ...
    def logs_in(self, certificate: bytes, door: Door) -> bool:
        """With any key beside which it lies."""

    def lose(self, certificates: Sequence[bytes]) -> None:
        """By nobody's leave."""


class Stock(Protocol):
    def new(self, folder: Path) -> Place: ...
    def take(self, place: Place) -> None:
        """From now on they all are as this one is now."""


@dataclass(frozen=True)
class OnMedium:
    simulated: SimulatedMedium
    name: str
    looker: Looker
    option: str = "--medium"
    pin: str = medium.PIN

    @property
    def files(self) -> Path:
        return self.simulated.tokens

    def things(self) -> list[Thing]:
        return self.looker.look(self.simulated.path, self.pin, self.simulated.tokens)

    def logs_in(self, certificate: bytes, door: Door) -> bool:
        beside = [one.key_id for one in self.things() if one.value == certificate]
        return any(door.opens_for(certificate, key_id, self.simulated.path, self.pin) for key_id in beside)

    def lose(self, certificates: Sequence[bytes]) -> None:
        medium.remove_certificates(self.simulated, certificates)


@dataclass(frozen=True)
class Media:
    stock: medium.Stock
    looker: Looker

    def new(self, folder: Path) -> OnMedium:
        return OnMedium(self.stock.new(folder), self.stock.serial, self.looker)

    def take(self, place: Place) -> None:
        assert isinstance(place, OnMedium)
        self.stock.take(place.simulated)


_CLASSES = {bytes((0, 0, 0, number)): name for number, name in enumerate(("DATA", "CERTIFICATE", "PUBLIC_KEY"))}
_CLASSES[bytes((0, 0, 0, 3))] = "PRIVATE_KEY"
_NOTHING = b"\xa5\x00\x5a"  # as the softoken writes what is empty
_COLUMNS = "a0, a102, a3, a11"  # CKA_CLASS, CKA_ID, CKA_LABEL, CKA_VALUE


@dataclass(frozen=True)
class NssDatabase:
    """Looked at, and taken from, is a copy: what a cut has left half done is left for the product to undo."""

    folder: Path
    option: str = "--pc"
    pin: str = NSS_PASSWORD

    @property
    def name(self) -> str:
        return f"nss:{self.folder}"

    @property
    def files(self) -> Path:
        return self.folder

    def things(self) -> list[Thing]:
        copy = self._copy()
        found = []
        for file, table in (("cert9.db", "nssPublic"), ("key4.db", "nssPrivate")):
            with closing(sqlite3.connect(copy / file)) as database:
                for kind, key_id, label, value in database.execute(f"SELECT {_COLUMNS} FROM {table}"):  # noqa: S608
                    if kind in _CLASSES:
                        parts = [b"" if one in (None, _NOTHING) else one for one in (key_id, label, value)]
                        content = parts[2] if _CLASSES[kind] == "CERTIFICATE" else b""
                        found.append(Thing(_CLASSES[kind], parts[0].hex(), parts[1].decode(), content))
        return found

    def logs_in(self, certificate: bytes, door: Door) -> bool:
        """NSS's own tool takes the key out, as anybody with the password can (S1)."""
        labels = {one.label for one in self.things() if one.value == certificate}
        copy = self._copy()
        (copy / "password").write_text(self.pin)
        taken = copy / "taken.p12"
        for label in labels:
            subprocess.run(
                ["pk12util", "-o", taken, "-n", label, "-d", f"sql:{copy}", "-k", copy / "password", "-W", "taken"],
                capture_output=True,
                check=False,
            )
            if taken.exists() and logs_in_by_pkcs12(certificate, taken, "taken", door):
                return True
        return False

    def lose(self, certificates: Sequence[bytes]) -> None:
        with closing(sqlite3.connect(self.folder / "cert9.db")) as database:
            database.executemany("DELETE FROM nssPublic WHERE a11 = ?", [[one] for one in certificates])
            database.commit()

    def _copy(self) -> Path:
        copy = self.folder.with_name("copy of nss")
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.folder, copy)
        return copy


@dataclass(frozen=True)
class NssDatabases:
    first: Path

    def new(self, folder: Path) -> NssDatabase:
        if not self.first.exists():
            self.first.mkdir()
            password = self.first.with_name("password")
            password.write_text(NSS_PASSWORD)
            run("certutil", "-N", "-d", f"sql:{self.first}", "-f", password)
        shutil.copytree(self.first, folder)
        return NssDatabase(folder)

    def take(self, place: Place) -> None:
        assert isinstance(place, NssDatabase)
        shutil.rmtree(self.first)
        shutil.copytree(place.folder, self.first)


@dataclass(frozen=True)
class FileStore:
    folder: Path
    server: warm.Server = field(compare=False)
    option: str = "--pc"
    pin: str = FILE_PASSPHRASE

    @property
    def file(self) -> Path:
        return self.folder / "certificates.store"

    @property
    def name(self) -> str:
        return f"file:{self.file}"

    @property
    def files(self) -> Path:
        return self.folder

    def things(self) -> list[Thing]:
        told = json.loads(self.file.read_text(encoding="utf-8"))
        return [
            *(Thing("PRIVATE_KEY", one["id"], one["label"], b"") for one in told["keys"]),
            *(Thing("CERTIFICATE", one["id"], one["label"], b64decode(one["der"])) for one in told["certificates"]),
        ]

    def logs_in(self, certificate: bytes, door: Door) -> bool:
        """`tokenmgr pc export` takes the key out: nobody else reads the file."""
        taken = self.folder.with_name("taken.p12")
        taken.unlink(missing_ok=True)
        serial = f"{load_der_x509_certificate(certificate).serial_number:x}"
        line = ("pc", "export", "--pc", self.name, "--out", str(taken), "--certificate", serial)
        _tokenmgr(self.server, self.folder.parent, line, {"--pin-fd": self.pin, "--new-pin-fd": "taken out"})
        return taken.exists() and logs_in_by_pkcs12(certificate, taken, "taken out", door)

    def lose(self, certificates: Sequence[bytes]) -> None:
        """The CA's own stay: what was altered by hand is damage."""


@dataclass(frozen=True)
class FileStores:
    first: Path
    server: warm.Server

    def new(self, folder: Path) -> FileStore:
        if not self.first.exists():
            made = FileStore(self.first, self.server)
            told = _tokenmgr(self.server, folder.parent, ("pc", "make", "--pc", made.name), {"--new-pin-fd": made.pin})
            assert told.status == 0, told
        shutil.copytree(self.first, folder)
        return FileStore(folder, self.server)

    def take(self, place: Place) -> None:
        assert isinstance(place, FileStore)
        shutil.rmtree(self.first)
        shutil.copytree(place.folder, self.first)


def _tokenmgr(server: warm.Server, folder: Path, line: tuple[str, ...], pins: Mapping[str, str]) -> Ended:
    return Running(server, folder, {**server.begun_in, **environment(folder)}, line, pins).ended()


def logs_in_by_pkcs12(certificate: bytes, file: Path, password: str, door: Door) -> bool:
    """OpenSSL reads it, with as many keys as are in it; the one that is the certificate's logs in."""
    told = run("openssl", "pkcs12", "-in", file, "-nocerts", "-nodes", "-passin", f"pass:{password}").stdout.decode()
    wanted = load_der_x509_certificate(certificate).public_key()
    begin, end = "-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----"
    for part in told.split(begin)[1:]:
        pem = f"{begin}{part.partition(end)[0]}{end}\n".encode()
        if _public(pem_key(pem, None).public_key()) == _public(wanted):
            key = file.with_name("key.pem")
            key.write_bytes(pem)
            return door.opens(certificate, "-key", key)
    return False


def _public(key: object) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)  # type: ignore[attr-defined,no-any-return]
