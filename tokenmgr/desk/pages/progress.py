"""The nine steps as a person would name them, as the engine takes them. A slow token never looks frozen."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel, QProgressBar

from tokenmgr.desk import style
from tokenmgr.desk.parts import Page, text
from tokenmgr.desk.person import AuthorityWaits, Began, Ended, Event, Told, Waiting
from tokenmgr.desk.troubles import said
from tokenmgr.domain.renewal import Step
from tokenmgr.wiring.words import t

TICK = 100  # milliseconds


class ProgressPage(Page):
    name = "progress"

    def __init__(self, heading: str, doing: Callable[[], str], leave: Callable[[], object]) -> None:
        super().__init__(heading, t("desk.progress_safe"))
        self._doing = doing
        self._step: Step | None = None
        self._since = 0.0
        self._bar = QProgressBar()
        self._bar.setRange(0, len(Step))
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(t("desk.progress"))
        self.add(self._bar)
        self._lines: dict[Step, QLabel] = {}
        for step in Step:
            self._lines[step] = text(self._words(step, "·", "_done"), "quiet")
            self.add(self._lines[step])
        self._now = text("", "quiet")
        self.add(self._now)
        self.finish()
        self.button(t("desk.leave"), leave)
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._tick)
        self._clock.start(TICK)

    def tell(self, event: Event) -> None:
        match event:
            case Began(step):
                self._step, self._since = step, time.monotonic()
                self._show(step, "▶", "", "large")
            case Ended(step):
                self._show(step, "✓", "_done", "good")
                self._bar.setValue(step.value)
            case Waiting(error):
                words = said(error) if error else None
                self._now.setText(f"{words['what']}\n{words['next']}" if words else "")
                style.mark(self._now, "warning" if error else "quiet")
            case AuthorityWaits(seconds):
                self._now.setText(t("desk.authority_waits", seconds=seconds))
            case Told(error):
                self._now.setText(said(error)["what"])

    def _show(self, step: Step, sign: str, ending: str, role: str) -> None:
        self._lines[step].setText(self._words(step, sign, ending))
        style.mark(self._lines[step], role)

    def _words(self, step: Step, sign: str, ending: str) -> str:
        return f"{sign}  {t(f'steps.{step.name}{ending}')}"

    def _tick(self) -> None:
        verb = self._doing()
        if self._step is not None and verb:
            seconds = int(time.monotonic() - self._since)
            self._now.setText(t("desk.doing", doing=t(f"doing.{verb}"), seconds=seconds))
