"""Which page comes after which. What may be done is the domain's word, and what is done the counter's.

A journey (journeys/) leads to a job: something that a thread does, and whose end is a page. While it runs it asks and
tells, and that is shown here, whatever the job is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from PySide6.QtCore import QObject

from tokenmgr.customer.operations import Outcome, Rehearsed
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.course import Course
from tokenmgr.desk.errands import Errand, run
from tokenmgr.desk.pages.applicant import ApplicantPage
from tokenmgr.desk.pages.contents import ContentsPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.left import LeftPage
from tokenmgr.desk.pages.notice import NoticePage
from tokenmgr.desk.pages.pin import FinalTryPage, NewPassphrasePage, PinPage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.parts import Page
from tokenmgr.desk.person import (
    AskApplicant,
    Asked,
    AskFinalTry,
    AskNewPassphrase,
    AskPassphrase,
    AskPin,
    Event,
    Question,
)
from tokenmgr.desk.seeing import Seeing, Seen
from tokenmgr.desk.window import Window
from tokenmgr.desk.work import Job, Work
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import PassphraseUnfit, PassphraseWrong, PinUnacceptable, PinWrong, TokenmgrError
from tokenmgr.wiring.words import speak, t

TYPED = (PinWrong, PinUnacceptable, PassphraseWrong, PassphraseUnfit)  # a person may type it anew, and nobody else (S5)
Journey = Callable[["Flow", Chosen], None]


class Flow(QObject):
    def __init__(self, window: Window, seeing: Seeing, work: Work, journeys: Mapping[Action, Journey]) -> None:
        super().__init__()
        self.window, self.seeing, self.work = window, seeing, work
        self._journeys = journeys
        self.seen: Seen | None = None
        self._course = Course("", ())
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
        self.show(HomePage(self.seen, self.chosen, self.seeing.again))

    def show(self, page: Page) -> None:
        self.window.show_page(page)

    def chosen(self, chosen: Chosen) -> None:
        """A button of home's."""
        self._journeys[chosen.action](self, chosen)

    def open_link(self, link: str) -> None:
        """tokenmgr://… of a bank's page."""
        self.show(NoticePage(t("desk_home.link_heading"), t("desk_home.link_unknown"), self.home))

    def trouble(self) -> None:
        """Something that nobody has expected, of this program's own."""
        if not self.work.is_busy:
            self.show(TroublePage(TokenmgrError(), self.home, None))

    def start(self, errand: Errand) -> None:
        self.run(lambda person: run(errand, person), t(f"desk.doing_{errand.verb.value}"), self.done)

    def run(
        self, job: Job, heading: str, then: Callable[[object], object], steps: Collection[Step] = tuple(Step)
    ) -> None:
        """`then` is given what the job has returned. One that fails may be begun again in the same way: whatever it had
        done is found, and goes on (R14). `steps`: that are seen going on; none of what is no operation."""
        self._course, self._then = Course(heading, steps), then
        self._again = lambda: self.run(job, heading, then, steps)
        self._progress()
        self.work.start(job)

    # --- while it runs ---

    def _progress(self) -> None:
        self.show(ProgressPage(self._course, lambda: self.work.doing, self.work.leave))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Asked):
            self._ask(event.question)
            return
        self._course.take(event, time.monotonic())
        page = self.window.page
        if isinstance(page, ProgressPage):
            page.refresh()
        else:
            self._progress()

    def _ask(self, question: Question) -> None:
        leave = self.work.leave
        match question:
            case AskPin() | AskPassphrase():
                self.show(PinPage(question, self._answer, leave))
            case AskNewPassphrase():
                self.show(NewPassphrasePage(question, self._answer, leave))
            case AskFinalTry(facts):
                self.show(FinalTryPage(facts, lambda: self._answer(True), leave))
            case AskApplicant(contract, user):
                self.show(ApplicantPage(contract, user, self._answer, leave))

    def _answer(self, value: object) -> None:
        self._progress()
        self.work.answer(value)

    def done(self, outcome: object) -> None:
        if isinstance(outcome, Outcome | Rehearsed):
            self.show(DonePage(outcome, self.home, self.window.close, lambda: self._contents(outcome)))

    def _contents(self, outcome: Outcome | Rehearsed) -> None:
        self.show(ContentsPage(outcome.certificate, outcome.store.name, lambda: self.done(outcome)))

    def _on_finished(self, value: object) -> None:
        self.seeing.again()
        self._then(value)

    def _on_failed(self, error: TokenmgrError) -> None:
        self.seeing.again()
        is_typed = isinstance(error, TYPED)
        again = self._again if error.retriable or is_typed else None
        self.show(TroublePage(error, self.home, again, t("desk.type_again") if is_typed else ""))

    def _on_left(self) -> None:
        self.seeing.again()
        if self._course.has_begun:
            self.show(LeftPage(self._course.store, self.home, self.window.close))
        else:
            self.home()

    # --- what happens besides ---

    def _on_seen(self, seen: Seen) -> None:
        self.seen = seen
        if isinstance(self.window.page, HomePage):
            self.window.page.tell(seen)

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
        elif isinstance(self.window.page, ProgressPage):
            self._progress()
