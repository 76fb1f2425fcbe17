"""What a customer comes for, run as the command line runs it: by the counter, with the window as the person. No Qt."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import Enum

from tokenmgr.customer.operations import Applicant, Outcome, Rehearsed
from tokenmgr.desk.person import AtDesk
from tokenmgr.log import Secret
from tokenmgr.wiring.places import Where, file_named


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
    """Whatever becomes of it, and however early."""
    if errand.applicant is None:
        return _run(errand, person)
    with asked_once(errand.applicant, person) as applicant:
        return _run(replace(errand, applicant=applicant), person)


def _run(errand: Errand, person: AtDesk) -> Outcome | Rehearsed:
    from tokenmgr.wiring.counter import counter  # here: it takes longer to load than the window to open

    _make_file(errand, person)
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


@contextmanager
def asked_once(given: Applicant, person: AtDesk) -> Iterator[Applicant]:
    """Login PINs serve once and are gone with the errand, whatever becomes of it; one that is run again asks anew."""

    def pins() -> tuple[Secret, Secret]:
        login, confirmation = given.pins()
        return (login, confirmation) if login and confirmation else person.applicant(given.contract, given.user).pins()

    try:
        yield replace(given, pins=pins)
    finally:
        for one in given.pins():
            one.wipe()


def _any(errand: Errand) -> Where | None:
    """What goes on finds the other store by its journal, where there is one."""
    return Where() if errand.verb is Verb.RESUME else None


def _make_file(errand: Errand, person: AtDesk) -> None:
    """The encrypted file that was chosen and is not there yet. What is begun has one."""
    path = file_named(errand.store.pc or "")
    if path is None or path.exists() or errand.verb is Verb.RESUME:
        return
    from tokenmgr.keystore import file, form

    file.make(path, person.new_passphrase(form.name_of(path), file.SHORTEST))
