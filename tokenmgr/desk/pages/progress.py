"""The nine steps as a person would name them, as the engine takes them. A slow token never looks frozen: what it does,
for how long, and where that is long, why, and how long it usually takes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QLabel, QProgressBar, QPushButton, QWidget

from tokenmgr.desk import style
from tokenmgr.desk.course import LONG, Course
from tokenmgr.desk.parts import Page, card, text
from tokenmgr.desk.person import Waiting
from tokenmgr.desk.troubles import said
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import MediumChanged, MediumError, PcStoreInUse
from tokenmgr.wiring.places import is_on_pc
from tokenmgr.wiring.words import t, texts

TICK = 100  # milliseconds
AT_CA = (Step.ISSUED, Step.CONFIRMED)  # where it is not the store that takes its time
MINUTE = 60  # seconds, from which on minutes are told


class ProgressPage(Page):
    name = "progress"

    def __init__(self, course: Course, doing: Callable[[], str], leave: Callable[[], object]) -> None:
        super().__init__(course.heading, t("desk.progress_safe") if course.steps else "")
        self._course, self._doing, self._leave = course, doing, leave
        self._bar = QProgressBar()
        self._bar.setRange(0, len(course.steps))
        self._bar.setTextVisible(False)
        self._bar.setAccessibleName(t("desk.progress"))
        self._bar.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.add(self._bar)
        self._wait = text("", "warning")
        self._wait_card = card(self._wait)
        self.add(self._wait_card)
        self._now, self._why, self._told = text("", "quiet"), text("", "small"), text("", "small")
        for one in (self._now, self._why):
            self.add(one)
        self.lines: dict[Step, QLabel] = {}
        if course.steps:
            self.lines = {step: text("") for step in course.steps}
            self.add(card(*self.lines.values()))
        self.add(self._told)
        self.finish()
        self._button: QPushButton = self.button(t("desk.leave"), self._leaves)
        self._shown: dict[Step, str] = {}
        self._clock = QTimer(self)
        self._clock.timeout.connect(self._tick)
        self._clock.start(TICK)
        self.refresh()

    def first_focus(self) -> QWidget:
        """Not the button: the Enter that has brought the page would press it."""
        return self._bar

    def refresh(self) -> None:
        """As the course is now."""
        course = self._course
        for step in self.lines:
            self._mark(step)
        if course.steps:
            self._bar.setValue(max((step.value for step in course.done), default=0))
        self._wait.setText(_waiting(course.waiting) if course.waiting else "")
        self._wait_card.setVisible(course.waiting is not None)
        wanted = [t("desk_progress.wanted")] if course.is_wanted else []
        self._told.setText("\n".join([*(said(one)["what"] for one in course.told), *wanted]))
        self._button.setEnabled(not course.is_leaving)
        self._tick()

    def _mark(self, step: Step) -> None:
        """Only where it has changed: a style that is set again costs as much as one that is new."""
        course = self._course
        if step is course.step:
            state, sign, role, words = "now", "▶", "large", t(f"steps.{step.name}")
        elif step in course.done:
            state, sign, role, words = "done", "✓", "good", t(f"steps.{step.name}_done")
        else:
            state, sign, role, words = "ahead", "○", "quiet", t(f"desk_step.{step.name}")
        if self._shown.get(step) != state:
            self._shown[step] = state
            self.lines[step].setText(f"{sign}  {words}")
            self.lines[step].setAccessibleName(t(f"desk_progress.{state}", step=words))
            style.mark(self.lines[step], role)

    def _leaves(self) -> None:
        self._course.is_leaving = True
        self.refresh()
        self._leave()

    def _tick(self) -> None:
        course, now = self._course, time.monotonic()
        self._now.setText(self._in_words(now))
        for one in (self._now, self._why):
            one.setVisible(not course.waiting)
        self._why.setText(_why(course) if course.is_long(now) and not course.waiting else "")

    def _in_words(self, now: float) -> str:
        course = self._course
        if course.is_leaving:
            return t("desk_progress.leaving")
        if course.waiting:
            return ""
        if course.asks_again:
            return t("desk_progress.authority", seconds=max(0, math.ceil(course.asks_again - now)))
        verb = self._doing()
        if course.step is None and course.waits_for_look:
            return t("desk_home.look_ends")
        if course.step is None:
            return t(f"doing.{verb}") if verb else ""
        seconds = course.seconds(now)
        return t("desk.doing", doing=t(f"doing.{verb}" if verb else f"steps.{course.step.name}"), seconds=seconds)


def _waiting(waiting: Waiting) -> str:
    """What to put in, or to close. Not the error's own next step: it goes on by itself."""
    error = waiting.error
    serial = str(error.facts.get("serial") or "") if error else ""
    if isinstance(error, PcStoreInUse):
        return t("desk_progress.close", programs=", ".join(error.programs))
    if isinstance(error, MediumError) and serial and not is_on_pc(serial):
        others = waiting.others or ((error.seen,) if isinstance(error, MediumChanged) else ())
        if others:
            return t("desk_progress.other", serial=serial, seen=", ".join(others))
        return t("desk_progress.insert", serial=serial)
    return said(error)["what"] if error else ""


def _why(course: Course) -> str:
    """Why it takes that long, and how long that usually is: measured here, else what its family's file tells, else an
    honest range."""
    step = course.step
    if step is None:
        return ""
    told = [t(f"desk_why.{step.name}")] if texts().has(f"desk_why.{step.name}") else []
    if course.is_on_pc and step not in AT_CA:
        told = []
    if course.usual.get(step, 0) >= LONG:
        told.append(t("desk_progress.usual", time=_time(course.usual[step])))
    elif step is Step.KEY_GENERATED and step not in course.usual and not course.is_on_pc:
        longest = course.longest
        told.append(t("desk_progress.longest", time=_time(longest)) if longest else t("desk_progress.range"))
    return "\n".join(told)


def _time(seconds: float) -> str:
    if seconds < MINUTE:
        return t("desk_progress.seconds", seconds=max(1, round(seconds)))
    return t("desk_progress.minutes", minutes=round(seconds / MINUTE, 1))
