"""Every page of the window, made from values: one entry a page, for the pictures of docs/customer.md and for what is
true of all pages. Where a journey says what is on a page, it is the journey that makes it. Nothing moves and no day
passes, so that a picture is the same on every run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.desk import gallery_values as values
from tests.desk.gallery_values import CONTACT, FILE, NOW, ORIGIN, WHOSE, certificate, medium, seen, store
from tests.desk.situations import SERIAL, made
from tokenmgr import catalogue, errors
from tokenmgr.clock import japan_time
from tokenmgr.customer.operations import Outcome, Rehearsed
from tokenmgr.desk.course import Course
from tokenmgr.desk.errands import Verb
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.journeys import cleaning, passphrases, pins
from tokenmgr.desk.journeys.renewing import Renewing
from tokenmgr.desk.pages.applicant import ApplicantPage
from tokenmgr.desk.pages.awaited import AwaitedPage
from tokenmgr.desk.pages.choice import ChoicePage, Option
from tokenmgr.desk.pages.contents import ContentsPage
from tokenmgr.desk.pages.diagnosis import DiagnosisPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.left import LeftPage
from tokenmgr.desk.pages.lists import Line
from tokenmgr.desk.pages.notice import NoticePage
from tokenmgr.desk.pages.pin import FinalTryPage, NewPassphrasePage, PinPage
from tokenmgr.desk.pages.place import NoPlacePage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.desk.pages.said import SaidPage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.pages.unblocking import UnblockingPage
from tokenmgr.desk.parts import Page
from tokenmgr.desk.person import AskFinalTry, AskNewPassphrase, AskPassphrase, AskPin, Began, Ended, Event, Waiting
from tokenmgr.desk.words import promise, short
from tokenmgr.domain import telephone
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.medium import PinState
from tokenmgr.domain.renewal import Step
from tokenmgr.renewal.cleanup import Kept, Removable
from tokenmgr.wiring.words import language, t

HELP = f"{values.BANK}　電話 {CONTACT}"


def nothing(*_: object) -> None: ...


class Shown:
    """A flow that shows one page, and keeps it."""

    page: Callable[[], Page]

    def __init__(self) -> None:
        self.seen, self.home = seen(store()), nothing

    def show(self, page: Callable[[], Page]) -> None:
        self.page = page


def shown_by(journey: Callable[[Flow], object]) -> Page:
    flow = Shown()
    journey(cast(Flow, flow))
    return flow.page()


# --- a renewal ---


def renewing(flow: Flow, verb: Verb = Verb.RENEW, origin: str = "") -> Renewing:
    return Renewing(flow, verb, SERIAL, certificate(), WHOSE, origin)


def place(flow: Flow) -> None:
    renewing(flow).choose(values.prepared(StoreKind.MEDIUM, StoreKind.PC))


def which_place(flow: Flow, kind: StoreKind) -> None:
    renewing(flow)._ask_which(values.prepared(StoreKind.MEDIUM, StoreKind.PC), kind, nothing)


def consent(flow: Flow, verb: Verb = Verb.RENEW, to: str = SERIAL, origin: str = "") -> None:
    renewing(flow, verb, origin)._consent(values.prepared(StoreKind.MEDIUM, StoreKind.PC), to, nothing)


def pin(state: PinState = PinState.FINE) -> Page:
    return PinPage(AskPin(SERIAL, medium(state), catalogue.shipped().family("feitian-epass2003")), nothing, nothing)


def with_keypad(page: Page) -> Page:
    assert isinstance(page, PinPage)
    page.keypad_box.setChecked(True)
    return page


def progress(*happened: Event) -> ProgressPage:
    course = Course(t("desk.doing_renew"), tuple(Step))
    steps = list(Step)
    told = [event for step in steps[:4] for event in (Began(step), Ended(step))]
    for event in (*told, Began(steps[4]), *happened):
        course.take(event, time.monotonic())
    return ProgressPage(course, str, nothing)


def done(operation: str = "renewal") -> Page:
    there = cast(Any, SimpleNamespace(name=SERIAL))
    outcome: Outcome | Rehearsed = Rehearsed(certificate(), cast(Any, None), there, Path("journal"), True)
    if operation != "rehearsal":
        fresh = certificate(values.NEW_NUMBER, NOW, values.NEW_ENDS)
        outcome = Outcome(operation, fresh, there, Path("journal"))
    return DonePage(outcome, nothing, nothing, nothing)


# --- the others ---


def applicant() -> Page:
    told = [(t("desk_consent.bank"), values.BANK), (t("labels.store"), short(SERIAL))]
    return ApplicantPage("", "", nothing, nothing, told)


def awaited() -> Page:
    told = [(t("desk_consent.bank"), values.BANK), (t("desk_consent.contract"), WHOSE.contract)]
    return AwaitedPage(ORIGIN, [*told, (t("desk_consent.user"), WHOSE.user)], nothing, nothing)


def stores() -> Page:
    options = [Option(short(SERIAL), "", nothing), Option(short(FILE), promise(FILE), nothing)]
    return ChoicePage(t("desk_place.heading"), "", options, nothing)


def removable() -> Page:
    old = certificate(0x2B_77_10, values.STARTS.replace(year=2024), values.ENDS.replace(year=2025))
    before = certificate(0x3C_88_21, values.STARTS.replace(year=2025), values.ENDS.replace(year=2026))
    would_go = [(values.item(old), cast(Any, SimpleNamespace(reason=Removable.EXPIRED)))]
    stays = [(values.item(), Kept.LOGS_IN), (values.item(before), Kept.BEFORE)]
    kept = [(one, cast(Any, SimpleNamespace(reason=why))) for one, why in stays]
    return cleaning._page(would_go, kept, short(SERIAL), [], nothing, nothing)


def diagnosis() -> Page:
    told = [Line(t("desk_doctor.readers"), t("desk_doctor_next.no_reader_service"))]
    names = ("environment", "settings", "library", "usb", "clock")
    fine = [Line(t(f"desk_doctor.{name}"), "") for name in names]
    code = telephone.spell(telephone.Findings("1.0.0", {"readers": "problem"}))
    return DiagnosisPage(False, told, fine, code, nothing, nothing, nothing, "")


def unblocking() -> Page:
    return UnblockingPage(
        t("desk_unblock.locked"), short(SERIAL), "officer", [(values.BANK, CONTACT)], nothing, nothing
    )


def new_pin(officer: bool = False, state: PinState = PinState.FINE) -> Page:
    family = catalogue.shipped().family("feitian-epass2003")
    return pins._page(medium(state), family, officer, nothing, nothing)


def notice() -> Page:
    sites = f"https://ib.miyabi-login.example  {japan_time(NOW, language())}"
    return NoticePage(t("desk_handed.refused"), t("desk_handed.refused_sites", sites=sites), nothing)


GALLERY: dict[str, Callable[[], Page]] = {
    "home": lambda: HomePage(seen(store()), nothing),
    "home-pc": lambda: HomePage(seen(store(), values.on_pc()), nothing),
    "home-locked": lambda: HomePage(seen(store(pin=PinState.LOCKED)), nothing),
    "home-empty": lambda: HomePage(seen(), nothing),
    "home-looking": lambda: HomePage(None, nothing),
    "place": lambda: shown_by(place),
    "place-medium": lambda: shown_by(lambda flow: which_place(flow, StoreKind.MEDIUM)),
    "place-pc": lambda: shown_by(lambda flow: which_place(flow, StoreKind.PC)),
    "no-place": lambda: NoPlacePage(nothing, nothing),
    "consent": lambda: shown_by(consent),
    "consent-moving": lambda: shown_by(lambda flow: consent(flow, to=FILE)),
    "consent-site": lambda: shown_by(lambda flow: consent(flow, origin=ORIGIN)),
    "consent-rehearsal": lambda: shown_by(lambda flow: consent(flow, Verb.REHEARSE)),
    "pin": pin,
    "pin-keypad": lambda: with_keypad(pin()),
    "pin-final": lambda: FinalTryPage(AskFinalTry(medium(PinState.FINAL_TRY)), nothing, nothing),
    "passphrase": lambda: PinPage(AskPassphrase(FILE), nothing, nothing),
    "new-passphrase": lambda: NewPassphrasePage(AskNewPassphrase(FILE, 8), nothing, nothing),
    "progress": progress,
    "pulled": lambda: progress(Waiting(made(errors.MediumGone))),
    "left": lambda: LeftPage(SERIAL, nothing, nothing),
    "done": done,
    "acquired": lambda: done("acquisition"),
    "rehearsed": lambda: done("rehearsal"),
    "contents": lambda: ContentsPage(certificate(), SERIAL, nothing),
    "awaited": awaited,
    "notice": notice,
    "choice": stores,
    "applicant": applicant,
    "refused": lambda: TroublePage(made(errors.ClaimNotAccepted), nothing, nothing, nothing, [HELP]),
    "new-pin": new_pin,
    "first-pin": lambda: new_pin(state=PinState.TO_BE_CHANGED),
    "new-pin-officer": lambda: new_pin(officer=True),
    "passphrase-change": lambda: passphrases._page(nothing, nothing),
    "unblocking": unblocking,
    "pin-changed": lambda: SaidPage(t("desk_pins.changed"), t("desk_pins.changed_of", store=short(SERIAL)), nothing),
    "clean": removable,
    "diagnosis": diagnosis,
    "trouble": lambda: TroublePage(made(errors.MediumGone), nothing, nothing, nothing, [HELP]),
}
