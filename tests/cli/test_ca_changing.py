"""`tokenmgr ca renew|rollover|move`: the CA as it was or as it is to be, however a change is cut short."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from pathlib import Path

import pytest

from tests import warm
from tests.cli.bank_rig import BankHome, make_ca
from tests.cli.runner import Home, Result
from tokenmgr.ca import staging
from tokenmgr.ca.ceremony import Step
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.cli.authority import open_authority
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import AuthorityMoved
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN as MEDIUM_PIN
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

PIN = "pin-12345678"
RENEW, ROLL = ("ca", "renew", "cmp", "--new-key", "--pin-fd", "0"), ("ca", "rollover", "--pin-fd", "0")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ca(tmp_path_factory.mktemp("made"))


@pytest.fixture
def home(ca: Path, tmp_path: Path) -> Home:
    return BankHome(tmp_path / "home", ca)


@pytest.fixture
def sticks(tmp_path: Path, testbed_store: Path) -> list[SimulatedMedium]:
    bed = Testbed(tmp_path / "testbed", os.environ, store=testbed_store)
    return [bed.up("fresh", name=name)[0] for name in ("one", "two")]


def opened(home: Home) -> CaFolder:
    return open_folder(home.folder / "ca")


def change(home: Home, *command: str, pin: str = PIN) -> Result:
    return home.run("ca", *command, "--pin-fd", "0", typed=f"{pin}\n")


def keys_in(library: Library, serial: str, pin: str) -> set[bytes]:
    with library, Session.open(library, serial) as session:
        session.login(Secret(pin))
        contents = session.contents()
        assert not any(session.judge(key) for key in contents.keys)  # S1
        return {key.key_id for key in contents.keys}


def own_keys(home: Home) -> set[bytes]:
    from tokenmgr import catalogue

    folder, family = opened(home), catalogue.shipped().family("softhsm")
    environment = {**os.environ, "SOFTHSM2_CONF": str(folder.configuration)}
    return keys_in(Library(catalogue.library(family) or "", environment, family), folder.about.serial, PIN)


# --- renew ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["cmp", "ocsp"])
def test_renewed_for_the_same_key(home: Home, what: str) -> None:
    before = opened(home)
    done = change(home, "renew", what)
    assert done.status == 0, done.err
    assert [line[:3] for line in done.err.splitlines()] == ["1/7", "4/7", "5/7", "6/7", "7/7"]
    assert f"{what}.2.pem" in done.out
    after = opened(home)
    assert after.about.key_ids == before.about.key_ids == own_keys(home)
    assert after.current.certificates[what].public_key == before.current.certificates[what].public_key
    assert after.current.certificates[what].serial != before.current.certificates[what].serial


def test_a_new_key_and_the_old_one_is_destroyed(home: Home) -> None:
    before = opened(home)
    done = change(home, "renew", "ocsp", "--new-key", "--json")
    after = opened(home)
    told = json.loads(done.out)["certificates"]["ocsp"]
    assert told["key_id"] == after.current.holdings["ocsp"].key_id.hex()
    assert told["file"].endswith("ocsp.2.pem")
    assert before.about.key_ids - after.about.key_ids == {before.current.holdings["ocsp"].key_id}
    assert own_keys(home) == after.about.key_ids


@pytest.mark.parametrize("purpose", ["cmp", "ocsp"])
def test_a_lost_key_stops_the_ca_until_it_is_replaced(home: Home, purpose: str) -> None:
    folder = opened(home)
    lose(home, folder.current.holdings[purpose].key_id)
    serve = ("serve", "--listen", "127.0.0.1:0")
    assert "A116" in change(home, *serve).err
    assert "A116" in change(home, "renew", purpose).err
    assert change(home, "renew", purpose, "--new-key").status == 0
    assert own_keys(home) == opened(home).about.key_ids


def lose(home: Home, key_id: bytes) -> None:
    from tokenmgr import catalogue, clock

    folder, family = opened(home), catalogue.shipped().family("softhsm")
    environment = {**os.environ, "SOFTHSM2_CONF": str(folder.configuration)}
    with (
        Library(catalogue.library(family) or "", environment, family) as library,
        Session.open(library, folder.about.serial, write=True) as session,
    ):
        session.login(Secret(PIN))
        session.delete(session.permit_deletion([session.contents().key(key_id)], clock.now()))


def test_what_is_impossible_is_said_before_anybody_is_asked(home: Home) -> None:
    assert home.run("ca", "renew", "root").status == 2
    done = home.run("ca", "renew", "cmp", "--authority", "2")
    assert done.status == 2
    assert "no authority 2" in done.err


def test_a_wrong_pin_changes_nothing(home: Home) -> None:
    before = (home.folder / "ca" / "ca.toml").read_bytes()
    for command in (("renew", "cmp"), ("rollover",)):
        done = change(home, *command, pin="another pin")
        assert (done.status, "A112" in done.err) == (4, True)
    assert (home.folder / "ca" / "ca.toml").read_bytes() == before


# --- rollover -------------------------------------------------------------------------------------------------------


def test_rolled_over_and_shown(home: Home) -> None:
    before = opened(home)
    done = change(home, "rollover", "--keys", "p384")
    assert done.status == 0, done.err
    assert [line[:3] for line in done.err.splitlines()] == [f"{step.value}/7" for step in Step]
    after = opened(home)
    assert after.authorities[0] == before.current
    assert own_keys(home) == after.about.key_ids
    told = json.loads(home.run("ca", "show", "--json").out)
    assert [one["number"] for one in told["authorities"]] == [1, 2]
    assert told["certificates"] == told["authorities"][1]["certificates"]
    assert {"root", "issuing", "cmp", "ocsp", "new_with_old", "old_with_new"} == set(told["certificates"])
    shown = home.run("ca", "show", "--lang", "ja").out
    assert "第2世代（発行中）" in shown
    assert "旧ルートが署名した新ルート" in shown
    before_again = (home.folder / "ca" / "ca.toml").read_bytes()
    again = home.run("ca", "rollover")  # nobody is asked for a PIN
    assert (again.status, "A113" in again.err) == (2, True)
    assert (home.folder / "ca" / "ca.toml").read_bytes() == before_again
    assert change(home, "rollover", "--again").status == 0
    assert len(opened(home).authorities) == 3


def test_an_older_authority_goes_on_answering(home: Home) -> None:
    assert change(home, "rollover").status == 0
    assert change(home, "renew", "ocsp", "--authority", "1").status == 0
    after = opened(home)
    assert after.authorities[0].holdings["ocsp"].file == "ocsp.2.pem"
    assert after.current.holdings["ocsp"].file == "ocsp-2.pem"
    assert change(home, "renew", "ocsp").status == 0
    assert opened(home).current.holdings["ocsp"].file == "ocsp-2.2.pem"


# --- cut short ------------------------------------------------------------------------------------------------------

KILLED_AFTER = (
    "import os, signal, sys\n"
    "from tokenmgr.cli import ca_changing, main\n"
    "last = int(sys.argv.pop(1))\n"
    "def say(step):\n"
    "    if step.value == last:\n"
    "        os.kill(os.getpid(), signal.SIGKILL)\n"
    "ca_changing._say = say\n"
    "sys.exit(main.run())\n"
)
# Each opening for writing, renaming and removing in the CA's folder is a moment of its own.
KILLED_AT = (
    "import os, signal, sys\n"
    "from tokenmgr.cli import main\n"
    "left, home = int(sys.argv.pop(1)), os.environ['TOKENMGR_HOME']\n"
    "def hook(event, arguments):\n"
    "    global left\n"
    "    if event not in ('open', 'os.rename', 'os.remove'): return\n"
    "    if not str(arguments[0]).startswith(home + '/ca/'): return\n"
    "    if event == 'open' and arguments[1] in ('r', 'rb', None): return\n"
    "    left -= 1\n"
    "    if left == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
    "sys.addaudithook(hook)\n"
    "status = main.run()\n"
    "sys.exit(status if left > 0 else 99)\n"
)


def killed(home: Home, script: str, moment: int, *arguments: str, pin: str = PIN) -> int:
    return warm.run(script, str(moment), *arguments, environment=home.environment, typed=f"{pin}\n").returncode


def require_old_or_new_whole(home: Home, before: CaFolder) -> None:
    """Each named key is there and signs, and the next change removes what is named by nobody."""
    left = opened(home)
    assert left.authorities[0].certificates["root"] == before.current.certificates["root"]
    assert own_keys(home) >= left.about.key_ids
    done = change(home, "renew", "ocsp")
    assert done.status == 0, done.err
    after = opened(home)
    assert own_keys(home) == after.about.key_ids == left.about.key_ids
    old = {"ocsp.pem" if after.current.number == 1 else "ocsp-2.pem"}  # what this last change has replaced
    assert {file.name for file in after.path.glob("*.pem")} == set(after.about.files) | old
    assert not list(after.path.glob("*.new"))
    assert staging.read_record(after.path) is None


@pytest.mark.parametrize("step", list(Step), ids=lambda step: step.name)
@pytest.mark.parametrize("command", [RENEW, ROLL], ids=["renew", "rollover"])
def test_killed_after_a_step(home: Home, command: tuple[str, ...], step: Step) -> None:
    before = opened(home)
    assert killed(home, KILLED_AFTER, step.value, *command) == -9
    assert (opened(home).about == before.about) == (step.value < Step.WRITTEN.value)
    require_old_or_new_whole(home, before)


@pytest.mark.parametrize("command", [RENEW, ROLL], ids=["renew", "rollover"])
def test_killed_at_every_fifth_touch_of_the_disk(tmp_path: Path, ca: Path, command: tuple[str, ...]) -> None:
    moment = 1
    while True:
        home = BankHome(tmp_path / str(moment), ca)
        before = opened(home)
        status = killed(home, KILLED_AT, moment, *command)
        if status == 0:
            break
        assert status == -9
        require_old_or_new_whole(home, before)
        moment += 5
    assert moment > 9


# --- on another token -----------------------------------------------------------------------------------------------


@pytest.fixture
def on_stick(tmp_path: Path, sticks: list[SimulatedMedium]) -> Home:
    """A CA whose keys are on a token of somebody else's, beside a key that is not the CA's."""
    made, stick = Home(tmp_path / "other"), sticks[0]
    with stick.library() as library, Session.open(library, stick.serial, write=True) as session:
        session.login(Secret(MEDIUM_PIN))
        session.generate_key(KeyKind.P256, b"somebody else's", "another")
    where = ("--library", stick.path, "--medium", stick.serial, "--pin-fd", "0")
    assert made.run("ca", "init", *where, typed=f"{MEDIUM_PIN}\n").status == 0
    return made


def keys_on(stick: SimulatedMedium) -> set[bytes]:
    return keys_in(stick.library(), stick.serial, MEDIUM_PIN)


@pytest.mark.parametrize("command", [RENEW, ROLL], ids=["renew", "rollover"])
def test_killed_on_another_token_its_keys_are_destroyed_and_no_others(
    on_stick: Home, sticks: list[SimulatedMedium], command: tuple[str, ...]
) -> None:
    stick = sticks[0]
    before = keys_on(stick)
    assert killed(on_stick, KILLED_AFTER, Step.PROVEN.value, *command, pin=MEDIUM_PIN) == -9
    assert len(keys_on(stick) - before) == (4 if command is ROLL else 1)
    assert change(on_stick, "renew", "ocsp", pin=MEDIUM_PIN).status == 0
    assert keys_on(stick) == before == opened(on_stick).about.key_ids | {b"somebody else's"}


def test_a_change_that_fails_is_undone_at_once(on_stick: Home, sticks: list[SimulatedMedium]) -> None:
    stick, before = sticks[0], opened(on_stick)
    held = keys_on(stick)
    stick.fault("C_GenerateKeyPair", "answer", "CKR_DEVICE_MEMORY", skip=2)
    done = change(on_stick, "rollover", pin=MEDIUM_PIN)
    assert "M107" in done.err
    stick.control.remove()
    assert keys_on(stick) == held
    assert opened(on_stick) == before
    assert staging.read_record(before.path) is None


def clone(stick: SimulatedMedium, other: SimulatedMedium) -> None:
    """By its maker's means: SoftHSM's are files."""
    shutil.rmtree(other.tokens)
    shutil.copytree(stick.tokens, other.tokens)


def test_moved_to_a_clone(on_stick: Home, sticks: list[SimulatedMedium]) -> None:
    one, two = sticks
    clone(one, two)
    before = opened(on_stick)
    done = change(on_stick, "move", "--library", two.path, "--medium", two.serial, pin=MEDIUM_PIN)
    assert done.status == 0, done.err
    after = opened(on_stick)
    assert (after.about.library, after.about.serial) == (two.path, two.serial)
    trail = json.loads(on_stick.run("ca", "audit", "list", "--json").out)
    assert [one["action"] for one in trail] == ["ca.made", "ca.moved"]
    assert after.authorities == before.authorities
    one.remove()
    assert change(on_stick, "renew", "cmp", "--new-key", pin=MEDIUM_PIN).status == 0
    assert opened(on_stick).about.key_ids < keys_on(two)


def test_keys_on_the_old_token_are_not_forgotten(on_stick: Home, sticks: list[SimulatedMedium]) -> None:
    """Removed there where it is at hand; else it stays written down which they are."""
    one, two = sticks
    before = keys_on(one)
    assert killed(on_stick, KILLED_AFTER, Step.PROVEN.value, *ROLL, pin=MEDIUM_PIN) == -9
    clone(one, two)
    record = staging.read_record(opened(on_stick).path)
    move = ("move", "--library", two.path, "--medium", two.serial)
    done = change(on_stick, *move, pin=MEDIUM_PIN)
    assert (done.status, "A137" in done.err) == (4, True), done.err
    assert staging.read_record(opened(on_stick).path) == record
    one.remove()
    assert change(on_stick, *move, pin=MEDIUM_PIN).status == 0
    assert keys_on(two) == before  # those that were cloned are gone, too
    assert record is not None
    kept = json.loads((opened(on_stick).path / f"ceremony-{record.serial}.json").read_text(encoding="utf-8"))
    assert staging.read_record(opened(on_stick).path) is None
    assert tuple(kept["keys"]) == record.keys


def test_refused_with_every_key_that_is_missing_or_wrong(on_stick: Home, sticks: list[SimulatedMedium]) -> None:
    one, two = sticks
    clone(one, two)
    folder = opened(on_stick)
    held = folder.current.holdings
    with two.library() as library, Session.open(library, two.serial, write=True) as session:
        from tokenmgr import clock

        session.login(Secret(MEDIUM_PIN))
        lost = [session.contents().key(held[purpose].key_id) for purpose in ("root", "cmp")]
        session.delete(session.permit_deletion(lost, clock.now()))
        session.generate_key(KeyKind.P256, held["cmp"].key_id, "another")
    where = ("--library", two.path, "--medium", two.serial)
    done = change(on_stick, "move", *where, "--json", pin=MEDIUM_PIN)
    assert done.status == 4
    facts = json.loads(done.out)["error"]["facts"]
    assert facts["missing"] == [f"root ({held['root'].key_id.hex()})"]
    assert facts["wrong"] == [f"cmp ({held['cmp'].key_id.hex()})"]
    assert opened(on_stick) == folder


def test_its_own_token_stays_where_it_is(home: Home, tmp_path: Path) -> None:
    """Out of the folder into another library's token: the same files, which another configuration names."""
    folder, two = opened(home), SimulatedMedium(tmp_path / "two", os.environ)
    two.create()
    two.register(home.folder / "libraries.d")
    shutil.rmtree(two.tokens)
    shutil.copytree(folder.path / "token", two.tokens)
    done = change(home, "move", "--library", two.path, "--medium", folder.about.serial)
    assert done.status == 0, done.err
    assert str(folder.path / "token") in done.out
    assert list((folder.path / "token").rglob("*.object"))
    assert not opened(home).has_own_token
    assert change(home, "renew", "ocsp").status == 0


def test_the_pin_that_is_held_is_no_try_at_another_token(home: Home, tmp_path: Path) -> None:
    """S5: whoever serves goes on with the token that its keeper began with, until it is started anew."""
    shared, folder = tmp_path / "shared", opened(home)
    shared.mkdir()
    with open_authority(folder, Secret(PIN), shared):
        pass
    moved = dataclasses.replace(folder, about=dataclasses.replace(folder.about, serial="0123456789abcdef"))
    with pytest.raises(AuthorityMoved), open_authority(moved, Secret(PIN), shared):
        pass
    with open_authority(folder, Secret(PIN), shared):
        pass
