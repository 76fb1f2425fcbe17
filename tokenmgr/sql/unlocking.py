"""ロック解除: the wrong login PINs of an ID are forgiven, and it is known by whom (R11)."""

from __future__ import annotations

from sqlalchemy import Connection

from tokenmgr.domain.audit import Action, Actor
from tokenmgr.domain.party import Subscriber
from tokenmgr.ra.ports import Asked
from tokenmgr.sql import asking, tries
from tokenmgr.sql.locks import lock_subscriber
from tokenmgr.sql.trail import note_of


def unlock(connection: Connection, by: Actor, who: Subscriber, asked: Asked | None) -> None:
    """The same form again forgives nothing that was tried meanwhile (S6)."""
    lock_subscriber(connection, who.id)
    if asking.is_new(connection, asked, who.id):
        tries.forgive(connection, who.bank, who.contract, who.user)
        note_of(connection, by, Action.SUBSCRIBER_UNLOCKED, who.id)
