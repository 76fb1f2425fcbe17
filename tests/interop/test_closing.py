"""A CA that is closed while it serves: its clients are told, and the last list is what it gives out."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.cli.runner import PROGRAM
from tests.interop.openssl import OpenSSL
from tests.interop.running import authority
from tokenmgr.domain.generation import State


def test_a_running_ca_obeys_and_its_clients_are_told(tmp_path: Path) -> None:
    with authority(tmp_path / "home", workers=2) as ca:
        openssl = OpenSSL(tmp_path, ca)
        holder = openssl.acquire()
        ticket = ca.ticket()
        name = ca.folder.about.name
        closed = subprocess.run(
            [PROGRAM, "ca", "close", "--yes-close", name, "--pin-fd", "0"],
            input=f"{ca.pin}\n", env=dict(ca.environment), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert closed.returncode == 5, closed.stderr
        assert ca.states(holder.user) == [State.REVOKED]
        trusted = ("-trusted", str(ca.root), "-out_trusted", str(ca.root))
        for _ in range(4):  # whichever process answers
            said = openssl.cmp(
                "ir", *openssl.with_secret(ticket), "-newkey", openssl.new_key(), "-certout", openssl.name("pem"),
                *trusted, status=1,
            )  # fmt: skip
            assert "R130" in said.text
            assert ca.fetch("/ca.crl") == (ca.folder.path / "closed" / "ca.crl").read_bytes()
