"""A user's own scripts around real operations: what they are told, what they may stop, and what they cannot spoil."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.api.rig import BANK, CONFIRMATION_PIN, CONTRACT, DAY, LOGIN_PIN, USER
from tests.renewal.world import World
from tokenmgr import system
from tokenmgr.customer.hooks import Hooks
from tokenmgr.customer.operations import Counter
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import (
    AuthorityUnreachable,
    HookHung,
    HookRefused,
    HookUntrusted,
    RenewalError,
    TokenmgrError,
)
from tokenmgr.messages import Texts
from tokenmgr.testbed.simulated import PIN

TOLD = 'cat > "$(basename "$0").json"'


class Scripts:
    """hooks/before and hooks/after of a test."""

    def __init__(self, home: Path) -> None:
        self.folder = home / "hooks"
        for when in ("before", "after"):
            (self.folder / when).mkdir(parents=True)
        self.warnings: list[RenewalError] = []

    def add(self, name: str, *lines: str, shell: str = "#!/bin/sh\n") -> Path:
        path = self.folder / name
        path.write_text(shell + "\n".join(lines) + "\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def hooks(self, seconds: float = 20.0) -> Hooks:
        return Hooks(self.folder, seconds, Texts("en").error, self.warnings.append)

    def at(self, world: World) -> Counter:
        return replace(world.counter(), hooks=self.hooks())

    def told(self, name: str) -> dict[str, Any]:
        path = self.folder / f"{name}.json"
        return dict(json.loads(path.read_text(encoding="utf-8")))


@pytest.fixture
def scripts(tmp_path: Path) -> Scripts:
    return Scripts(tmp_path / "home")


def due(world: World) -> str:
    """A day before its end; its serial number."""
    old = world.renewable()
    world.rig.now -= DAY
    assert old.facts is not None
    return f"{old.facts.serial_number:x}"


def around(hooks: Hooks, act: Callable[[], None] = lambda: None) -> None:
    """An operation that is none, where only the scripts matter."""
    with hooks.around({"store": {"name": "00ff"}}, lambda: None, lambda: ""):
        act()


def test_they_are_told_what_is_to_be_done_and_what_came_of_it_and_no_secret(world: World, scripts: Scripts) -> None:
    old = due(world)
    scripts.add("before/10", TOLD, "env >&2", 'echo "$@" >&2')
    scripts.add("after/10", TOLD, 'pwd > "$PWD/folder"')
    done = scripts.at(world).renew()
    before, after = scripts.told("before/10"), scripts.told("after/10")
    new = done.certificate
    assert before.pop("old")["serial_number"] == old
    assert before == {
        "v": 1,
        "event": "before",
        "operation": "renewal",
        "resumed": False,
        "store": {"kind": "medium", "name": world.serial},
        "from": None,
        "bank": {"code": BANK, "name": "みほん信用金庫"},
        "whose": {"contract": CONTRACT, "user": USER},
        "journal": str(done.journal),
    }
    told = after["certificate"]
    assert (after["event"], after["outcome"], after["error"]) == ("after", "done", None)
    assert (told["serial_number"], told["not_after"]) == (f"{new.serial_number:x}", new.not_after.isoformat())
    assert told["pem"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert (scripts.folder / "after" / "folder").read_text().strip() == str(scripts.folder / "after")
    assert not scripts.warnings


def test_an_acquisition_names_whose_it_will_be_and_no_pin(world: World, scripts: Scripts) -> None:
    scripts.add("before/10", TOLD)
    scripts.add("after/10", TOLD)
    scripts.at(world).acquire(world.applicant())
    text = json.dumps([scripts.told("before/10"), scripts.told("after/10")])
    assert scripts.told("before/10")["operation"] == "acquisition"
    assert scripts.told("before/10")["whose"] == {"contract": CONTRACT, "user": USER}
    assert scripts.told("before/10")["old"] is None
    text = text.replace(f'"code": "{BANK}"', "")  # which the medium's PIN is, too
    assert not [pin for pin in (f'"{PIN}"', LOGIN_PIN, CONFIRMATION_PIN) if pin in text]


def test_one_that_says_no_stops_it_before_anything_is_touched(world: World, scripts: Scripts) -> None:
    due(world)
    scripts.add("before/10", TOLD)
    no = scripts.add("before/20", "echo 会計締め中 >&2", "echo out", "exit 3")
    scripts.add("before/30", TOLD)
    scripts.add("after/10", TOLD)
    held, world.screen.told = world.store.credentials(), []
    with pytest.raises(HookRefused) as refused:
        scripts.at(world).renew()
    assert refused.value.facts == {"hook": str(no), "status": 3, "said": "会計締め中"}
    assert [one.key.identity for one in world.store.credentials()] == [one.key.identity for one in held]
    assert not world.screen.told
    assert not world.unfinished()
    assert not (scripts.folder / "before" / "30.json").exists()
    told = scripts.told("after/10")  # what the first one has stopped is started again
    assert (told["outcome"], told["error"]["code"], told["error"]["retriable"]) == ("failed", "J132", True)
    no.unlink()
    scripts.at(world).renew()


def test_what_was_cut_short_is_told_and_so_is_that_it_is_gone_on_with(world: World, scripts: Scripts) -> None:
    due(world)
    scripts.add("before/10", TOLD)
    scripts.add("after/10", TOLD)
    honest = world.near.on_the_way
    world.cut(1)
    with pytest.raises(AuthorityUnreachable):
        scripts.at(world).renew()
    told = scripts.told("after/10")
    assert (told["outcome"], told["error"]["code"], told["certificate"]) == ("failed", "J107", None)
    assert {"what", "kept", "next"} <= set(told["error"])
    world.near.on_the_way = honest
    world.restarted()
    scripts.at(world).resume(lambda _contract, _user: world.applicant())
    assert scripts.told("before/10")["resumed"]
    assert (scripts.told("after/10")["outcome"], scripts.told("after/10")["operation"]) == ("done", "renewal")


def test_what_was_taken_back_is_told_as_that(world: World, scripts: Scripts) -> None:
    world.cut_short(2, days=20)  # issued, and never confirmed in time
    world.rig.now += 8 * DAY
    scripts.add("after/10", TOLD)
    with pytest.raises(TokenmgrError):
        scripts.at(world).resume(lambda _contract, _user: world.applicant())
    assert scripts.told("after/10")["outcome"] == "undone"
    assert not world.unfinished()


def test_what_a_person_has_interrupted_is_left_for_later(world: World, scripts: Scripts) -> None:
    due(world)
    scripts.add("after/10", TOLD)

    def interrupted(_step: Step) -> None:
        raise KeyboardInterrupt

    world.screen.begins = interrupted  # type: ignore[method-assign, assignment]
    with pytest.raises(KeyboardInterrupt):
        scripts.at(world).renew()
    assert (scripts.told("after/10")["outcome"], scripts.told("after/10")["error"]["code"]) == (
        "left-for-later",
        "J131",
    )


def test_what_fails_afterwards_is_a_warning_and_the_others_run(world: World, scripts: Scripts) -> None:
    due(world)
    scripts.add("after/10", "echo no printer >&2", "exit 1")
    scripts.add("after/20", "kill -TERM $$")
    scripts.add("after/30", "", shell="")  # no first line that says what runs it
    scripts.add("after/40", TOLD)
    scripts.at(world).renew()
    assert [one.code for one in scripts.warnings] == ["J135"] * 3
    assert [one.facts["status"] for one in scripts.warnings] == [1, 143, 126]
    assert scripts.warnings[0].facts["said"] == "no printer"
    assert scripts.told("after/40")["outcome"] == "done"


def test_the_store_is_free_while_they_run(scripts: Scripts) -> None:
    """A medium that takes one conversation that writes: a script may look into it."""
    scripts.add("before/10")
    scripts.add("after/10")
    let_go: list[int] = []
    with scripts.hooks().around({"store": {"name": "00ff"}}, lambda: let_go.append(1), lambda: ""):
        assert let_go == [1]
    assert let_go == [1, 1]


def test_one_that_hangs_is_ended_with_all_that_it_has_started(scripts: Scripts) -> None:
    hook = scripts.add("before/10", "sleep 600 &", "echo $! > child", "wait")
    with pytest.raises(HookHung) as hung:
        around(scripts.hooks(seconds=1.0))
    assert hung.value.facts == {"hook": str(hook), "seconds": 1.0}
    child = Path("/proc") / (hook.parent / "child").read_text().strip()
    end = time.monotonic() + 20
    while (child / "cmdline").exists() and (child / "cmdline").read_bytes() and time.monotonic() < end:
        time.sleep(0.02)
    assert not ((child / "cmdline").exists() and (child / "cmdline").read_bytes())
    hook.rename(scripts.folder / "after" / "10")
    around(scripts.hooks(seconds=1.0))
    assert [one.code for one in scripts.warnings] == ["J133"]


def test_what_one_leaves_running_holds_nobody_up(scripts: Scripts) -> None:
    scripts.add("before/10", "sleep 600 &", "echo $! > child")
    started = time.monotonic()
    around(scripts.hooks(seconds=300))
    os.kill(int((scripts.folder / "before" / "child").read_text()), 15)
    assert time.monotonic() - started < 60


def test_without_an_interest_in_what_it_is_told_and_with_much_to_say(scripts: Scripts) -> None:
    """Neither a pipe that nobody reads nor one that is full holds anybody up."""
    scripts.add("before/10", "exec 0<&-", "head -c 3000000 /dev/zero | tr '\\0' x", "head -c 3000000 /dev/zero >&2")
    around(scripts.hooks())


def test_what_is_no_script_is_left_alone(scripts: Scripts) -> None:
    scripts.add("before/10", "exit 9").chmod(0o644)
    scripts.add("before/.20", "exit 9")
    (scripts.folder / "before" / "30").mkdir()
    (scripts.folder / "before" / "40").symlink_to("nowhere")
    around(scripts.hooks())
    around(Hooks(scripts.folder / "nowhere"))
    scripts.add("before/50", "exit 9")
    around(Hooks())  # --no-hooks


@pytest.mark.parametrize("place", ["hooks/after/10", "hooks/after", "hooks", "."])
def test_what_others_can_write_is_not_run_and_nothing_else_is_done(scripts: Scripts, place: str) -> None:
    scripts.add("before/10", TOLD)
    scripts.add("after/10", TOLD)
    path = scripts.folder.parent / place
    path.chmod(0o777)
    begun: list[int] = []
    with pytest.raises(HookUntrusted) as refused:
        around(scripts.hooks(), lambda: begun.append(1))
    assert refused.value.facts == {"hook": str(path), "reason": "written-by-others"}
    assert not begun
    assert not (scripts.folder / "before" / "10.json").exists()


def test_somebody_elses_is_not_run(scripts: Scripts) -> None:
    if os.geteuid():
        pytest.skip("only root can give a file away")
    hook = scripts.add("before/10", TOLD)
    os.chown(hook, 65534, -1)
    with pytest.raises(HookUntrusted) as refused:
        around(scripts.hooks())
    assert refused.value.facts["reason"] == "owned-by-another"


def test_windows_knows_a_script_by_its_name() -> None:
    assert system.how_windows_runs(Path("a.EXE")) == ["a.EXE"]
    assert system.how_windows_runs(Path("a.ps1"))[-2:] == ["-File", "a.ps1"]
    assert [system.how_windows_runs(Path(name)) for name in ("a.txt", "a", "a.cmd.bak")] == [[], [], []]
