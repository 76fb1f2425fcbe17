"""Nothing is deleted from a medium but with a permit that works once (S2; domain/contents.py says what may go)."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from tokenmgr.domain.contents import Contents, PublicPart, Target, not_working, refusal
from tokenmgr.domain.credential import CertificateFacts, Credential
from tokenmgr.errors import DeletionRefused
from tokenmgr.token import making

if TYPE_CHECKING:
    from tokenmgr.token.session import Session

log = logging.getLogger(__name__)

Proof = Callable[[], None]  # raises where the successor, which is in another store, does not work


@dataclass
class DeletionPermit:
    """For exactly these things on exactly this medium, once. Given out by Session.permit_deletion, and everything that
    was asked then is asked again when it is used: another permit may have been used meanwhile."""

    serial: str
    targets: tuple[Target, ...]
    successor: Credential | None
    now: datetime
    elsewhere: Proof | None = None
    used: bool = False


def hold(session: Session, permit: DeletionPermit) -> Contents:
    """Whether it still stands; what is on the medium now."""
    # Only the user sees private keys on every token, and what is not seen would count as unused. The officer uses a
    # permit that the user was given.
    role, by_officer = session.role(), permit.used and session.family.by_officer
    if session.medium.needs_pin and role != "user" and not (role == "officer" and by_officer):
        raise DeletionRefused(serial=permit.serial, reason="not logged in")
    contents, successor = session.contents(), permit.successor
    held = contents.keys, contents.certificates
    if reason := refusal(permit.targets, *held, successor, permit.now, bool(permit.elsewhere)):
        raise DeletionRefused(serial=permit.serial, reason=reason)
    if permit.elsewhere is not None:
        permit.elsewhere()
    elif successor is not None and successor.facts is not None:
        _require_chain(session, successor.facts, contents)
        if not by_officer:  # the officer cannot sign, and need not: it was proven
            session.prove(successor.key, successor.facts.public_key)
    return contents


def delete(session: Session, permit: DeletionPermit) -> None:
    """Certificates before keys: cut short, it leaves an idle key, not a certificate that cannot log in. A public
    part goes after its key: nobody could tell whose a key is that is left alone."""
    if permit.used or permit.serial != session.medium.serial:
        raise DeletionRefused(serial=session.medium.serial, reason="permit used, or for another medium")
    permit.used = True
    contents = hold(session, permit)
    making.require_officer(session)
    for certificate in contents.certificates:
        if certificate in permit.targets:
            session._destroy(certificate.handle)
    for key in contents.keys:
        if key in permit.targets:
            session._destroy(key.handle)
            if any(one["handle"] == key.handle for one in session._find({"CLASS": "PRIVATE_KEY", "ID": key.key_id})):
                raise DeletionRefused(serial=session.medium.serial, reason="the key is still there")
            for public in session._public_parts(key):
                session._destroy(public)
    for lonely in permit.targets:
        if isinstance(lonely, PublicPart):
            for item in session._find({"CLASS": "PUBLIC_KEY", "ID": lonely.key_id}):
                session._destroy(item["handle"])
    log.info("%d objects deleted from %s", len(permit.targets), session.medium.serial)


def require_works(session: Session, one: Credential, now: datetime) -> None:
    contents = session.contents()
    if reason := not_working(one, contents.keys, contents.certificates, now):
        raise DeletionRefused(serial=session.medium.serial, reason=reason)
    assert one.facts is not None  # noqa: S101  what works has some
    _require_chain(session, one.facts, contents)
    session.prove(one.key, one.facts.public_key)


def _require_chain(session: Session, facts: CertificateFacts, contents: Contents) -> None:
    from tokenmgr.pki.chain import chain_of

    broken = chain_of(facts, [c.facts for c in contents.certificates if c.facts])[1]
    if broken and (session.family.certificates.chain or broken != "chain-missing"):
        raise DeletionRefused(serial=session.medium.serial, reason="the successor's chain is not whole")
