"""Why somebody is not let in, what is open instead, and the one step that leads there (R14): each case once."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime

from tokenmgr.domain.entry import Barred
from tokenmgr.domain.generation import Generation, State
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.policy import Refusal, in_the_way, whom_to_ask
from tokenmgr.errors import (
    AddressOther,
    AuthorityBusy,
    CertificateExpired,
    CertificateNotOffered,
    CertificateOfAnotherBank,
    CertificateOnHold,
    CertificateRevoked,
    CertificateSuperseded,
    CertificateUnconfirmed,
    CertificateUnfinished,
    CertificateUnknown,
    EntryError,
    FormUnreadable,
    NotAdministrator,
    PagesUnavailable,
    RegistryUnavailable,
    RequestMalformed,
    SessionOfOlder,
    TokenmgrError,
)
from tokenmgr.ra.acquire import permit
from tokenmgr.ra.entry import Entrant
from tokenmgr.ra.ports import Registry, Standing

log = logging.getLogger(__name__)

_PLAIN: dict[Barred, type[EntryError]] = {
    Barred.NO_CERTIFICATE: CertificateNotOffered,
    Barred.UNKNOWN: CertificateUnknown,
    Barred.OTHER_BANK: CertificateOfAnotherBank,
}
ACQUIRE, RESUME, RESUME_ACQUIRING = "entry-acquire", "entry-resume", "entry-resume-acquiring"
OLDER, NEWER = "entry-older", "entry-newer"
# Of these the next step is at the browser, which goes on presenting what it has presented once (until
# its last window is closed), so that no button of a page leads there.
CLOSING = (CertificateUnknown, CertificateOfAnotherBank, CertificateSuperseded, SessionOfOlder)
NO_STEP = (*CLOSING, CertificateUnconfirmed)


def refusal(registry: Registry, entrant: Entrant, now: datetime) -> EntryError:
    found, who = entrant.found, entrant.who
    barred = entrant.barred or Barred.UNKNOWN
    if found is None or who is None or barred in _PLAIN:
        return _PLAIN.get(barred, CertificateUnknown)()
    if barred is Barred.ON_HOLD:
        return CertificateOnHold(way=_asked("release", who))
    standing = registry.standing(who.id)
    if barred is Barred.UNCONFIRMED:
        return _unfinished(standing, now)
    newer = standing.last
    if newer is not None and newer.serial != found.serial:
        return _older(found, newer, standing, now)
    way = _instead(standing, now)
    if barred is Barred.EXPIRED:
        return CertificateExpired(until=found.not_after, way=way)
    return CertificateRevoked(way=way)


def _unfinished(standing: Standing, now: datetime) -> EntryError:
    """Only a renewal has one before it that still logs in; an acquisition has none."""
    if _logs_in(standing.last, now):
        return CertificateUnconfirmed(way=RESUME if in_the_way(standing.pending, now) else OLDER)
    return CertificateUnfinished(way=_instead(standing, now))


def _older(found: Generation, newer: Generation, standing: Standing, now: datetime) -> EntryError:
    """There is a newer one, and whoever has renewed is told which. What was taken back for another reason may be in
    anybody's hands: of what has come since nothing is shown."""
    if not found.is_replaced:
        return CertificateRevoked(way=NEWER if _logs_in(newer, now) else _instead(standing, now))
    if newer.state is State.HELD:
        return CertificateOnHold(way=_asked("release", standing.subscriber))
    if _logs_in(newer, now):
        return CertificateSuperseded(serial_number=f"{newer.serial:x}", until=newer.not_after)
    way = _instead(standing, now)
    return CertificateExpired(until=newer.not_after, way=way) if newer.is_over(now) else CertificateRevoked(way=way)


def _logs_in(one: Generation | None, now: datetime) -> bool:
    return one is not None and one.state is State.ACTIVE and not one.is_over(now)


def _instead(standing: Standing, now: datetime) -> str:
    """R14: resume first, re-acquire second, re-issue last; and of these the one that is open today."""
    waits = standing.pending
    if waits is not None and in_the_way(waits, now):
        return RESUME if waits.predecessor else RESUME_ACQUIRING
    answer = permit(standing, standing.bank.policy.any_store, now)
    return _asked("reissue", standing.subscriber) if isinstance(answer, Refusal) else ACQUIRE


def _asked(what: str, who: Subscriber) -> str:
    """R10: users ask their contract's administrator, administrators their bank."""
    return f"{what}-{whom_to_ask(who.role is Role.USER).value}"


def told(error: TokenmgrError) -> TokenmgrError:
    """What goes wrong inside is the log's: whoever stands at the door is told what that means for them."""
    if isinstance(error, RegistryUnavailable | AuthorityBusy):
        log.warning("out of order", extra={"error": str(error)})
        return PagesUnavailable()
    return FormUnreadable() if isinstance(error, RequestMalformed) else error


@dataclass(frozen=True)
class Step:
    """A link as a button. `word` is one of a bank's own (domain/look.py)."""

    word: str
    to: str


def step(error: TokenmgrError, bank: Bank, logged_in: bool) -> Step | None:
    """None: it is at the browser or with somebody else, and said in words."""
    if isinstance(error, AddressOther):
        return Step("log_in", error.site)
    if isinstance(error, NO_STEP):
        return None
    way = error.facts.get("way")
    if isinstance(error, CertificateNotOffered) or way == ACQUIRE:
        return Step("acquire_button", f"/{bank.code}/acquire")
    if way is not None:
        return None
    if logged_in or isinstance(error, NotAdministrator):
        return Step("main_title", f"/{bank.code}/main")
    return Step("log_in", f"/{bank.code}/")
