"""The icon says that something is due, and tells it once a day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.cli.runner import Home
from tests.desk.rig import at_desk
from tokenmgr.desk.seeing import Seen
from tokenmgr.desk.tray import Tray
from tokenmgr.testbed.bed import Testbed
from tokenmgr.wiring import words


@pytest.fixture
def seen(tmp_path: Path, testbed_store: Path, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seen]:
    """A certificate that ends today, and one with months to go."""
    home = Home(tmp_path / "pc")
    bed = Testbed(home.folder / "testbed", home.environment, home.folder / "libraries.d", testbed_store)
    bed.up("due-today")
    bed.up("valid")
    with at_desk(home.folder, qtbot, monkeypatch) as hands:
        qtbot.waitUntil(lambda: bool(hands.desk.flow.seen and hands.desk.flow.seen.is_asked), timeout=20_000)
        assert hands.desk.flow.seen
        yield hands.desk.flow.seen
    bed.down()


class Said(Tray):
    """What it would show, as it hands it to the system."""

    def say(self, title: str, words: str) -> None:
        self.said = [*getattr(self, "said", []), (title, words)]
        super().say(title, words)


def test_what_is_due_is_told_once_a_day_for_each_certificate(seen: Seen, tmp_path: Path) -> None:
    opened: list[str] = []
    tray = Said(tmp_path, lambda: opened.append("open"), lambda: opened.append("quit"))
    calm = tray.icon.icon().pixmap(64, 64).toImage()
    tray.tell(seen)
    tray.tell(seen)
    assert len(tray.said) == 1, "once"
    title, told = tray.said[0]
    assert title == "電子証明書の更新をお願いします"
    assert told.count("\n") == 0, "the other one is not due"
    assert "あと" in told
    assert tray.icon.icon().pixmap(64, 64).toImage() != calm
    (number,) = json.loads((tmp_path / "desk-told.json").read_text())
    (tmp_path / "desk-told.json").write_text(json.dumps({number: "2020-01-01"}))
    tray.tell(seen)
    assert len(tray.said) == 2, "another day"
    (tmp_path / "desk-told.json").write_text("torn")
    tray.tell(seen)
    assert len(tray.said) == 3, "a file that is torn is no obstacle"
    words.speak("en")
    tray.speak()
    assert [one.text() for one in tray.menu.actions()] == ["Open", "Quit"]
    for one in tray.menu.actions():
        one.trigger()
    assert opened == ["open", "quit"]
    tray.tell_hidden()
    tray.tell_hidden()
    assert len(tray.said) == 4
