"""電子証明書取得, for whoever has no certificate to log in with (R9). Two IDs are asked for here and no PIN: those are
typed in the program's own window, which has a keyboard on the screen, and never pass through a page.

Nothing is looked up: a ticket is made for IDs that there are and for others alike, and says nothing but what was typed.
Whether there is such an ID, and whether it may acquire, the CA answers to both PINs alone.
"""

from __future__ import annotations

from tokenmgr.domain.handover import Act
from tokenmgr.domain.party import is_number
from tokenmgr.errors import PageMissing
from tokenmgr.portal import attempts
from tokenmgr.portal.attempts import Attempt
from tokenmgr.portal.renewing import course, handed, told
from tokenmgr.portal.visit import Answer, Data, Page, Visit

BAD = 400


def acquire(visit: Visit) -> Page:
    try:
        return _shown(visit, attempts.named(visit, Act.ACQUIRE))
    except PageMissing:
        return _shown(visit)


def begin(visit: Visit) -> Answer:
    contract, user = visit.text("contract"), visit.text("user")
    wrong = [name for name, text in (("contract", contract), ("user", user)) if not is_number(text)]
    if wrong or not attempts.is_offered(visit):
        return _shown(visit, wrong=wrong, typed={"contract": contract, "user": user})
    visit.portal.acquirers.take(visit.origin, visit.now)
    begun = attempts.begin(visit, Act.ACQUIRE, contract, user)
    if "script" in visit.form:
        return Data(handed(visit, begun, "acquire", "acquisition"))
    return _shown(visit, begun.attempt, begun.address)


def progress(visit: Visit) -> Data:
    return Data(told(visit, attempts.named(visit, Act.ACQUIRE)))


def _shown(
    visit: Visit,
    attempt: Attempt | None = None,
    address: str = "",
    wrong: list[str] | None = None,
    typed: dict[str, str] | None = None,
) -> Page:
    values = course(visit, attempt, address, "acquire", "acquisition")
    values |= {"wrong": wrong or [], "typed": typed or {"contract": "", "user": ""}}
    return Page("acquire", values, BAD if wrong else 200)
