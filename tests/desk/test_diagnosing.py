"""The doctor at the window: what a person reads, a code for the telephone, a file in which nobody is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from tests.desk.going import begin, begun, fill_secrets
from tests.interop.customer import Customer
from tokenmgr import __version__
from tokenmgr.desk.actions import Action
from tokenmgr.desk.pages.diagnosis import DiagnosisPage
from tokenmgr.desk.pages.lists import ListPage
from tokenmgr.desk.pages.new_pin import NewPinPage
from tokenmgr.desk.pages.said import SaidPage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.domain.telephone import read
from tokenmgr.testbed.simulated import SimulatedMedium

WRONG = "7391846205"


def test_what_is_wrong_is_told_saved_and_spelt(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with begun(pc, qtbot, monkeypatch, Action.PIN) as hands:
        fill_secrets(hands.until(NewPinPage), WRONG, "24680", "24680")
        hands.until(TroublePage)
        begin(hands, Action.DIAGNOSE)
        hands.until(DiagnosisPage)
        shown = hands.words()
        heard = read(next(line for line in shown.splitlines() if len(line) == 9 and line[4] == "-"))
        assert (heard.version, heard.error, heard.states["media"]) == (__version__, "P101", "ok")
        assert "✓  専用USB" in shown
        assert "tokenmgr" not in shown
        hands.press("サポート用ファイルを保存する")
        dialog = hands.page.findChild(QFileDialog)
        assert dialog
        place = tmp_path / "support.json"
        dialog.selectFile(str(place))
        dialog.accept()
        hands.until(SaidPage)
        saved = place.read_text(encoding="utf-8")
        assert '"probes"' in saved
        for secret in (WRONG, "24680", stick.serial, str(pc.folder)):
            assert secret not in saved


def test_a_file_that_cannot_be_written_is_said_so(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with begun(pc, qtbot, monkeypatch, Action.DIAGNOSE) as hands:
        page = hands.until(DiagnosisPage)
        page._save(tmp_path / "nowhere" / "support.json")
        assert "U107" in hands.words(hands.until(TroublePage))


@pytest.mark.parametrize("stick", ["valid", "damaged"], indirect=True)
def test_a_medium_is_checked_from_here(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    is_good = "valid" in request.node.name
    with begun(pc, qtbot, monkeypatch, Action.DIAGNOSE) as hands:
        hands.until(DiagnosisPage)
        hands.press("専用USBの中身を確かめる")
        hands.type_pin(stick.pin)
        page = hands.until(ListPage)
        assert page.heading.text().startswith("問題は見つかりませんでした" if is_good else "問題が")
        assert ("正常です。" in hands.words()) == is_good
