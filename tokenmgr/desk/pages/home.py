"""What is plugged in, what is on it, and the one button that matters."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from tokenmgr.clock import japan_time
from tokenmgr.customer.status import Row
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.parts import Page, button, card, rows, text
from tokenmgr.desk.seeing import Seen
from tokenmgr.domain.status import Next
from tokenmgr.wiring.looked import left_in_words
from tokenmgr.wiring.words import language, t, texts

Chosen = Callable[[Next, Store, Row], object]


class HomePage(Page):
    name = "home"

    def __init__(self, seen: Seen | None, chosen: Chosen, acquire: Callable[[], object]) -> None:
        super().__init__(t("desk.home_heading"))
        if seen is None:
            self.add(text(t("desk.looking")))
        elif seen.looked is None:
            if seen.error:
                self.add(text(texts().error(seen.error)["what"]))
        else:
            for store in seen.looked.found.stores:
                self.add(_store(store, seen, chosen))
            if not seen.looked.found.stores:
                self.add(text(t("desk.nothing_plugged")))
        self.finish()
        self.button(t("desk.acquire"), acquire)


def _store(store: Store, seen: Seen, chosen: Chosen) -> QWidget:
    parts: list[QWidget] = [text(f"{store.look.label}  {store.look.name}", "large")]
    assert seen.looked is not None  # noqa: S101
    for row in store.rows:
        facts = row.item.facts
        if facts is None or row.held.whose is None:
            continue
        ends = facts.not_after
        until = f"{japan_time(ends, language())}{left_in_words(ends, seen.looked.found.now)}"
        parts.append(rows([(t("labels.subject"), facts.subject), (t("labels.valid_until"), until)]))
        label = t(f"desk_next.{row.judged.next.value}")
        if label:
            parts.append(button(label, lambda r=row: chosen(r.judged.next, store, r), "primary"))  # type: ignore[misc]
    return card(*parts)
