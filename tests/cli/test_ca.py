"""`tokenmgr ca init|show`: a whole CA or none, however it is cut short; and no PIN where it does not belong."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pexpect
import pytest

from tests import warm
from tests.cli.runner import PROGRAM, Home, Result
from tokenmgr.ca.ceremony import Step
from tokenmgr.ca.folder import open_folder
from tokenmgr.domain.credential import KeyKind
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN as MEDIUM_PIN
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.session import Session

PIN = "seCRet-70815"
OWN = ("ca", "init", "--new-pin-fd", "0")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


@pytest.fixture
def stick(tmp_path: Path, testbed_store: Path) -> SimulatedMedium:
    (made,) = Testbed(tmp_path / "testbed", os.environ, store=testbed_store).up("fresh", name="stick")
    return made


def init(home: Home, *more: str) -> Result:
    return home.run(*OWN, *more, typed=f"{PIN}\n")


def on_stick(home: Home, stick: SimulatedMedium, *more: str) -> Result:
    where = ("--library", stick.path, "--medium", stick.serial, "--pin-fd", "0")
    return home.run("ca", "init", *where, *more, typed=f"{MEDIUM_PIN}\n")


def leftovers(home: Home) -> list[str]:
    return sorted(path.name for path in home.folder.glob("ca.making-*"))


def keys_on(stick: SimulatedMedium) -> set[bytes]:
    with stick.library() as library, Session.open(library, stick.serial) as session:
        session.login(Secret(MEDIUM_PIN))
        contents = session.contents()
        assert not contents.certificates
        return {key.key_id for key in contents.keys}


def test_a_ca_is_made_and_shown(home: Home) -> None:
    done = init(home, "--name", "試験認証局", "--url", "https://ca.example.jp:8443/")
    assert done.status == 0, done.err
    assert [line[:3] for line in done.err.splitlines()] == [f"{step.value}/7" for step in Step]
    shown = home.run("ca", "show")
    assert shown.status == 0
    assert shown.out.strip() in done.out
    told = json.loads(home.run("ca", "show", "--json").out)
    assert told["name"] == "試験認証局"
    assert told["url"] == "https://ca.example.jp:8443"
    assert told["status_url"] == "http://localhost:8080"
    for purpose in ("root", "issuing", "cmp", "ocsp"):
        fingerprint = told["certificates"][purpose]["fingerprint"].upper()
        assert fingerprint in shown.out.replace(" ", "").replace("\n", "")
        assert f"{fingerprint[:4]} {fingerprint[4:8]} " in shown.out
    assert not leftovers(home)


def test_in_japanese_and_as_json(home: Home) -> None:
    told = json.loads(init(home, "--json", "--keys", "p384").out)
    assert told["leftovers"] == []
    assert set(told["certificates"]) == {"root", "issuing", "cmp", "ocsp"}
    shown = home.run("ca", "show", "--lang", "ja")
    assert "発行認証局" in shown.out
    assert "年" in shown.out


def test_no_ca_and_one_already(home: Home) -> None:
    assert "A101" in home.run("ca", "show").err
    assert init(home).status == 0
    before = (home.folder / "ca" / "ca.toml").read_bytes()
    again = init(home)
    assert again.status == 2
    assert "A102" in again.err
    assert (home.folder / "ca" / "ca.toml").read_bytes() == before


@pytest.mark.parametrize(
    "wrong",
    [
        ("--name", ""),
        ("--name", "信" * 60),
        ("--name", "a\nb"),
        ("--library", "/usr/lib/x.so"),
        ("--medium", "4711"),
        ("--url", "ca.example.jp"),
        ("--url", "ldap://ca.example.jp"),
        ("--url", "https://me:geheim@ca.example.jp"),
        ("--url", "https://ca.example.jp/?a=b"),
        ("--url", "https://ca.example.jp:port"),
        ("--url", "https://ca.example.jp:0"),
        ("--status-url", "https://ca.example.jp"),
        ("--status-url", "http://me:geheim@ca.example.jp"),
        ("--database", "mysql://db/x"),
        ("--database", "host=db password=geheim"),
        ("--database", "postgresql://me:geheim@db/x"),
        ("--database", "postgresql://db/x?password=geheim"),
        ("--database", "postgresql+psycopg://db/x?sslpassword=geheim"),
    ],
)
def test_what_is_impossible_is_said_before_anything_is_done(home: Home, wrong: tuple[str, str]) -> None:
    done = init(home, *wrong)
    assert done.status == 2
    assert "A111" in done.err
    assert "geheim" not in done.err or wrong[0].endswith("url")
    assert not (home.folder / "ca.lock").exists()


def test_another_database_is_made_before_the_ceremony(home: Home, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/elsewhere.sqlite"
    assert init(home, "--database", url).status == 0
    assert open_folder(home.folder / "ca").database == url
    assert (tmp_path / "elsewhere.sqlite").stat().st_size


@pytest.mark.parametrize(
    ("url", "code"),
    [("postgresql://me@db.invalid/registry", "R115"), ("sqlite:////nowhere/r.sqlite", "R115"), ("sqlite:///r", "A111")],
)
def test_one_that_cannot_be_reached_is_found_out_while_nothing_has_been_done(home: Home, url: str, code: str) -> None:
    assert code in init(home, "--database", url).err
    assert not (home.folder / "ca").exists()
    assert not leftovers(home)


def test_a_folder_that_softhsm_does_not_understand(tmp_path: Path) -> None:
    done = init(Home(tmp_path / "a#b"))
    assert (done.status, "A111" in done.err) == (2, True)


def test_a_pin_that_is_too_short(home: Home) -> None:
    done = home.run(*OWN, typed="1234567\n")
    assert "P106" in done.err
    assert "8" in done.err
    assert not leftovers(home)


# --- S5 -------------------------------------------------------------------------------------------------------------


def test_the_pin_is_nowhere(home: Home) -> None:
    done = init(home, "-v", "-v", "--json")
    assert "login" in done.err  # it does talk
    assert PIN not in done.out + done.err
    for path in home.folder.rglob("*"):
        if path.is_file():
            assert PIN.encode() not in path.read_bytes(), path


def test_at_a_prompt_it_is_typed_twice_and_not_shown(home: Home) -> None:
    for second, status in ((PIN[::-1], 4), (PIN, 0)):
        child = pexpect.spawn(str(PROGRAM), ["ca", "init"], env=home.environment, encoding="utf-8", timeout=60)
        child.expect("New PIN")
        child.sendline(PIN)
        child.expect("New PIN again")
        child.sendline(second)
        child.expect(pexpect.EOF)
        assert PIN not in (child.before or "")
        child.close()
        assert child.exitstatus == status


# --- cut short ------------------------------------------------------------------------------------------------------

KILLED_AFTER = (
    "import os, signal, sys\n"
    "from tokenmgr.cli import ca, main\n"
    "last = int(sys.argv.pop(1))\n"
    "def say(step):\n"
    "    if step.value == last:\n"
    "        os.kill(os.getpid(), signal.SIGKILL)\n"
    "ca._say = say\n"
    "sys.exit(main.run())\n"
)
# Each opening for writing, renaming, making and removing in the home is a moment of its own.
KILLED_AT = (
    "import os, signal, sys\n"
    "from tokenmgr.cli import main\n"
    "left, home = int(sys.argv.pop(1)), os.environ['TOKENMGR_HOME']\n"
    "def hook(event, arguments):\n"
    "    global left\n"
    "    if event not in ('open', 'os.rename', 'os.mkdir', 'os.remove', 'shutil.rmtree'): return\n"
    "    if not str(arguments[0]).startswith(home + '/ca'): return\n"
    "    if event == 'open' and arguments[1] in ('r', 'rb'): return\n"
    "    left -= 1\n"
    "    if left == 0: os.kill(os.getpid(), signal.SIGKILL)\n"
    "sys.addaudithook(hook)\n"
    "status = main.run()\n"
    "sys.exit(status if left > 0 else 99)\n"
)


def killed(home: Home, script: str, moment: int, *arguments: str, pin: str = PIN) -> int:
    return warm.run(script, str(moment), *arguments, environment=home.environment, typed=f"{pin}\n").returncode


def require_none_or_whole(home: Home) -> None:
    """What is there is a whole CA, or none; and the next ceremony goes through, and tells of what was left."""
    left = leftovers(home)
    if (home.folder / "ca").exists():
        assert home.run("ca", "show").status == 0
        assert "A102" in init(home).err
        return
    again = init(home)
    assert again.status == 0, again.err
    assert not leftovers(home)
    assert all(name in again.out for name in left)
    assert home.run("ca", "show").status == 0


@pytest.mark.parametrize("step", list(Step), ids=lambda step: step.name)
def test_killed_after_a_step(home: Home, step: Step) -> None:
    assert killed(home, KILLED_AFTER, step.value, *OWN) == -9
    assert (home.folder / "ca").exists() == (step is Step.SETTLED)
    assert len(leftovers(home)) == (step is not Step.SETTLED)
    require_none_or_whole(home)


def test_killed_at_every_seventh_touch_of_the_disk(tmp_path: Path) -> None:
    moment = 1
    while True:
        home = Home(tmp_path / str(moment))
        status = killed(home, KILLED_AT, moment, *OWN)
        if status == 0:
            break
        assert status == -9
        require_none_or_whole(home)
        moment += 7
    assert moment > 12


# --- on another token ------------------------------------------------------------------------------------------------


def test_on_another_token_only_its_own_keys_are_there(home: Home, stick: SimulatedMedium) -> None:
    done = on_stick(home, stick)
    assert done.status == 0, done.err
    found = open_folder(home.folder / "ca")
    assert (found.about.library, found.about.serial) == (stick.path, stick.serial)
    assert keys_on(stick) == found.about.key_ids
    assert not (home.folder / "ca" / "token").exists()


def somebody_elses(stick: SimulatedMedium) -> bytes:
    with stick.library() as library, Session.open(library, stick.serial, write=True) as session:
        session.login(Secret(MEDIUM_PIN))
        return session.generate_key(KeyKind.P256, b"somebody else's", "another").key_id


@pytest.mark.parametrize("step", list(Step)[:-1], ids=lambda step: step.name)
def test_killed_on_another_token_its_keys_are_destroyed_and_no_others(
    home: Home, stick: SimulatedMedium, step: Step
) -> None:
    other = somebody_elses(stick)
    where = ("ca", "init", "--library", stick.path, "--medium", stick.serial, "--pin-fd", "0")
    assert killed(home, KILLED_AFTER, step.value, *where, pin=MEDIUM_PIN) == -9
    left = keys_on(stick) - {other}
    assert len(left) == (4 if step.value >= Step.KEYS_GENERATED.value else 0)
    if step is not Step.PREPARED:
        elsewhere = init(home)
        assert "A110" in elsewhere.err
        assert stick.serial in elsewhere.err
        assert keys_on(stick) == left | {other}
    done = on_stick(home, stick, "--json")
    assert done.status == 0, done.err
    (told,) = json.loads(done.out)["leftovers"]
    assert told["keys"] == len(left)
    assert keys_on(stick) == {other, *open_folder(home.folder / "ca").about.key_ids}


def test_killed_while_the_token_makes_a_key(home: Home, stick: SimulatedMedium) -> None:
    other = somebody_elses(stick)
    where = ("--library", stick.path, "--medium", stick.serial, "--pin-fd", "0")
    with stick.held("C_GenerateKeyPair", after=True, skip=1) as arrived:
        child = subprocess.Popen(
            [PROGRAM, "ca", "init", *where],
            stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=home.environment,
        )  # fmt: skip
        assert child.stdin is not None
        child.stdin.write(f"{MEDIUM_PIN}\n".encode())
        child.stdin.close()
        arrived.wait()
        child.kill()
        child.wait()
    assert len(leftovers(home)) == 1
    done = on_stick(home, stick, "--json")
    assert done.status == 0, done.err
    (told,) = json.loads(done.out)["leftovers"]
    assert told["keys"] == 2
    assert keys_on(stick) == {other, *open_folder(home.folder / "ca").about.key_ids}


def test_a_ceremony_that_fails_is_undone_at_once(home: Home, stick: SimulatedMedium) -> None:
    other = somebody_elses(stick)
    stick.fault("C_GenerateKeyPair", "answer", "CKR_DEVICE_MEMORY", skip=2)
    done = on_stick(home, stick)
    assert "M107" in done.err
    stick.control.remove()
    assert keys_on(stick) == {other}
    assert not leftovers(home)
    assert not (home.folder / "ca").exists()


def test_a_wrong_pin_changes_nothing(home: Home, stick: SimulatedMedium) -> None:
    where = ("--library", stick.path, "--medium", stick.serial, "--pin-fd", "0")
    done = home.run("ca", "init", *where, typed="9999\n")
    assert "P101" in done.err
    assert not leftovers(home)
