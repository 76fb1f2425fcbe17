"""What a customer comes for, run as the command line runs it: by the counter, with the window as the person. No Qt."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from tokenmgr.customer.operations import Applicant, Outcome, Rehearsed
from tokenmgr.desk.person import AtDesk
from tokenmgr.wiring.places import Where


class Verb(Enum):
    RENEW = "renew"
    ACQUIRE = "acquire"
    RESUME = "resume"
    REHEARSE = "rehearse"


@dataclass(frozen=True)
class Errand:
    """`store` gets the next generation; `source` has what is replaced, where that is another."""

    verb: Verb
    store: Where
    source: Where | None = None
    bank: str | None = None
    certificate: str = ""  # serial number in hex, where several could be meant
    applicant: Applicant | None = None


def run(errand: Errand, person: AtDesk) -> Outcome | Rehearsed:
    from tokenmgr.wiring.counter import counter  # here: it takes longer to load than the window to open

    is_first, goes_on = errand.verb is Verb.ACQUIRE, errand.verb is Verb.RESUME
    reached = counter(errand.bank, None, errand.store, person, errand.source or _any(errand), goes_on, is_first)
    with reached as (at, _screen):
        match errand.verb:
            case Verb.RENEW:
                return at.renew(errand.certificate)
            case Verb.REHEARSE:
                return at.rehearse(errand.certificate)
            case Verb.RESUME:
                return at.resume(person.applicant)
            case Verb.ACQUIRE:
                assert errand.applicant is not None  # noqa: S101  that is what the page has asked
                return at.acquire(errand.applicant)


def _any(errand: Errand) -> Where | None:
    """What goes on finds the other store by its journal, where there is one."""
    return Where() if errand.verb is Verb.RESUME else None
