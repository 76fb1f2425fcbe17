"""An installation carried out: whole after a kill at any write, taken back to the byte, and nobody else's work lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PureWindowsPath
from typing import Any

import pytest

from tests.contract.services import PATIENCE, require
from tokenmgr import system
from tokenmgr.customer.installing import NEW, Done, Installer, State
from tokenmgr.customer.installing_record import FILE, LOCK
from tokenmgr.domain.installation import (
    Change,
    IniLine,
    JsonValue,
    NssModule,
    Part,
    Places,
    Registration,
    RegistryValue,
    Scope,
    Wanted,
    WholeFile,
    plan,
)
from tokenmgr.domain.installed_texts import Words
from tokenmgr.errors import BrowserOpen, InstallingBusy, PlaceUnfit, PlaceUnwritable, RecordUnfit

HANDLERS = "[Default Applications]\ntext/html=firefox.desktop\nx-scheme-handler/tokenmgr=another.desktop;\n\n[X]\na=b\n"
MODULES = "library=\nname=NSS Internal PKCS #11 Module\nNSS=Flags=internal\n\nlibrary=/old.so\nname=tokenmgr-b\n\n"
POLICIES = '{"policies": {"DisableTelemetry": true,\n   "SecurityDevices": {"Add": {"card": "/card.so"}}}}'
Tree = dict[str, tuple[int, bytes]]


def tree(folder: Path) -> Tree:
    """Everything below it, but what an uninstallation leaves: the empty file that it is locked by."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = b"" if path.is_dir() else str(path.readlink()).encode() if path.is_symlink() else path.read_bytes()
        found[str(path.relative_to(folder))] = (path.lstat().st_mode, content)
    return {name: one for name, one in found.items() if name not in ("own", f"own/{LOCK}")}


class There:
    """A user's files as they were before we came, and a change of each kind."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "db").mkdir(parents=True)
        (folder / "db/pkcs11.txt").write_text(MODULES)
        (folder / "db/pkcs11.txt").chmod(0o600)
        (folder / "dotfiles").write_text(HANDLERS)
        (folder / "mimeapps.list").symlink_to("dotfiles")
        (folder / "policies.json").write_text(POLICIES)
        (folder / "theirs").write_bytes(b"\xff theirs\r\n")
        (folder / "theirs").chmod(0o640)
        self.installer = Installer(folder / "own")

    def changes(self, version: str = "1") -> list[Change]:
        modules = self.folder / "db/pkcs11.txt"
        add = ("policies", "SecurityDevices", "Add", "tokenmgr-a")
        line = IniLine(self.folder / "mimeapps.list", "Default Applications", "x-scheme-handler/tokenmgr")
        return [
            Change(Part.MENU, WholeFile(self.folder / "a/b/new", executable=True), f"#!/bin/sh\n# {version}\n"),
            Change(Part.MENU, WholeFile(self.folder / "theirs"), f"ours {version}"),
            Change(Part.SCHEME, line, "tokenmgr.desktop"),
            Change(Part.MODULES, NssModule(modules, "tokenmgr-a"), f"library=/a{version}.so\nname=tokenmgr-a"),
            Change(Part.MODULES, NssModule(modules, "tokenmgr-b"), f"library=/b{version}.so\nname=tokenmgr-b"),
            Change(Part.MODULES, JsonValue(self.folder / "policies.json", add), f'"/a{version}.so"'),
        ]

    def install(self, version: str = "1") -> list[Done]:
        return [one.done for one in self.installer.install(self.changes(version))]

    def uninstall(self) -> list[Done]:
        return [one.done for one in self.installer.uninstall()]

    def states(self) -> set[State]:
        return {one.state for one in self.installer.look(self.changes())}


@pytest.fixture
def there(tmp_path: Path) -> There:
    return There(tmp_path / "home")


def test_it_is_installed_once_and_taken_back_to_the_byte(there: There) -> None:
    before = tree(there.folder)
    assert there.states() == {State.NOT, State.OTHERS}
    assert tree(there.folder) == before
    assert set(there.install()) == {Done.WRITTEN}
    assert there.states() == {State.INSTALLED}
    assert (there.folder / "mimeapps.list").is_symlink()
    assert (there.folder / "a/b/new").stat().st_mode & 0o777 == 0o755
    installed = tree(there.folder)
    assert set(there.install()) == {Done.AS_IT_WAS}
    assert tree(there.folder) == installed
    assert set(there.uninstall()) == {Done.TAKEN_BACK}
    assert tree(there.folder) == before
    assert there.uninstall() == []


def test_a_newer_version_is_written_over_an_older_and_taken_back_to_what_was_before_both(there: There) -> None:
    before = tree(there.folder)
    there.install("1")
    there.install("2")
    assert (there.folder / "theirs").read_text() == "ours 2"
    assert State.CHANGED in there.states()
    assert set(there.uninstall()) == {Done.TAKEN_BACK}
    after = tree(there.folder)
    policies = "policies.json"
    assert json.loads(after.pop(policies)[1]) == json.loads(before.pop(policies)[1])
    assert after == before


def test_what_others_write_beside_it_stays_and_what_they_change_is_theirs(there: There) -> None:
    there.install()
    with (there.folder / "dotfiles").open("a") as file:
        file.write("c=d\n")
    modules = there.folder / "db/pkcs11.txt"
    modules.write_text(modules.read_text() + "library=/z.so\nname=z\n\n")
    (there.folder / "theirs").write_text("somebody's since")
    (there.folder / "a/b/more").write_text("x")
    assert {one.change.target: one.state for one in there.installer.look(there.changes())}[
        WholeFile(there.folder / "theirs")
    ] is State.CHANGED
    done = {one.target: one.done for one in there.installer.uninstall()}
    assert done.pop(WholeFile(there.folder / "theirs")) is Done.LEFT
    assert set(done.values()) == {Done.TAKEN_BACK}
    assert (there.folder / "dotfiles").read_text() == HANDLERS + "c=d\n"
    assert modules.read_text() == MODULES + "library=/z.so\nname=z\n\n"
    assert (there.folder / "theirs").read_text() == "somebody's since"
    assert [one.name for one in (there.folder / "a/b").iterdir()] == ["more"]
    assert not (there.folder / "own" / FILE).exists()


def test_an_installation_over_what_somebody_has_chosen_since_gives_that_back(there: There) -> None:
    there.install()
    file = there.folder / "dotfiles"
    chosen = file.read_text().replace("tokenmgr.desktop", "third.desktop")
    file.write_text(chosen)
    assert Done.WRITTEN in there.install()
    assert there.states() == {State.INSTALLED}
    there.uninstall()
    assert file.read_text() == chosen


def test_what_was_there_just_so_before_us_stays(there: There) -> None:
    (there.folder / "dotfiles").write_text(HANDLERS.replace("another.desktop;", "tokenmgr.desktop"))
    before = tree(there.folder)
    assert Done.AS_IT_WAS in there.install()
    there.uninstall()
    assert tree(there.folder) == before


def test_a_program_that_has_lost_its_x_bit_is_changed_and_mended(there: There) -> None:
    before = tree(there.folder)
    there.install()
    launcher = there.folder / "a/b/new"
    launcher.chmod(0o644)
    assert there.states() == {State.INSTALLED, State.CHANGED}
    assert there.install().count(Done.WRITTEN) == 1
    assert launcher.stat().st_mode & 0o777 == 0o755
    assert there.states() == {State.INSTALLED}
    there.uninstall()
    assert tree(there.folder) == before


# --- killed ---


def killed_at(number: int, act: Callable[[], Any]) -> bool:
    """In a process that is killed just before it opens, makes, renames or removes for this time; False: it came
    through."""
    child = os.fork()
    if not child:
        left = number

        def on(event: str, details: tuple[Any, ...]) -> None:
            nonlocal left
            writes = event == "open" and isinstance(details[2], int) and details[2] & (os.O_WRONLY | os.O_RDWR)
            if writes or event in ("os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.chmod"):
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(on)
        act()
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0
    return False


@pytest.fixture
def nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look at every process of this computer, for each of a hundred kills, is another test's."""
    monkeypatch.setattr(system, "openers", lambda files: [])


@pytest.mark.usefixtures("nobody_else")
@pytest.mark.parametrize(
    ("killed", "which"), [("install", (0, 1, 2, 4, 5)), ("upgrade", (1, 3)), ("uninstall", (0, 2, 5))]
)
def test_after_a_kill_at_any_write_either_ends_well(tmp_path: Path, killed: str, which: tuple[int, ...]) -> None:
    there = There(tmp_path / "home")
    before = tree(there.folder)
    version = "2" if killed == "upgrade" else "1"
    older, changes = ([there.changes(one)[index] for index in which] for one in ("1", version))
    there.installer.install(changes)
    installed = of_others(there.folder)
    if killed == "install":
        there.uninstall()
    elif killed == "upgrade":
        there.uninstall()
        there.installer.install(older)
    begun = tmp_path / "begun"
    shutil.copytree(there.folder, begun, symlinks=True)
    act = there.installer.uninstall if killed == "uninstall" else partial(there.installer.install, changes)
    number, came_through = 0, False
    while not came_through:
        number += 1
        put_back(begun, there.folder)
        came_through = not killed_at(number, act)
        left = tmp_path / "left"
        shutil.copytree(there.folder, left, symlinks=True)
        there.uninstall()
        assert as_it_was(there.folder) == before, number
        put_back(left, there.folder)
        shutil.rmtree(left)
        there.installer.install(changes)
        assert of_others(there.folder) == installed, number
        assert {one.state for one in there.installer.look(changes)} == {State.INSTALLED}
    assert number > 5 * len(which)
    there.uninstall()
    assert as_it_was(there.folder) == before


def put_back(kept: Path, folder: Path) -> None:
    shutil.rmtree(folder)
    shutil.copytree(kept, folder, symlinks=True)


def of_others(folder: Path) -> Tree:
    """Without our record."""
    return {name: one for name, one in tree(folder).items() if not name.startswith("own")}


def as_it_was(folder: Path) -> Tree:
    """Of a file of JSON in which two of our versions were, as to what it says: its layout is JSON's own by then."""
    found = tree(folder)
    mode, text = found["policies.json"]
    if json.loads(text) == json.loads(POLICIES):
        found["policies.json"] = mode, POLICIES.encode()
    return found


# --- what stands in the way ---


def test_a_browser_that_is_open_is_left_out_and_the_rest_goes_on(there: There) -> None:
    with sqlite3.connect(there.folder / "db/cert9.db") as made:
        made.execute("CREATE TABLE nssPublic (id)")
    made.close()
    holder = subprocess.Popen(
        [sys.executable, "-c", "import sys; f = open(sys.argv[1]); print('open', flush=True); sys.stdin.read()",
         str(there.folder / "db/cert9.db")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    with holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        (seen, *_) = [one for one in there.installer.look(there.changes()) if one.error]
        assert isinstance(seen.error, BrowserOpen)
        outcomes = there.installer.install(there.changes())
        assert holder.stdin is not None
        holder.stdin.close()
    refused = [one for one in outcomes if one.done is Done.REFUSED]
    assert {one.part for one in refused} == {Part.MODULES}
    assert all(isinstance(one.error, BrowserOpen) and str(holder.pid) in one.error.programs[0] for one in refused)
    assert (there.folder / "db/pkcs11.txt").read_text() == MODULES
    assert there.install().count(Done.WRITTEN) == len(refused) == 2


def test_a_file_of_others_that_cannot_be_read_is_left_as_it_is(there: There) -> None:
    (there.folder / "policies.json").write_text('{"policies": ')
    (refused,) = [one for one in there.installer.install(there.changes()) if one.done is Done.REFUSED]
    assert isinstance(refused.error, PlaceUnfit)
    assert (there.folder / "policies.json").read_text() == '{"policies": '


def test_what_is_in_the_way_is_named_and_what_is_done_is_recorded(there: There) -> None:
    before = tree(there.folder)
    blocked = Change(Part.MENU, WholeFile(there.folder / "theirs/below"), "x")
    with pytest.raises(PlaceUnwritable) as told:
        there.installer.install([*there.changes()[:1], blocked])
    assert told.value.place.startswith(str(there.folder / "theirs"))
    there.uninstall()
    assert tree(there.folder) == before


def test_one_at_a_time(there: There) -> None:
    (there.folder / "own").mkdir()
    with system.held(there.folder / "own" / LOCK), pytest.raises(InstallingBusy):
        there.install()


@pytest.mark.parametrize("text", ["", "{", '{"version": 2, "entries": []}', '{"version": 1, "entries": [{}]}', "[]"])
def test_a_record_that_cannot_be_read_stops_everything(there: There, text: str) -> None:
    there.install()
    (there.folder / "own" / FILE).write_text(text)
    before = tree(there.folder)
    for act in (there.install, there.uninstall, there.states):
        with pytest.raises(RecordUnfit):
            act()
    assert tree(there.folder) == before


# --- whole plans ---

WORDS = Words(("Certificates", "電子証明書"), ("Comment", "説明"))


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """It says how it was started."""
    made = tmp_path / "it's a $place" / "tokenmgr"
    made.parent.mkdir()
    made.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    made.chmod(0o755)
    return made


@pytest.mark.parametrize("scope", Scope)
def test_a_plan_for_linux_comes_and_goes_whole_and_its_launcher_starts_the_program(
    tmp_path: Path, program: Path, scope: Scope
) -> None:
    root = tmp_path / "root"
    (root / "home").mkdir(parents=True)
    before = tree(root)
    here = Places(root / "home", root / "own", root, {})
    modules = [Registration(root / "home/.pki/nssdb/pkcs11.txt", "tokenmgr-a", "/a.so")]
    wanted = Wanted((str(program),), WORDS, "<svg/>", "# rules", modules, {"tokenmgr-a": "/a.so"}, at_login=True)
    changes = plan("linux", scope, here, wanted)
    installer = Installer(root / "own")
    assert {one.done for one in installer.install(changes)} == {Done.WRITTEN}
    (launcher,) = root.rglob("native-host")
    origin = "chrome-extension://abc/"
    said = subprocess.run([launcher, origin], capture_output=True, text=True, check=True).stdout
    assert said == f"native-host\n{origin}\n"
    assert {one.done for one in installer.uninstall()} == {Done.TAKEN_BACK}
    assert tree(root) == before


@pytest.mark.parametrize(
    ("opener", "place"), [(("xdg-open",), "plain"), (("gio", "open"), 'a "place" of $HOME, `id`\\')]
)
def test_a_desktop_starts_the_program_with_the_link(tmp_path: Path, opener: tuple[str, ...], place: str) -> None:
    """The one without a desktop's help, from a path that it can read; the other from any but one with %, which GLib
    takes as it stands when it looks whether the program is there."""
    require(opener[0])
    told, link, program = tmp_path / "told", "tokenmgr://renew?t=abc%20d&x=1", tmp_path / place
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > {told}.new\nmv {told}.new {told}\n')
    program.chmod(0o755)
    user = tmp_path / "user"
    wanted = Wanted((str(program),), WORDS, "", "")
    Installer(user / "own").install(plan("linux", Scope.USER, Places(user, user / "own", Path("/"), {}), wanted))
    environment = {"HOME": str(user), "PATH": "/usr/bin:/bin", "DISPLAY": ":none"}
    subprocess.run([*opener, link], env=environment, check=True, capture_output=True)
    ends = time.monotonic() + PATIENCE  # gio does not wait for it
    while not told.exists() and time.monotonic() < ends:
        time.sleep(0.02)
    assert told.read_text() == f"desk\n{link}\n"


@dataclass
class Keys:
    """A registry: keys with values; a key is there by itself, too."""

    keys: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)

    def read(self, root: str, key: str, name: str) -> str | None:
        return self.keys.get((root, key), {}).get(name)

    def write(self, root: str, key: str, name: str, value: str | None) -> None:
        parts = key.split("\\")
        for number in range(1, len(parts) + 1):
            self.keys.setdefault((root, "\\".join(parts[:number])), {})
        if value is None:
            del self.keys[root, key][name]
        else:
            self.keys[root, key][name] = value

    def has(self, root: str, key: str) -> bool:
        return (root, key) in self.keys

    def drop(self, root: str, key: str) -> None:
        below = [name for where, name in self.keys if where == root and name.startswith(f"{key}\\")]
        if self.has(root, key) and not below and not self.keys[root, key]:
            del self.keys[root, key]


def test_registry_values_and_the_keys_made_for_them_come_and_go(tmp_path: Path) -> None:
    """By a registry of the test's own: Windows' is not here."""
    registry = Keys()
    registry.write("HKCU", r"Software\Classes\tokenmgr", "", "URL:another")
    registry.write("HKCU", r"Software\Google", "x", "1")
    before = json.dumps(sorted(map(str, registry.keys.items())))
    here = Places(PureWindowsPath(r"C:\Users\a"), PureWindowsPath(r"C:\own"), PureWindowsPath("C:\\"), {})
    wanted = Wanted((r"C:\t\tokenmgr.exe",), WORDS, "", "", at_login=True)
    changes = [one for one in plan("windows", Scope.USER, here, wanted) if isinstance(one.target, RegistryValue)]
    installer = Installer(tmp_path / "own", registry)
    assert {one.state for one in installer.look(changes)} == {State.NOT, State.OTHERS}
    assert {one.done for one in installer.install(changes)} == {Done.WRITTEN}
    assert registry.read("HKCU", r"Software\Classes\tokenmgr", "") == "URL:tokenmgr"
    assert {one.done for one in installer.install(changes)} == {Done.AS_IT_WAS}
    assert {one.done for one in installer.uninstall()} == {Done.TAKEN_BACK}
    assert json.dumps(sorted(map(str, registry.keys.items()))) == before


def of_everybody(there: There) -> list[Change]:
    """What stands in files that everybody may read, and in new ones."""
    return [there.changes()[index] for index in (0, 2, 5)]


def test_a_record_of_the_machine_is_everybodys_to_read(there: There) -> None:
    for is_public, mode in ((False, 0o600), (True, 0o644)):
        installer = Installer(there.folder / "own", is_public=is_public)
        installer.install(of_everybody(there))
        assert (there.folder / "own" / FILE).stat().st_mode & 0o777 == mode
        installer.uninstall()


@pytest.mark.parametrize("mask", [0o077, 0o000])
def test_what_is_made_for_everybody_is_theirs_to_read_whatever_the_mask(there: There, mask: int) -> None:
    before = os.umask(mask)
    try:
        Installer(there.folder / "own", is_public=True).install(of_everybody(there))
    finally:
        os.umask(before)
    modes = {name: (there.folder / name).stat().st_mode & 0o777 for name in ("a", "a/b", "own", f"own/{FILE}")}
    assert modes == {"a": 0o755, "a/b": 0o755, "own": 0o755, f"own/{FILE}": 0o644}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_file_stays_whose_it_was_and_shows_in_no_record_what_it_did_not_show(there: There) -> None:
    policies, theirs = there.folder / "policies.json", there.folder / "theirs"
    policies.chmod(0o640)
    for one in (policies, theirs):
        os.chown(one, 4711, 4712)
    installer = Installer(there.folder / "own", is_public=True)
    installer.install([one for one in there.changes() if one.part is Part.MODULES])
    assert whose(policies) == (4711, 4712, 0o640)
    assert (there.folder / "own" / FILE).stat().st_mode & 0o777 == 0o600
    installer.install(there.changes())
    assert whose(theirs) == (os.geteuid(), os.getegid(), 0o644)
    installer.uninstall()
    assert whose(policies) == whose(theirs) == (4711, 4712, 0o640)


def whose(file: Path) -> tuple[int, int, int]:
    seen = file.stat()
    return seen.st_uid, seen.st_gid, seen.st_mode & 0o777


def test_what_is_written_follows_nobodys_link(there: There) -> None:
    victim = there.folder / "victim"
    victim.write_text("as it was")
    (there.folder / "own").mkdir()
    for name in (f"own/{FILE}.new", f"theirs{NEW}"):
        (there.folder / name).symlink_to(victim)
    there.install()
    assert victim.read_text() == "as it was"
    assert not (there.folder / "own" / FILE).is_symlink()
    assert not (there.folder / "theirs").is_symlink()


def test_what_an_installation_before_has_written_is_looked_at_too(there: There) -> None:
    *planned, more = there.changes()
    there.install()
    seen = there.installer.look_at_all(planned)
    assert [one.change for one in seen] == [*planned, more]
    assert {one.state for one in seen} == {State.INSTALLED}
