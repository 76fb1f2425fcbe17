"""Hand-overs over HTTP. The customer's program redeems a ticket, and tells how far it is; the bank's page looks.

POST /handover/{bank}         {"ticket", "secret"} -> 201 {"jti"}; 409 once another secret has it
POST /handover/{bank}/{jti}   Authorization: Bearer SECRET, {"state", "step", "code"} -> 204
GET  /handover/{bank}/{jti}   {"state", "step", "code"}, for a page of the ticket's origin

The secret is the program's own making, so that it may ask again where an answer was lost.
"""

from __future__ import annotations

from datetime import datetime

from tokenmgr.api.publications import known_bank
from tokenmgr.api.service import Service
from tokenmgr.domain import handover as rules
from tokenmgr.domain.audit import Actor, ActorKind
from tokenmgr.domain.handover import Progress, State, Unreadable, read_object
from tokenmgr.errors import HandoverAnothers, RequestMalformed
from tokenmgr.ra import handover

LONGEST = rules.LONGEST + 256  # the secret, and what JSON puts around
LONGEST_TOLD = 256
_BEARER = "Bearer "


def redeem(service: Service, code: str, data: bytes, now: datetime, origin: str) -> dict[str, object]:
    bank = known_bank(service, code)
    told = _object(data, "ticket", "secret")
    ticket, secret = told["ticket"], told["secret"]
    if not isinstance(ticket, str) or not isinstance(secret, str) or not rules.SECRET.fullmatch(secret):
        raise RequestMalformed(reason="ticket is a text, secret is 32 bytes as base64url without padding")
    by = Actor(ActorKind.CLAIMANT, code, origin)
    return {"jti": handover.redeem(service.registry.by(by), bank, ticket, secret, now).jti}


def tell(service: Service, code: str, jti: str, authorization: str, data: bytes) -> None:
    told = _object(data, "state", "step", "code")
    try:
        progress = Progress(State(told["state"]), _step(told["step"]), _code(told["code"]))
    except ValueError as error:
        raise RequestMalformed(reason="no such state, step or code") from error
    secret = authorization.removeprefix(_BEARER)
    if secret == authorization or not rules.SECRET.fullmatch(secret):
        raise HandoverAnothers
    handover.tell(service.registry, code, jti, secret, progress)


def look(service: Service, code: str, jti: str) -> tuple[dict[str, object], str]:
    """And who may read it: the ticket's origin alone once it is redeemed. What nobody has redeemed says the same to
    everybody, whether there is such a ticket or not; so a page that asks early is not kept from its answer."""
    progress, origin = handover.look(service.registry, code, jti)
    return {"state": progress.state.value, "step": progress.step or None, "code": progress.code or None}, origin


def _object(data: bytes, *names: str) -> dict[str, object]:
    try:
        told: dict[str, object] = read_object(data)
    except Unreadable as error:
        raise RequestMalformed(reason=error.reason) from error
    if set(told) != set(names):
        raise RequestMalformed(reason=f"an object with {', '.join(names)}")
    return told


def _step(told: object) -> int:
    if told is None:
        return 0
    if type(told) is not int or not told:
        raise ValueError("step")
    return told


def _code(told: object) -> str:
    if told is None:
        return ""
    if not isinstance(told, str) or not told:
        raise ValueError("code")
    return told
