"""`tokenmgr ca audit` as an auditor sees it, on the trail of a CA that has served and was ended in order."""

from __future__ import annotations

import csv
import json
import os
import pty
import re
import shutil
import signal
import subprocess
from datetime import datetime
from pathlib import Path

import pytest

from tests.actors import TESTER
from tests.cli.runner import PROGRAM, Home
from tests.interop.running import BANK, CONTRACT, PIN, authority
from tests.sql.forging import forge
from tokenmgr.ca.checkpoints import FILE
from tokenmgr.ca.folder import open_folder
from tokenmgr.domain.audit import Action, ActorKind
from tokenmgr.domain.audit_check import What
from tokenmgr.messages import Texts
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import Contract


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "home"
    folder.mkdir()
    with authority(folder, workers=1) as ca:
        ca.ticket(user=ca.enrol().user)
    return folder


@pytest.fixture
def home(served: Path, tmp_path: Path) -> Home:
    shutil.copytree(served, tmp_path / "home")
    return Home(tmp_path / "home")


def registry(home: Home) -> Database:
    return Database.open(open_folder(home.folder / "ca").database)


def do_something(home: Home, name: str = "C-9", text: str = "株式会社みほん") -> None:
    database = registry(home)
    Administration(database, TESTER).add_contract(Contract(BANK, name, text))
    database.close()


# --- verify -----------------------------------------------------------------------------------------------------------


def test_the_orderly_end_signs_for_all_that_was_done(home: Home) -> None:
    done = home.run("ca", "audit", "verify", "--json")
    assert done.status == 0, done.out + done.err
    said = json.loads(done.out)
    assert said["vouched"]["number"] == said["entries"] > 5
    assert said["vouched"]["hash"] == said["hash"]
    do_something(home)
    english, japanese = home.run("ca", "audit", "verify"), home.run("ca", "audit", "verify", "--lang", "ja")
    assert "not signed for yet: 1." in english.out
    assert "書換え、抜け、差込みはありません" in japanese.out
    assert not english.err  # no progress where nobody watches


def test_what_is_wrong_is_named_and_is_an_error(home: Home) -> None:
    database = registry(home)
    forge(
        database,
        "UPDATE audit SET actor = 'mallory' WHERE number = 2",
        "UPDATE audit SET whom = CAST(x'ff' AS TEXT) WHERE number = 3",
        "DELETE FROM audit WHERE number IN (5, 6)",
        "UPDATE checkpoint SET signature = signature || x'00'",
    )
    database.close()
    done = home.run("ca", "audit", "verify", "--lang", "ja")
    assert done.status == 4
    assert "2番の記録が書き換えられています" in done.out
    assert "5～6番の記録がありません" in done.out
    assert "この認証局のものではありません" in done.out
    assert "A117" in done.err
    said = json.loads(home.run("ca", "audit", "verify", "--json").out)["error"]
    assert said["code"] == "A117"
    assert said["facts"]["findings"][:3] == ["altered 2", "unsure 3", "missing 5..6"]
    assert said["facts"]["count"] == len(said["facts"]["findings"])


def test_a_registry_that_was_taken_back_is_known_by_the_file_or_its_copy(home: Home, tmp_path: Path) -> None:
    copy = tmp_path / "kept elsewhere.jsonl"
    shutil.copy(home.folder / "ca" / FILE, copy)
    database = registry(home)
    forge(database, "DELETE FROM audit WHERE number > 3", "DELETE FROM checkpoint")
    database.close()
    assert "cut off after number 3" in home.run("ca", "audit", "verify").out
    (home.folder / "ca" / FILE).unlink()
    assert home.run("ca", "audit", "verify").status == 0  # with all of them gone, nothing here knows
    assert home.run("ca", "audit", "verify", "--checkpoints", str(copy)).status == 4


def test_a_bar_is_drawn_for_whoever_watches(home: Home) -> None:
    controller, terminal = pty.openpty()
    command = [str(PROGRAM), "ca", "audit", "verify"]
    done = subprocess.run(command, env=home.environment, stdout=subprocess.PIPE, stderr=terminal, timeout=60)
    os.close(terminal)
    assert done.returncode == 0
    assert b"verified" in os.read(controller, 10_000)
    os.close(controller)


# --- export -----------------------------------------------------------------------------------------------------------


def test_an_exported_file_is_verified_without_the_registry(home: Home, tmp_path: Path) -> None:
    file, root = tmp_path / "trail.jsonl", tmp_path / "root.pem"
    assert home.run("ca", "audit", "export", "--output", str(file)).status == 0
    assert file.read_text(encoding="utf-8") == home.run("ca", "audit", "export").out
    shutil.copy(home.folder / "ca" / "root.pem", root)
    auditor = Home(tmp_path / "auditor")
    untrusting = auditor.run("ca", "audit", "verify", str(file))
    assert (untrusting.status, "--root FILE" in untrusting.err) == (2, True)
    assert "A101" in auditor.run("ca", "audit", "verify").err
    done = auditor.run("ca", "audit", "verify", str(file), "--root", str(root), "--json")
    assert done.status == 0, done.err
    assert json.loads(done.out)["vouched"]["number"] == json.loads(done.out)["entries"]
    file.write_text(file.read_text(encoding="utf-8").replace("tester", "nobody", 1), encoding="utf-8")
    done = auditor.run("ca", "audit", "verify", str(file), "--root", str(root))
    assert done.status == 4
    assert done.out.startswith("Line 2: Entry 2 was altered")
    other = Home(tmp_path / "other")
    assert other.run("ca", "init", "--new-pin-fd", "0", typed="pin-12345678\n").status == 0
    said = other.run("ca", "audit", "verify", str(file), "--json").out  # by another CA's root
    assert any(one.startswith("forged") for one in json.loads(said)["error"]["facts"]["findings"])
    assert auditor.run("ca", "audit", "verify", str(file), "--root", str(file)).status == 2


def test_csv_opens_in_excel_and_is_no_formula(home: Home, tmp_path: Path) -> None:
    do_something(home, text="=1+1")
    file = tmp_path / "trail.csv"
    done = home.run("ca", "audit", "export", "--format", "csv", "--lang", "ja", "--output", str(file), "--bank", BANK)
    assert done.status == 0, done.err
    assert file.read_bytes().startswith(b"\xef\xbb\xbf")
    with file.open(encoding="utf-8-sig", newline="") as text:
        header, *rows = csv.reader(text)
    assert header[:6] == ["番号", "日時", "区分", "名前", "操作した場所", "操作"]
    assert all(row[6] == BANK for row in rows)
    assert rows[-1][5] == "契約の登録"
    refused = home.run("ca", "audit", "verify", str(file))
    assert (refused.status, "(csv)" in refused.err) == (2, True)
    before = file.read_bytes()
    again = home.run("ca", "audit", "export", "--output", str(file))
    assert (again.status, "U107" in again.err, file.read_bytes()) == (2, True, before)
    assert not any(cell.startswith("=") for row in rows for cell in row)
    assert home.run("ca", "audit", "export", "--bank", BANK).status == 2  # a part could not be verified


# --- list, follow -----------------------------------------------------------------------------------------------------


def test_a_list_is_asked_for_by_anything(home: Home) -> None:
    everything = json.loads(home.run("ca", "audit", "list", "--json").out)
    assert [one["number"] for one in everything] == list(range(1, len(everything) + 1))
    contract = json.loads(home.run("ca", "audit", "list", "--json", "--whom", f"{BANK}/{CONTRACT}").out)
    assert {one["action"] for one in contract} == {"contract.added", "subscriber.added", "claim.accepted"}
    newest = json.loads(home.run("ca", "audit", "list", "--json", "--newest", "2", "--kind", "staff").out)
    assert len(newest) == 2
    assert newest[0]["number"] < newest[1]["number"]
    assert json.loads(home.run("ca", "audit", "list", "--json", "--until", "2020-01-01").out) == []
    for wrong in (["--since", "tomorrow"], ["--action", "bank"], ["--serial", "xyz"], ["--serial", "0"]):
        assert home.run("ca", "audit", "list", *wrong).status == 2


def test_a_list_is_in_words_and_japan_time(home: Home) -> None:
    do_something(home, text="a\x1b[2Jb")
    japanese = home.run("ca", "audit", "list", "--lang", "ja", "--action", "contract.").out
    assert "契約の登録" in japanese
    assert "職員 tester" in japanese
    assert "名称: 株式会社みほん" in japanese
    assert "年" in japanese
    assert "\x1b" not in japanese
    assert " JST " in home.run("ca", "audit", "list", "--action", "bank.added").out


def test_whoever_follows_sees_what_comes_until_told_to_stop(home: Home) -> None:
    command = [str(PROGRAM), "ca", "audit", "follow", "--json", "--first", "1"]
    with subprocess.Popen(command, env=home.environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout
        assert json.loads(following.stdout.readline())["number"] == 1
        do_something(home, "C-77")
        for line in following.stdout:
            if json.loads(line)["whom"] == f"{BANK}/C-77":
                break
        following.send_signal(signal.SIGINT)
        assert following.wait(30) == 0


@pytest.mark.parametrize("language", ["ja", "en"])
def test_every_action_kind_and_finding_has_words(language: str) -> None:
    texts = Texts(language)
    for action in Action:
        assert texts("audit.do_" + action.value.replace(".", "_").replace("-", "_"))
    for kind in ActorKind:
        assert texts(f"audit.kind_{kind.value}")
    for what in What:
        assert texts(f"audit.found_{what.value}", numbers="1", before=0, other=2)


def test_every_fact_has_a_name_and_no_moment_is_a_number(home: Home, tmp_path: Path) -> None:
    """Collected from what was done: all that leaves facts in the trail, but the lists and starts that `served` has."""
    subscriber = (BANK, CONTRACT, json.loads(home.run("bank", "subscriber", "list", "--json").out)[0]["user"])

    def done(*arguments: str, typed: str = "", status: int = 0) -> str:
        result = home.run(*arguments, typed=typed)
        assert result.status == status, result.out + result.err
        return result.out

    done("bank", "change", BANK, "--name", "つぎ信用金庫", "--set", "renewal_days=20", "--set", "pc_allowed=false")
    done(
        "bank",
        "subscriber",
        "change",
        *subscriber,
        "--email",
        "a@mihon.example",
        "--new-login-pin-fd",
        "0",
        typed="9753\n",
    )
    done("bank", "subscriber", "open", *subscriber)
    done("bank", "subscriber", "reissue", *subscriber, "--cause", "lost", "--yes")
    done("bank", "subscriber", "revoke", *subscriber, "--reason", "unspecified", "--yes")
    copy = tmp_path / "ca.backup"
    done("ca", "backup", str(copy))
    name = json.loads(done("ca", "show", "--json"))["name"]
    done("ca", "close", "--yes-close", name, "--destroy-keys", "--pin-fd", "0", typed=f"{PIN}\n")
    restored = Home(tmp_path / "restored")
    assert restored.run("ca", "restore", str(copy)).status == 0

    entries = json.loads(done("ca", "audit", "list", "--json"))
    entries += json.loads(restored.run("ca", "audit", "list", "--json", "--action", "ca.restored").out)
    facts = [pair for one in entries for side in ("before", "after") for pair in one[side].items()]
    names = {name for name, _ in facts if not name.startswith("policy.")}
    assert {"cause", "reissued_at", "keys_destroyed", "seal", "made", "node", "login_pin", "authority"} <= names
    for texts in (Texts("ja"), Texts("en")):
        assert [name for name in names if not texts.has(f"audit.its_{name}")] == []
    moments = [value for name, value in facts if name in {"open_until", "reissued_at"} and value is not None]
    assert all(datetime.fromisoformat(one) for one in moments)
    told = done("ca", "audit", "list", "--lang", "ja")
    assert "再発行の理由: 専用USBまたはパソコンの紛失" in told
    assert "取扱方針 renewal_days: 30 → 20" in told
    assert not re.search(r"(?<![0-9a-f])[0-9]{16}(?![0-9a-f])", told)  # microseconds, and no part of a serial number
