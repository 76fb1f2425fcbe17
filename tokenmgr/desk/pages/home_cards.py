"""The cards of home: a store with what is on it, what is unfinished elsewhere, what does not work, what to do first."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QMenu, QPushButton, QVBoxLayout, QWidget

from tokenmgr.clock import japan_time
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk import offers
from tokenmgr.desk.actions import Chosen
from tokenmgr.desk.pages.home_certificate import certificate, leftover
from tokenmgr.desk.parts import beside, button, card, text
from tokenmgr.desk.pictures import picture
from tokenmgr.desk.seeing import Seen
from tokenmgr.desk.style import GAP
from tokenmgr.desk.troubles import details, said
from tokenmgr.desk.words import labelled, named, short
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.domain.status import Place
from tokenmgr.errors import NoMedium, ReaderEmpty, TokenmgrError
from tokenmgr.messages import kind_on_pc
from tokenmgr.renewal.journal import Begun
from tokenmgr.wiring.libraries import known, settings
from tokenmgr.wiring.words import language, t

Choose = Callable[[Chosen], object]
PIN_ROLES = {PinState.LOCKED: "bad", PinState.FINAL_TRY: "bad", PinState.FINE: "quiet", PinState.NOT_TOLD: "quiet"}
ON_PC_PICTURES = {"nss": "program.svg", "file": "program.svg", "tpm": "chip.svg"}
ASIDE = (Place.BEFORE, Place.LEFT, Place.UNREADABLE, Place.FOREIGN)  # said in one line


@dataclass(frozen=True)
class Drawing:
    """What is seen, as cards from top to bottom."""

    seen: Seen
    choose: Choose
    is_slow: bool = False

    def print(self) -> object:
        """By which it is known whether anything on the page is otherwise: not the second at which it was looked at."""
        seen = self.seen
        if seen.looked is None:
            return language(), seen.waking, seen.error, self.is_slow
        found = seen.looked.found
        rows = [(one.look.name, one.look.label, one.look.pin, one.error and one.error.code) for one in found.stores]
        inside = [
            (row.held, row.judged, row.number, row.item.key_id, _days(row.held.ends, found.now))
            for one in found.stores
            for row in one.rows
        ]
        asked = [(one.profile.code, one.error and one.error.code) for one in found.asked]
        broken = [(one.file, one.code) for one in seen.looked.broken]
        aside = seen.media, seen.waking, [(one.device, why.code) for one, why in seen.broken], seen.unread
        silent = [str(one) for one in seen.silent]
        names = [one.name for one in seen.looked.words.known]
        begun = [(one.path, one.last, one.trouble and one.trouble.code) for one in found.begun]
        return language(), rows, inside, asked, broken, aside, silent, names, begun, seen.is_asked

    def cards(self) -> Iterator[QWidget]:
        for one in self.seen.waking:
            yield card(_beside_picture(one.family.picture if one.family else "", text(t("desk_home.waking"), "large")))
        if self.seen.error:
            yield _trouble(self.seen.error)
        elif self.seen.looked is None:
            yield text(t("desk.looking"))
            if self.is_slow:
                yield text(t("desk_home.slow"), "quiet")
        else:
            yield from self._looked()

    def _looked(self) -> Iterator[QWidget]:
        assert self.seen.looked is not None  # noqa: S101
        looked, found = self.seen.looked, self.seen.looked.found
        first = offers.primary(found, has_bank=bool(looked.words.known))
        if not looked.words.known:
            yield _no_bank(is_first=first is None)
        for store in sorted(found.stores, key=lambda one: not (first and first.store is one)):
            yield self._store(store, first)
        yield from (_begun_elsewhere(one) for one in found.begun if not (one.trouble or found.is_here(one)))
        yield from (_trouble(one.trouble) for one in found.begun if one.trouble)
        for plugged, why in self.seen.broken:
            yield _trouble(why, plugged.family.picture if plugged.family else "")
        if self.seen.silent:
            yield card(text(t("desk_home.silent"), "warning"), text(t("desk_home.unread_next")))
        for slot in self.seen.unread:
            yield card(text(t("desk_home.unread", reader=slot.reader), "warning"), text(t("desk_home.unread_next")))
        if not (self.seen.media or self.seen.waking or self.seen.broken or self.seen.silent or self.seen.unread):
            yield from _nothing(looked.why)
        yield from (_trouble(one) for one in looked.broken)
        for asked in found.asked:
            if asked.error:
                yield text(t("desk_home.no_answer", bank=asked.profile.name), "quiet")
                yield text(said(asked.error)["what"], "small")

    # --- a store ---

    def _store(self, store: Store, first: Chosen | None) -> QWidget:
        look = store.look
        facts = next((one for one in self.seen.media if one.serial == look.name), None)
        title, about = self._title(store, facts), [*self._about(store, facts)]
        head = _beside_picture(_picture_of(store, facts), text(title, "large"), *about)
        parts = [head]
        assert self.seen.looked is not None  # noqa: S101
        chosen = offers.of_store(store, self.seen.looked.found)
        if chosen:
            parts.append(beside(self._button(chosen, first)))
        if facts and not facts.initialised:
            return card(head)
        if store.error:
            parts += _told(store.error)
        elif not store.rows:
            parts.append(text(t("desk_home.empty"), "quiet"))
            if first and first.store is store and first.row is None and chosen is None:
                parts.append(beside(self._button(first, first)))
        for row in store.rows:
            if row.judged.place in ASIDE and offers.of_row(store, row) is None:
                parts.append(leftover(row))
                continue
            offer = offers.of_row(store, row)
            buttons = [self._button(offer, first)] if offer else []
            if more := offers.more_of_row(store, row):
                buttons.append(self._menu(more, t("desk_home.more"), f"{look.name}/{row.item.key_id}"))
            parts.append(certificate(row, self.seen.looked, self.seen.is_asked, beside(*buttons)))
        parts.append(beside(self._menu(offers.more_of_store(store), t("desk_home.more_of_store"), look.name)))
        made = card(*parts)
        made.setAccessibleName(title)
        return made

    def _title(self, store: Store, facts: MediumFacts | None) -> str:
        if store.look.is_on_pc:
            return labelled(store.look.name, store.look.label)
        if facts and not facts.initialised:
            return t("desk_home.blank")
        return t("desk_home.medium", label=store.look.label).strip()

    def _about(self, store: Store, facts: MediumFacts | None) -> Iterator[QWidget]:
        if store.look.name and not store.look.is_on_pc:
            told = [t("desk_home.number", serial=store.look.name)]
            if facts and facts.free_memory is not None:
                told.append(t("desk_home.free", size=f"{facts.free_memory / 1024:.0f}"))
            yield text(" · ".join(told), "quiet")
        if facts and not facts.initialised:
            yield text(t("desk_home.blank_next"))
        elif not store.look.is_on_pc:
            pin = store.look.pin
            yield text(t(f"desk_home.pin_{pin.name.lower()}"), PIN_ROLES.get(pin, "warning"))

    def _button(self, chosen: Chosen, first: Chosen | None) -> QPushButton:
        is_first = chosen == first
        made = button(named(chosen.action), functools.partial(self.choose, chosen), "primary" if is_first else "")
        made.setDefault(is_first)
        made.setObjectName(_name_of(chosen))
        return made

    def _menu(self, offered: list[Chosen], label: str, name: str) -> QPushButton:
        made = button(label, lambda: None, "link")
        made.setObjectName(f"menu {name}")
        made.setAccessibleName(f"{label} {name.partition('/')[0]}")
        menu = QMenu(made)
        for chosen in offered:
            action = menu.addAction(named(chosen.action))
            action.triggered.connect(functools.partial(_choose, self.choose, chosen))
        made.setMenu(menu)
        return made


def _choose(choose: Choose, chosen: Chosen, _checked: bool) -> None:
    choose(chosen)


def _name_of(chosen: Chosen) -> str:
    store = chosen.store.look.name if chosen.store else ""
    return f"{chosen.action.value} {store}/{chosen.row.item.key_id if chosen.row else ''}"


def _picture_of(store: Store, facts: MediumFacts | None) -> str:
    kind = kind_on_pc(store.look.name)
    return ON_PC_PICTURES[kind] if kind else known().family(facts.family).picture if facts else ""


def _days(ends: datetime | None, now: datetime) -> int | None:
    """Of what is shown in days; a countdown goes on by itself."""
    return (ends - now).days if ends is not None else None


# --- other cards ---


def _told(error: TokenmgrError) -> list[QWidget]:
    words = said(error)
    return [text(f"✕  {words['what']}", "bad"), text(words["next"]), text(details(error), "small")]


def _trouble(error: TokenmgrError, family: str = "") -> QWidget:
    told = _told(error)
    return card(_beside_picture(family, *told) if family else told[0], *(told[1:] if not family else []))


def _begun_elsewhere(begun: Begun) -> QWidget:
    operation = t(f"desk_home.begun_{'rehearsal' if begun.is_rehearsal else begun.operation or 'renewal'}")
    at = japan_time(begun.at, language()) if begun.at else ""
    return card(
        text(t("desk_home.begun", operation=operation), "warning"),
        text(t("desk_home.insert", store=short(begun.store)), "large"),
        text(t("desk_home.begun_at", at=at), "quiet"),
    )


def _nothing(why: TokenmgrError | None) -> Iterator[QWidget]:
    """No medium is here, or none that works."""
    if why is not None and not isinstance(why, NoMedium | ReaderEmpty):
        yield _trouble(why)
    else:
        yield card(_beside_picture("", text(t("desk.nothing_plugged"))))


def _no_bank(is_first: bool) -> QWidget:
    folder = settings().bank_folder
    show = button(t("desk_home.open_folder"), functools.partial(_open, str(folder)), "primary" if is_first else "")
    show.setDefault(is_first)
    show.setObjectName("banks")
    words = text(t("desk_home.no_bank"), "large")
    return card(words, text(t("desk_home.no_bank_next", folder=folder)), beside(show))


def _open(folder: str) -> None:
    settings().bank_folder.mkdir(parents=True, exist_ok=True)
    QDesktopServices.openUrl(QUrl.fromLocalFile(folder))


def _beside_picture(name: str, *widgets: QWidget) -> QWidget:
    made = QWidget()
    row = QHBoxLayout(made)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(GAP)
    column = QVBoxLayout()
    column.setSpacing(2)
    for one in widgets:
        column.addWidget(one)
    column.addStretch(1)
    row.addWidget(picture(name), 0, Qt.AlignmentFlag.AlignTop)
    row.addLayout(column, 1)
    return made
