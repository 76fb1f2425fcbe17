"""BouncyCastle's CMP client, Renew.java: an acquisition, its renewal by the old key, and a revocation."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests import java
from tests.interop.running import BANK, Authority
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.testbed.simulated import PIN, SimulatedMedium, softhsm


def renew(
    classes: str, ca: Authority, mac: str, kind: str, medium: SimulatedMedium | None = None, secret: str = ""
) -> tuple[str, subprocess.CompletedProcess[str]]:
    ticket = ca.ticket()
    at = f"{ca.url}/.well-known/cmp/p/{BANK}"
    line = [*java.line(classes, "Renew"), at, str(ca.root), ticket.reference, mac, kind]
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
