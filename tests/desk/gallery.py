"""Every page of the window, made from values: one entry a page, for the pictures of docs/customer.md and for what is
true of all pages. Nothing moves and no day passes, so that a picture is the same on every run."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from tests.desk.situations import SERIAL, made
from tokenmgr import catalogue, errors
from tokenmgr.clock import japan_time
from tokenmgr.customer.holdings import Item
from tokenmgr.customer.looks import Look
from tokenmgr.customer.operations import Outcome
from tokenmgr.customer.status import Row, Status
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.course import Course
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.desk.pages.progress import ProgressPage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.parts import Page
from tokenmgr.desk.person import AskPassphrase, AskPin, Began, Ended, Event, Waiting
from tokenmgr.desk.seeing import Seen
from tokenmgr.domain.contents import Contents
from tokenmgr.domain.credential import CertificateFacts, StoredCertificate
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.holding import Holding, Whose
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.domain.renewal import Step
from tokenmgr.domain.status import Judged, Next, Place, Why
from tokenmgr.wiring.looked import Looked, Words
from tokenmgr.wiring.words import language, t

NOW = datetime(2027, 3, 20, 1, 0, 0, tzinfo=UTC)
STARTS, ENDS = datetime(2026, 4, 1, 0, 0, 0, tzinfo=UTC), datetime(2027, 3, 31, 23, 59, 59, tzinfo=UTC)
HELP = "みやび信用金庫　電話 03-0000-0000（平日 9:00～17:00）"
SUBJECT = "みやび信用金庫 0123456789 keiri01"


def nothing(*_: object) -> None: ...


def certificate(
    number: int = 0x5C31_88E2_07A4_91BD, starts: datetime = STARTS, ends: datetime = ENDS
) -> CertificateFacts:
    return CertificateFacts(b"c", SUBJECT, "", number, starts, ends, b"k", False, b"", b"", b"")


def medium(pin: PinState = PinState.FINE) -> MediumFacts:
    """A stick as its library tells of it."""
    told = (SERIAL, "MIYABI", "", "ePass2003", "", "", "", "feitian-epass2003", 0, "ePass 00 00", True, False)
    return MediumFacts(*told, pin, PinState.FINE, 6, 16, None, None)


def seen(*stores: Store) -> Seen:
    looked = Looked(Status(stores, [], [], NOW), Words([], False), None, [], [])
    return Seen(looked, [medium()], is_asked=True)


def store(next_: Next = Next.RENEW) -> Store:
    whose = Whose("1234", "0123456789", "keiri01", "みやび信用金庫")
    item = Item(None, None, (StoredCertificate(b"\1", "", b"c", certificate(), 0),), has_key=True)
    row = Row(item, Holding(True, "", whose, STARTS, ENDS), Judged(Place.CURRENT, Why.DUE, next_))
    look = Look(SERIAL, "MIYABI", StoreKind.MEDIUM, PinState.FINE, lambda: Contents(SERIAL, [], [], [], []))
    return Store(look, rows=[row])


def consent() -> Page:
    told = [
        (t("labels.subject"), SUBJECT),
        (t("labels.serial_number"), "5c3188e207a491bd"),
        (t("labels.valid_until"), japan_time(ENDS, language())),
        (t("labels.store"), t("desk.in_store", serial=SERIAL)),
    ]
    return ConsentPage(told, nothing, nothing, origin="https://ib.miyabi.example")


def pin(state: PinState = PinState.FINE) -> Page:
    return PinPage(AskPin(SERIAL, medium(state), catalogue.shipped().family("feitian-epass2003")), nothing, nothing)


def progress(*happened: Event) -> ProgressPage:
    course = Course(t("desk.doing_renew"), tuple(Step))
    steps = list(Step)
    told = [event for step in steps[:4] for event in (Began(step), Ended(step))]
    for event in (*told, Began(steps[4]), *happened):
        course.take(event, time.monotonic())
    return ProgressPage(course, str, nothing)


def done() -> Page:
    fresh = certificate(0x1F9A_D64C_20E7_55B8, NOW, datetime(2028, 3, 19, 23, 59, 59, tzinfo=UTC))
    there = cast(Any, SimpleNamespace(name=SERIAL))
    return DonePage(Outcome("renewal", fresh, there, Path("journal")), nothing, nothing, nothing)


GALLERY: dict[str, Callable[[], Page]] = {
    "home": lambda: HomePage(seen(store()), nothing),
    "home-empty": lambda: HomePage(seen(), nothing),
    "home-looking": lambda: HomePage(None, nothing),
    "consent": consent,
    "pin": pin,
    "pin-final": lambda: pin(PinState.FINAL_TRY),
    "passphrase": lambda: PinPage(AskPassphrase("file:store.json"), nothing, nothing),
    "progress": progress,
    "pulled": lambda: progress(Waiting(made(errors.MediumGone))),
    "done": done,
    "trouble": lambda: TroublePage(made(errors.MediumGone), nothing, nothing, nothing, [HELP]),
}
