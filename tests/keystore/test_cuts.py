"""A writer is killed at every call to the disk: before it, within it and after it. What was there is there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import pytest

from tests.crash.shim import Disk
from tests.keystore import writer
from tests.keystore.kept import NOW, PASSPHRASE, opened
from tests.keystore.writer import IDLE, MADE, NEW, NEW_PASSPHRASE, OLD
from tokenmgr.domain.contents import Contents
from tokenmgr.errors import PassphraseWrong, PcStoreMissing
from tokenmgr.keystore import file
from tokenmgr.keystore.file import FileStore

POINTS = [
    *(("write", 1, f"kill-{when}") for when in ("before", "within", "after")),
    *(("sync", number, f"kill-{when}") for number in (1, 2) for when in ("before", "after")),
]
ADDED = {"generate": {MADE}, "write": {IDLE}}


@dataclass
class Scene:
    disk: Disk
    asked: IO[str]
    told: IO[str]
    prepared: bytes
    path: Path

    def run(self, what: str) -> str:
        """On a store that is as it was at the beginning."""
        for left in self.path.parent.iterdir():
            left.unlink()
        if what != "begin":
            self.path.write_bytes(self.prepared)
        self.asked.write(f"{what} {self.path}\n")
        self.asked.flush()
        return self.told.readline().strip()


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("cuts")
    path = folder / "the stores" / "certificates.store"
    path.parent.mkdir()
    disk = Disk(folder / "page", ["/the stores"], folder)
    writer.prepare(path)
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.keystore.writer"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={**os.environ, **disk.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    with program:
        assert program.stdin
        assert program.stdout
        yield Scene(disk, program.stdin, program.stdout, path.read_bytes(), path)
        program.stdin.close()


def test_these_are_all_calls_to_the_disk(scene: Scene) -> None:
    for what in writer.DOING:
        scene.disk.arm()
        assert scene.run(what) == "0"
        assert scene.disk.counted == {"write": 1, "sync": 2, "rename": 2}, what  # what was left goes, the new one comes
        assert sorted(path.name for path in scene.path.parent.iterdir()) == [
            "certificates.store",
            "certificates.store.lock",
        ]


@pytest.mark.parametrize("what", [what for what in writer.DOING if what != "begin"])
def test_a_killed_writer_leaves_the_old_file_or_the_new_one(scene: Scene, what: str) -> None:
    seen = set()
    for kind, number, action in POINTS:
        scene.disk.arm(kind, number, action)
        assert scene.run(what) == str(-signal.SIGKILL), (kind, number, action)
        is_new = (kind, number) == ("sync", 2)
        assert (scene.path.read_bytes() != scene.prepared) == is_new, (kind, number, action)
        left = scene.path.with_name("certificates.store.new")
        assert left.exists() != is_new
        hold(scene, what, is_new)
        assert not left.exists()  # the next writer has swept
        seen.add(is_new)
    assert seen == {True, False}


@pytest.mark.parametrize(
    ("kind", "number", "action", "told"),
    [
        ("write", 1, "full", "1 S107"),
        ("write", 1, "partly-full", "1 S107"),
        ("sync", 1, "fails", "1 S107"),
        ("sync", 2, "fails", "1 S107 uncertain"),
    ],
)
@pytest.mark.parametrize("what", writer.DOING)
def test_a_disk_that_fails_is_told_and_loses_nothing(
    scene: Scene, what: str, kind: str, number: int, action: str, told: str
) -> None:
    scene.disk.arm(kind, number, action)
    assert scene.run(what) == told
    assert not scene.path.with_name("certificates.store.new").exists()
    is_new = "uncertain" in told
    if what == "begin":
        assert scene.path.exists() == is_new
    else:
        hold(scene, what, is_new)


def test_one_that_was_killed_while_it_was_made_is_not_there_or_is_empty(scene: Scene) -> None:
    for kind, number, action in POINTS:
        scene.disk.arm(kind, number, action)
        assert scene.run("begin") == str(-signal.SIGKILL)
        if (kind, number) == ("sync", 2):
            assert opened(scene.path).contents().keys == []
        else:
            with pytest.raises(PcStoreMissing):
                file.contents(scene.path)
            scene.disk.arm()
            writer.begin(scene.path)
            assert not scene.path.with_name("certificates.store.new").exists()


def hold(scene: Scene, what: str, is_new: bool) -> None:
    """What every crash has to leave; then the next change goes on from there."""
    scene.disk.disarm()
    store = opened(scene.path, NEW_PASSPHRASE if what == "relock" and is_new else PASSPHRASE)
    contents = store.contents()
    keys = {OLD, NEW, IDLE} - ({OLD} if what == "remove" and is_new else set())
    keys |= {MADE} if what == "generate" and is_new else set()
    assert {key.key_id for key in contents.keys} == keys
    have = {one.key.key_id for one in contents.credentials if one.certificate}
    assert have == (keys - {IDLE, MADE}) | ({IDLE} if what == "write" and is_new else set())
    require_works(store, contents)
    if what == "relock":
        with pytest.raises(PassphraseWrong):
            opened(scene.path, PASSPHRASE if is_new else NEW_PASSPHRASE).contents()
    store.rename(NEW, "swept")


def require_works(store: FileStore, contents: Contents) -> None:
    for one in contents.credentials:
        if one.certificate:
            store.require_works(one, NOW)
        else:
            store.signer(one.key)
