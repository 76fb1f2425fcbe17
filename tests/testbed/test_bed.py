"""Media come up and go, alone and by the hundred, and whatever is killed is cleaned up by the next."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ProcessPoolExecutor
from datetime import date
from pathlib import Path

import pytest

from tests.cli.runner import PROGRAM
from tests.testbed.raw import Program, until
from tests.token.helpers import only
from tokenmgr.config import load
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.medium import EmptySlot
from tokenmgr.errors import (
    CompilerFailed,
    CompilerMissing,
    DayWrong,
    FolderWrong,
    LayerMissing,
    MediumOutdated,
    MediumTroubled,
    NameTaken,
    NameWrong,
    SimulatedUnknown,
)
from tokenmgr.log import Secret
from tokenmgr.testbed import compiling
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.scenario import known
from tokenmgr.testbed.simulated import PIN, SimulatedMedium, softhsm
from tokenmgr.token.session import Session

DAY = date(2027, 4, 1)


def everything(medium: SimulatedMedium) -> set[bytes]:
    """What a program finds on it: the IDs and public keys of its keys, and its certificates."""
    with medium.library() as library, Session.open(library, only(library).serial) as session:
        session.login(Secret(PIN))
        found = session.contents()
    return {key.key_id + (key.public_key or b"") for key in found.keys} | {c.der for c in found.certificates}


# --- coming and going ---


def test_a_medium_lies_in_a_folder_of_its_own_that_only_its_owner_reads(bed: Testbed) -> None:
    (medium,) = bed.up("valid")
    assert medium.folder == bed.folder / "valid"
    assert medium.folder.stat().st_mode & 0o777 == bed.folder.stat().st_mode & 0o777 == 0o700
    assert [one.name for one in bed.media()] == ["valid"]
    assert (medium.about.scenarios, medium.about.day) == (("valid",), medium.about.day)


def test_the_settings_know_it_while_it_is_up(bed: Testbed, tmp_path: Path) -> None:
    (medium,) = bed.up("fresh", name="stick")
    settings = load({"TOKENMGR_HOME": str(tmp_path)})
    assert [(entry.path, entry.family) for entry in settings.libraries] == [(medium.path, "simulated")]
    assert bed.down("stick") == ["stick"]
    assert load({"TOKENMGR_HOME": str(tmp_path)}).libraries == ()
    assert bed.media() == []


def test_the_users_own_softhsm_is_not_touched(bed: Testbed, tmp_path: Path) -> None:
    own = tmp_path / "own"
    (own / "tokens").mkdir(parents=True)
    (own / "softhsm2.conf").write_text(f"directories.tokendir = {own}/tokens\n")
    environment = {**os.environ, "SOFTHSM2_CONF": str(own / "softhsm2.conf")}
    (medium,) = Testbed(bed.folder, environment, store=bed.store.folder).up("valid")
    assert everything(SimulatedMedium(medium.folder, environment))
    assert list((own / "tokens").iterdir()) == []


def test_down_without_names_takes_all(bed: Testbed) -> None:
    for name in ("a", "b", "c"):
        bed.up("fresh", name=name)
    assert bed.down("b") == ["b"]
    assert bed.down() == ["a", "c"]


def test_a_program_that_uses_one_that_goes_down_sees_it_pulled(bed: Testbed) -> None:
    (medium,) = bed.up("valid")
    with medium.library() as library, Session.open(library, only(library).serial) as session:
        session.login(Secret(PIN))
        bed.down()
        with pytest.raises(MediumTroubled):
            session.contents()
        assert [type(slot) for slot in library.slots()] == [EmptySlot]


@pytest.mark.parametrize("name", ["", "a b", "../x", "A", "ä", "-a", ".x", "a" * 33])
def test_a_name_that_cannot_be_one_is_refused(bed: Testbed, name: str) -> None:
    if name:
        with pytest.raises(NameWrong):
            bed.up("fresh", name=name)
    assert not bed.folder.exists()


def test_a_name_that_is_taken_or_unknown_is_said(bed: Testbed) -> None:
    bed.up("fresh", name="a")
    with pytest.raises(NameTaken):
        bed.up("valid", name="a")
    with pytest.raises(SimulatedUnknown) as raised:
        bed.down("b")
    assert raised.value.up == ("a",)


# --- repeatable ---


def test_the_same_seed_name_and_day_bring_the_same_medium_keys_included(bed: Testbed) -> None:
    (first,) = bed.up("two-generations", day=DAY)
    found, serial = everything(first), first.serial
    bed.down()
    (again,) = bed.up("two-generations", day=DAY)
    assert (everything(again), again.serial) == (found, serial)


@pytest.mark.parametrize("other", [{"seed": 1}, {"name": "other"}])
def test_another_seed_or_name_brings_another_number_and_other_keys(bed: Testbed, other: dict[str, object]) -> None:
    (first,) = bed.up("pending-key", day=DAY, name="first")
    (second,) = bed.up("pending-key", day=DAY, **{"name": "second", **other})  # type: ignore[arg-type]
    assert first.serial != second.serial
    assert everything(first).isdisjoint(everything(second))


def test_what_is_written_on_one_is_not_on_the_next_of_the_same_make(bed: Testbed) -> None:
    (medium,) = bed.up("fresh")
    with medium.library() as library, Session.open(library, only(library).serial, write=True) as session:
        session.login(Secret(PIN))
        session.generate_key(KeyKind.P256, b"\1", "key")
    bed.down()
    assert everything(bed.up("fresh")[0]) == set()


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.P384])
def test_its_keys_are_of_the_kind_that_is_asked_for(bed: Testbed, kind: KeyKind) -> None:
    (medium,) = bed.up("valid", kind=kind)
    with medium.library() as library, Session.open(library, only(library).serial) as session:
        session.login(Secret(PIN))
        (credential,) = session.contents().credentials
        assert credential.key.kind == kind.value
        session.prove(credential.key)


# --- many, and several processes ---


def test_a_hundred_are_up_at_once_and_each_is_itself(bed: Testbed) -> None:
    media = [bed.up("fresh", name=f"stick-{number}")[0] for number in range(100)]
    assert len({medium.serial for medium in media}) == 100
    assert len(bed.media()) == 100
    libraries = [medium.library() for medium in media[::10]]
    for library in libraries:
        library.start()
    for medium, library in zip(media[::10], libraries, strict=True):
        with library:
            assert only(library).serial == medium.serial
    assert len(bed.down()) == 100


def make(folder: str, store: str, name: str) -> str:
    try:
        (medium,) = Testbed(Path(folder), os.environ, store=Path(store)).up("valid", name=name, day=DAY)
    except NameTaken:
        return "taken"
    return medium.serial


def test_several_processes_make_media_side_by_side_and_share_what_they_make(bed: Testbed, tmp_path: Path) -> None:
    store = tmp_path / "store"
    with ProcessPoolExecutor(8) as pool:
        jobs = [pool.submit(make, str(bed.folder), str(store), f"stick-{number}") for number in range(24)]
        serials = {job.result() for job in jobs}
    assert {medium.serial for medium in bed.media()} == serials
    assert len(serials) == 24
    assert len(list(store.glob("layer-*.so"))) == 1
    assert not list(store.glob(".making-*"))


def test_of_two_processes_that_make_one_name_one_is_refused(bed: Testbed) -> None:
    with ProcessPoolExecutor(4) as pool:
        jobs = [pool.submit(make, str(bed.folder), str(bed.store.folder), "same") for _ in range(8)]
        assert sorted(job.result() for job in jobs).count("taken") == 7
    assert everything(bed.medium("same"))
    assert sorted(path.name for path in bed.folder.iterdir()) == [".lock", "same"]


# --- killed ---

LIVING = """
import os, sys
from pathlib import Path
from tokenmgr.testbed.bed import Testbed
bed = Testbed(Path(sys.argv[1]), os.environ, Path(sys.argv[2]), Path(sys.argv[3]))
bed.up("valid", name="left", alive=True)
print("up", flush=True)
sys.stdin.read()
"""


def test_what_a_killed_run_has_left_is_swept_by_the_next_and_not_before(bed: Testbed, tmp_path: Path) -> None:
    folders = [str(bed.folder), str(tmp_path / "libraries.d"), str(bed.store.folder)]
    with subprocess.Popen(
        [sys.executable, "-c", LIVING, *folders], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        assert bed.sweep() == []  # it lives
        process.kill()
    assert bed.sweep() == ["left"]
    assert (bed.media(), list((tmp_path / "libraries.d").iterdir())) == ([], [])


def test_one_that_was_being_made_is_swept(bed: Testbed) -> None:
    half = bed.folder / ".making-1234"
    half.mkdir(parents=True)
    (half / "alive").touch()
    assert bed.sweep() == [".making-1234"]
    assert not half.exists()


def test_an_entry_whose_folder_was_removed_by_hand_is_swept(bed: Testbed, tmp_path: Path) -> None:
    bed.up("fresh", name="a")
    bed.up("fresh", name="b")
    subprocess.run(["rm", "-r", bed.folder / "a"], check=True)
    assert bed.sweep() == ["a"]
    assert [path.name for path in (tmp_path / "libraries.d").iterdir()] == ["testbed-b.toml"]


def test_four_that_come_up_at_once_in_a_new_home_all_do(tmp_path: Path) -> None:
    """Each sweeps, and the first compiles."""
    environment = {**os.environ, "TOKENMGR_HOME": str(tmp_path), "LC_ALL": "C.UTF-8"}
    up = [
        subprocess.Popen(
            [PROGRAM, "testbed", "up", "valid", "--name", f"m{n}"], env=environment, stderr=subprocess.PIPE
        )
        for n in range(4)
    ]
    said = [one.communicate()[1] for one in up]
    assert [one.returncode for one in up] == [0] * 4, said


def test_a_name_is_free_again_though_programs_still_call(bed: Testbed) -> None:
    loop = "room = __import__('ctypes').create_string_buffer(500)\nwhile True: raw('C_GetTokenInfo', 0, room)"
    for _ in range(5):
        (medium,) = bed.up("valid")
        with Program(medium) as program:
            program.send(f"exec({loop!r})")
            until(lambda: sum(1 for _ in medium.control.calls()) > 50)  # noqa: B023  asked at once
            bed.down()
            assert not medium.folder.exists()


def test_an_exchange_that_was_killed_is_swept(bed: Testbed) -> None:
    (one,), (_other,) = bed.up("valid", name="one"), bed.up("fresh", name="other")
    (one.folder / "about.json").write_text((bed.folder / "other" / "about.json").read_text())
    assert bed.sweep() == ["one"]


def test_somebody_elses_folder_is_left_alone(bed: Testbed) -> None:
    (bed.folder / "mine").mkdir(parents=True)
    (bed.folder / "mine" / "softhsm2.conf").touch()
    assert bed.sweep() == []
    assert (bed.folder / "mine").is_dir()


# --- without a compiler ---


@pytest.fixture
def no_compiler(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """None in sight, for whoever looks: PATH has no folder that has one."""
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))


@pytest.mark.usefixtures("no_compiler")
def test_without_a_compiler_what_softhsm_can_be_comes_up(tmp_path: Path) -> None:
    bed = Testbed(tmp_path / "testbed", os.environ)
    (medium,) = bed.up("two-generations", day=DAY)
    assert (medium.has_layer, medium.path) == (False, softhsm())
    assert len(everything(medium)) == 6
    medium.unplug()
    assert not medium.plugged
    medium.plug()
    assert len(everything(medium)) == 6
    with pytest.raises(LayerMissing):
        medium.fault("C_Sign", "hang")


@pytest.mark.usefixtures("no_compiler")
@pytest.mark.parametrize("name", ["locked", "full", "read-only", "slow", "silent", "blank", "pin-to-be-changed"])
def test_without_a_compiler_what_softhsm_cannot_be_is_refused_and_nothing_is_left(tmp_path: Path, name: str) -> None:
    bed = Testbed(tmp_path / "testbed", os.environ)
    with pytest.raises(CompilerMissing):
        bed.up(name)
    assert [path.name for path in bed.folder.iterdir() if path.name not in (".store", ".lock")] == []


def test_a_compiler_that_fails_is_said_with_its_first_words(tmp_path: Path) -> None:
    with pytest.raises(CompilerFailed) as raised:
        compiling.built("wrong", "this is no C", tmp_path)
    assert "error" in raised.value.reason
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


# --- as scripts see it ---


def test_about_is_written_where_a_person_finds_it(bed: Testbed) -> None:
    (medium,) = bed.up("valid", "pin-low", seed=7, day=DAY)
    told = json.loads((medium.folder / "about.json").read_text())
    assert (told["scenarios"], told["seed"], told["day"], told["kind"]) == (
        ["valid", "pin-low"],
        7,
        "2027-04-01",
        "p256",
    )
    assert set(known()) >= set(told["scenarios"])


# --- what a sweep may not do ---

SWEEPER = """
import os, sys
from pathlib import Path
from tokenmgr.testbed.bed import Testbed
bed = Testbed(Path(sys.argv[1]), os.environ, None, Path(sys.argv[2]))
print("ready", flush=True)
while True:
    if gone := bed.sweep():
        print(gone, flush=True)
"""


def test_no_sweep_removes_what_somebody_is_making_or_has_made(bed: Testbed) -> None:
    command = [sys.executable, "-c", SWEEPER, str(bed.folder), str(bed.store.folder)]
    sweepers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    try:
        for sweeper in sweepers:
            assert sweeper.stdout
            assert sweeper.stdout.readline() == "ready\n"
        for number in range(150):
            bed.up("fresh", name=f"stick-{number}")
    finally:
        for sweeper in sweepers:
            sweeper.kill()
    said = [sweeper.communicate()[0] for sweeper in sweepers]
    assert len(bed.media()) == 150
    assert said == ["", ""]


def test_no_sweep_removes_what_is_being_exchanged(bed: Testbed) -> None:
    (one,), (other,) = bed.up("valid", name="one"), bed.up("unplugged", name="other")
    command = [sys.executable, "-c", SWEEPER, str(bed.folder), str(bed.store.folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as sweeper:
        assert sweeper.stdout
        assert sweeper.stdout.readline() == "ready\n"
        for _ in range(100):
            one.swap(other)
        sweeper.kill()
        assert sweeper.communicate()[0] == ""
    assert [medium.name for medium in bed.media()] == ["one", "other"]


def test_a_folder_aside_without_a_mark_is_swept(bed: Testbed) -> None:
    for name in (".making-1234", ".shell-1234"):
        (bed.folder / name).mkdir(parents=True)
    assert sorted(bed.sweep()) == [".making-1234", ".shell-1234"]


def test_a_settings_file_of_the_users_own_is_left_alone(bed: Testbed, tmp_path: Path) -> None:
    own = tmp_path / "libraries.d" / "testbed-mine.toml"
    own.parent.mkdir()
    own.write_text('path = "/usr/lib/mine.so"\n')
    assert bed.sweep() == []
    assert own.exists()


def test_one_of_another_version_is_swept_and_till_then_said(bed: Testbed) -> None:
    (medium,) = bed.up("valid")
    (medium.folder / "state").write_bytes(b"older" * 100)
    with pytest.raises(MediumOutdated):
        medium.fault("C_Sign", "hang")
    assert bed.sweep() == ["valid"]
    assert bed.media() == []


def test_a_token_that_nobody_asked_for_in_a_week_is_forgotten(tmp_path: Path) -> None:
    bed = Testbed(tmp_path / "testbed", os.environ)
    bed.up("valid", name="old")
    (kept,) = bed.store.folder.glob("token-*")
    os.utime(kept, (0, 0))
    bed.up("valid", name="asks-for-it")
    assert not kept.exists()


@pytest.mark.parametrize("lost", ["about.json", "state", "{name}.so", "tokens"])
def test_one_that_somebodys_hand_was_in_is_swept(bed: Testbed, lost: str) -> None:
    (medium,) = bed.up("valid")
    subprocess.run(["rm", "-r", medium.folder / lost.format(name=medium.name)], check=True)
    assert bed.sweep() == ["valid"]
    assert bed.up("valid")[0].plugged


def test_who_hangs_goes_on_when_the_medium_goes_down(bed: Testbed) -> None:
    (medium,) = bed.up("hangs-on-signing", "valid")
    with subprocess.Popen(
        ["pkcs11-tool", "--module", medium.path, "--login", "--pin", "env:PIN", "--sign", "-m", "ECDSA"],
        env={**os.environ, "PIN": PIN}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    ) as program:  # fmt: skip
        assert program.stdin
        program.stdin.write(bytes(32))
        program.stdin.close()
        program.stdin = None
        while not any(one.hits for one in medium.control.rules()):
            assert program.poll() is None
        bed.down()
        program.communicate(timeout=60)
        assert program.returncode == 1


# --- places ---


@pytest.mark.parametrize("name", ["a#b", "a=b"])
def test_a_folder_that_softhsm_cannot_be_told_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(FolderWrong):
        Testbed(tmp_path / name, os.environ).up("fresh")


def test_a_relative_folder_is_as_good_as_any(
    tmp_path: Path, testbed_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (medium,) = Testbed(Path("media"), os.environ, store=testbed_store).up("valid")
    monkeypatch.chdir("/")
    assert len(everything(medium)) == 4


@pytest.mark.parametrize("name", ["専用 USB", "𠮷野家", 'it\'s "quoted" & [odd]: ünï'])
def test_a_home_may_be_called_as_it_likes(tmp_path: Path, testbed_store: Path, name: str) -> None:
    home = tmp_path / name
    bed = Testbed(home / "testbed", os.environ, home / "libraries.d", testbed_store)
    (medium,) = bed.up("valid", day=DAY)
    assert [entry.path for entry in load({"TOKENMGR_HOME": str(home)}).libraries] == [medium.path]
    assert len(everything(medium)) == 4
    medium.unplug()
    medium.plug()
    assert bed.down() == ["valid"]


@pytest.mark.parametrize("day", [date(1969, 12, 31), date(9999, 12, 31)])
def test_a_day_that_no_certificate_reaches_is_refused(bed: Testbed, day: date) -> None:
    with pytest.raises(DayWrong):
        bed.up("valid", day=day)
