"""The walls of the house (tokenmgr/__init__.py): who may import whom, and where the outside world is let in."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

import tokenmgr

HOUSE = Path(tokenmgr.__file__).parent
GROUND = {"errors", "clock", "config", "log", "system", "data", "windows_registry"}
BOTH_SIDES = GROUND | {"domain", "pki", "cmp"}
SERVER = {"ca", "ra", "sql", "serving", "notices", "api", "portal"}

# Room -> the rooms it may import. A room that is not here does not exist.
MAY_IMPORT = {
    "errors": set(),
    "clock": set(),
    "data": set(),
    "log": set(),
    "system": set(),
    "windows_registry": set(),
    "config": {"errors", "system"},
    "messages": {"errors", "clock"},
    "domain": set(),
    "pki": {"errors", "domain"},
    "catalogue": {"errors", "system", "data", "domain"},
    "diagnostics": {"clock", "log", "system", "domain"},
    "token": {"errors", "config", "log", "system", "catalogue", "domain", "pki"},
    "usb": {"errors", "config", "log", "system", "domain"},
    "renewal": {"errors", "clock", "log", "system", "domain", "pki", "cmp"},
    "keystore": {"errors", "log", "system", "domain", "pki", "cmp"},
    "customer": {"errors", "log", "system", "windows_registry", "domain", "pki", "cmp", "token", "keystore", "renewal"},
    "cmp": {"errors", "domain", "pki"},
    "ca": {"errors", "system", "domain", "pki"},
    "ra": {"errors", "log", "domain", "pki", "ca"},
    "sql": {"errors", "clock", "system", "domain", "ra"},
    "serving": {"errors", "log"},
    "notices": {"errors", "clock", "config", "log", "system", "messages", "domain", "sql"},
    "api": {"errors", "log", "messages", "domain", "pki", "cmp", "ca", "ra", "sql", "serving"},
    "portal": {"errors", "clock", "log", "messages", "domain", "pki", "ra", "sql", "serving"},
    "wiring": BOTH_SIDES | {"catalogue", "messages", "diagnostics", "token", "usb", "keystore", "renewal", "customer"},
    "testbed": BOTH_SIDES | {"catalogue", "messages", "token"},
    "cli": BOTH_SIDES
    | {
        "catalogue",
        "messages",
        "diagnostics",
        "token",
        "usb",
        "keystore",
        "renewal",
        "customer",
        "wiring",
        "testbed",
        "desk",
    }
    | SERVER,
    "desk": BOTH_SIDES
    | {"catalogue", "messages", "diagnostics", "token", "usb", "keystore", "renewal", "customer", "wiring"},
    "__main__": {"cli", "desk", "wiring", "token", "system"},
}
# Foreign library -> the only places that may import it.
GATES = {
    "pkcs11": {"token/gate.py"},
    "ctypes": {"token/cryptoki.py", "system.py", "testbed/usb_driver.py"},
    "click": {"cli"},
    "asn1crypto": {"pki"},
    "cryptography": {
        "pki",
        "cmp",
        "token",
        "keystore",
        "ca",
        "api/credentials.py",
        "api/requests.py",
        "cli/tls.py",
        "testbed",
    },
    "argon2": {"ra/passcodes.py"},
    "keyring": {"keystore/keyring.py"},
    "sqlalchemy": {"sql"},
    "psycopg": {"sql"},
    "starlette": {"serving", "api", "portal"},
    "uvicorn": {"serving"},
    "jinja2": {"portal"},
    "aiosmtpd": {"testbed/postbox.py"},
    "playwright": {"testbed/chromium.py"},
    "smtplib": {"notices/smtp.py"},
    "prometheus_client": {"api/metrics.py"},
    "httpx": set(),
    "platformdirs": {"config.py"},
    "subprocess": {
        "token/worker.py",
        "customer/hooks.py",
        "customer/desktop.py",
        "testbed/usb_bus.py",
        "testbed/chromium.py",
        "testbed/compiling.py",
        "testbed/own_ca.py",
        "testbed/shell.py",
        "serving/workers.py",
        "desk/native_host.py",
    },
    "signal": {"system.py"},
    "usb": {"usb"},
    "libusb_package": {"usb"},
    "pyudev": {"usb"},
    "pytest": {"testbed/pytest_tokenmgr.py"},
    "fcntl": {"system.py"},
    "pty": set(),
    "pwd": {"system.py"},
    "random": set(),
    "winreg": {"windows_registry.py"},
    "PySide6": {"desk"},
}
FILES = sorted(HOUSE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(HOUSE).parts[0].removesuffix(".py")


@functools.cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, at its top or inside a function."""
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_a_room_imports_only_rooms_that_it_may(path: Path) -> None:
    here = room(path)
    if here == "__init__":
        assert not list(imports(path))
        return
    for name in imports(path):
        parts = name.split(".")
        if parts[0] == "tokenmgr" and len(parts) > 1 and parts[1] not in (here, "__version__"):
            assert parts[1] in MAY_IMPORT[here], f"{here} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(HOUSE)))
def test_a_foreign_library_has_one_gate(path: Path) -> None:
    place = path.relative_to(HOUSE).as_posix()
    for name in imports(path):
        library = name.split(".")[0]
        if library in GATES:
            assert place in GATES[library] or room(path) in GATES[library], f"{place} imports {name}"


def test_the_domain_imports_the_standard_library_only() -> None:
    import sys

    for path in (HOUSE / "domain").glob("*.py"):
        for name in imports(path):
            top = name.split(".")[0]
            assert top == "tokenmgr" or top in sys.stdlib_module_names, f"{path.name} imports {name}"


@functools.cache
def calls(path: Path) -> frozenset[str]:
    return frozenset(ast.unparse(node) for node in nodes(path) if isinstance(node, ast.Attribute))


def test_nobody_but_the_clock_asks_what_time_it_is() -> None:
    asking = {"datetime.now", "datetime.utcnow", "datetime.today", "time.time", "date.today"}
    found = {path.relative_to(HOUSE).as_posix() for path in FILES for call in calls(path) if call in asking}
    assert found == {"clock.py"}


def test_the_environment_is_read_in_config_only() -> None:
    found = {
        path.relative_to(HOUSE).as_posix()
        for path in FILES
        for call in calls(path)
        if call in {"os.environ", "os.getenv"}
    }
    assert found == {"config.py"}


def test_destroying_is_asked_of_the_library_in_the_session_only() -> None:
    """S2: the guard stands before every deletion, so the verb has three users: the session, and those who take back
    what they have made themselves: a key that was refused, and the probe for room."""
    found = {
        path.relative_to(HOUSE).as_posix()
        for path in FILES
        if '"destroy"' in path.read_text(encoding="utf-8") and path.name not in ("child.py", "worker.py")
    }
    assert found == {"token/session.py", "token/making.py", "token/room.py"}


def test_files_and_functions_stay_readable() -> None:
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        assert len(text.splitlines()) <= 400, f"{path.name} is usually two things"
        for node in nodes(path):
            if isinstance(node, ast.FunctionDef) and node.end_lineno:
                assert node.end_lineno - node.lineno <= 60, f"{path.name}: {node.name} is usually two things"
