"""What differs by operating system. Everything else in the house is the same on Windows, macOS and Linux."""

from __future__ import annotations

import contextlib
import os
import signal
import stat
import struct
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

NAME = {"win32": "windows", "darwin": "macos"}.get(sys.platform, "linux")
IS_ROOT = sys.platform != "win32" and os.geteuid() == 0


IS_FROZEN = bool(getattr(sys, "frozen", False))  # made a program of its own (deploy/tokenmgr.spec)

# For subprocess.Popen: no console window flashing up on Windows.
CHILD_FLAGS = 0x08000000 if sys.platform == "win32" else 0  # CREATE_NO_WINDOW
# For one that outlives us: DETACHED_PROCESS and CREATE_NEW_PROCESS_GROUP. Firefox ends a native host with its whole
# job, so first with CREATE_BREAKAWAY_FROM_JOB, which some jobs forbid.
DETACHED_FLAGS = (0x01000208, 0x00000208) if sys.platform == "win32" else (0,)


def end_in_order_when_told_to() -> None:
    """A closed terminal or a shutdown ends the program the way that its last line does: cleaning up."""

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    for kind in _ends():
        signal.signal(kind, leave)


def _ends() -> list[signal.Signals]:
    names = ("SIGTERM", "SIGHUP", "SIGBREAK")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


@contextlib.contextmanager
def told_to_end(then: Callable[[], object], bell: int) -> Iterator[None]:
    """Ctrl-C too, for a program whose event loop is not Python's: Python answers a signal when it runs, and is woken by
    whoever listens at the other end of `bell`, a socket that does not block."""
    handlers = {kind: signal.signal(kind, lambda _number, _frame: then()) for kind in (signal.SIGINT, *_ends())}
    before = signal.set_wakeup_fd(bell, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        for kind, handler in handlers.items():
            signal.signal(kind, handler)


def leave_interrupts_to_parent() -> None:
    """Ctrl-C reaches a whole terminal group; a child in the middle of a PKCS#11 call must not die of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextlib.contextmanager
def interrupts_held_back() -> Iterator[None]:
    """Those that come meanwhile are answered at the end: a process that has begun is known to whoever has to end it."""
    came: list[int] = []
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(kind, lambda number, _: came.append(number)) for kind in kinds]
    try:
        yield
    finally:
        for kind, handler in zip(kinds, before, strict=True):
            signal.signal(kind, handler)
    for number in came:
        signal.raise_signal(number)


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


def how_to_start(module: str) -> list[str]:
    """A process of ours that begins in this module. A frozen program has no Python but itself (__main__.py)."""
    return [sys.executable, *([] if IS_FROZEN else ["-P"]), "-m", module]


def how_to_run(path: Path) -> list[str]:
    """A user's own script; empty where a file is none: its mode says so, on Windows its name."""
    if NAME == "windows":
        return how_windows_runs(path)
    return [str(path)] if path.is_file() and os.access(path, os.X_OK) else []


def how_windows_runs(path: Path) -> list[str]:
    """PowerShell goes by this computer's own policy of what it may run."""
    powershell = ["powershell.exe", "-NoProfile", "-NonInteractive", "-File", str(path)]
    known = {".exe": [str(path)], ".bat": [str(path)], ".cmd": [str(path)], ".ps1": powershell}
    return known.get(path.suffix.lower(), [])


def distrust(path: Path, leads_on: bool = False) -> str:
    """Why somebody else may have written it; empty where nobody can have. Windows' profile folders are private. What
    only `leads_on` to something that is there may be a link, or a folder in which nobody removes what is another's."""
    if sys.platform == "win32":
        return ""
    seen = path.lstat() if leads_on else path.stat()
    if seen.st_uid not in (0, os.geteuid()):
        return "owned-by-another"
    if leads_on and (stat.S_ISLNK(seen.st_mode) or (stat.S_ISDIR(seen.st_mode) and seen.st_mode & stat.S_ISVTX)):
        return ""
    return "written-by-others" if seen.st_mode & (stat.S_IWGRP | stat.S_IWOTH) else ""


def end_group(process: int) -> None:
    """At once: a process that began a session of its own, with all that it has started; on Windows that one alone."""
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            os.kill(process, signal.SIGTERM)
        else:
            os.killpg(process, signal.SIGKILL)


def private_folder(path: Path) -> Path:
    """Made if need be, and for its owner alone; Windows' profile folders are that already."""
    path.mkdir(parents=True, exist_ok=True)
    if sys.platform != "win32" and path.stat().st_mode & 0o777 != 0o700:
        path.chmod(0o700)
    return path


@contextlib.contextmanager
def mask(bits: int) -> Iterator[None]:
    """What is made meanwhile has these bits of its mode off and, where it asks for them, the others on."""
    before = os.umask(bits)
    try:
        yield
    finally:
        os.umask(before)


def sync_folder(path: Path) -> None:
    """Its entries, on the disk. Windows knows no such thing, and keeps a journal of its own."""
    if sys.platform != "win32":
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """One at a time, among all processes."""
    with path.open("ab") as file:
        _lock(file, wait=True)
        try:
            yield
        finally:
            _unlock(file)


def hold(path: Path) -> IO[bytes]:
    """A claim that ends with the process, however that ends. BlockingIOError where somebody else has it."""
    file = path.open("ab")
    try:
        _lock(file, wait=False)
    except OSError:
        file.close()
        raise
    return file


@contextlib.contextmanager
def held(path: Path) -> Iterator[bool]:
    """Whether nobody else has it, for as long as the `with` lasts."""
    try:
        file = hold(path)
    except BlockingIOError:
        yield False
        return
    with file:
        try:
            yield True
        finally:
            _unlock(file)


def is_locked_elsewhere(path: Path) -> bool:
    """By fcntl, as others do it: such a lock and flock's do not see each other. Never of one that we hold: looking
    would end it."""
    if sys.platform == "win32":
        return False
    import fcntl

    try:
        with path.open("r+b") as file:
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def _lock(file: IO[bytes], wait: bool) -> None:
    """BlockingIOError where somebody else has it; any other OSError says that it cannot be known."""
    if sys.platform == "win32":
        import msvcrt

        file.seek(0)
        try:
            msvcrt.locking(file.fileno(), msvcrt.LK_LOCK if wait else msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(*error.args) from error
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))


def _unlock(file: IO[bytes]) -> None:
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_UN)  # closed alone, a child that was forked meanwhile would still have it


def computer() -> str:
    """Its name."""
    import socket

    return socket.gethostname() or "localhost"


def user() -> str:
    """Who is logged in, by the system and not by a variable that anybody can set."""
    if sys.platform == "win32":
        return os.getlogin()
    import pwd

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's
        return str(os.getuid())


def user_language() -> str:
    """What the system says of its user where the environment does not: Windows' display language."""
    if sys.platform == "win32":
        import ctypes
        import locale

        return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
    return ""


def program(window: bool = False) -> tuple[str, ...]:
    """What starts tokenmgr from outside: what is beside this Python, or is this frozen program; else Python. For its
    window the one that has no console, where there is one."""
    here, suffix = Path(sys.executable), ".exe" if sys.platform == "win32" else ""
    for name in ("tokenmgr-desk", "tokenmgr") if window else ("tokenmgr",):
        if (found := here.with_name(name + suffix)).is_file():
            return (str(found),)
    return (sys.executable,) if getattr(sys, "frozen", False) else (sys.executable, "-P", "-m", "tokenmgr")


READER_SERVICE = "/run/pcscd/pcscd.comm"  # pcscd's socket, unless PCSCLITE_CSOCK_NAME says otherwise


def reader_service(path: str = READER_SERVICE) -> bool | None:
    """Whether pcscd has its socket on Linux, where others start it by calling; None where the system has its own."""
    if NAME != "linux":
        return None
    return Path(path).exists()


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


def openers(files: Sequence[Path]) -> list[Holder] | None:
    """Other processes that have one of these files open, by whatever name they see it: Flatpak's have mounts of their
    own. None where a system does not tell."""
    if not Path("/proc/self/fd").exists():
        return None
    wanted = {_file(file): str(file) for file in files if file.exists()}
    found = set()
    for process in (
        entry for entry in Path("/proc").iterdir() if entry.name.isdigit() and int(entry.name) != os.getpid()
    ):
        with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
            opened = {wanted.get(_file(descriptor)) for descriptor in (process / "fd").iterdir()} - {None}
            name = (process / "comm").read_text().strip()
            found |= {Holder(int(process.name), name, str(file)) for file in opened}
    return sorted(found, key=str)


def _file(path: Path) -> tuple[int, int]:
    """What makes it this file, in every mount of it; of a descriptor's link, of what is open. (0, 0): it is gone."""
    try:
        seen = path.stat()
    except OSError:
        return 0, 0
    return seen.st_dev, seen.st_ino


def reader_programs(service: str, bus: int = 0, address: int = 0) -> list[Holder]:
    """Programs that are connected to the card reader service, by the name of its socket, or have this very device open.
    The service itself and our own child processes are not meant: they are how a medium is reached."""
    node = f"/dev/bus/usb/{bus:03d}/{address:03d}"
    connected = {f"socket:[{inode}]" for inode in _connected_to(service)}
    found = holders(lambda file: file == node or file in connected) or []
    others = [holder for holder in found if holder.name not in ("pcscd", CHILD_NAME[:15])]
    return [holder if holder.file == node else Holder(holder.process, holder.name, service) for holder in others]


def is_child(process: int) -> bool:
    """Of this process. A child that has ended meanwhile is nobody's."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text(errors="replace")
    except OSError:
        return False
    return int(stat.rpartition(")")[2].split()[1]) == os.getpid()  # proc(5): the name before it may have any character


def _connected_to(path: str) -> list[int]:
    """The sockets at the other ends of those that a local service has accepted, by their inodes. Only the kernel knows
    who is whose: sock_diag(7), the way of `ss -x`. The service is known by its file, which may have several names."""
    if sys.platform != "linux" or not Path(path).exists():
        return []
    import socket

    file = Path(path).stat()
    service = struct.pack("=II", file.st_ino, os.major(file.st_dev) << 20 | os.minor(file.st_dev))
    everything, dump, files_and_peers = 0xFFFFFFFF, 0x301, 0x6
    asked = struct.pack("=BBHIIIII", socket.AF_UNIX, 0, 0, everything, 0, files_and_peers, everything, everything)
    found: list[int] = []
    with contextlib.suppress(OSError), socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as link:
        link.settimeout(1)
        link.send(struct.pack("=IHHII", 16 + len(asked), 20, dump, 1, 0) + asked)
        while (answer := link.recv(1 << 16)) and struct.unpack_from("=H", answer, 4)[0] == 20:
            for message in _pieces(answer, "=I", 16):
                told = {struct.unpack_from("=H", one, 2)[0]: one[4:] for one in _pieces(message[32:], "=H", 4)}
                if told.get(1) == service and 2 in told:
                    found.append(struct.unpack("=I", told[2])[0])
    return found


def _pieces(data: bytes, length: str, smallest: int) -> Iterator[bytes]:
    """Netlink messages, or the attributes in one: each begins with its own length, the next at a multiple of four."""
    while len(data) >= smallest:
        (size,) = struct.unpack_from(length, data)
        if size < smallest:
            return
        yield data[:size]
        data = data[(size + 3) & ~3 :]


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
