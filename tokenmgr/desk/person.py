"""The customer at the window, as the counter asks (wiring/person.py). Here is the thread that does the work: what it
asks is posted to the window, and it waits for the answer. No Qt."""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tokenmgr.customer.operations import Applicant
from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import LeftForLater, MediumError, TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.renewal.journal import durations
from tokenmgr.token.pins import refuse_full_width, refuse_hopeless
from tokenmgr.wiring.around import beside
from tokenmgr.wiring.person import Screen
from tokenmgr.wiring.places import Where

if TYPE_CHECKING:
    from tokenmgr.desk.parts import Page

LOOKING = 0.1  # seconds between two looks for a medium that was pulled, or a browser that is open
OTHERS = 10  # of these looks, one is for what is plugged in instead: that asks every medium there is


# --- what is asked; each has one answer ---


@dataclass(frozen=True)
class AskPin:
    """-> Secret. The state of the PIN is the medium's own word, and is shown with the question (R11)."""

    store: str
    facts: MediumFacts
    family: Family


@dataclass(frozen=True)
class AskPassphrase:
    """-> Secret"""

    store: str


@dataclass(frozen=True)
class AskNewPassphrase:
    """-> Secret, that was typed twice: of an encrypted file that is to be made. It has so many characters at least."""

    store: str
    shortest: int


@dataclass(frozen=True)
class AskFinalTry:
    """-> bool: the last try needs a yes of its own (S5). `officer`: it is the unblocking PIN's."""

    facts: MediumFacts
    officer: bool = False


@dataclass(frozen=True)
class AskApplicant:
    """-> Applicant, with what is known already."""

    contract: str
    user: str


Answer = Callable[[object], object]
Leave = Callable[[], object]


@dataclass(frozen=True)
class AskOnPage:
    """-> what the page answers with. A journey's own question: no other needs to know of it."""

    page: Callable[[Answer, Leave], Page]


Question = AskPin | AskPassphrase | AskNewPassphrase | AskFinalTry | AskApplicant | AskOnPage


# --- what is told ---


@dataclass(frozen=True)
class Began:
    step: Step


@dataclass(frozen=True)
class Ended:
    step: Step


@dataclass(frozen=True)
class Waiting:
    """For the customer: a medium to be put in, a program to be closed. None: it goes on. `others` are the media that
    are plugged in instead (S4)."""

    error: TokenmgrError | None
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Usual:
    """What is known of the time that this store takes: `seconds` by what it has taken, `longest` for a key by its
    family's file; 0 where that tells nothing."""

    store: str
    seconds: Mapping[Step, float]
    longest: float
    is_on_pc: bool


@dataclass(frozen=True)
class LookEnds:
    """Nothing has begun: what is plugged in is still being looked at."""


@dataclass(frozen=True)
class AuthorityWaits:
    seconds: int


@dataclass(frozen=True)
class Told:
    """What stands in nobody's way, and is to be known."""

    error: TokenmgrError


@dataclass(frozen=True)
class Asked:
    question: Question


Event = Began | Ended | Waiting | Usual | LookEnds | AuthorityWaits | Told | Asked
Post = Callable[[Event], None]


class AtDesk:
    """`post` hands an event to the window. After `leave`, whatever is asked or begun next ends the work: what was
    begun is in the journal, and goes on another time (R13)."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._answers: queue.SimpleQueue[object] = queue.SimpleQueue()
        self._leaving = threading.Event()
        self._is_a_look = True  # it has asked nothing, and begun nothing
        self._made: dict[str, Secret] = {}  # of a file that was made just now: nobody is asked a third time
        self.doing: Callable[[], str] = str  # the call that the medium is at; read by the window

    # --- for the window ---

    def answer(self, value: object) -> None:
        self._answers.put(value)

    def leave(self) -> None:
        self._leaving.set()
        self._answers.put(None)

    @property
    def has_left_a_look(self) -> bool:
        return self._is_a_look and self._leaving.is_set()

    # --- Person ---

    def may_spend_final_try(self, facts: MediumFacts, family: Family, where: Where) -> bool:
        asked = facts.pin is PinState.FINAL_TRY and self.ask(AskFinalTry(facts)) is True
        if facts.initialised:
            refuse_hopeless(facts, family, False, asked)
        return asked

    def pin(self, store: str, where: Where, facts: MediumFacts) -> Secret:
        from tokenmgr.wiring.libraries import known

        family = known().family(facts.family)
        self._opens(store, family.time.generate, family.token.on_pc)
        return refuse_full_width(self._secret(AskPin(store, facts, family)))

    def passphrase(self, store: str, where: Where) -> Secret:
        self._opens(store, 0, is_on_pc=True)
        return self._made.pop(store, None) or self._secret(AskPassphrase(store))

    def _opens(self, store: str, longest: float, is_on_pc: bool) -> None:
        from tokenmgr.wiring.libraries import settings

        self._post(Usual(store, durations(settings().journal_folder, store), longest, is_on_pc))

    def new_passphrase(self, store: str, shortest: int) -> Secret:
        self._made[store] = self._secret(AskNewPassphrase(store, shortest))
        return self._made[store]

    def waits(self, error: TokenmgrError, is_over: Callable[[], bool]) -> bool:
        told: Waiting | None = None
        looks = itertools.count()
        others: tuple[str, ...] = ()
        while not is_over():
            if isinstance(error, MediumError) and next(looks) % OTHERS == 0:
                others = beside(str(error.facts.get("serial") or ""))
            if (now := Waiting(error, others)) != told:
                told = now
                self._post(now)
            self.pause(LOOKING)
        self._post(Waiting(None))
        return True

    def tell(self, error: TokenmgrError) -> None:
        self._post(Told(error))

    def pause(self, seconds: float) -> None:
        self._leaving.wait(seconds)
        self.check()

    def screen(self, doing: Callable[[], str], is_back: Callable[[], bool]) -> Screen:
        self.doing = doing
        return Going(self, is_back)

    # --- for the screen, and for jobs of the window's own ---

    def ask(self, question: Question) -> object:
        self.check()
        self.post(Asked(question))
        found = self._answers.get()
        self.check()
        return found

    def applicant(self, contract: str, user: str) -> Applicant:
        found = self.ask(AskApplicant(contract, user))
        assert isinstance(found, Applicant)  # noqa: S101  the window's part of the bargain
        return found

    def two_secrets(self, page: Callable[[Answer, Leave], Page]) -> tuple[Secret, Secret]:
        found = self.ask(AskOnPage(page))
        assert isinstance(found, tuple)  # noqa: S101  the window's part of the bargain
        return found

    def post(self, event: Event) -> None:
        if isinstance(event, Asked | Began):
            self._is_a_look = False
        self._post(event)

    def check(self) -> None:
        if self._leaving.is_set():
            raise LeftForLater(serial="")

    def _secret(self, question: Question) -> Secret:
        found = self.ask(question)
        assert isinstance(found, Secret)  # noqa: S101  the window's part of the bargain
        return found


class Going:
    """The engine's screen (renewal/ports.py). A step is the place where it can be left."""

    def __init__(self, person: AtDesk, is_back: Callable[[], bool]) -> None:
        self._person, self._is_back = person, is_back

    def begins(self, step: Step) -> None:
        self._person.check()
        self._person.post(Began(step))

    def ends(self, step: Step) -> None:
        self._person.post(Ended(step))

    def waits(self, seconds: int) -> None:
        self._person.post(AuthorityWaits(seconds))
        self._person.pause(seconds)

    def waits_for_store(self, error: MediumError) -> bool:
        return self._person.waits(error, self._is_back)

    def tell(self, error: TokenmgrError) -> None:
        self._person.tell(error)

    @contextmanager
    def aside(self) -> Iterator[None]:
        yield

    def stop(self) -> None:
        self._person.doing = str
