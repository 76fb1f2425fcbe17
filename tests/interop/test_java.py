"""BouncyCastle's CMP client, Renew.java: an acquisition, its renewal by the old key, and a revocation."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.services import require
from tests.interop.running import BANK, Authority
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.testbed.simulated import PIN, SimulatedMedium, softhsm

PROGRAM = [str(Path(__file__).with_name(f"{name}.java")) for name in ("Renew", "Keys", "Pbmac1")]
JARS = [f"/usr/share/java/{name}.jar" for name in ("bcpkix", "bcprov", "bcutil")]


@pytest.fixture(scope="session")
def classes(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Compiled once."""
    require("javac", "java", *JARS)
    folder = str(tmp_path_factory.mktemp("classes"))
    path = os.pathsep.join(JARS)
    how = ["-J-XX:TieredStopAtLevel=1", "-proc:none", "-encoding", "UTF-8", "-cp", path, "-d", folder]
    line = ["javac", *how, *PROGRAM]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return os.pathsep.join([folder, path])


def renew(
    classes: str, ca: Authority, mac: str, kind: str, medium: SimulatedMedium | None = None, secret: str = ""
) -> tuple[str, subprocess.CompletedProcess[str]]:
    ticket = ca.ticket()
    line = ["java", "-XX:TieredStopAtLevel=1", "-cp", classes, "Renew"]
    line += [f"{ca.url}/.well-known/cmp/p/{BANK}", str(ca.root), ticket.reference, mac, kind]
    environment: Mapping[str, str] = {**os.environ, **(medium.environment if medium else {})}
    line += [softhsm()] if medium else []
    typed = f"{secret or ticket.secret}\n{PIN}\n"
    done = subprocess.run(line, input=typed, env=environment, capture_output=True, text=True, timeout=60)
    return ticket.user, done


def check(ca: Authority, user: str, done: subprocess.CompletedProcess[str]) -> None:
    """grantedWithMods at first, since it does not know its name; then as asked. The registry says the same."""
    assert (done.returncode, done.stderr) == (0, "")
    first, second = ca.generations(user)
    assert [line.split() for line in done.stdout.splitlines()] == [
        ["ip", "1", f"{first.serial:x}"],
        ["pkiconf", "0", f"{first.serial:x}"],
        ["kup", "0", f"{second.serial:x}"],
        ["pkiconf", "0", f"{second.serial:x}"],
        ["rp", "0", f"{second.serial:x}"],
    ]
    assert (first.state, second.state) == (State.SUPERSEDED, State.REVOKED)
    assert second.reason is RevocationReason.CESSATION


@pytest.mark.parametrize(("mac", "kind"), [("pbm", "rsa2048"), ("pbmac1", "p384")])
def test_a_certificates_life(ca: Authority, classes: str, mac: str, kind: str) -> None:
    check(ca, *renew(classes, ca, mac, kind))


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_with_both_keys_on_a_token(ca: Authority, classes: str, tmp_path: Path, kind: str) -> None:
    """Through SunPKCS11."""
    medium = SimulatedMedium(tmp_path / "token", os.environ)
    medium.create("Customer")
    check(ca, *renew(classes, ca, "pbmac1", kind, medium))


@pytest.mark.parametrize("mac", ["pbm", "pbmac1"])
def test_a_wrong_secret(ca: Authority, classes: str, mac: str) -> None:
    user, done = renew(classes, ca, mac, "p256", secret="wrong")
    assert done.returncode == 2
    assert "the MAC is wrong" in done.stderr
    assert not ca.generations(user)
