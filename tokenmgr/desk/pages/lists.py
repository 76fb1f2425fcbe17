"""What there is, each with why in a person's words: what would go and what stays, what went, what was found."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtWidgets import QWidget

from tokenmgr.desk.parts import Page, card, text
from tokenmgr.wiring.words import t


@dataclass(frozen=True)
class Line:
    name: str
    about: str
    role: str = ""  # of `about`: style.py


@dataclass(frozen=True)
class Part:
    heading: str
    lines: Sequence[Line]


class ListPage(Page):
    """`agree`: with what is listed, and what its button says; None where there is nothing to agree to."""

    name = "lists"

    def __init__(
        self,
        heading: str,
        lead: str,
        parts: Sequence[Part],
        back: Callable[[], object],
        agree: tuple[str, Callable[[], object]] | None = None,
        warnings: Sequence[str] = (),
    ) -> None:
        super().__init__(heading, lead)
        for one in warnings:
            self.add(text(one, "warning"))
        for part in parts:
            if part.lines:
                self.add(text(part.heading, "large"))
                self.add(card(*(widget for line in part.lines for widget in _widgets(line))))
        self.finish()
        self.button(t("desk.back") if agree else t("desk.home"), back, primary=agree is None)
        if agree:
            self.button(*agree, primary=True)


def _widgets(line: Line) -> list[QWidget]:
    return [text(line.name), *([text(line.about, line.role or "quiet")] if line.about else [])]
