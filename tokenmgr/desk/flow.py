"""Which page comes after which. What may be done is the domain's word, and what is done the counter's."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from tokenmgr.clock import japan_time
from tokenmgr.customer.operations import Outcome, Rehearsed
from tokenmgr.customer.status import Row
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.errands import Errand, Verb, run
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.person import AskApplicant, Asked, AskFinalTry, AskPassphrase, AskPin, Event, Question
from tokenmgr.desk.seeing import Seeing, Seen
from tokenmgr.desk.window import Window
from tokenmgr.desk.work import Work
from tokenmgr.domain.status import Next
from tokenmgr.errors import TokenmgrError
from tokenmgr.wiring.places import Where, by_name
from tokenmgr.wiring.words import language, speak, t

VERBS = {Next.RENEW: Verb.RENEW, Next.RESUME: Verb.RESUME, Next.ACQUIRE: Verb.ACQUIRE}


class Flow(QObject):
    def __init__(self, window: Window, seeing: Seeing, work: Work) -> None:
        super().__init__()
        self._window, self._seeing, self._work = window, seeing, work
        self._seen: Seen | None = None
        self._errand: Errand | None = None
        seeing.seen.connect(self._on_seen)
        work.happened.connect(self._on_event)
        work.finished.connect(self._on_finished)
        work.failed.connect(self._on_failed)
        work.left.connect(self.home)
        window.wants_home.connect(self._wants_home)
        window.wants_language.connect(self._on_language)
        self.home()

    # --- pages ---

    def home(self) -> None:
        self._window.show_page(HomePage(self._seen, self.chosen, self.acquire))

    def chosen(self, which: Next, store: Store, row: Row) -> None:
        """A button of home's."""
        verb = VERBS.get(which)
        if verb is None or row.item.facts is None:
            return
        whose = row.held.whose
        errand = Errand(verb, by_name(store.look.name, Where()), bank=whose.bank if whose else None)
        told = [
            (t("labels.subject"), row.item.facts.subject),
            (t("labels.serial_number"), f"{row.item.facts.serial_number:x}"),
            (t("labels.valid_until"), japan_time(row.item.facts.not_after, language())),
            (t("labels.store"), t("desk.in_store", serial=store.look.name)),
        ]
        self._window.show_page(ConsentPage(told, lambda: self.start(errand), self.home, verb=verb.value))

    def acquire(self) -> None: ...

    # --- work ---

    def start(self, errand: Errand) -> None:
        self._errand = errand
        self._progress(errand)
        self._work.start(lambda person: run(errand, person))

    def _progress(self, errand: Errand) -> ProgressPage:
        page = ProgressPage(t(f"desk.doing_{errand.verb.value}"), lambda: self._work.doing, self._work.leave)
        self._window.show_page(page)
        return page

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Asked):
            self._ask(event.question)
            return
        page = self._window.page
        if not isinstance(page, ProgressPage) and self._errand:
            page = self._progress(self._errand)
        if isinstance(page, ProgressPage):
            page.tell(event)

    def _ask(self, question: Question) -> None:
        match question:
            case AskPin() | AskPassphrase():
                self._window.show_page(PinPage(question, self._answer, self._work.leave))
            case AskFinalTry():
                self._answer(False)
            case AskApplicant():
                self._work.leave()

    def _answer(self, value: object) -> None:
        if self._errand:
            self._progress(self._errand)
        self._work.answer(value)

    def _on_finished(self, outcome: object) -> None:
        self._seeing.again()
        if isinstance(outcome, Outcome | Rehearsed):
            self._window.show_page(DonePage(outcome, self.home, self._window.close))

    def _on_failed(self, error: TokenmgrError) -> None:
        self._seeing.again()
        again: Callable[[], object] | None = None
        if error.retriable and (errand := self._errand):
            again = lambda: self.start(errand)  # noqa: E731
        self._window.show_page(TroublePage(error, self.home, again))

    # --- what happens besides ---

    def _on_seen(self, seen: Seen) -> None:
        self._seen = seen
        if isinstance(self._window.page, HomePage):
            self.home()

    def _wants_home(self) -> None:
        if self._work.is_busy:
            self._work.leave()
        else:
            self.home()

    def _on_language(self, chosen: str) -> None:
        speak(chosen)
        self._window.speak()
        if not self._work.is_busy:
            self.home()
