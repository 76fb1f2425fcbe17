"""利用者ログイン（電子証明書方式）: whose certificate it is TLS has shown; the login PIN is asked for here."""

from __future__ import annotations

from tokenmgr.domain.audit import Actor, ActorKind
from tokenmgr.errors import LoginPinWrong
from tokenmgr.log import Secret
from tokenmgr.portal.visit import Go, Page, Visit, new_token
from tokenmgr.ra import entry


def door(visit: Visit) -> Page | Go:
    """Of whoever is logged in, the main page."""
    if visit.session is not None:
        return Go(visit.at("main"))
    who, found = visit.admitted
    return Page("login", {"who": who, "found": found, "wrong": None, "is_empty": False})


def log_in(visit: Visit) -> Page | Go:
    who, found = visit.admitted
    shown = {"who": who, "found": found, "wrong": None, "is_empty": False}
    pin = visit.form.get("login_pin", b"")
    if not pin:  # a slip, and no try
        return Page("login", shown | {"is_empty": True})
    visit.portal.guessers.take(str(who.id), visit.now)
    registry = visit.portal.registry.by(Actor(ActorKind.SUBSCRIBER, who.name, visit.origin))
    try:
        with Secret(pin) as secret:
            entry.log_in(registry, visit.bank, who, found.serial, secret, visit.now)
    except LoginPinWrong as error:
        return Page("login", shown | {"wrong": visit.words.error(error), "code": error.code}, 403)
    token = new_token()
    visit.portal.sessions.begin(token, visit.bank.code, who.id, found.serial, visit.now)
    return Go(visit.at("reminder"), token)


def log_out(_visit: Visit) -> Page:
    return Page("left", cookie="")
