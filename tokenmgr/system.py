"""What differs by operating system. Everything else in the house is the same on Windows, macOS and Linux."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

NAME = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")


# For subprocess.Popen: no console window flashing up on Windows.
CHILD_FLAGS = 0x08000000 if sys.platform == "win32" else 0  # CREATE_NO_WINDOW


def end_in_order_when_told_to() -> None:
    """A closed terminal or a shutdown ends the program the way that its last line does: cleaning up."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), leave)


def leave_interrupts_to_parent() -> None:
    """Ctrl-C reaches a whole terminal group; a child in the middle of a PKCS#11 call must not die of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


CHILD_NAME = "tokenmgr child"  # of the processes that our libraries live in


def call_this_process(name: str) -> None:
    """So that whoever looks for who holds a medium sees us by name; nothing where a system has no such thing."""
    with contextlib.suppress(OSError):
        Path("/proc/self/comm").write_text(name[:15], encoding="ascii")


def keep_out_of_core_dumps() -> None:
    """A process that holds a PIN leaves no core file behind. Windows writes none unless told to."""
    if sys.platform != "win32":
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def private_folder(path: Path) -> Path:
    """Made if need be, and for its owner alone; Windows' profile folders are that already."""
    path.mkdir(parents=True, exist_ok=True)
    if sys.platform != "win32":
        path.chmod(0o700)
    return path


def user_language() -> str:
    """What the system says of its user where the environment does not: Windows' display language."""
    if sys.platform == "win32":
        import ctypes
        import locale

        return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
    return ""


def reader_service() -> bool | None:
    """Whether pcscd has its socket on Linux, where others start it by calling; None where the system has its own."""
    if NAME != "linux":
        return None
    return Path("/run/pcscd/pcscd.comm").exists()


@dataclass(frozen=True)
class Holder:
    """Another process that has a file in use."""

    process: int
    name: str
    file: str


def holders(is_meant: Callable[[str], bool]) -> list[Holder] | None:
    """Other processes that have such a file open or mapped; None where a system does not tell. Only Linux shows this to
    an ordinary user, and only of that user's own processes."""
    if not Path("/proc/self/maps").exists():
        return None
    others = [entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()]
    return sorted({holder for entry in others for holder in _held_by(entry, is_meant)}, key=str)


def reader_programs(bus: int = 0, address: int = 0) -> list[Holder]:
    """Programs that speak to card readers, or to this very device. The card reader service itself and our own child
    processes are not meant: they are how a medium is reached."""
    node = f"/dev/bus/usb/{bus:03d}/{address:03d}"
    found = holders(lambda file: file == node or Path(file).name.startswith("libpcsclite.so")) or []
    return [holder for holder in found if holder.name not in ("pcscd", CHILD_NAME[:15])]


def _held_by(process: Path, is_meant: Callable[[str], bool]) -> Iterator[Holder]:
    try:
        mapped = {line.split(maxsplit=5)[5].strip() for line in _lines(process / "maps") if line.count("/")}
        opened = {str(descriptor.readlink()) for descriptor in (process / "fd").iterdir()}
        name = (process / "comm").read_text().strip()
    except (OSError, IndexError):
        return  # gone meanwhile, or somebody else's
    for file in mapped | opened:
        if is_meant(file):
            yield Holder(int(process.name), name, file)


def _lines(path: Path) -> list[str]:
    return path.read_text(errors="replace").splitlines()
