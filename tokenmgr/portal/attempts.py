"""One press of the button: a ticket for the customer's program, and a name for this attempt that its page goes by.

The ticket is the program's, and the page drops it at once. The name stands in the page's address, so that a reload, a
way back or a closed window lose nothing (R13). It is signed with the registry's own key. That of a renewal is tied to
the certificate that TLS has proven: whoever finds it elsewhere learns nothing by it. An acquisition has none to be tied
to: whoever is given such an address learns how far that is, and neither whose it is nor anything to go on with.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from tokenmgr.domain.handover import AUDIENCE, Act, Claims, Progress, State, place_of
from tokenmgr.errors import FormStale, PageMissing
from tokenmgr.pki import handover as tickets
from tokenmgr.portal.visit import Visit
from tokenmgr.ra import handover

GOOD_FOR = timedelta(minutes=5)
NAME = "attempt"  # in the query of a page's address
_FORM = re.compile(r"(?P<jti>[A-Za-z0-9_-]{22})\.(?P<until>[0-9]{1,11})\.(?P<mark>[0-9a-f]{32})")


@dataclass(frozen=True)
class Attempt:
    name: str
    jti: str
    until: datetime  # nobody takes the ticket up after that


@dataclass(frozen=True)
class Begun:
    attempt: Attempt
    ticket: str
    address: str  # that opens the program where no extension does


def is_offered(visit: Visit) -> bool:
    """Without a key of the bank's the customer begins in the program."""
    return visit.bank.code in visit.portal.handover_keys


def begin(visit: Visit, act: Act, contract: str, user: str) -> Begun:
    if place_of(visit.site) is None:  # Host is the visitor's word; the ticket is good at a bank's own place alone
        raise FormStale
    serial = _serial(visit, act)
    jti, until = secrets.token_urlsafe(16), visit.now + GOOD_FOR
    claims = Claims(
        bank=visit.bank.code,
        audience=AUDIENCE,
        jti=jti,
        issued_at=visit.now,
        expires_at=until,
        origin=visit.site,
        act=act.value,
        contract=contract,
        user=user,
        serial=f"{serial:x}" if serial else "",
    )
    ticket = tickets.issue(claims, visit.portal.handover_keys[visit.bank.code])
    ends = int(until.timestamp())
    attempt = Attempt(f"{jti}.{ends}.{_mark(visit, act, jti, ends)}", jti, until)
    return Begun(attempt, ticket, f"tokenmgr://{act.value}?t={ticket}")


def named(visit: Visit, act: Act) -> Attempt:
    """What the page's address says, where it is ours and this visitor's."""
    name = visit.query.get(NAME, "")
    found = _FORM.fullmatch(name)
    if found is None or not hmac.compare_digest(found["mark"], _mark(visit, act, found["jti"], int(found["until"]))):
        raise PageMissing
    return Attempt(name, found["jti"], datetime.fromtimestamp(int(found["until"]), UTC))


def address_of(visit: Visit, page: str, attempt: Attempt | None) -> str:
    return visit.at(f"{page}?{NAME}={attempt.name}") if attempt else ""


def progress(visit: Visit, attempt: Attempt) -> Progress:
    return handover.look(visit.portal.registry, visit.bank.code, attempt.jti)[0]


def is_over(attempt: Attempt, seen: Progress, now: datetime) -> bool:
    return seen.state is State.WAITING and now > attempt.until


def _serial(visit: Visit, act: Act) -> int:
    """Of the certificate that it is about; 0: an acquisition is about none, and asked for without one."""
    found = visit.entrant.found
    return found.serial if found is not None and act is Act.RENEW else 0


def _mark(visit: Visit, act: Act, jti: str, until: int) -> str:
    said = f"attempt|{visit.bank.code}|{act.value}|{_serial(visit, act):x}|{jti}|{until}"
    return hmac.new(visit.portal.registry.nonce_key(), said.encode(), hashlib.sha256).hexdigest()[:32]
