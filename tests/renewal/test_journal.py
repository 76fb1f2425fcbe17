"""What is written is there after any cut; what was altered is found and named; nobody else writes meanwhile."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tokenmgr.domain.renewal import Step
from tokenmgr.errors import JournalDamaged, JournalInUse, JournalNewer, JournalUnwritable, RenewalError
from tokenmgr.renewal.journal import SOURCE, STORE, Journal, Phase, begun, durations, store_of, unfinished
from tokenmgr.renewal.recovery import begun_here, heading_here, is_a_banks
from tokenmgr.system import hold

NOW = datetime(2026, 4, 1, 3, 0, 0, 123456, tzinfo=UTC)


def written(folder: Path, name: str = "one") -> Path:
    with Journal.create(folder, name, {"medium": "4711", "purpose": "renewal"}, NOW) as journal:
        journal.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": "ab"}, NOW)
        journal.write(Step.KEY_GENERATED, Phase.DONE, {"public_key": "cd"}, NOW)
        journal.write(Step.REQUESTED, Phase.INTENT, {}, NOW)
    return folder / f"{name}.jsonl"


def test_a_person_reads_it(tmp_path: Path) -> None:
    lines = [json.loads(line) for line in written(tmp_path).read_text(encoding="utf-8").splitlines()]
    assert [(one["n"], one["step"], one["phase"]) for one in lines] == [
        (1, "", "intent"),
        (2, "KEY_GENERATED", "intent"),
        (3, "KEY_GENERATED", "done"),
        (4, "REQUESTED", "intent"),
    ]
    assert lines[1]["at"] == "2026-04-01T03:00:00.123456Z"
    assert lines[1]["facts"] == {"key_id": "ab"}


def test_how_long_a_step_usually_takes_is_of_this_store_and_of_its_newest_kind_of_key(tmp_path: Path) -> None:
    """What failed in between says nothing of it, and neither does a journal that cannot be believed."""
    for number, (store, kind, seconds) in enumerate(
        [("4711", "rsa2048", 90), ("4711", "p256", 2), ("4711", "p256", 9), ("4711", "p256", 3), ("4712", "p256", 500)]
    ):
        with Journal.create(tmp_path, str(number), {STORE: store, "kind": kind}, NOW) as journal:
            journal.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": "ab"}, NOW)
            journal.write(Step.KEY_GENERATED, Phase.DONE, {}, NOW + timedelta(seconds=seconds))
            journal.write(Step.ISSUED, Phase.INTENT, {}, NOW)
            journal.write(Step.ISSUED, Phase.FAILED, {}, NOW + timedelta(seconds=1))
            journal.write(Step.ISSUED, Phase.DONE, {}, NOW + timedelta(seconds=70))
    (tmp_path / "9.jsonl").write_text('{"v":1}\n')
    assert durations(tmp_path, "4711") == {Step.KEY_GENERATED: 3}
    assert durations(tmp_path, "4712") == {Step.KEY_GENERATED: 500}
    assert durations(tmp_path, "4713") == {}


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with Journal.open(written(tmp_path)) as journal:
        assert journal.heading == {"medium": "4711", "purpose": "renewal"}
        assert journal.is_done(Step.KEY_GENERATED)
        assert not journal.is_done(Step.REQUESTED)
        assert journal.fact("key_id") == "ab"
        assert journal.fact("nothing") is None
        journal.write(None, Phase.DONE, {"ending": "done"}, NOW)
        assert journal.ending == "done"
    assert unfinished(tmp_path) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_it_is_its_owners_alone(tmp_path: Path) -> None:
    assert written(tmp_path / "journal").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "journal").stat().st_mode & 0o777 == 0o700


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_torn_last_line_counts_as_not_written(tmp_path: Path, data: st.DataObject) -> None:
    """At any byte: what is whole before it is believed, and the next line takes its place."""
    path = written(tmp_path)
    whole = path.read_bytes()
    cut = data.draw(st.integers(0, len(whole)))
    path.write_bytes(whole[:cut])
    with Journal.open(path) as journal:
        kept = len(journal.lines)
        assert kept == whole[:cut].count(b"\n")
        journal.write(Step.CHECKED, Phase.DONE, {}, NOW)
    with Journal.open(path) as journal:
        assert len(journal.lines) == kept + 1
    path.unlink()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_an_altered_line_is_named(tmp_path: Path, data: st.DataObject) -> None:
    path = written(tmp_path)
    whole = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(whole) - 1))
    flipped = whole[at] ^ 1 << data.draw(st.integers(0, 7))
    if bytes((whole[at],)) == b"\n" or flipped == 10:
        return  # another division into lines: below
    number = whole[:at].count(b"\n") + 1
    whole[at] = flipped
    path.write_bytes(whole)
    with pytest.raises((JournalDamaged, JournalNewer)) as caught:
        Journal.open(path)
    if isinstance(caught.value, JournalDamaged):
        assert caught.value.line == number
    assert unfinished(tmp_path) == [path]
    path.unlink()


@pytest.mark.parametrize("put", [b"\r", b"\x0b", b"\x85", b"\r\n"])
def test_what_ends_no_line_of_ours_is_no_torn_one(tmp_path: Path, put: bytes) -> None:
    """A hyphen of its date with one bit flipped is a carriage return: what comes after it is not to be cut off."""
    path = written(tmp_path)
    whole = path.read_bytes()
    at = whole.index(b"-", whole.index(b"\n"))
    path.write_bytes(whole[:at] + put + whole[at + 1 :])
    with pytest.raises(JournalDamaged) as caught:
        Journal.open(path)
    assert caught.value.line == 2


def test_what_no_line_is_made_of_is_named(tmp_path: Path) -> None:
    path = written(tmp_path)
    path.write_bytes(path.read_bytes() + b"[" * 100_000 + b"\n")
    with pytest.raises(JournalDamaged) as caught:
        Journal.open(path)
    assert caught.value.line == 5


@pytest.mark.parametrize("how", ["dropped", "twice", "swapped", "joined"])
def test_lines_that_are_not_in_their_places_are_named(tmp_path: Path, how: str) -> None:
    path = written(tmp_path)
    first, second, third, fourth = path.read_bytes().splitlines(keepends=True)
    changed = {
        "dropped": [first, third, fourth],
        "twice": [first, second, second, third, fourth],
        "swapped": [first, third, second, fourth],
        "joined": [first, second.rstrip(), third, fourth],
    }[how]
    path.write_bytes(b"".join(changed))
    with pytest.raises(JournalDamaged) as caught:
        Journal.open(path)
    assert caught.value.line == (3 if how == "twice" else 2)


def test_a_newer_one_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "one.jsonl"
    path.write_text('{"v":2,"whatever":true}\n')
    with pytest.raises(JournalNewer):
        Journal.open(path)
    assert unfinished(tmp_path) == [path]


def test_two_are_not_at_one_operation(tmp_path: Path) -> None:
    path = written(tmp_path)
    with Journal.open(path):
        with pytest.raises(JournalInUse):
            Journal.open(path)
        assert unfinished(tmp_path) == [path]  # it may be looked at
    Journal.open(path).close()


WRITER = """
import resource, signal, sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import JournalUnwritable
from tokenmgr.renewal.journal import Journal, Phase
now = datetime(2026, 4, 1, tzinfo=UTC)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal.open(Path(sys.argv[1]))
size = journal.path.stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, resource.RLIM_INFINITY))
try:
    journal.write(Step.REQUESTED, Phase.DONE, {"request": "x" * 100}, now)
except JournalUnwritable as error:
    print(error.code)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
journal.write(Step.REQUESTED, Phase.DONE, {"request": "y"}, now)
"""


def test_a_full_disk_leaves_what_was_written_and_goes_on_once_there_is_room(tmp_path: Path) -> None:
    path = written(tmp_path)
    said = subprocess.run([sys.executable, "-c", WRITER, str(path)], capture_output=True, text=True, check=True)
    assert said.stdout == "J103\n"
    with Journal.open(path) as journal:
        assert [line.facts for line in journal.lines][-2:] == [{}, {"request": "y"}]


HOLDER = """
import sys
from pathlib import Path
from tokenmgr.renewal.journal import Journal
journal = Journal.open(Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def test_a_process_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    path = written(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        with pytest.raises(JournalInUse):
            Journal.open(path)
        os.kill(child.pid, signal.SIGKILL)
        child.wait(30)
    Journal.open(path).close()


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises((JournalUnwritable, OSError)):
        Journal.create(tmp_path / "file", "one", {}, NOW)


def test_a_place_that_takes_no_locks_is_not_somebody_at_work(tmp_path: Path) -> None:
    """Nobody would ever be done with it."""
    path = written(tmp_path)
    path.with_suffix(".lock").unlink()
    path.with_suffix(".lock").mkdir()
    with pytest.raises(JournalUnwritable):
        Journal.open(path)


def test_it_is_held_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A writer that ends in between has written its last lines by then: none of them is lost, or written over."""
    writer = Journal.open(written(tmp_path))

    def hold_once_the_writer_has_ended(path: Path) -> IO[bytes]:
        writer.write(Step.REQUESTED, Phase.DONE, {"request": "x"}, NOW)
        writer.close()
        return hold(path)

    monkeypatch.setattr("tokenmgr.renewal.journal.hold", hold_once_the_writer_has_ended)
    with Journal.open(tmp_path / "one.jsonl") as journal:
        assert journal.lines == writer.lines
        journal.write(None, Phase.DONE, {"ending": "done"}, NOW)
    monkeypatch.undo()
    with Journal.open(tmp_path / "one.jsonl") as journal:
        assert len(journal.lines) == len(writer.lines) + 1


# --- of several media ---


def begun_on(folder: Path, store: str, name: str, **more: str | bool) -> Path:
    with Journal.create(folder, name, {STORE: store, **more}, NOW) as journal:
        journal.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": name}, NOW)
    return folder / f"{name}.jsonl"


def damage(path: Path, line: int) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b'"at":"2026', b'"at":"2027')
    path.write_bytes(b"".join(lines))


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, Path]:
    """Another medium's, which is the older one, and ours."""
    return begun_on(tmp_path, "THEIRS", "0a"), begun_on(tmp_path, "OURS", "1a")


def found_here(folder: Path) -> tuple[Path | None, list[RenewalError]]:
    told: list[RenewalError] = []
    found = begun_here(folder, "OURS", told.append)
    if found is None:
        return None, told
    found.close()
    return found.path, told


def test_what_is_not_meant_is_in_nobodys_way(two: tuple[Path, Path]) -> None:
    _, ours = two
    with Journal.open(ours):
        assert begun_here(ours.parent, "OURS", lambda _: None, lambda heading: bool(heading.get("cmp"))) is None


def test_source_and_bank_are_of_the_one_that_is_gone_on_with(tmp_path: Path) -> None:
    """Beside it are one of another CA, and a rehearsal, which is taken back before."""
    begun_on(tmp_path, "OURS", "0a", cmp="https://ca.example", **{SOURCE: "theirs"})
    begun_on(tmp_path, "OURS", "0b", bank="1234", rehearsal=True, **{SOURCE: "rehearsed"})
    begun_on(tmp_path, "OURS", "0c", bank="1234", **{SOURCE: "ours"})
    assert heading_here(tmp_path, "OURS", is_a_banks)[SOURCE] == "ours"
    assert heading_here(tmp_path, "OURS", lambda one: not is_a_banks(one))[SOURCE] == "theirs"
    assert heading_here(tmp_path, "THEIRS", is_a_banks) == {}


def test_another_mediums_that_somebody_is_at_is_in_nobodys_way(two: tuple[Path, Path]) -> None:
    theirs, ours = two
    with Journal.open(theirs):
        assert found_here(ours.parent) == (ours, [])
    with Journal.open(ours), pytest.raises(JournalInUse):
        found_here(ours.parent)


def test_another_mediums_that_is_damaged_is_left_to_whoever_has_it(two: tuple[Path, Path]) -> None:
    theirs, ours = two
    damage(theirs, 2)
    assert store_of(theirs) == "THEIRS"
    assert found_here(ours.parent) == (ours, [])
    assert theirs.exists()


def test_ours_that_is_damaged_is_told_and_set_aside(two: tuple[Path, Path]) -> None:
    theirs, ours = two
    damage(ours, 2)
    found, (told,) = found_here(ours.parent)
    assert found is None
    assert isinstance(told, JournalDamaged)
    assert told.line == 2
    assert unfinished(ours.parent) == [theirs]
    assert ours.with_suffix(".damaged").exists()
    assert found_here(ours.parent) == (None, [])


def test_one_whose_heading_cannot_be_read_may_be_anybodys(two: tuple[Path, Path]) -> None:
    """So it is told and set aside, once; and what is ours is found behind it."""
    theirs, ours = two
    damage(theirs, 1)
    assert store_of(theirs) == ""
    assert [type(one.trouble) for one in begun(ours.parent)] == [JournalDamaged, type(None)]
    found, (told,) = found_here(ours.parent)
    assert found == ours
    assert isinstance(told, JournalDamaged)
    assert found_here(ours.parent) == (ours, [])


def test_a_later_versions_is_told_and_left_to_it(two: tuple[Path, Path]) -> None:
    theirs, ours = two
    theirs.write_text('{"v":2,"whatever":true}\n')
    for _ in range(2):
        found, (told,) = found_here(ours.parent)
        assert found == ours
        assert isinstance(told, JournalNewer)
    assert theirs.exists()
