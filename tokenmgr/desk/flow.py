"""Which page comes after which. What may be done is the domain's word, and what is done the counter's.

A journey (journeys/) leads to a job: something that a thread does, and whose end is a page. While it runs it asks and
tells, and that is shown here, whatever the job is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from PySide6.QtCore import QObject

from tokenmgr.customer.operations import Outcome, Rehearsed
from tokenmgr.desk.actions import BY_NEXT, Action, Chosen
from tokenmgr.desk.errands import Errand, run
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.parts import Page
from tokenmgr.desk.person import AskApplicant, Asked, AskFinalTry, AskPassphrase, AskPin, Event, Question
from tokenmgr.desk.seeing import Seeing, Seen
from tokenmgr.desk.window import Window
from tokenmgr.desk.work import Job, Work
from tokenmgr.errors import TokenmgrError
from tokenmgr.wiring.words import speak, t

WITHOUT_STORE = (Action.ACQUIRE, Action.DIAGNOSE)
Journey = Callable[["Flow", Chosen], None]


class Flow(QObject):
    def __init__(self, window: Window, seeing: Seeing, work: Work, journeys: Mapping[Action, Journey]) -> None:
        super().__init__()
        self.window, self.seeing, self.work = window, seeing, work
        self._journeys = journeys
        self.seen: Seen | None = None
        self._heading = ""
        self._then: Callable[[object], object] = lambda _: self.home()
        self._again: Callable[[], object] = self.home
        seeing.seen.connect(self._on_seen)
        work.happened.connect(self._on_event)
        work.finished.connect(self._on_finished)
        work.failed.connect(self._on_failed)
        work.left.connect(self._on_left)
        window.wants_home.connect(self._wants_home)
        window.wants_language.connect(self._on_language)
        self.home()

    # --- for journeys ---

    def home(self) -> None:
        self.show(HomePage(self.seen, self.chosen))

    def show(self, page: Page) -> None:
        self.window.show_page(page)

    def chosen(self, chosen: Chosen) -> None:
        """A button of home's."""
        self._journeys[chosen.action](self, chosen)

    def start(self, errand: Errand) -> None:
        self.run(lambda person: run(errand, person), t(f"desk.doing_{errand.verb.value}"), self._done)

    def run(self, job: Job, heading: str, then: Callable[[object], object]) -> None:
        """`then` is given what the job has returned. One that fails may be begun again in the same way: whatever it had
        done is found, and goes on (R14)."""
        self._heading, self._then = heading, then
        self._again = lambda: self.run(job, heading, then)
        self._progress()
        self.work.start(job)

    # --- while it runs ---

    def _progress(self) -> ProgressPage:
        page = ProgressPage(self._heading, lambda: self.work.doing, self.work.leave)
        self.show(page)
        return page

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Asked):
            self._ask(event.question)
            return
        page = self.window.page
        (page if isinstance(page, ProgressPage) else self._progress()).tell(event)

    def _ask(self, question: Question) -> None:
        match question:
            case AskPin() | AskPassphrase():
                self.show(PinPage(question, self._answer, self.work.leave))
            case AskFinalTry():
                self._answer(False)
            case AskApplicant():
                self.work.leave()

    def _answer(self, value: object) -> None:
        self._progress()
        self.work.answer(value)

    def _done(self, outcome: object) -> None:
        if isinstance(outcome, Outcome | Rehearsed):
            self.show(DonePage(outcome, self.home, self.window.close))

    def _on_finished(self, value: object) -> None:
        self.seeing.again()
        self._then(value)

    def _on_failed(self, error: TokenmgrError) -> None:
        self.seeing.again()
        self.show(TroublePage(error, self.home, self._again, self._act, self._help_at()))

    def _act(self, action: Action, store: str) -> None:
        """What an error's next step is. Home is where it is chosen when nobody can tell what it would be about."""
        found = [] if action is Action.DIAGNOSE else list(self._about(action, store))  # of this computer, for support
        if len(found) != 1 and action in WITHOUT_STORE:
            found = [Chosen(action)]
        if action in self._journeys and len(found) == 1:
            self.chosen(found[0])
        else:
            self.home()

    def _about(self, action: Action, store: str) -> Iterator[Chosen]:
        for one in self.seen.looked.found.stores if self.seen and self.seen.looked else ():
            if store not in ("", one.look.name):
                continue
            if action in BY_NEXT.values():
                yield from (Chosen(action, one, row) for row in one.rows if BY_NEXT.get(row.judged.next) is action)
            else:
                yield Chosen(action, one)

    def _help_at(self) -> list[str]:
        known = self.seen.looked.words.known if self.seen and self.seen.looked else ()
        return [t("desk.help_bank", name=one.name, contact=one.contact) for one in known if one.contact]

    def _on_left(self) -> None:
        self.seeing.again()
        self.home()

    # --- what happens besides ---

    def _on_seen(self, seen: Seen) -> None:
        self.seen = seen
        if isinstance(self.window.page, HomePage):
            self.home()

    def _wants_home(self) -> None:
        if self.work.is_busy:
            self.work.leave()
        else:
            self.home()

    def _on_language(self, chosen: str) -> None:
        speak(chosen)
        self.window.speak()
        if not self.work.is_busy:
            self.home()
