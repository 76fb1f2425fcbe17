"""更新: handed over to the program on the customer's computer, where consent and PIN belong (R5, R6); what comes of it
is shown here. What the page shows is the registry's word wherever that knows more than what the program has told: a
customer may close, reload, go back or break off at any moment, and finds here how it stands (R13)."""

from __future__ import annotations

from tokenmgr.domain.entry import Barred
from tokenmgr.domain.generation import Generation
from tokenmgr.domain.handover import Act, State
from tokenmgr.domain.reminder import is_successor
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import PageMissing
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.portal import attempts
from tokenmgr.portal.attempts import Attempt, Begun
from tokenmgr.portal.main import about
from tokenmgr.portal.visit import Answer, Data, Go, Page, Visit

STEPS = tuple(step.name for step in Step)


def renew(visit: Visit) -> Page | Go:
    """電子証明書更新前処理中, then 更新; or how far the attempt is that the address names."""
    if successor(visit) is not None:
        return Go(visit.at("renewed"))
    values = about(visit)
    try:
        attempt = attempts.named(visit, Act.RENEW)
    except PageMissing:  # of another certificate or day, or none at all
        return _shown(visit, values)
    return _shown(visit, values, attempt)


def begin(visit: Visit) -> Answer:
    """A ticket for each press. To the page's script as JSON; without one a page has it as a link."""
    values = about(visit)
    if not (values["seen"].is_open and attempts.is_offered(visit)):
        return Go(visit.at("renew"))
    who = values["who"]
    begun = attempts.begin(visit, Act.RENEW, who.contract, who.user)
    if "script" in visit.form:
        return Data(handed(visit, begun, "renew", "renewal"))
    return _shown(visit, values, begun.attempt, begun.address)


def handed(visit: Visit, begun: Begun, page: str, ask: str) -> dict[str, object]:
    """For the page's script: where a reload leads, and where to ask."""
    places = {"page": page, "ask": ask}
    paths = {name: attempts.address_of(visit, path, begun.attempt) for name, path in places.items()}
    return {"ticket": begun.ticket, "address": begun.address, **paths}


def progress(visit: Visit) -> Data:
    """For the page's script, which then goes where the page that it asks for tells more."""
    attempt = attempts.named(visit, Act.RENEW)
    if successor(visit) is not None:
        return Data({"state": State.DONE.value})
    return Data(told(visit, attempt))


def told(visit: Visit, attempt: Attempt | None) -> dict[str, object]:
    """As the program has told the CA; "over": nobody has taken the ticket up in time, and nothing was begun."""
    if attempt is None:
        return {"state": "", "step": 0, "code": ""}
    seen = attempts.progress(visit, attempt)
    state = "over" if attempts.is_over(attempt, seen, visit.now) else seen.state.value
    return {"state": state, "step": seen.step, "code": seen.code}


def renewed(visit: Visit) -> Page | Go:
    """完了: of the certificate that is there now, as the registry has it (R7). For whoever has the key of the one
    before, which a browser goes on presenting until it is closed, or of this one. The session has ended."""
    found = visit.entrant.found
    new = successor(visit) or (found if found is not None and visit.entrant.barred is None else None)
    if new is None or new.predecessor is None or visit.session is not None:
        return Go(visit.at())
    values = {"who": visit.entrant.who, "held": new, "subject": certificate_facts(new.certificate).subject}
    return Page("renewed", values)


def successor(visit: Visit) -> Generation | None:
    """Where the certificate that TLS has proven was renewed: what has taken its place."""
    found = visit.entrant.found
    if found is None or found.subscriber is None or not found.is_replaced or visit.entrant.barred is Barred.OTHER_BANK:
        return None
    last = visit.portal.registry.standing(found.subscriber).last
    return last if is_successor(last, found) else None


def course(visit: Visit, attempt: Attempt | None, address: str, page: str, ask: str) -> dict[str, object]:
    """What a page shows of an attempt, or of none."""
    now = told(visit, attempt)
    return {
        "attempt": attempt,
        "address": address,
        "now": now,
        "what": visit.words.of_code(str(now["code"])),
        "then": visit.words.next_of_code(str(now["code"])),
        "steps": STEPS,
        "is_offered": attempts.is_offered(visit),
        "page": attempts.address_of(visit, page, attempt),
        "ask": attempts.address_of(visit, ask, attempt),
    }


def _shown(visit: Visit, values: dict[str, object], attempt: Attempt | None = None, address: str = "") -> Page:
    return Page("renew", values | course(visit, attempt, address, "renew", "renewal"))
