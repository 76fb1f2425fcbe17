"""`tokenmgr status` and `clean` against a CA that runs, and one that does not answer."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import PROGRAM, Home
from tests.interop.running import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN, Authority
from tokenmgr import clock
from tokenmgr.customer.profiles import Profile, read_profile
from tokenmgr.customer.standings import Asked, Early, ask
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.holding import MARK
from tokenmgr.domain.renewal import Step
from tokenmgr.log import Secret
from tokenmgr.renewal.authority import Authority as Reached
from tokenmgr.renewal.journal import Journal, Phase
from tokenmgr.testbed.simulated import PIN
from tokenmgr.token.session import Session


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def know(home: Home, ca: Authority, address: str = "", bank: str = BANK) -> None:
    """The bank's file, as the bank hands it out."""
    folder = home.folder / "banks.d"
    folder.mkdir(exist_ok=True)
    (folder / f"{bank}.toml").write_text(
        f'code = "{bank}"\nname = "みほん信用金庫"\naddress = "{address or ca.url}"\nproxy = "none"\n'
        f'roots = """\n{ca.root.read_text()}"""\n',
        encoding="utf-8",
    )


def acquired(home: Home, ca: Authority) -> str:
    """The user's ID."""
    know(home, ca)
    home.plug_in("one")
    user = ca.enrol().user
    fds = ("--pin-fd", "0", "--login-pin-fd", "0", "--confirmation-pin-fd", "0")
    done = home.run(
        *("acquire", "--bank", BANK, "--contract", CONTRACT, "--user", user, "--kind", "p256", *fds),
        typed=f"{PIN}\n{LOGIN_PIN}\n{CONFIRMATION_PIN}\n",
    )
    assert done.status == 0, done.err
    return user


def told(home: Home, *more: str) -> tuple[int, dict[str, Any]]:
    result = home.run("status", "--json", *more)
    assert not result.err
    return result.status, json.loads(result.out)


def the_certificate(seen: dict[str, Any]) -> dict[str, Any]:
    (medium,) = seen["media"]
    (found,) = medium["certificates"]
    return dict(found)


def test_what_the_ca_has_of_it_is_told(home: Home, ca: Authority) -> None:
    user = acquired(home, ca)
    status, seen = told(home)
    found = the_certificate(seen)
    assert status == 6  # this bank's renewal is open from the first day on
    assert {name: found[name] for name in ("bank", "bank_name", "contract", "user", "role")} == {
        "bank": BANK,
        "bank_name": "みほん信用金庫",
        "contract": CONTRACT,
        "user": user,
        "role": "user",
    }
    assert (found["generation"], found["why"], found["next"]) == ("logs-in", "due", "renew")
    assert found["authority"]["state"] == "active"
    assert found["authority"]["renewal"] == {"open": True, "until": found["not_after"], "reason": "", "way": ""}
    assert found["not_asked"] is None
    in_words = home.run("--lang", "ja", "status").out
    assert f"契約 {CONTRACT}  利用者 {user}" in in_words
    assert "まで行えます" in in_words


def test_a_ca_that_is_not_there_is_told_and_the_certificate_tells_what_it_can(home: Home, ca: Authority) -> None:
    acquired(home, ca)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    know(home, ca, f"https://127.0.0.1:{port}")
    status, seen = told(home)
    assert status == 6
    assert the_certificate(seen)["not_asked"] == "no_answer"
    assert [bank["error"]["code"] for bank in seen["banks"]] == ["J107"]
    status, seen = told(home, "--offline")
    assert (status, seen["banks"], the_certificate(seen)["not_asked"]) == (6, [], "offline")


def test_one_that_never_answers_holds_up_nobody_for_long(ca: Authority, home: Home) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        know(home, ca, f"https://127.0.0.1:{silent.getsockname()[1]}")
        profile = read_profile(home.folder / "banks.d" / f"{BANK}.toml")

        def reach(one: Profile) -> Reached:
            return Reached(one.address, one.code, one.tls_roots, lambda _: None, 600.0, {}, ())

        (asked,) = ask([Asked(profile, ["00" * 32])], reach, seconds=0.5)
    assert asked.error is not None
    assert (asked.error.code, asked.told) == ("J107", {})


def test_many_that_never_answer_hold_up_nobody_longer_than_one() -> None:
    silent, seconds, many = threading.Event(), 0.5, 40

    @contextlib.contextmanager
    def reach(one: Profile) -> Iterator[Reached]:
        silent.wait()
        yield Reached(one.address, one.code, one.tls_roots, lambda _: None)

    profile = Profile(BANK, "みほん", "https://ca.example", (), "", None)
    started = time.perf_counter()
    found = ask([Asked(profile, ["00" * 32]) for _ in range(many)], reach, seconds)
    taken = time.perf_counter() - started
    silent.set()
    assert [one.error.code for one in found if one.error] == ["J107"] * many
    assert taken < seconds * many / 2


def test_what_nobody_expected_of_an_early_connection_is_an_error_and_no_traceback(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """R15."""
    lost: list[object] = []
    monkeypatch.setattr(threading, "excepthook", lost.append)

    def make(_one: Profile) -> Reached:
        raise ValueError("a port that is no number")

    profile = Profile(BANK, "みほん", "https://ca.example", (), "", None)
    (asked,) = ask([Asked(profile, ["00" * 32])], Early([profile], make))
    assert asked.error is not None
    assert (asked.error.code, lost) == ("X000", [])


def by_staff(ca: Authority, verb: str, user: str) -> None:
    """`tokenmgr bank subscriber …`"""
    command: list[str | Path] = [PROGRAM, "bank", "subscriber", *verb.split(), BANK, CONTRACT, user, "--yes"]
    subprocess.run(command, env=dict(ca.environment), check=True, capture_output=True, timeout=60)


@pytest.mark.parametrize(("verb", "why"), [("hold", "on-hold"), ("revoke --reason key-compromise", "revoked")])
def test_what_the_bank_has_stopped_needs_a_hand_and_stays_until_there_is_another(
    home: Home, ca: Authority, verb: str, why: str
) -> None:
    user = acquired(home, ca)
    by_staff(ca, verb, user)
    status, seen = told(home)
    found = the_certificate(seen)
    assert (status, found["why"], found["next"]) == (5, why, "way")
    assert found["next_text"]
    assert told(home, "--offline")[0] == 6
    result = home.run("clean", "--json", "--yes", "--pin-fd", "0", typed=f"{PIN}\n")
    listed = json.loads(result.out)
    assert (result.status, listed["would_remove"], listed["removed"]) == (0, [], [])
    assert [one["reason"] for one in listed["left_alone"] if one["reason"] != "authority"] == ["not-replaced"]


def test_as_json_clean_only_lists_until_it_is_told_yes(home: Home, ca: Authority) -> None:
    """An operation of this PC that is finished has left the key, and no CA has heard of it."""
    acquired(home, ca)
    medium = home.media["one"]
    with medium.library() as library, Session.open(library, home.numbers["one"], write=True) as session:
        session.login(Secret(PIN))
        session.generate_key(KeyKind.P256, b"\x07" * 16, MARK)
    assert told(home)[0] == 5
    result = home.run("clean", "--json", "--yes", "--pin-fd", "0", typed=f"{PIN}\n")
    assert ("whose-unknown" in result.out, json.loads(result.out)["removed"]) == (True, [])  # made by another PC
    with Journal.create(home.folder / "journal", "before", {"store": home.numbers["one"]}, clock.now()) as journal:
        journal.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": "07" * 16}, clock.now())
        journal.write(None, Phase.DONE, {"ending": "undone"}, clock.now())
    for more, removed in ((), []), (("--yes",), ["07" * 16]), (("--yes",), []):
        result = home.run("clean", "--json", *more, "--pin-fd", "0", typed=f"{PIN}\n")
        listed = json.loads(result.out)
        assert (result.status, listed["removed"]) == (0, removed), result.err
    assert told(home)[0] == 6


@pytest.mark.parametrize(
    ("store", "said"), [("00ff", "tokenmgr resume --medium 00ff"), ("file:/a b", "tokenmgr resume --pc 'file:/a b'")]
)
def test_resume_on_the_wrong_medium_names_the_right_one(home: Home, ca: Authority, store: str, said: str) -> None:
    know(home, ca)
    home.plug_in("one")
    heading = {"store": store, "operation": "renewal", "bank": BANK}
    with Journal.create(home.folder / "journal", "one", heading, clock.now()) as journal:
        journal.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": "07"}, clock.now())
    done = home.run("resume", "--pin-fd", "0", typed=f"{PIN}\n")
    assert ("J114" in done.err, said in done.err) == (True, True), done.err
    journal.path.unlink()
    assert "`tokenmgr status` says" in home.run("resume", "--pin-fd", "0", typed=f"{PIN}\n").err


@pytest.mark.parametrize(
    ("language", "said"),
    [
        ("ja", ["更新が途中です（専用USB 00ff、2026年04月01日 12時00分00秒に開始）", "2/9 鍵を作りました"]),
        ("en", ["Unfinished: renewal on medium 00ff, begun 2026-04-01 12:00:00 JST", "2/9 Key generated"]),
    ],
)
def test_what_a_journal_tells_is_told_without_its_medium(home: Home, language: str, said: list[str]) -> None:
    at = datetime(2026, 4, 1, 3, tzinfo=UTC)
    heading = {"store": "00ff", "operation": "renewal", "bank": BANK}
    with Journal.create(home.folder / "journal", "one", heading, at) as journal:
        journal.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": "07"}, at)
        journal.write(Step.KEY_GENERATED, Phase.DONE, {}, at)
        result = home.run("--lang", language, "status")  # while somebody is at it
    assert result.status == 3  # no medium is plugged in, and what was begun on another is for that
    for text in (*said, "tokenmgr resume --medium 00ff", str(journal.path)):
        assert text in result.out
    whole = json.loads(home.run("status", "--json").out)
    assert (whole["verdict"], whole["error"]["code"]) == ("unsure", "M117")
    (unfinished,) = whole["unfinished"]
    assert (unfinished["medium"], unfinished["plugged"], unfinished["last_step"]) == ("00ff", False, "KEY_GENERATED")
    assert (unfinished["store"], unfinished["from"]) == ("00ff", None)
    heading = {"store": "file:/a", "from": "00ff", "operation": "renewal", "bank": BANK}
    with Journal.create(home.folder / "journal", "two", heading, at) as other:
        other.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": "08"}, at)
        told = json.loads(home.run("status", "--json").out)["unfinished"]
    on_pc = next(one for one in told if one["store"] == "file:/a")
    assert (on_pc["medium"], on_pc["from"]) == (None, "00ff")
    other.path.unlink()
    journal.path.write_text(journal.path.read_text().replace("renewal", "removal"))
    (unfinished,) = json.loads(home.run("status", "--json").out)["unfinished"]
    assert unfinished["error"]["code"] == "J101"


def test_whoever_only_looks_does_not_load_what_a_renewal_needs() -> None:
    """It is most of what a look takes."""
    program = "import sys, tokenmgr.cli.status; print({'cryptography', 'http.client', 'ssl'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
