"""利用者ログイン（電子証明書方式）: whose certificate it is TLS has shown; the login PIN is asked for here."""

from __future__ import annotations

from tokenmgr.domain.audit import Actor, ActorKind
from tokenmgr.domain.entry import Barred
from tokenmgr.domain.party import Subscriber
from tokenmgr.errors import (
    CertificateExpired,
    CertificateNotOffered,
    CertificateOfAnotherBank,
    CertificateOnHold,
    CertificateRevoked,
    CertificateSuperseded,
    CertificateUnconfirmed,
    CertificateUnknown,
    EntryError,
)
from tokenmgr.log import Secret
from tokenmgr.portal.visit import Go, Page, Visit, new_token
from tokenmgr.ra import entry
from tokenmgr.ra.entry import Entrant

_PLAIN: dict[Barred, type[EntryError]] = {
    Barred.NO_CERTIFICATE: CertificateNotOffered,
    Barred.UNKNOWN: CertificateUnknown,
    Barred.OTHER_BANK: CertificateOfAnotherBank,
    Barred.REVOKED: CertificateRevoked,
    Barred.ON_HOLD: CertificateOnHold,
    Barred.UNCONFIRMED: CertificateUnconfirmed,
}


def door(visit: Visit) -> Page | Go:
    """Of whoever is logged in, the main page."""
    if visit.session is not None:
        return Go(visit.at("main"))
    who = admitted(visit)
    return Page("login", {"who": who, "found": visit.entrant.found})


def log_in(visit: Visit) -> Go:
    who = admitted(visit)
    found = visit.entrant.found
    assert found is not None  # noqa: S101  for mypy: whoever is admitted has one
    registry = visit.portal.registry.by(Actor(ActorKind.SUBSCRIBER, who.name, visit.origin))
    with Secret(visit.form.get("login_pin", b"")) as pin:
        entry.log_in(registry, visit.bank, who, pin, visit.now)
    token = new_token()
    visit.portal.sessions.begin(token, visit.bank.code, who.id, found.serial, visit.now)
    return Go(visit.at("reminder"), token)


def log_out(_visit: Visit) -> Page:
    return Page("left", cookie="")


def admitted(visit: Visit) -> Subscriber:
    """Raises why not."""
    entrant = visit.entrant
    if entrant.barred is not None or entrant.who is None:
        raise refusal(visit, entrant)
    return entrant.who


def refusal(visit: Visit, entrant: Entrant) -> EntryError:
    found, barred = entrant.found, entrant.barred or Barred.UNKNOWN
    if found is None or found.subscriber is None or barred in _PLAIN:
        return _PLAIN.get(barred, CertificateUnknown)()
    if barred is Barred.EXPIRED:
        return CertificateExpired(until=found.not_after)
    newer = visit.portal.registry.standing(found.subscriber).last
    if newer is None or newer.serial == found.serial:
        return CertificateRevoked()
    return CertificateSuperseded(serial_number=f"{newer.serial:x}", until=newer.not_after)
