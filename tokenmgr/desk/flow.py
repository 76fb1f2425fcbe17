"""Which page comes after which. What may be done is the domain's word, and what is done the counter's.

A journey (journeys/) leads to a job: something that a thread does, and whose end is a page. While it runs it asks and
tells, and that is shown here, whatever the job is.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import MappingProxyType

from PySide6.QtCore import QObject

from tokenmgr.clock import japan_time
from tokenmgr.customer.operations import Outcome, Rehearsed
from tokenmgr.desk.actions import BY_NEXT, Action, Chosen
from tokenmgr.desk.course import Course
from tokenmgr.desk.errands import Errand, run
from tokenmgr.desk.handover import Taken
from tokenmgr.desk.handovers import Handovers, Refused
from tokenmgr.desk.offers import is_named
from tokenmgr.desk.pages.applicant import ApplicantPage
from tokenmgr.desk.pages.awaited import AwaitedPage
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
    AskOnPage,
    AskPassphrase,
    AskPin,
    Began,
    Event,
    Question,
)
from tokenmgr.desk.seeing import Seeing, Seen
from tokenmgr.desk.window import Window
from tokenmgr.desk.work import Job, Work
from tokenmgr.domain.handover import State
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import TokenmgrError
from tokenmgr.wiring.words import language, speak, t

JUST_OPEN = "tokenmgr://open"  # of a start menu that knows addresses alone
WITHOUT_STORE = (Action.ACQUIRE, Action.DIAGNOSE)
Journey = Callable[["Flow", Chosen], None]
Ways = Mapping[Action, Callable[[], object]]


class Flow(QObject):
    def __init__(
        self,
        window: Window,
        seeing: Seeing,
        work: Work,
        journeys: Mapping[Action, Journey],
        link: Callable[[Flow, str], None],
        handovers: Handovers,
    ) -> None:
        """`link` is the journey of a bank's page."""
        super().__init__()
        self._link, self._handovers = link, handovers
        self._later = ""  # the link that has come while something was under way
        self._guest: Taken | None = None
        self._gone: Taken | None = None  # that may still be told its end
        self._failed = ""  # the code of what has gone wrong, until somebody tries again
        self.window, self.seeing, self.work = window, seeing, work
        self._journeys = journeys
        self.seen: Seen | None = None
        self._course = Course("", ())
        self.last_error = ""  # the code of it, for whoever is called on the telephone
        self._then: Callable[[object], object] = lambda _: self.home()
        self._again: Callable[[], object] = self.home
        self._ways: Ways = {}
        self._help_at: Sequence[str] = ()
        self._page: Callable[[], Page] | None = None
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
        """Or where a bank's page waits to be led."""
        if self._later:
            self.open_link(self._later)
            return
        self._see_off()
        self.show(lambda: HomePage(self.seen, self.chosen, self.seeing.again))

    def show(self, page: Page | Callable[[], Page]) -> None:
        """One that can be made again is, in another language; one that cannot stays as it is."""
        self._page = None if isinstance(page, Page) else page
        self.window.show_page(page if isinstance(page, Page) else page())

    def chosen(self, chosen: Chosen) -> None:
        """A button of home's."""
        self._journeys[chosen.action](self, chosen)

    def open_link(self, link: str) -> None:
        """tokenmgr://… of a bank's page. What is under way comes first, and is what the window shows; of what comes
        meanwhile the latest is opened after it."""
        if link == JUST_OPEN:
            return
        if self.work.is_busy:
            self._later = link
            self._course.is_wanted = True
            if isinstance(self.window.page, ProgressPage):
                self.window.page.refresh()
            return
        self._later = ""
        self._see_off()
        self._link(self, link)

    def receive(self, guest: Taken) -> None:
        """From now on the bank's page hears how far it is."""
        self._guest = guest

    def trouble(self) -> None:
        """Something that nobody has expected, of this program's own."""
        if not self.work.is_busy:
            self.show(lambda: TroublePage(TokenmgrError(), self.home, None))

    def start(self, errand: Errand) -> None:
        heading, medium = t(f"desk.doing_{errand.verb.value}"), errand.store.serial or ""
        self.run(lambda person: run(errand, person), heading, self.done, medium=medium)

    def run(
        self,
        job: Job,
        heading: str,
        then: Callable[[object], object],
        steps: Collection[Step] = tuple(Step),
        medium: str = "",
        ways: Ways = MappingProxyType({}),
        help_at: Sequence[str] = (),
    ) -> None:
        """`then` is given what the job has returned. One that fails may be begun again in the same way: whatever it had
        done is found, and goes on (R14). `steps`: that are seen going on; none of what is no operation. `medium`: that
        gets the new one. `ways`: the journey's own to what an error's next step is. `help_at`: whom to ask, where it is
        known which bank it is."""
        self._course = Course(heading, steps, medium=medium, is_wanted=bool(self._later))
        self._then, self._failed = then, ""
        self._again = lambda: self.run(job, heading, then, steps, medium, ways, help_at)
        self._ways, self._help_at = ways, help_at
        self._progress()
        self.work.start(job)

    # --- while it runs ---

    def _progress(self) -> None:
        self.show(lambda: ProgressPage(self._course, lambda: self.work.doing, self.work.leave))

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Asked):
            self._ask(event.question)
            return
        if self._guest and isinstance(event, Began):
            self._guest.tell(State.WORKING, event.step.value)
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
                self.show(lambda: PinPage(question, self._answer, leave))
            case AskNewPassphrase():
                self.show(lambda: NewPassphrasePage(question, self._answer, leave))
            case AskFinalTry():
                self.show(lambda: FinalTryPage(question, lambda: self._answer(True), leave))
            case AskApplicant(contract, user):
                self.show(lambda: ApplicantPage(contract, user, self._answer, leave, is_fixed=True))
            case AskOnPage(page):
                self.show(lambda: page(self._answer, leave))

    def _answer(self, value: object) -> None:
        self._progress()
        self.work.answer(value)

    def done(self, outcome: object) -> None:
        if isinstance(outcome, Outcome | Rehearsed):
            self._see_off(State.DONE)
            self.show(lambda: DonePage(outcome, self.home, self._close, lambda: self._contents(outcome)))

    def _close(self) -> None:
        if self._later:
            self.home()
        else:
            self.window.close()

    def _contents(self, outcome: Outcome | Rehearsed) -> None:
        self.show(lambda: ContentsPage(outcome.certificate, outcome.store.name, lambda: self.done(outcome)))

    def _on_finished(self, value: object) -> None:
        self.seeing.again()
        self._then(value)

    def _on_failed(self, error: TokenmgrError) -> None:
        self.seeing.again()
        self._failed = self.last_error = error.code
        self.show(lambda: TroublePage(error, self.home, self._again, self._act, self._help_at or self._banks()))

    def _act(self, action: Action, store: str) -> None:
        """What an error's next step is. Home is where it is chosen when nobody can tell what it would be about."""
        if action in self._ways:
            self._ways[action]()
            return
        found = [] if action is Action.DIAGNOSE else list(self._about(action, store))  # of this computer, for support
        if len(found) != 1 and action in WITHOUT_STORE:
            found = [Chosen(action)]
        if action in self._journeys and len(found) == 1:
            self.chosen(found[0])
        else:
            self.home()

    def _about(self, action: Action, store: str) -> Iterator[Chosen]:
        for one in self.seen.looked.found.stores if self.seen and self.seen.looked else ():
            if store not in ("", one.look.name) or not is_named(one):
                continue
            if action in BY_NEXT.values():
                yield from (Chosen(action, one, row) for row in one.rows if BY_NEXT.get(row.judged.next) is action)
            else:
                yield Chosen(action, one)

    def _banks(self) -> list[str]:
        known = self.seen.looked.words.known if self.seen and self.seen.looked else ()
        return [t("desk.help_bank", name=one.name, contact=one.contact) for one in known if one.contact]

    def _on_left(self) -> None:
        self.seeing.again()
        if self._course.has_begun:
            self.show(lambda: LeftPage(self._course.medium, self.home, self._close))
        else:
            self.home()

    def _see_off(self, state: State | None = None) -> None:
        """The page hears the end once the customer has come to it: what has failed may be tried again until then."""
        guest, self._guest = self._guest, None
        if guest:
            guest.tell(state or (State.FAILED if self._failed else State.DECLINED), code="" if state else self._failed)
            guest.close(0)
            self._gone = guest

    def end(self) -> None:
        """The window closes: a page is told so, as long as that takes no time."""
        self._see_off()
        if self._gone:
            self._gone.close()

    # --- what happens besides ---

    def _on_seen(self, seen: Seen) -> None:
        self.seen = seen
        page = self.window.page
        if isinstance(page, HomePage | AwaitedPage):
            page.tell(seen)
        if isinstance(page, HomePage):
            self._tell_refused()

    def _tell_refused(self) -> None:
        """R6: a site that is not the bank's has got nothing, and the customer is told which one has asked."""
        if refused := self._handovers.refused():
            self._handovers.forget_refused()
            self.show(lambda: self._refused(refused))

    def _refused(self, refused: Sequence[Refused]) -> NoticePage:
        sites = "\n".join(f"{one.origin}  {japan_time(one.at, language())}" for one in refused)
        return NoticePage(t("desk_handed.refused"), t("desk_handed.refused_sites", sites=sites), self.home)

    def _wants_home(self) -> None:
        if not self.work.is_busy:
            self.home()
            return
        self._course.is_leaving = True
        if isinstance(self.window.page, ProgressPage):
            self.window.page.refresh()
        self.work.leave()

    def _on_language(self, chosen: str) -> None:
        speak(chosen)
        self.window.speak()
        if self._page:
            self.show(self._page)
