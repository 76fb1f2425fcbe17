"""IDs: their PINs, their standing to the second, locks, and what is opened."""

from __future__ import annotations

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pexpect
import pytest
from sqlalchemy import select

from tests.actors import TESTER
from tests.cli.bank_rig import BANK, PINS, BankHome, make_ca, now
from tests.sql import world
from tokenmgr.clock import japan_time
from tokenmgr.domain.generation import State, StoreKind
from tokenmgr.log import Secret
from tokenmgr.ra import passcodes
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.sql.schema import audit

DAY = timedelta(days=1)
U1 = (BANK, "C-1", "u1")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With an administrator and a user in it."""
    made = make_ca(tmp_path_factory.mktemp("made"))
    home = BankHome(tmp_path_factory.mktemp("founded") / "home", made)
    home.founded("--set", "grace_days=90", "--set", "lock_contract=true").enrol("admin", "administrator")
    home.enrol("u1")
    return home.folder / "ca"


@pytest.fixture
def home(tmp_path: Path, ca: Path) -> BankHome:
    return BankHome(tmp_path / "home", ca)


def shown(home: BankHome, user: str = "u1", language: str = "en") -> dict[str, str]:
    """The lines of `subscriber show`, by their names."""
    lines = home.fine("subscriber", "show", BANK, "C-1", user, "--lang", language).splitlines()
    return {name.strip(): text.strip() for name, _, text in (line.partition("  ") for line in lines)}


def spend_tries(home: BankHome, user: str, count: int = 5) -> None:
    with home.database() as database:
        for _ in range(count):
            SqlRegistry(database, TESTER).spend_try(BANK, "C-1", user, 5, True, now())


def accepts(home: BankHome, login: str, confirmation: str) -> bool:
    with home.database() as database:
        found = SqlRegistry(database, TESTER).enrolled(*U1)
    assert found is not None
    return passcodes.match(Secret(login), Secret(confirmation), found.login_hash, found.confirmation_hash)


# --- standing -------------------------------------------------------------------------------------------------------


def test_expiry_is_shown_to_the_second_in_japan_time(home: BankHome) -> None:
    made = home.certify("u1", datetime(2099, 3, 2, 23, 59, 59, tzinfo=UTC))
    lines = shown(home)
    assert lines["Expires"] == "2099-03-03 08:59:59 JST"
    assert lines["Serial number"] == f"{made.serial:x}"
    assert (lines["State"], lines["Store"]) == ("valid", "medium")
    assert lines["Renewal"] == "opens 2099-02-01 08:59:59 JST"
    assert lines["Acquisition"] == "not open: there is a valid certificate already"
    assert shown(home, language="ja")["有効期限"] == "2099年03月03日 08時59分59秒"
    (listed,) = home.json("subscriber", "list", "--state", "active")
    assert (listed["user"], listed["not_after"]) == ("u1", "2099-03-02T23:59:59+00:00")
    assert "2099-03-03 08:59:59 JST" in home.fine("subscriber", "list")
    (_, exported) = home.json("export", "-")
    assert (exported["expires"], exported["store"]) == ("2099-03-03 08:59:59 JST", "medium")
    assert (exported["state"], exported["serial"]) == ("active", f"{made.serial:x}")


def test_what_is_open_says_until_when(home: BankHome) -> None:
    expires = now() + 12 * DAY + timedelta(hours=1)
    home.certify("u1", expires, StoreKind.PC)
    lines = shown(home)
    assert (lines["Left"], lines["Store"]) == ("12 days", "PC")
    assert lines["Renewal"] == f"open until {japan_time(expires, 'en')}"
    said = home.json("subscriber", "show", *U1)
    assert said["renewal"] == {"open": True, "until": expires.isoformat()}
    assert said["acquisition"]["reason"] == "has-one"
    assert said["acquisition"]["way"] == "renew"
    assert said["days_left"] == 12


def test_the_last_day_is_told_in_hours(home: BankHome) -> None:
    home.certify("u1", now() + timedelta(hours=5, minutes=30, seconds=30))
    assert shown(home)["Left"] == "5 h 30 min"
    assert shown(home, language="ja")["残り"] == "5時間30分"


def test_after_expiry_the_grace_is_open_until_its_last_second(home: BankHome) -> None:
    expires = now() - DAY
    home.certify("u1", expires)
    lines = shown(home)
    assert lines["State"] == lines["Left"] == "expired"
    assert lines["Renewal"] == f"not open: the certificate has expired ({japan_time(expires, 'en')})"
    assert lines["Acquisition"] == f"open until {japan_time(expires + 90 * DAY, 'en')}"
    assert [one["user"] for one in home.json("subscriber", "list", "--state", "expired")] == ["u1"]
    assert home.json("subscriber", "list", "--state", "active") == []


def test_lists_are_of_those_who_were_asked_for(home: BankHome) -> None:
    home.certify("u1", now() + 9 * DAY)
    home.fine("contract", "add", BANK, "C-2", "--name", "つぎ")
    home.enrol("u2", contract="C-2")

    def listed(*options: str) -> list[str]:
        return [one["user"] for one in home.json("subscriber", "list", *options)]

    assert listed() == ["admin", "u1", "u2"]
    assert listed("--bank", BANK, "--contract", "C-2") == ["u2"]
    assert listed("--expires-within", "10") == ["u1"]
    assert listed("--expires-within", "8") == []
    assert listed("--state", "none") == ["admin", "u2"]
    assert listed("--state", "locked") == []
    assert home.bank("subscriber", "list", "--bank", "0009").status == 4


# --- locks, acquisitions --------------------------------------------------------------------------------------------


def test_a_lock_is_seen_and_taken_away(home: BankHome) -> None:
    spend_tries(home, "u1")
    assert shown(home)["Wrong PINs"] == "5 of 5: locked"
    assert [one["user"] for one in home.json("subscriber", "list", "--state", "locked")] == ["u1"]
    home.fine("subscriber", "unlock", *U1)
    assert shown(home)["Wrong PINs"] == "0 of 5"


def test_a_contract_that_its_administrator_has_locked_is_told_so(home: BankHome) -> None:
    spend_tries(home, "admin")
    assert "locked by its administrator" in shown(home)["Wrong PINs"]
    assert "stays locked by its administrator's wrong PINs; unlock admin" in home.fine("subscriber", "unlock", *U1)
    home.fine("subscriber", "unlock", BANK, "C-1", "admin")
    assert shown(home)["Wrong PINs"] == "0 of 5"


def test_an_acquisition_is_open_for_as_long_as_the_policy_says(home: BankHome) -> None:
    home.fine("change", BANK, "--set", "acquisition_days=7")
    before = now()
    until = datetime.fromisoformat(home.json("subscriber", "open", *U1)["open_until"])
    assert before + 7 * DAY <= until <= now() + 7 * DAY
    assert shown(home)["Acquisition"] == f"open until {japan_time(until, 'en')}"
    assert datetime.fromisoformat(home.json("subscriber", "show", *U1)["acquisition"]["until"]) == until


def test_opening_beside_a_valid_certificate_says_that_it_stays(home: BankHome) -> None:
    made = home.certify("u1", now() + 100 * DAY)
    assert f"The certificate {made.serial:x} is valid until" in home.fine("subscriber", "open", *U1)
    assert shown(home)["State"] == "valid"


# --- PINs -----------------------------------------------------------------------------------------------------------


def at_terminal(home: BankHome, *arguments: str) -> pexpect.spawn:
    line = [*home.command, "bank", "subscriber", *arguments]
    return pexpect.spawn(line[0], line[1:], env=home.environment, encoding="utf-8", timeout=60)


def answered(child: pexpect.spawn, *answers: str) -> str:
    for answer in answers:
        child.expect(": ")
        child.sendline(answer)
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before)


def test_pins_are_asked_for_twice_and_never_shown(home: BankHome) -> None:
    child = at_terminal(home, "add", BANK, "C-1", "u9", "--role", "user")
    child.expect(f"Login PIN of {BANK}/C-1/u9")
    said = answered(child, "first-1234", "first-1234", "second-5678", "second-5678")
    assert "Added" in said
    assert "1234\r" not in said
    assert "5678" not in said
    assert child.exitstatus == 0


def test_two_entries_that_differ_add_nobody(home: BankHome) -> None:
    child = at_terminal(home, "add", BANK, "C-1", "u9", "--role", "user")
    assert "the two entries differ" in answered(child, "1234", "4321")
    assert child.exitstatus == 4
    assert home.bank("subscriber", "show", BANK, "C-1", "u9").status == 4


def test_new_pins_from_a_terminal_and_from_descriptors(home: BankHome) -> None:
    assert accepts(home, *PINS)
    child = at_terminal(home, "change", *U1, "--ask-confirmation")
    assert "Changed" in answered(child, "confirm-2", "confirm-2")
    assert accepts(home, PINS[0], "confirm-2")
    read, write = os.pipe()
    os.write(write, b"confirm-3\n")
    os.close(write)
    options = ["--new-login-pin-fd", "0", "--new-confirmation-pin-fd", str(read)]
    command = [*home.command, "bank", "subscriber", "change", *U1, *options]
    done = subprocess.run(
        command, input=b"login-3\r\n", pass_fds=[read], env=home.environment, capture_output=True, check=True
    )
    os.close(read)
    assert b"-3" not in done.stdout + done.stderr
    assert accepts(home, "login-3", "confirm-3")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "could not be read"),
        ("123\n4321\n", "Login PIN cannot have this value: 4 to 64"),
        ("1234\n", "Confirmation PIN cannot have this value: it could not be read"),
        ("1234\n１２３４\n", "Confirmation PIN cannot have this value: ASCII"),
        ("12 34\n4321\n", "no blanks"),
        ("9" * 65 + "\n4321\n", "4 to 64"),
        ("9" * 999 + "\n4321\n", "4 to 64"),
        ("1234\x00\n4321\n", "ASCII"),
    ],
)
def test_a_pin_that_cannot_be_one_adds_nobody(home: BankHome, typed: str, said: str) -> None:
    pins = ("--login-pin-fd", "0", "--confirmation-pin-fd", "0")
    done = home.bank("subscriber", "add", BANK, "C-1", "u9", "--role", "user", *pins, typed=typed)
    assert (done.status, "R119" in done.err, said in done.err) == (4, True, True), done.err
    assert "medium" not in done.err  # R11: it is not the medium's
    assert home.bank("subscriber", "show", BANK, "C-1", "u9").status == 4


def test_the_most_talkative_run_does_not_say_a_pin_or_a_hash(home: BankHome) -> None:
    pins = ("--login-pin-fd", "0", "--confirmation-pin-fd", "0", "-v", "-v", "--json")
    typed = "".join(f"{pin}\n" for pin in PINS)
    for user in ("u9", "u9"):  # added, and taken
        done = home.bank("subscriber", "add", BANK, "C-1", user, "--role", "user", *pins, typed=typed)
        assert not any(secret in done.out + done.err for secret in (*PINS, "argon2"))
    for words in (("show", *U1), ("list",)):
        assert "argon2" not in home.fine("subscriber", *words, "--json", "-v", "-v")
    for path in home.folder.rglob("*"):
        if path.is_file():
            assert not any(pin.encode() in path.read_bytes() for pin in PINS), path


# --- values ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("C-1", "u 9"), "ID cannot have this value: 1 to 32"),
        (("C-1", "u9", "--email", "nobody"), "E-mail cannot have this value: an address"),
        (("C-1", "u9", "--email", "a\x07@a.example"), "E-mail cannot have this value: a character"),
        (("C 1", "u9"), "Contract cannot have this value"),
    ],
)
def test_a_value_that_fits_no_field_is_refused_before_anybody_is_asked(
    home: BankHome, arguments: tuple[str, ...], said: str
) -> None:
    done = home.bank("subscriber", "add", BANK, *arguments, "--role", "user")
    assert (done.status, said in done.err) == (4, True), done.err


def test_an_address_and_a_role_are_changed_and_nothing_else(home: BankHome) -> None:
    home.fine("subscriber", "change", *U1, "--email", "u1@home.example")
    home.fine("subscriber", "change", *U1, "--role", "administrator")
    said = home.json("subscriber", "show", *U1)
    assert (said["email"], said["role"]) == ("u1@home.example", "administrator")
    home.fine("subscriber", "change", *U1, "--email", "")
    assert home.json("subscriber", "show", *U1)["email"] == ""
    assert accepts(home, *PINS)
    assert home.bank("subscriber", "change", *U1, "--email", "nobody").status == 4


# --- taking back ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", [("revoke", "--reason", "unspecified"), ("hold",), ("reissue", "--cause", "lost")])
def test_what_cannot_be_undone_wants_a_yes(home: BankHome, command: tuple[str, ...]) -> None:
    """What happens, and to which certificate, is said before."""
    made = home.certify("u1", now() + 100 * DAY)
    verb, *options = command
    for answer, status in (("n", 130), ("", 130), ("y", 0)):
        assert shown(home)["State"] == "valid"
        child = at_terminal(home, verb, *U1, *options, "--lang", "en")
        child.expect(f"{made.serial:x}")
        child.expect(r"Go on\? \[y/N\]: ")
        child.sendline(answer)
        child.expect(pexpect.EOF)
        child.close()
        assert child.exitstatus == status
    assert shown(home)["State"].split(",")[0] == ("on hold" if verb == "hold" else "revoked")


def test_a_hold_says_what_it_takes_back_for_good(home: BankHome) -> None:
    old, begun = home.certify("u1", now() + 10 * DAY), world.generation(home.subscriber("u1").id, 99, now())
    with home.database() as database:
        registry = SqlRegistry(database, TESTER)
        registry.record(begun, world.exchange(begun), None, now())
        registry.sign_off(begun.serial, world.CERTIFICATE)
    done = home.bank("subscriber", "hold", *U1, "--yes")
    held, ended = done.err.split("These will be revoked")
    assert (f"{old.serial:x}" in held, f"{begun.serial:x}" in held) == (True, False)
    assert (f"{old.serial:x}" in ended, f"{begun.serial:x}" in ended) == (False, True)
    with home.database() as database:
        found = SqlRegistry(database, TESTER).generation(begun.serial)
    assert found is not None
    assert found.state is State.REVOKED


def test_before_and_after_for_a_program(home: BankHome) -> None:
    serial = home.certify("u1", now() + 100 * DAY).serial
    said = home.json("subscriber", "reissue", *U1, "--cause", "broken", "--yes")
    assert said["before"]["certificate"]["state"] == "active"
    after = said["after"]
    assert (after["certificate"]["serial_number"], after["certificate"]["reason"]) == (f"{serial:x}", "cessation")
    assert after["states"] == ["none", "reissued"]
    assert after["acquisition"] == {"open": True, "until": after["open_until"]}


def test_a_serial_number_as_others_write_it(home: BankHome) -> None:
    serial = f"{home.certify('u1', now() + 100 * DAY).serial:X}"
    written = ":".join(serial[at : at + 2] for at in range(0, len(serial), 2))
    home.fine("subscriber", "revoke", *U1, "--reason", "key-compromise", "--serial", written, "--yes")
    assert home.json("subscriber", "show", *U1)["certificate"]["reason"] == "key-compromise"
    assert home.bank("subscriber", "revoke", *U1, "--reason", "superseded", "--serial", "zz", "--yes").status == 2


def test_each_is_in_the_name_of_whoever_did_it(home: BankHome) -> None:
    (home.folder / "settings.toml").write_text('catalogue = false\nusb = false\nstaff = "yamada"\n')
    home.certify("u1", now() + 100 * DAY)
    for words in (("hold", "--yes"), ("release",), ("reissue", "--cause", "other", "--yes")):
        home.fine("subscriber", words[0], *U1, *words[1:])
    home.fine("subscriber", "revoke", *U1, "--reason", "privilege-withdrawn", "--yes")
    columns = [audit.c[name] for name in ("action", "actor_kind", "actor", "whom")]
    with home.database() as database:
        last = database.read(select(*columns).order_by(audit.c.number.desc()).limit(5))
    who = ("staff", "yamada", "/".join(U1))
    names = ("acquisition.closed", "subscriber.reissued", "certificate.revoked", "certificate.released")
    assert [tuple(row) for row in last] == [(name, *who) for name in (*names, "certificate.held")]


def test_who_is_on_hold_or_re_issued_is_found(home: BankHome) -> None:
    home.certify("u1", now() + 100 * DAY)
    home.fine("subscriber", "hold", *U1, "--yes")
    home.fine("subscriber", "reissue", BANK, "C-1", "admin", "--cause", "other", "--yes")

    def listed(state: str) -> list[str]:
        return [one["user"] for one in home.json("subscriber", "list", "--state", state)]

    found = [listed(state) for state in ("held", "reissued", "active", "expired")]
    assert found == [["u1"], ["admin"], [], []]
    said = home.json("show", BANK)
    assert (said["certificates"], said["held"], said["reissued"]) == (0, 1, 1)
    states = {row["user"]: (row["state"], bool(row["open_until"])) for row in home.json("export", "-")}
    assert states == {"u1": ("held", False), "admin": ("none reissued", True)}
