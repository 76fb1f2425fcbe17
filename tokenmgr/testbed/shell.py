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
from urllib.parse import quote

from tokenmgr import clock, data
from tokenmgr.errors import LayerMissing
from tokenmgr.testbed import claims, compiling
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
    if plain := [medium for medium in media if medium.environment and len(media) > 1]:
        raise LayerMissing(name=plain[0].name)  # SOFTHSM2_CONF leads to one medium only
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(claims.aside(bed.folder, ".shell-")).folder
        given = {**surrounding, **first.environment, "PKCS11_MODULE_PATH": first.path}
        given["TOKEN"] = f"pkcs11:token={quote(first.about.label)}"
        given |= {f"MODULE{number if number > 1 else ''}": one.path for number, one in enumerate(media, 1)}
        given |= _browsers(folder, media)
        preloaded = []
        if usb:
            bus = stack.enter_context(bed.usb()).environment
            preloaded.append(bus.pop("LD_PRELOAD"))
            given |= bus
        if day is not None:
            preloaded.append(_clock(bed, stack))
            ahead = datetime.combine(day, OFFICE_HOURS, clock.JAPAN) - clock.now()
            given["TESTBED_SECONDS_AHEAD"] = str(math.ceil(ahead.total_seconds()))
        if preloaded:
            given["LD_PRELOAD"] = ":".join([*preloaded, *filter(None, [surrounding.get("LD_PRELOAD")])])
        yield given


def run(environment: Mapping[str, str], line: str | None) -> int:
    """The user's own shell, to its end; or one line."""
    shell = environment.get("SHELL") or "/bin/sh"
    return subprocess.run([shell, *(["-c", line] if line else [])], env=dict(environment), check=False).returncode


def _clock(bed: Testbed, stack: contextlib.ExitStack) -> str:
    """Somewhere without a blank or a colon in its name: LD_PRELOAD is split at them."""
    library = compiling.built("clock", compiling.source("clock"), bed.store.folder)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="testbed-"))
    return shutil.copy(library, folder)


def _browsers(folder: Path, media: Sequence[SimulatedMedium]) -> dict[str, str]:
    """Where NSS's tool is: two of its databases that know the media's libraries and trust their CA. The libraries are
    entered last and by hand: modutil would load them, and meet a rule that is not meant for it."""
    if not (certutil := shutil.which("certutil")):
        return {}
    profile, home = folder / "firefox", folder / "chromium"
    for database in (profile, home / ".pki" / "nssdb"):
        database.mkdir(parents=True)
        _nss(certutil, "-N", "-d", f"sql:{database}", "--empty-password")
        for medium in media:
            for number, pem in enumerate(_pems(medium)):
                name = f"{medium.name} CA {number}"
                _nss(certutil, "-A", "-d", f"sql:{database}", "-n", name, "-t", "CT,C,C", typed=pem)
        with (database / "pkcs11.txt").open("a", encoding="utf-8") as modules:
            modules.writelines(f"library={medium.path}\nname={medium.name}\n\n" for medium in media)
    return {"FIREFOX_PROFILE": str(profile), "CHROMIUM_HOME": str(home)}


def _pems(medium: SimulatedMedium) -> list[str]:
    path = medium.folder / "ca.pem"
    text = path.read_text(encoding="ascii") if path.exists() else ""
    return re.findall(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", text, re.S)


def _nss(*command: str, typed: str = "") -> None:
    subprocess.run(command, input=typed, text=True, capture_output=True, check=True)
