"""A certificate on home's cards: whose it is, until when, what it needs (R2, R14)."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from PySide6.QtWidgets import QFrame, QLabel, QVBoxLayout, QWidget

from tokenmgr.clock import japan_time
from tokenmgr.customer.status import Row
from tokenmgr.desk import style
from tokenmgr.desk.parts import text
from tokenmgr.desk.style import GAP
from tokenmgr.desk.troubles import said
from tokenmgr.desk.words import holder
from tokenmgr.domain.credential import is_over
from tokenmgr.domain.status import Next, Place, Verdict, left
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.looked import Looked
from tokenmgr.wiring.words import language, t, texts

DAY = timedelta(days=1)
SIGNS = {  # a word and a sign: nobody has to see the colour
    Verdict.FINE: ("✓", "good"),
    Verdict.UNSURE: ("?", "quiet"),
    Verdict.DUE: ("▲", "warning"),
    Verdict.EXPIRED: ("✕", "bad"),
    Verdict.HAND: ("!", "bad"),
}


def certificate(row: Row, looked: Looked, is_asked: bool, buttons: QWidget) -> QWidget:
    made = QFrame()
    column = QVBoxLayout(made)
    column.setContentsMargins(0, GAP, 0, 0)
    column.setSpacing(GAP // 3)
    for one in _parts(row, looked, is_asked):
        column.addWidget(one)
    column.addWidget(buttons)
    made.setAccessibleName(_whose(row, looked))
    return made


def _parts(row: Row, looked: Looked, is_asked: bool) -> Iterator[QWidget]:
    facts, judged, standing = row.item.facts, row.judged, row.held.standing
    line = QFrame()
    style.mark(line, "line")
    yield line
    yield text(_whose(row, looked), "large")
    sign, role = SIGNS[judged.verdict]
    is_last = judged.place in (Place.CURRENT, Place.LAST)
    if facts and is_last:
        yield Countdown(facts.not_after, looked.found.now)
    why = t(f"seen_why.{judged.why.value}")
    yield text(f"{sign}  {why[:1].upper()}{why[1:]}", role)
    if facts:
        yield text(t("desk_home.until", until=japan_time(facts.not_after, language())))
    if standing and is_last and standing.renewal.reason == "too-early" and standing.renewal.until:
        yield text(t("desk_home.opens", at=japan_time(standing.renewal.until, language())), "quiet")
    if standing and standing.rehearsal_wanted and judged.place is Place.CURRENT:
        yield text(t("desk_home.rehearsal_wanted"))
    if way := _way(row, looked):
        yield text(t("desk_home.next", step=way))
    if not looked.words.known:  # said once, above everything
        return
    if not is_asked and row.held.whose:
        yield text(t("desk_home.asking"), "quiet")
    elif (silence := looked.words.not_asked(row)) == "no_answer" or (silence and judged.next is not Next.BANK_FILE):
        yield text(t(f"desk_home.{silence}_of"), "quiet")


def leftover(row: Row) -> QWidget:
    """One that asks for nothing: in one line."""
    told = t(f"seen_place.{row.judged.place.value}")
    if row.item.facts:
        told = f"{told}  {holder(row.item.facts)}  {t('desk_home.until', until=_day(row.item.facts.not_after))}"
    return text(told, "small")


def _day(moment: datetime) -> str:
    return japan_time(moment, language())


def _whose(row: Row, looked: Looked) -> str:
    whose, standing = row.held.whose, row.held.standing
    if whose is None:
        return row.item.facts.subject if row.item.facts else t(f"seen_place.{row.judged.place.value}")
    role = standing.role if standing and standing.role else "untold"
    return t(f"seen.holder_{role}", bank=looked.words.bank(row) or whose.bank, contract=whose.contract, user=whose.user)


def _way(row: Row, looked: Looked) -> str:
    """Where nothing is open here: whom to ask, or what to set right."""
    which, standing = row.judged.next, row.held.standing
    if which is Next.BANK_FILE and not looked.words.known:
        return ""
    if which is Next.BANK_FILE and (wrong := looked.words.wrong(row)):
        return said(wrong)["next"]
    if which is Next.WAY:
        is_over = row.held.is_over(looked.found.now)
        told = standing and (standing.acquisition if is_over or standing.renewal.way == "acquire" else standing.renewal)
        way = f"facts.{told.way}" if told else ""
        return t(way) if way and texts().has(way) else t("desk_home.next_ask")
    if not texts().has(f"desk_home.next_{which.value}"):
        return ""
    return t(f"desk_home.next_{which.value}", bank=looked.words.bank(row), folder=settings().bank_folder)


class Countdown(QLabel):
    """Days in large letters; on the last one a clock that runs (R2)."""

    def __init__(self, ends: datetime, now: datetime) -> None:
        super().__init__()
        self._ends, self._is_over = ends, is_over(ends, now)
        self.setWordWrap(True)
        style.mark(self, "heading")
        self.tell(now)

    def tell(self, now: datetime) -> bool:
        """Whether it has ended just now."""
        was_over, self._is_over = self._is_over, is_over(self._ends, now)
        if self._is_over:
            self.setText(t("desk_home.over"))
        elif self._ends - now >= DAY:
            self.setText(t("desk_home.days", days=left(self._ends, now)[0]))
        else:
            seconds = max(int((self._ends - now).total_seconds()), 0)
            self.setText(t("desk_home.clock", left=f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"))
        return self._is_over and not was_over
