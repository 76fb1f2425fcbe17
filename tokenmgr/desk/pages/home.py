"""What is plugged in, what is on it, and the one button that matters."""

from __future__ import annotations

import functools
from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from tokenmgr.clock import japan_time
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.actions import BY_NEXT, Chosen
from tokenmgr.desk.parts import Page, button, card, rows, text
from tokenmgr.desk.seeing import Seen
from tokenmgr.desk.troubles import said
from tokenmgr.wiring.looked import left_in_words
from tokenmgr.wiring.words import language, t

Choose = Callable[[Chosen], object]


class HomePage(Page):
    name = "home"

    def __init__(self, seen: Seen | None, choose: Choose) -> None:
        super().__init__(t("desk.home_heading"))
        if seen is None:
            self.add(text(t("desk.looking")))
        elif seen.looked is None:
            if seen.error:
                self.add(text(said(seen.error)["what"]))
        else:
            for store in seen.looked.found.stores:
                self.add(_store(store, seen, choose))
            if not seen.looked.found.stores:
                self.add(text(t("desk.nothing_plugged")))
        self.finish()


def _store(store: Store, seen: Seen, choose: Choose) -> QWidget:
    parts: list[QWidget] = [text(f"{store.look.label}  {store.look.name}", "large")]
    assert seen.looked is not None  # noqa: S101
    for row in store.rows:
        facts = row.item.facts
        if facts is None or row.held.whose is None:
            continue
        ends = facts.not_after
        until = f"{japan_time(ends, language())}{left_in_words(ends, seen.looked.found.now)}"
        parts.append(rows([(t("labels.subject"), facts.subject), (t("labels.valid_until"), until)]))
        if action := BY_NEXT.get(row.judged.next):
            then = functools.partial(choose, Chosen(action, store, row))
            parts.append(button(t(f"desk_next.{action.value}"), then, "primary"))
    return card(*parts)
