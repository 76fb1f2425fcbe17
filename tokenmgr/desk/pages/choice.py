"""One of several, each a button: a bank, a store."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QWidget

from tokenmgr.desk.parts import Page, button, card, text, wrapped
from tokenmgr.wiring.words import t


@dataclass(frozen=True)
class Option:
    label: str
    about: str
    then: Callable[[], object]


class ChoicePage(Page):
    name = "choice"

    def __init__(
        self, heading: str, lead: str, options: Sequence[Option], back: Callable[[], object], *more: QWidget
    ) -> None:
        super().__init__(heading, lead)
        self._buttons_of = [wrapped(button(one.label, one.then)) for one in options]
        for made, one in zip(self._buttons_of, options, strict=True):
            self.add(card(made, text(one.about, "quiet")) if one.about else made)
        for widget in more:
            self.add(widget)
        self.finish()
        self.button(t("desk.back"), back)

    def first_focus(self) -> QWidget | None:
        return self._buttons_of[0] if self._buttons_of else super().first_focus()


def link(label: str, address: str) -> QWidget:
    """To a page of the bank's, in the browser. What is no address of the web is words only."""
    if not address.startswith("https://"):
        return text(f"{label} {address}")
    return button(label, functools.partial(QDesktopServices.openUrl, QUrl(address)), "link")
