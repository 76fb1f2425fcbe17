"""`tokenmgr ca backup|restore`: one file that holds a whole CA as it was at one moment, and the CA back from it."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.bank_rig import make_ca
from tests.cli.ca_rig import (
    PIN,
    CaHome,
    bare,
    killed_after,
    killed_at,
    lived_in,
    registry_of,
    require_chained,
    tables,
    told,
    with_little_room,
    working,
)
from tests.sql.forging import forge
from tests.sql.postgres import Server
from tokenmgr import clock
from tokenmgr.api.checkpoints import make_last
from tokenmgr.ca.archive import SEAL, Reader
from tokenmgr.ca.checkpoints import seal
from tokenmgr.cli.authority import open_authority
from tokenmgr.cli.ca_backup import settle
from tokenmgr.cli.ca_restore import Step
from tokenmgr.cli.serve import _wired
from tokenmgr.domain.generation import State
from tokenmgr.errors import BackupExists, BackupUnfit
from tokenmgr.log import Secret
from tokenmgr.sql.audit import Trail
from tokenmgr.sql.copying import BEYOND

MADE_ANEW = {"audit", "crl", "answer", "node", "job"}  # what a restore adds to, or leaves out


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA that has lived: its folder is copied by each test."""
    folder = tmp_path_factory.mktemp("made")
    home = CaHome(folder / "home", make_ca(folder / "ceremony"))
    lived_in(home)
    with working(home) as works:
        works.registry.nonce_key()
        works.administration.reserve_crl()
    return home.folder / "ca"


@pytest.fixture
def home(tmp_path: Path, made: Path) -> CaHome:
    return CaHome(tmp_path / "home", made)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory, made: Path) -> Path:
    """A backup of it."""
    folder = tmp_path_factory.mktemp("copy")
    return backed_up(CaHome(folder / "home", made), folder / "ca.backup")


def backed_up(home: CaHome, file: Path) -> Path:
    done = home.op("backup", str(file), typed="")
    assert done.status == 0, done.err
    return file


def restored(folder: Path, file: Path, *options: str) -> CaHome:
    home = bare(folder)
    done = home.op("restore", str(file), *options, typed="")
    assert done.status == 0, done.err
    return home


def require_nothing(home: CaHome) -> None:
    assert not (home.folder / "ca").exists()
    assert not list(home.folder.glob("ca.making-*"))


def kept(database: Any) -> dict[str, list[str]]:
    return {name: rows for name, rows in tables(database).items() if name not in MADE_ANEW}


# --- the file -------------------------------------------------------------------------------------------------------


def test_what_is_in_it_and_what_is_not(home: CaHome, tmp_path: Path) -> None:
    (home.folder / "ca" / "tls").mkdir()
    (home.folder / "ca" / "tls" / "key.pem").write_text("the server's")
    file = tmp_path / "ca.backup"
    done = home.op("backup", str(file), "--json", typed="")
    assert done.status == 0, done.err
    assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(one.name for one in tmp_path.iterdir()) == ["ca.backup", "home"]
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        content = b"".join(archive.read(name) for name in names)
        manifest = json.loads(archive.read("manifest.json"))
    assert {"folder/ca.toml", "folder/root.pem", "tables/generation.jsonl", "tables/audit.jsonl"} < set(names)
    assert any(name.startswith("folder/token/") for name in names)
    assert not any("tls" in name or "sqlite" in name or name == "folder/token.lock" for name in names)
    assert PIN.encode() not in content
    assert b"the server's" not in content
    assert (told(done)["seal"], told(done)["entry"]) == (seal_of(file), manifest["registry"]["entry"])
    assert manifest["name"] == home.ca.about.name
    with registry_of(home) as database:
        last = require_chained(database)[-1]
    assert (last.action, last.actor_kind) == ("ca.backed-up", "operator")
    assert last.number == manifest["registry"]["entry"] + 1
    assert json.loads(last.after) == {"entry": last.number - 1, "seal": told(done)["seal"]}


def seal_of(file: Path) -> str:
    data = file.read_bytes()
    assert hashlib.sha256(data[:-SEAL]).hexdigest().encode() == data[-SEAL:]
    return data[-SEAL:].decode()


def test_it_goes_over_nothing(home: CaHome, tmp_path: Path) -> None:
    file = tmp_path / "ca.backup"
    file.write_text("mine")
    done = home.op("backup", str(file), typed="")
    assert (done.status, "A130" in done.err, file.read_text()) == (2, True, "mine")
    assert "A101" in bare(tmp_path / "none").op("backup", str(tmp_path / "x"), typed="").err
    assert not (tmp_path / "x").exists()


def test_not_even_over_one_that_was_made_meanwhile(tmp_path: Path) -> None:
    part, file = tmp_path / "x.part", tmp_path / "x"
    part.write_text("ours")
    file.write_text("theirs")
    with pytest.raises(BackupExists):
        settle(part, file)
    assert (part.read_text(), file.read_text()) == ("ours", "theirs")
    file.unlink()
    settle(part, file)
    assert file.read_text() == "ours"


def test_a_whole_one_that_has_kept_its_second_name_is_not_written_over(home: CaHome, tmp_path: Path) -> None:
    """Killed between the two, and moved elsewhere since."""
    first = backed_up(home, tmp_path / "x")
    os.link(first, tmp_path / "x.part")
    content = first.rename(tmp_path / "safe").read_bytes()
    backed_up(home, tmp_path / "x")
    assert (tmp_path / "safe").read_bytes() == content
    assert not (tmp_path / "x.part").exists()


def test_where_it_cannot_be_written(home: CaHome, tmp_path: Path) -> None:
    done = home.op("backup", str(tmp_path / "nowhere" / "x"), typed="")
    assert (done.status, "U107" in done.err) == (2, True)


def test_a_full_disk_leaves_no_file(home: CaHome, tmp_path: Path) -> None:
    """Of a CA with so much in its folder that there is room for its registry, and not for its copy."""
    (home.folder / "ca" / "closed").mkdir()
    (home.folder / "ca" / "closed" / "much").write_bytes(os.urandom(2_000_000))
    file = tmp_path / "ca.backup"
    for size in (500_000, 1_999_000):
        done = with_little_room(home, size, "ca", "backup", str(file))
        assert (done.status, "U107" in done.err) == (2, True), done.err
        assert sorted(one.name for one in tmp_path.iterdir()) == ["home"]
    backed_up(home, file)


def test_killed_anywhere_there_is_no_file_or_a_whole_one(home: CaHome, tmp_path: Path) -> None:
    file, moment = home.folder / "ca.backup", 0
    while True:
        moment += 1
        status = killed_at(home, moment, "ca", "backup", str(file))
        if file.exists():
            with Reader.open(file) as reader:
                assert len(list(reader.check())) == len(reader.members)
            file.unlink()
        else:
            assert status == -9
        if status == 0:
            break
    assert moment > 5
    restored(tmp_path / "other", backed_up(home, file))


WRITER = (
    "import itertools, sys\n"
    "from tests.actors import TESTER\n"
    "from tests.sql.world import DAY, enrolment, exchange, generation\n"
    "from tokenmgr import clock\n"
    "from tokenmgr.sql.administration import Administration\n"
    "from tokenmgr.sql.engine import Database\n"
    "from tokenmgr.sql.registry import SqlRegistry\n"
    "database = Database.open(sys.argv[1])\n"
    "for number in itertools.count(1):\n"
    "    who = Administration(database, TESTER).enrol(enrolment(f'crowd-{number}'))\n"
    "    one = generation(who.id, 1000 + number)\n"
    "    registry = SqlRegistry(database, TESTER)\n"
    "    registry.record(one, exchange(one), None, DAY)\n"
    "    registry.withdraw(who.id, one.reason or __import__('tests.sql.world').sql.world.REASON, clock.now())\n"
    "    print(number, flush=True)\n"
)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_it_is_one_moment_while_another_process_writes(
    kind: str, home: CaHome, tmp_path: Path, copy: Path, request: pytest.FixtureRequest
) -> None:
    """Whoever was withdrawn has an entry that says so, and nobody else; the chain verifies as it is restored."""
    if kind == "postgresql":
        server: Server = request.getfixturevalue("server")
        home = restored(tmp_path / "there", copy, "--database", server.database())
    writer = subprocess.Popen([sys.executable, "-c", WRITER, home.ca.database], stdout=subprocess.PIPE, text=True)
    try:
        assert writer.stdout is not None
        counts = []
        for number in range(2):
            begun = int(writer.stdout.readline())
            back = restored(tmp_path / f"back-{number}", backed_up(home, tmp_path / f"{number}.backup"))
            with registry_of(back) as database:
                entries = require_chained(database)
                rows = tables(database)
            voided = [one for one in entries if one.action == "certificate.voided"]
            assert len([row for row in rows["generation"] if f"'{State.VOID.value}'" in row]) == len(voided)
            assert len(rows["exchange"]) == len(rows["generation"])
            assert len([one for one in entries if one.action == "subscriber.added"]) == len(rows["subscriber"])
            counts.append(len(rows["subscriber"]))
            assert counts[-1] >= begun
        assert counts[0] < counts[1]
    finally:
        writer.kill()
        writer.communicate()


def test_the_tokens_files_are_read_in_turn(home: CaHome, tmp_path: Path) -> None:
    """Somebody who is about to log in has the turn: the backup waits for it."""
    from tokenmgr.system import locked

    with locked(home.folder / "ca" / "token.lock"):
        child = subprocess.Popen(
            [Path(sys.executable).parent / "tokenmgr", "ca", "backup", str(tmp_path / "x")],
            env=home.environment, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        with pytest.raises(subprocess.TimeoutExpired):
            child.wait(3)
    assert child.wait(60) == 0


# --- back -----------------------------------------------------------------------------------------------------------


def test_a_restored_ca_is_the_same_and_works(home: CaHome, tmp_path: Path) -> None:
    with registry_of(home) as database:
        before, numbers = kept(database), len(require_chained(database))
    back = restored(tmp_path / "back", backed_up(home, tmp_path / "ca.backup"))
    assert back.ca.files == home.ca.files
    with registry_of(back) as database:
        assert kept(database) == before
        entries = require_chained(database)
        assert [one.action for one in entries[numbers:]] == ["ca.restored"]
        assert set(json.loads(entries[-1].after)) == {"made", "entry", "seal"}
    with working(back) as works:
        assert works.administration.reserve_crl() == 1 + BEYOND + 1
        works.issue("newcomer")
    status = back.op("status", "--pin-fd", "0", "--no-service", "--json")
    assert [one["trouble"] for one in told(status)["lines"] if one["area"] == "token"] == [""] * 5
    for path in (back.folder / "ca").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0 or path.suffix in (".toml", ".conf", ".lock"), path


def test_the_keys_of_a_restored_ca_can_be_replaced(tmp_path: Path, copy: Path) -> None:
    """And so destroyed: SoftHSM wants more of a key's files for that than for its signatures."""
    home = restored(tmp_path / "new", copy)
    done = home.op("renew", "cmp", "--new-key", "--pin-fd", "0")
    assert done.status == 0, done.err


def test_a_trail_that_is_not_whole_is_not_copied_for_one_that_is(home: CaHome, tmp_path: Path) -> None:
    """It would be refused on the day it is needed."""
    with registry_of(home) as database:
        forge(database, "UPDATE audit SET actor = 'mallory' WHERE number = 2")
    done = home.op("backup", str(tmp_path / "copy"), typed="")
    assert (done.status, "A117" in done.err) == (4, True)
    assert list(tmp_path.glob("copy*")) == []


def test_the_checkpoints_of_a_restored_ca_are_in_its_file(home: CaHome, tmp_path: Path) -> None:
    """An auditor finds nothing missing before it has served."""
    with registry_of(home) as database, open_authority(home.ca, Secret(PIN), home.folder) as keys:
        trail = Trail(database)
        trail.keep(seal(keys, *trail.head(), clock.now(), with_chain=True))
    assert home.op("backup", str(tmp_path / "copy"), typed="").status == 0
    verified = restored(tmp_path / "new", tmp_path / "copy").op("audit", "verify", typed="")
    assert verified.status == 0, verified.out + verified.err


def test_from_sqlite_to_postgresql_and_back(home: CaHome, tmp_path: Path, server: Server) -> None:
    with registry_of(home) as database:
        before = kept(database)
    url = server.database()
    there = restored(tmp_path / "there", backed_up(home, tmp_path / "1"), "--database", url)
    assert there.ca.database == url
    with registry_of(there) as database:
        assert kept(database) == before
    with working(there) as works:
        works.issue("on-postgresql")  # an ID of its own: none that is taken
    with registry_of(there) as database:
        before = kept(database)
    back = restored(tmp_path / "back", backed_up(there, tmp_path / "2"))
    with registry_of(back) as database:
        assert kept(database) == before
        assert [one.action for one in require_chained(database)].count("ca.restored") == 2
        assert database.engine.dialect.name == "sqlite"


def test_it_goes_over_no_ca_and_into_no_registry(home: CaHome, tmp_path: Path, copy: Path, server: Server) -> None:
    before = (home.folder / "ca" / "ca.toml").read_bytes()
    assert "A102" in home.op("restore", str(copy), typed="").err
    assert (home.folder / "ca" / "ca.toml").read_bytes() == before
    url = server.database()
    first = restored(tmp_path / "first", copy, "--database", url)
    with registry_of(first) as database:
        before_rows = tables(database)
    with working(first) as works:
        works.issue("since")
    second = bare(tmp_path / "second")
    done = second.op("restore", str(copy), "--database", url, typed="")
    assert (done.status, "A132" in done.err) == (2, True)
    require_nothing(second)
    with registry_of(first) as database:
        assert len(tables(database)["subscriber"]) == len(before_rows["subscriber"]) + 1


@pytest.mark.parametrize("url", ["postgresql://me:geheim@db/x", "mysql://x/y", "sqlite:///relative"])
def test_a_database_that_cannot_be_meant(tmp_path: Path, copy: Path, url: str) -> None:
    done = bare(tmp_path / "home").op("restore", str(copy), "--database", url, typed="")
    assert (done.status, "A111" in done.err, "geheim" in done.err) == (2, True, False)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
@pytest.mark.parametrize("step", list(Step), ids=lambda step: step.name)
def test_killed_after_a_step(tmp_path: Path, copy: Path, step: Step, kind: str, request: pytest.FixtureRequest) -> None:
    options: tuple[str, ...] = ()
    if kind == "postgresql":
        options = ("--database", request.getfixturevalue("server").database())
    home = bare(tmp_path / "home")
    assert killed_after(home, "ca_restore", step.value, "ca", "restore", str(copy), *options) == -9
    require_none_or_whole(home, copy, *options)


def require_none_or_whole(home: CaHome, copy: Path, *options: str) -> None:
    if not (home.folder / "ca").exists():
        done = home.op("restore", str(copy), *options, typed="")
        assert done.status == 0, done.err
    assert not list(home.folder.glob("ca.making-*"))
    with registry_of(home) as database:
        assert [one.action for one in require_chained(database)].count("ca.restored") == 1
        assert len(tables(database)["generation"]) == 3
    assert home.run("ca", "show").status == 0


def test_killed_at_every_twenty_third_touch_of_disk_and_database(tmp_path: Path, copy: Path) -> None:
    """Which has no rhythm in common with what is done for each row and file."""
    moment = 1
    while True:
        home = bare(tmp_path / str(moment))
        status = killed_at(home, moment, "ca", "restore", str(copy))
        require_none_or_whole(home, copy)
        if status == 0:
            break
        assert status == -9
        moment += 23
    assert moment > 20


def test_a_full_disk_leaves_no_ca(tmp_path: Path, copy: Path) -> None:
    for size in (500, 20_000, 100_000):
        home = bare(tmp_path / str(size))
        done = with_little_room(home, size, "ca", "restore", str(copy))
        assert done.status in (2, 3), done.err
        assert "U107" in done.err or "R115" in done.err, done.err
        require_nothing(home)
        assert restored(home.folder, copy).ca.about.name


# --- what is not restored -------------------------------------------------------------------------------------------


def refused(folder: Path, file: Path) -> str:
    home = bare(folder)
    done = home.op("restore", str(file), "--json", typed="")
    assert done.status == 4, done.err
    require_nothing(home)
    error = told(done)["error"]
    assert error["code"] == "A131"
    return str(error["facts"]["reason"])


def test_a_file_that_is_none(tmp_path: Path, copy: Path) -> None:
    other = tmp_path / "other.zip"
    with zipfile.ZipFile(other, "w") as archive:
        archive.writestr("a", "b")
    for content, reason in (
        (b"", "not-a-backup"),
        (b"hello", "not-a-backup"),
        (other.read_bytes(), "seal-broken"),
        (copy.read_bytes()[:-1], "seal-broken"),
        (copy.read_bytes()[:1000], "seal-broken"),
        (copy.read_bytes() + b"\n", "seal-broken"),
    ):
        file = tmp_path / "file"
        file.write_bytes(content)
        assert refused(tmp_path / "home", file) == reason
    assert refused(tmp_path / "home", tmp_path / "nowhere") == "unreadable"


@settings(max_examples=150)
@given(data=st.data())
def test_any_byte_that_is_changed_is_noticed(data: st.DataObject, tmp_path_factory: Any, copy: Path) -> None:
    content = bytearray(copy.read_bytes())
    at = data.draw(st.integers(0, len(content) - 1))
    content[at] ^= data.draw(st.integers(1, 255))
    file = tmp_path_factory.getbasetemp() / "changed.backup"
    file.write_bytes(content)
    with pytest.raises(BackupUnfit), Reader.open(file) as reader:
        list(reader.check())


Members = dict[str, bytes]


def edited(copy: Path, file: Path, edit: Callable[[Members], object], remake: bool = True) -> Path:
    """Somebody who knows the format: members changed, and list and seal made to fit (or the list left as it was)."""
    with zipfile.ZipFile(copy) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    edit(members)
    if remake:
        manifest["members"] = {
            name: {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in members.items()
        }
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = b"0" * SEAL
        for name, content in members.items():
            archive.writestr(name, content)
        archive.writestr("manifest.json", json.dumps(manifest))
    data = file.read_bytes()[:-SEAL]
    file.write_bytes(data + hashlib.sha256(data).hexdigest().encode())
    return file


def _append(name: str, content: bytes) -> Callable[[Members], object]:
    return lambda members: members.__setitem__(name, members.get(name, b"") + content)


def _replace(name: str, old: bytes, new: bytes) -> Callable[[Members], object]:
    def edit(members: Members) -> None:
        assert old in members[name]
        members[name] = members[name].replace(old, new)

    return edit


EDITS: dict[str, tuple[Callable[[Members], object], str]] = {
    "a member is gone": (lambda members: members.pop("tables/crl.jsonl"), "registry-damaged"),
    "the root is another": (_replace("folder/root.pem", b"\n-----END", b"AAAA\n-----END"), "folder-damaged"),
    "a certificate is gone": (lambda members: members.pop("folder/cmp.pem"), "folder-damaged"),
    "no ca.toml": (lambda members: members.pop("folder/ca.toml"), "folder-damaged"),
    "a file elsewhere": (_append("folder/../../evil", b"x"), "member-elsewhere"),
    "an absolute one": (_append("folder//etc/evil.pem", b"x"), "member-elsewhere"),
    "a settings file": (_append("folder/softhsm2.conf", b"x"), "member-elsewhere"),
    "the trail": (_replace("tables/audit.jsonl", b"certificate.revoked", b"certificate.released"), "registry-damaged"),
    "a column": (_replace("tables/bank.jsonl", b"contact", b"contakt"), "registry-damaged"),
    "no text": (_append("tables/bank.jsonl", b"\xff\xfe\n"), "not-a-backup"),
}


@pytest.mark.parametrize("edit", EDITS)
def test_one_that_was_edited_with_care(tmp_path: Path, copy: Path, edit: str) -> None:
    act, reason = EDITS[edit]
    assert refused(tmp_path / "home", edited(copy, tmp_path / "edited", act)) == reason


def test_one_whose_list_is_not_of_what_is_in_it(tmp_path: Path, copy: Path) -> None:
    gone = edited(copy, tmp_path / "1", lambda members: members.pop("tables/crl.jsonl"), remake=False)
    assert refused(tmp_path / "home", gone) == "other-members"
    altered = edited(copy, tmp_path / "2", _append("folder/ca.toml", b"\n"), remake=False)
    assert refused(tmp_path / "home", altered) == "member-altered"


def test_a_certificate_of_another_ca(tmp_path: Path, copy: Path) -> None:
    """The rows are fine, and so are digests and trail: only the signature is not of this CA's key."""
    other = CaHome(tmp_path / "other", make_ca(tmp_path / "ceremony"))
    lived_in(other)
    stranger = zipfile.ZipFile(backed_up(other, tmp_path / "other.backup")).read("tables/generation.jsonl")
    theirs = json.loads(stranger.splitlines()[1])

    def edit(members: Members) -> None:
        names, *rows = (json.loads(line) for line in members["tables/generation.jsonl"].splitlines())
        at = names.index("certificate")
        rows[0][at] = theirs[at]
        members["tables/generation.jsonl"] = "".join(json.dumps(row) + "\n" for row in (names, *rows)).encode()

    assert refused(tmp_path / "home", edited(copy, tmp_path / "edited", edit)) == "foreign-certificate"


def _rewritten(table: str, which: Callable[[dict[str, Any]], bool], **values: object) -> Callable[[Members], object]:
    def edit(members: Members) -> None:
        names, *rows = (json.loads(line) for line in members[f"tables/{table}.jsonl"].splitlines())
        (row,) = (row for row in rows if which(dict(zip(names, row, strict=True))))
        for name, value in values.items():
            row[names.index(name)] = value
        members[f"tables/{table}.jsonl"] = "".join(json.dumps(row) + "\n" for row in (names, *rows)).encode()

    return edit


def _is(state: State) -> Callable[[dict[str, Any]], bool]:
    return lambda row: bool(row["state"] == state.value)


STATUSES = {
    "good again": _rewritten("generation", _is(State.REVOKED), state="superseded", revoked_at=None, reason=None),
    "for another reason": _rewritten("generation", _is(State.REVOKED), reason=4),
    "at another time": _rewritten("generation", _is(State.REVOKED), revoked_at=1),
    "on hold": _rewritten("generation", _is(State.REVOKED), state="held"),
    "revoked by nobody": _rewritten("generation", _is(State.PENDING), state="revoked", revoked_at=1, reason=1),
}


@pytest.mark.parametrize("edit", STATUSES)
def test_a_status_is_what_the_trail_tells_of_it(tmp_path: Path, copy: Path, edit: str) -> None:
    """Sealed anew, and with a trail that is whole: nobody is good again but whom the trail knows to be."""
    assert refused(tmp_path / "home", edited(copy, tmp_path / "edited", STATUSES[edit])) == "status-altered"


def test_one_on_hold_and_one_that_is_released_come_back_so(home: CaHome, tmp_path: Path) -> None:
    with working(home) as works:
        held, released = works.issue("held"), works.issue("released")
        for one in (held, released):
            works.registry.hold(one.serial, clock.now())
        works.registry.release(released.serial)
    back = restored(tmp_path / "back", backed_up(home, tmp_path / "x"))
    with working(back) as works:
        found = [works.registry.generation(one.serial) for one in (held, released)]
    assert [one.state for one in found if one] == [State.HELD, State.ACTIVE]


def test_a_checkpoint_is_signed_by_this_ca(home: CaHome, tmp_path: Path) -> None:
    with _wired(home.ca, Secret(PIN), str(tmp_path)) as service:
        make_last(service)
    copy = backed_up(home, tmp_path / "ca.backup")
    restored(tmp_path / "back", copy)
    for values in ({"at": 0}, {"signature": ["AAAA"]}, {"chain": [""]}):
        forged = edited(copy, tmp_path / "edited", _rewritten("checkpoint", lambda _row: True, **values))
        assert refused(tmp_path / "none", forged) == "forged-checkpoint"


def test_the_seal_that_was_noted(tmp_path: Path, copy: Path) -> None:
    """The one thing that tells of somebody who wrote all of it anew."""
    anew = edited(copy, tmp_path / "edited", lambda _members: None)
    noted = seal_of(copy)
    done = bare(tmp_path / "home").op("restore", str(anew), "--seal", noted, "--json", typed="")
    assert (done.status, told(done)["error"]["facts"]["reason"]) == (4, "other-seal")
    require_nothing(bare(tmp_path / "home"))
    restored(tmp_path / "home", copy, "--seal", noted.upper())


def test_it_is_told_what_it_cannot_know(tmp_path: Path, copy: Path) -> None:
    for language, words in (("en", "cannot know"), ("ja", "載っていません")):
        home = bare(tmp_path / language)
        assert words in home.run("--lang", language, "ca", "restore", str(copy)).out


def test_the_copy_of_an_unused_ca(tmp_path: Path) -> None:
    home = CaHome(tmp_path / "home", make_ca(tmp_path / "ceremony"))
    back = restored(tmp_path / "back", backed_up(home, tmp_path / "x"))
    with registry_of(back) as database:
        assert [one.action for one in require_chained(database)] == ["ca.made", "ca.restored"]
