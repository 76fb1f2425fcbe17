"""CSV as it comes: every way that Excel saves it, all that can be wrong with it, and nothing lost when cut off."""

from __future__ import annotations

import codecs
import json
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pexpect
import pytest

from tests.actors import TESTER
from tests.cli.bank_rig import BANK, HEADER, PINS, BankHome, make_ca, row, rows
from tests.cli.runner import PROGRAM
from tokenmgr.cli.bank_csv import COLUMNS, LONGEST_LINE, Row, Sheet, guarded
from tokenmgr.cli.bank_hashing import AHEAD
from tokenmgr.errors import ValueUnfit
from tokenmgr.log import Secret
from tokenmgr.ra import passcodes
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.listing import Which
from tokenmgr.sql.registry import SqlRegistry


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a bank and a contract in it."""
    made = make_ca(tmp_path_factory.mktemp("made"))
    return BankHome(tmp_path_factory.mktemp("founded") / "home", made).founded().folder / "ca"


@pytest.fixture
def home(tmp_path: Path, ca: Path) -> BankHome:
    return BankHome(tmp_path / "home", ca)


def users(home: BankHome) -> list[str]:
    with home.database() as database:
        found = Administration(database, TESTER).subscribers(Which(bank=BANK))
        return [f"{one.subscriber.contract}/{one.subscriber.user}" for one in found]


JAPANESE = rows(row("u1", "C-2", "有限会社ほげ 表"))  # 表 ends in a backslash in CP932
QUOTED = "\n".join('"' + line.replace(",", '","') + '"' for line in JAPANESE.splitlines())


@pytest.mark.parametrize(
    "content",
    [
        JAPANESE.encode(),
        codecs.BOM_UTF8 + JAPANESE.encode(),
        JAPANESE.encode("cp932"),
        JAPANESE.replace("\n", "\r\n").encode("cp932"),
        JAPANESE.replace("\n", "\r").encode(),
        JAPANESE.rstrip("\n").encode(),
QUOTED.encode("cp932"),
        (JAPANESE.replace("\n", ",,,\n") + ",,,,,,,,,,\n\n  \n").encode(),
        JAPANESE.replace("bank,contract", " Bank ,CONTRACT").encode(),
    ],
    ids=["utf-8", "with its mark", "cp932", "crlf", "cr", "no last newline", "quoted", "empty cells", "header"],
)  # fmt: skip
def test_every_way_that_it_is_saved_says_the_same(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "ids.csv"
    path.write_bytes(content)
    (only,) = Sheet.open(path).rows()
    assert isinstance(only, Row)
    assert only.number == 2
    assert only.cells == dict(zip(COLUMNS, JAPANESE.splitlines()[1].split(","), strict=True))
    assert PINS[0] not in repr(only)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
def test_what_excel_in_japan_saves_is_imported(home: BankHome, encoding: str) -> None:
    home.fine("import", home.write(JAPANESE.replace("\n", "\r\n").encode(encoding)))
    assert home.json("contract", "list", BANK)[-1]["name"] == "有限会社ほげ 表"
    assert users(home) == ["C-2/u1"]


def test_the_order_of_the_columns_is_free_and_quotes_are_quotes(home: BankHome) -> None:
    content = ",".join(reversed(COLUMNS)) + '\n"pin""2,2","pin,1",u1@a.example,user,u1,"株式会社 ""い, ろ""",C-2,1234\n'
    home.fine("import", home.write(content))
    assert home.json("contract", "list", BANK)[-1]["name"] == '株式会社 "い, ろ"'
    assert_pins(home, "C-2", "u1", "pin,1", 'pin"2,2')


def assert_pins(home: BankHome, contract: str, user: str, login: str, confirmation: str) -> None:
    with home.database() as database:
        found = SqlRegistry(database, TESTER).enrolled(BANK, contract, user)
    assert found is not None
    assert passcodes.match(Secret(login), Secret(confirmation), found.login_hash, found.confirmation_hash)
    assert not passcodes.match(Secret(confirmation), Secret(login), found.login_hash, found.confirmation_hash)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b"\n\n", "it is empty"),
        (b",,,\n", "it is empty"),
        (HEADER.replace("user,", "").encode() + b"\n", "columns are missing: user"),
        (HEADER.replace("email", "e-mail").encode() + b"\n", "missing: email; unknown columns: e-mail"),
        (HEADER.encode() + b",user\n", "there twice: user"),
        (HEADER.replace(",", "\t").encode() + b"\n", "columns are missing: bank"),
        (HEADER.replace(",", '"', 1).encode() + b"\n", "columns are missing"),
        (b'"' + HEADER.encode() + b"\n", "quotation mark"),
        (b"x" * (LONGEST_LINE + 1), "it is empty"),
        (HEADER.encode("utf-16"), "UTF-16"),
        (HEADER.encode() + b"\n\x81 \xff\n", "neither UTF-8 nor"),
        (HEADER.encode() + b"\0\n", "unknown columns: ?"),
    ],
)
def test_a_file_that_is_none_is_refused_whole(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "ids.csv"
    path.write_bytes(content)
    with pytest.raises(ValueUnfit) as refused:
        Sheet.open(path)
    assert refused.value.what == str(path)
    assert said in refused.value.reason


def test_a_file_that_is_none_is_said_so_in_both_languages(home: BankHome) -> None:
    file = home.write(HEADER.replace("email", "e-mail"))
    done = home.bank("import", file)
    assert (done.status, "R119" in done.err, "unknown columns: e-mail" in done.err) == (4, True, True)
    assert "使えない列があります: e-mail" in home.bank("import", file, "--lang", "ja").err


def test_a_file_that_is_not_there_or_a_folder_is_said_so(home: BankHome) -> None:
    for path in ("nowhere.csv", str(home.folder)):
        done = home.bank("import", path)
        assert (done.status, "it cannot be read" in done.err) == (4, True)


BAD = [
    (row("u1").replace(BANK, "0999", 1), "bank", "no such bank"),
    (row("u1").replace(BANK, "123", 1), "bank", "four digits"),
    (row(""), "user", "it is empty"),
    (row("u 1"), "user", "ASCII letters"),
    (row("u" * 33), "user", "1 to 32"),
    (row("u1", contract="契約"), "contract", "ASCII letters"),
    (row("u1", contract="C-9"), "contract_name", "it is empty"),
    (row("u1", contract="C-9", name="い" * 65), "contract_name", "1 to 64"),
    (row("u1", name="べつの会社"), "contract_name", "the contract is registered as 株式会社みほん"),
    (row("u1", role="Administrator"), "role", "administrator or user"),
    (row("u1", email="u1@home"), "email", "an address like"),
    (row("u1", email="u\0@home.example"), "email", "cannot be printed"),
    (row("u1").replace(PINS[0], ""), "login_pin", "it is empty"),
    (row("u1").replace(PINS[0], "123"), "login_pin", "4 to 64"),
    (row("u1").replace(PINS[0], "9" * 65), "login_pin", "4 to 64"),
    (row("u1").replace(PINS[0], " 1234"), "login_pin", "no blanks"),
    (row("u1").replace(PINS[0], "12\x0034"), "login_pin", "no blanks"),
    (row("u1").replace(PINS[1], "１２３４"), "confirmation_pin", "nothing full-width"),
    (row("u1").replace(PINS[1], "1.23457E+11"), "confirmation_pin", "Excel has made a number"),
    (row("u1") + ",x", None, "9 cells, where the first line has 8"),
    (row("u1").rpartition(",")[0], None, "7 cells"),
    (row("u1", name='"open'), None, "quotation mark"),
    (row("u1", name='"a"b'), None, "quotation mark"),
    (row("u1", name="x" * LONGEST_LINE), None, "longer than"),
    (row("u1", name="x" * 3_000_000), None, "longer than"),
]


def test_each_bad_row_is_named_and_spoils_no_other(home: BankHome) -> None:
    file = home.write(rows(row("first"), *(line for line, _, _ in BAD), row("last"), row("last")))
    done = home.bank("import", file, "--json")
    said = json.loads(done.out)
    assert done.status == 5
    *refused, twice = said["refused"]
    assert len(refused) == len(BAD)
    for number, (one, (_, column, what)) in enumerate(zip(refused, BAD, strict=True), start=3):
        assert one["row"] == number
        (fault,) = one["faults"]
        assert (fault["column"], what in fault["what"]) == (column, True), one
    assert twice == {"row": len(BAD) + 4, "faults": [{"column": "user", "what": f"row {len(BAD) + 3} has the same ID"}]}
    assert (said["added"], said["contracts_added"]) == (2, 0)
    assert users(home) == ["C-1/first", "C-1/last"]


def test_a_contract_is_made_with_its_first_id_and_by_no_row_that_is_refused(home: BankHome) -> None:
    bad = row("u1", "C-5", "だめ").replace(PINS[0], "1")
    said = home.json(
        "import", home.write(rows(bad, row("u1", "C-6", "ろく"), row("u2", "C-6"), row("u3", "C-6", "ろく")))
    )
    assert (said["added"], said["contracts_added"]) == (3, 1)
    assert [one["contract"] for one in home.json("contract", "list", BANK)] == ["C-1", "C-6"]


def test_a_subscriber_who_is_there_is_never_changed(home: BankHome) -> None:
    home.enrol("u1")
    said = home.json("import", home.write(rows(row("u1", role="administrator", email="x@a.example"))))
    assert said["refused"][0]["faults"][0]["what"] == "registered already"
    assert home.json("subscriber", "show", BANK, "C-1", "u1")["role"] == "user"


# --- all or nothing, dry run ----------------------------------------------------------------------------------------


def test_all_or_nothing_writes_nothing_for_one_bad_row_and_all_for_none(home: BankHome) -> None:
    good = [row(f"u{n}", "C-7", "なな") for n in range(5)]
    done = home.bank("import", home.write(rows(*good, row("bad").replace(PINS[0], "1"))), "--all-or-nothing")
    assert done.status == 4
    assert "Row 7: login_pin" in done.out
    assert users(home) == []
    assert len(home.json("contract", "list", BANK)) == 1
    assert home.json("import", home.write(rows(*good)), "--all-or-nothing")["added"] == 5
    assert users(home) == [f"C-7/u{n}" for n in range(5)]
    assert_pins(home, "C-7", "u3", *PINS)


@pytest.mark.parametrize("options", [[], ["--all-or-nothing"]])
def test_a_dry_run_writes_nothing_and_tells_what_would_be(home: BankHome, options: list[str]) -> None:
    file = home.write(rows(row("u1"), row("u1"), row("u2", "C-8", "はち")))
    done = home.bank("import", file, "--dry-run", *options, "--json")
    said = json.loads(done.out)
    assert done.status == 5
    assert (said["good"], said["added"], said["contracts_added"], len(said["refused"])) == (2, 0, 0, 1)
    assert users(home) == []
    assert len(home.json("contract", "list", BANK)) == 1


def test_a_thousand_rows_are_looked_at_in_a_moment(home: BankHome) -> None:
    """Without hashing, which is meant to be slow: an eighth of a second for each PIN."""
    lines = [row(f"u{n}", f"C-{n // 10}", "かいしゃ") for n in range(1000)]
    started = time.monotonic()
    done = home.bank("import", home.write(rows(*lines)), "--dry-run", "--json")
    assert time.monotonic() - started < 30
    said = json.loads(done.out)
    assert (said["good"], said["new_contracts"]) == (990, 99)
    assert [one["row"] for one in said["refused"]] == list(range(12, 22))  # of C-1, which has another name


# --- cut off, at the same time, at a terminal ------------------------------------------------------------------------


def test_two_imports_of_one_file_at_the_same_time_add_each_id_once(home: BankHome) -> None:
    file = home.write(rows(*(row(f"u{n}", "C-3", "さん") for n in range(8))))
    home.fine("list")  # the folder was moved, which whoever comes first writes down
    both = [
        subprocess.Popen(
            [*home.command, "bank", "import", file, "--json"], env=home.environment, stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [json.loads(one.communicate(timeout=120)[0]) for one in both]
    assert sum(one["added"] for one in said) == 8
    assert sum(one["contracts_added"] for one in said) == 1
    assert sum(len(one["refused"]) for one in said) == 8
    assert len(users(home)) == 8


def at_terminal(home: BankHome, *arguments: str, program: Sequence[str] = (str(PROGRAM),)) -> pexpect.spawn:
    """With hashes that take their time, unless it is another program."""
    line = [*program, "bank", *arguments]
    return pexpect.spawn(line[0], line[1:], env=home.environment, encoding="utf-8", timeout=60)


def test_ctrl_c_keeps_what_was_added_and_the_same_file_again_adds_the_rest(home: BankHome) -> None:
    file = home.write(rows(*(row(f"u{n}") for n in range(4 * AHEAD))))
    child = at_terminal(home, "import", file)
    child.expect("[1-9][0-9]*/")
    time.sleep(1)
    child.sendintr()
    child.expect("Interrupted. What was added stays")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 130
    there = len(users(home))
    assert 0 < there < 4 * AHEAD
    said = home.json("import", file)
    assert (len(said["refused"]), said["added"]) == (there, 4 * AHEAD - there)


def test_ctrl_c_of_all_or_nothing_has_written_nothing(home: BankHome) -> None:
    child = at_terminal(home, "import", home.write(rows(*(row(f"u{n}") for n in range(60)))), "--all-or-nothing")
    child.expect("/s")
    time.sleep(1)
    child.sendintr()
    child.expect("Interrupted. Nothing was written")
    child.expect(pexpect.EOF)
    assert users(home) == []


def test_a_bar_is_shown_at_a_terminal_and_nowhere_else(home: BankHome) -> None:
    file = home.write(rows(*(row(f"u{n}") for n in range(6)), row("u1")))
    child = at_terminal(home, "import", file, program=home.command)
    child.expect(pexpect.EOF)
    assert "#" in str(child.before)
    assert "/s" in str(child.before)
    assert "Row 8: user: row 3 has the same ID" in str(child.before)
    assert "IDs added: 6" in str(child.before)
    piped = home.bank("import", home.write(rows(row("u7"))))
    assert piped.err == ""
    assert piped.out == "IDs added: 1. Contracts added: 0. Rows refused: 0.\n"


# --- PINs -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options",
    [[], ["--json"], ["--dry-run"], ["--all-or-nothing"], ["--lang", "ja"]],
    ids=lambda value: " ".join(value),
)
def test_no_pin_is_ever_said_or_kept(home: BankHome, options: list[str]) -> None:
    lines = (
        row("u1"),
        row("u1"),
        row("bad user"),
        row("u2").replace(PINS[1], f"{PINS[1]}é"),
        row("u3") + ",x",
        f'{row("u4")}"x',
    )
    done = home.bank("import", home.write(rows(*lines)), "-v", "-v", *options)
    (home.folder / "ids.csv").unlink()
    for pin in PINS:
        assert pin not in done.out + done.err
        for path in home.folder.rglob("*"):
            assert not path.is_file() or pin.encode() not in path.read_bytes(), path


# --- export -----------------------------------------------------------------------------------------------------------


def test_what_is_exported_is_no_formula_and_has_no_hash(home: BankHome) -> None:
    home.fine("import", home.write(rows(row("-u1", "C-4", "=SUM(A1)", email="+u@a.example"), row("u2", "C-4"))))
    home.fine("export", str(home.folder / "out.csv"))
    data = (home.folder / "out.csv").read_bytes()
    assert data.startswith(codecs.BOM_UTF8)
    assert data.count(b"\r\n") == 3
    assert f"{BANK},C-4,'=SUM(A1),'-u1,user,'+u@a.example,none,,,".encode() in data
    assert b"argon2" not in data
    assert (home.folder / "out.csv").stat().st_mode & 0o777 == 0o600
    assert home.bank("export", "-").out.encode() == data.replace(b"\r\n", b"\n")
    assert home.json("export", "-")[0]["contract_name"] == "=SUM(A1)"
    assert home.json("export", str(home.folder / "out.csv")) == {"file": str(home.folder / "out.csv"), "rows": 2}


@pytest.mark.parametrize("cell", ["=1", "+1", "-1", "@x", "＝1", "\t=1", "\r=1"])
def test_a_formula_is_guarded(cell: str) -> None:
    assert guarded(cell) == f"'{cell}"
    assert guarded(f"a{cell}") == f"a{cell}"


def test_an_export_that_cannot_be_written_leaves_what_was_there(home: BankHome) -> None:
    done = home.bank("export", str(home.folder / "nowhere" / "out.csv"))
    assert (done.status, "U107" in done.err) == (2, True)
    assert home.bank("export", str(home.folder / "out.csv"), "--bank", "0009").status == 4
    assert not list(home.folder.glob("out.csv*"))


def test_whoever_has_seen_enough_of_a_list_ends_it_quietly(home: BankHome) -> None:
    for words in ("export -", "subscriber list", "subscriber list --json"):
        line = f"set -o pipefail; {PROGRAM} bank {words} | head -1"
        done = subprocess.run(["bash", "-c", line], env=home.environment, capture_output=True, check=True)
        assert done.stderr == b""
