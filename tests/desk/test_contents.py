"""The contents of a certificate as a file: what says that it was saved was saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from tests.desk.gallery import nothing
from tests.desk.gallery_values import NOW
from tests.desk.situations import SERIAL
from tokenmgr.desk.pages.contents import ContentsPage
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.wiring import words


@pytest.fixture
def page(qtbot: QtBot) -> ContentsPage:
    words.speak("ja")
    made = ContentsPage(certificate_facts(ThrowawayCA(NOW).chain[0]), SERIAL, nothing)
    qtbot.addWidget(made)
    return made


def test_a_file_that_cannot_be_written_is_not_told_as_saved(page: ContentsPage, tmp_path: Path) -> None:
    page.write_pdf(str(tmp_path / "there" / "not.pdf"))
    assert "not.pdf に書き込めません" in page.said.text()
    assert "保存しました" not in page.said.text()
    assert page.said.property("role") == "warning"


def test_a_disk_that_is_full_is_told(page: ContentsPage) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    page.write_pdf("/dev/full")
    assert "書き込めません" in page.said.text()


def test_it_is_saved_where_the_systems_dialog_was_told(page: ContentsPage, tmp_path: Path) -> None:
    (pdf := tmp_path / "one.pdf").write_bytes(b"of before")
    page._choose_pdf()
    (dialog,) = page.findChildren(QFileDialog)
    dialog.fileSelected.emit(str(pdf))
    dialog.reject()
    assert pdf.read_bytes().startswith(b"%PDF")
    assert pdf.read_bytes().rstrip().endswith(b"%%EOF")
    assert page.said.text() == f"{pdf} に保存しました。"
    assert page.said.property("role") == "good"
