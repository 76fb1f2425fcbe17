"""docs/situations.md and the pictures of the window are as the window is. `--write-pictures` makes them anew."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.desk import picturing
from tests.desk.gallery import GALLERY, nothing
from tests.desk.picturing import PICTURES
from tests.desk.situations import Situation, classes, situations
from tokenmgr.desk import pages, troubles
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.parts import Page
from tokenmgr.desk.window import Window
from tokenmgr.messages import Texts
from tokenmgr.wiring import words

T = TypeVar("T")
DOCS = PICTURES.parent
WIDE = 640
LARGEST = 15_000  # bytes of the picture of an error
SECTIONS = {
    "M": "専用USB・保存先",
    "P": "専用USBの暗証番号 (PIN)",
    "K": "鍵",
    "C": "電子証明書",
    "D": "整理",
    "L": "専用USBのソフトウェア",
    "S": "パソコンの保存先",
    "J": "手続き・通信・設定",
    "R": "認証局からの返事",
    "A": "認証局からの返事（発行できないとき）",
    "H": "信用金庫のページからの依頼",
    "U": "このパソコンの設定",
    "X": "予期しないエラー",
}


@pytest.fixture
def anew(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--write-pictures"))


@pytest.fixture(autouse=True)
def light(qtbot: QtBot) -> None:
    words.speak("ja")
    picturing.dress()


def file_of(situation: Situation) -> Path:
    return PICTURES / "situations" / f"{situation.name}.png"


def test_every_error_has_its_picture(anew: bool) -> None:
    named = {file_of(one) for one in situations()}
    for situation in situations():
        page, path = TroublePage(situation.error, nothing, nothing, nothing), file_of(situation)
        if anew:
            picturing.crop(page, WIDE)
            picturing.write(page, path)
        assert picturing.of(path) == picturing.fingerprint(page), f"{path.name}: --write-pictures"
        assert path.stat().st_size < LARGEST, path.name
        picturing.away(page)
    there = set((PICTURES / "situations").glob("*.png"))
    if anew:
        for left_over in there - named:
            left_over.unlink()
    assert set((PICTURES / "situations").glob("*.png")) == named


@pytest.mark.parametrize("language", ["ja", "en"])
@pytest.mark.parametrize("name", GALLERY)
def test_every_page_has_its_picture(name: str, language: str, anew: bool) -> None:
    words.speak(language)
    path = PICTURES / f"desk-{name}{'' if language == 'ja' else '-en'}.png"
    window = Window()
    page = GALLERY[name]()
    window.show_page(page)
    if anew:
        window.show()
        QApplication.processEvents()
        picturing.write(window, path)
    assert picturing.of(path) == picturing.fingerprint(window), f"{path.name}: --write-pictures"
    picturing.away(window)


def test_no_picture_is_left_over() -> None:
    assert {one.name for one in PICTURES.glob("desk-*.png")} == {
        f"desk-{name}{ending}.png" for name in GALLERY for ending in ("", "-en")
    }


def test_every_page_is_in_the_gallery() -> None:
    for _, name, _ in pkgutil.iter_modules(pages.__path__):
        importlib.import_module(f"{pages.__name__}.{name}")
    kinds = {one for one in _below(Page) if one.__module__.startswith(pages.__name__) and one.name}
    every = [make() for make in GALLERY.values()]
    made = {type(one) for one in every}
    for one in every:
        picturing.away(one)
    assert not {one.__name__ for one in kinds - made}, "an entry in tests/desk/gallery.py, please"


def _below(kind: type[Page]) -> list[type[Page]]:
    return [one for each in kind.__subclasses__() for one in (each, *_below(each))]


def test_the_list_of_situations_is_as_the_window_is(anew: bool) -> None:
    page, made = DOCS / "situations.md", document()
    if anew:
        page.write_text(made, encoding="utf-8")
    assert page.read_text(encoding="utf-8") == made, "--write-pictures"


def test_the_guide_shows_pictures_that_are_there() -> None:
    for name in ("customer.md", "situations.md"):
        for link in re.findall(r"\]\((?!https?:)([^)#]+)", (DOCS / name).read_text(encoding="utf-8")):
            assert (DOCS / link).exists(), f"{name}: {link}"


def test_the_guide_shows_every_page_in_both_languages() -> None:
    shown = set(re.findall(r"pictures/(desk-[a-z-]+\.png)", (DOCS / "customer.md").read_text(encoding="utf-8")))
    assert shown == {f"desk-{name}{ending}.png" for name in GALLERY for ending in ("", "-en")}


@pytest.mark.parametrize(("language", "quoted"), [("ja", "「([^」]+)」"), ("en", "“([^”]+)”")])
def test_the_buttons_that_the_guide_names_are_the_windows(language: str, quoted: str) -> None:
    entries = Texts(language)._entries
    labels = {text for area in entries if area.startswith("desk") for text in entries[area].values()}
    guide = (DOCS / "customer.md").read_text(encoding="utf-8").replace("\n", " " if language == "en" else "")
    named = set(re.findall(rf"\*\*{quoted}\*\*", guide))
    assert named
    assert not named - labels


# --- docs/situations.md ---


def document() -> str:
    every = list(situations())
    lines = [HEAD]
    for letter, title in SECTIONS.items():
        own = [one for one in every if one.error.code.startswith(letter)]
        if own:
            lines += [f"## {title}\n", *map(_entry, own)]
    never = [code for code in (one.code for one in classes()) if not troubles.is_met(code)]
    assert len(every) == sum(line.startswith("### ") for line in lines), "a letter without a section"
    return "\n".join([*lines, _never(never)])


def _entry(situation: Situation) -> str:
    error, path = situation.error, file_of(situation).relative_to(DOCS).as_posix()
    said, button = _in("ja", lambda: (troubles.said(error), _button(situation)))
    english, pressed = _in("en", lambda: (troubles.said(error), _button(situation)))
    return (
        f"### {error.code}　{said['what']}\n\n![{said['what']}]({path})\n\n"
        f"現在の状態: {said['kept']}  \n次の操作: {said['next']}  \nボタン: 「{button}」\n\n"
        f"*{english['what']} {english['kept']} {english['next']} Button: “{pressed}”.*\n"
    )


def _button(situation: Situation) -> str:
    remedy = troubles.remedy(situation.error)
    return troubles.label(remedy) if remedy else words.t("desk.home")


def _in(language: str, say: Callable[[], T]) -> T:
    words.speak(language)
    try:
        return say()
    finally:
        words.speak("ja")


def _never(codes: list[str]) -> str:
    rows = [f"| {code} | {troubles.NEVER.get(code) or troubles.NEVER[code[0]]} |" for code in codes]
    return "\n".join(["## Errors that the window never shows\n", "| code | why |", "|---|---|", *rows, ""])


HEAD = """# 困ったとき

窓（[お客さま向けの手引き](customer.md)）に出るエラーの画面を、すべて挙げます。どの画面にも、起きたこと、現在の状態、次の操作と、
そのためのボタンが1つあります。画面の下に出る番号（例: M105）で探してください。**途中で何が起きても、使える電子証明書は
いつも1枚あります。** 専用USBの番号などは例です。

*Every error that the window shows, with its picture: what happened, what was kept, the one next step and its button.
English follows in italics. A tool makes this page (`pytest tests/desk/test_pictures.py --write-pictures`), and a test
holds it.*
"""
