"""An environment in which any PKCS#11 program sees simulated media: variables, a Firefox profile, Chromium's home."""

from __future__ import annotations

import contextlib
import math
import re
import shutil
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from pathlib import Path

from tokenmgr import clock, data, system
from tokenmgr.testbed import compiling
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import SimulatedMedium

OFFICE_HOURS = time(9)  # in Japan: when the day begins on which `day` lets programs believe to be


@dataclass(frozen=True)
class Program:
    command: str
    package: str  # Debian's
    line: str

    @property
    def here(self) -> bool:
        return shutil.which(self.command) is not None


def programs() -> list[Program]:
    path = data.folder("softhsm_config") / "programs.toml"
    return [Program(**one) for one in tomllib.loads(path.read_text(encoding="utf-8"))["program"]]


@contextlib.contextmanager
def environment(
    bed: Testbed, media: Sequence[SimulatedMedium], surrounding: Mapping[str, str], usb: bool = False,
    day: date | None = None,
) -> Iterator[dict[str, str]]:  # fmt: skip
    """What a program must be started with. `usb`: on a made-up bus; `day`: its clock says that it is that day."""
    first = media[0]
    preloaded: list[str] = []
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=bed.folder, prefix=".shell-")))
        stack.enter_context(system.hold(folder / "alive"))
        given = {
            **surrounding,
            **first.environment,
            "PKCS11_MODULE_PATH": first.path,
            "TOKEN": f"pkcs11:token={first.name}",
        }
        given |= {f"MODULE{number if number > 1 else ''}": one.path for number, one in enumerate(media, 1)}
        given |= _browsers(folder, media)
        if usb:
            bus = stack.enter_context(bed.usb()).environment
            preloaded.append(bus.pop("LD_PRELOAD"))
            given |= bus
        if day is not None:
            preloaded.append(str(compiling.built("clock", _source(), bed.store)))
            ahead = datetime.combine(day, OFFICE_HOURS, clock.JAPAN) - clock.now()
            given["TESTBED_SECONDS_AHEAD"] = str(math.ceil(ahead.total_seconds()))
        if preloaded:
            given["LD_PRELOAD"] = ":".join(preloaded)
        yield given


def run(environment: Mapping[str, str], line: str | None) -> int:
    """The user's own shell, to its end; or one line."""
    shell = environment.get("SHELL") or "/bin/sh"
    return subprocess.run([shell, *(["-c", line] if line else [])], env=dict(environment), check=False).returncode


def _source() -> str:
    return Path(__file__).with_name("clock.c").read_text(encoding="utf-8")


def _browsers(folder: Path, media: Sequence[SimulatedMedium]) -> dict[str, str]:
    """Where NSS's tools are: two of its databases that know the media's libraries and trust their CA."""
    if not (shutil.which("certutil") and shutil.which("modutil")):
        return {}
    profile, home = folder / "firefox", folder / "chromium"
    for database in (profile, home / ".pki" / "nssdb"):
        database.mkdir(parents=True)
        _nss("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
        for medium in media:
            _nss("modutil", "-force", "-dbdir", f"sql:{database}", "-add", medium.name, "-libfile", medium.path)
            for number, pem in enumerate(_pems(medium)):
                name = f"{medium.name} CA {number}"
                _nss("certutil", "-A", "-d", f"sql:{database}", "-n", name, "-t", "CT,C,C", typed=pem)
    return {"FIREFOX_PROFILE": str(profile), "CHROMIUM_HOME": str(home)}


def _pems(medium: SimulatedMedium) -> list[str]:
    path = medium.folder / "ca.pem"
    text = path.read_text(encoding="ascii") if path.exists() else ""
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.S)


def _nss(*command: str, typed: str = "") -> None:
    subprocess.run(command, input=typed, text=True, capture_output=True, check=True)
