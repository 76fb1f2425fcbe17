"""The real client of OpenSSL and its mock server, in one process that opens no socket."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cmp.parties import Party

REFERENCE, SECRET = "4711", b"s3"
MAC = ("-ref", REFERENCE, "-secret", "pass:s3", "-srv_ref", REFERENCE, "-srv_secret", "pass:s3")
MOST = 6  # messages of one side in one transaction


@dataclass(frozen=True)
class Transaction:
    requests: list[bytes]
    answers: list[bytes]
    said: str

    @property
    def messages(self) -> list[bytes]:
        return self.requests + self.answers


class OpenSSL:
    def __init__(self, folder: Path, ca: Party, client: Party, new: Party) -> None:
        self.folder, self.ca, self.client, self.new = folder, ca, client, new
        for label, party in (("ca", ca), ("cli", client), ("new", new)):
            (folder / f"{label}.crt").write_bytes(party.pem)
            (folder / f"{label}.key").write_bytes(party.key_pem)
        self.mac = (*MAC, "-subject", "/CN=One", "-recipient", "/CN=CA")
        trust = ("-srv_trusted", "ca.crt", "-trusted", "ca.crt")
        self.signed = ("-cert", "cli.crt", "-key", "cli.key", "-srv_cert", "ca.crt", "-srv_key", "ca.key", *trust)

    def run(self, label: str, command: str, *options: str, fails: bool = False, mock: bool = True) -> Transaction:
        """All that was said on both sides. `command` is that of -cmd, options are in the words of openssl-cmp(1)."""
        asked = [self.folder / f"{label}.asked{i}" for i in range(MOST)]
        told = [self.folder / f"{label}.told{i}" for i in range(MOST)]
        line = ["openssl", "cmp", "-config", "", "-cmd", command, *options]
        line += ["-reqout", _list(asked), "-rspout", _list(told), "-rsp_cert", "new.crt", "-out_trusted", "ca.crt"]
        line += ["-use_mock_srv"] if mock else []
        if command in ("ir", "cr", "kur"):
            line += ["-newkey", "new.key"]
        if command not in ("rr", "genm"):
            line += ["-certout", f"{label}.pem"]
        done = subprocess.run(line, cwd=self.folder, capture_output=True, timeout=60, check=False)
        said = (done.stdout + done.stderr).decode()
        assert (done.returncode != 0) == fails, said
        return Transaction(_read(asked), _read(told), said)


def _list(files: list[Path]) -> str:
    return ",".join(file.name for file in files)


def _read(files: list[Path]) -> list[bytes]:
    return [file.read_bytes() for file in files if file.exists()]


def need_openssl() -> None:
    program = shutil.which("openssl")
    if not program or b"cmp" not in subprocess.run([program, "list", "-commands"], capture_output=True).stdout.split():
        pytest.skip("this OpenSSL has no CMP client")
