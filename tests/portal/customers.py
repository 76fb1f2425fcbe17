"""Customers who are logged in, and their programs: what stands behind a page that hands over."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import timedelta

from tests.portal.rig import BANK, LOGIN_PIN, Rig, Visitor
from tokenmgr.domain.generation import Generation, StoreKind
from tokenmgr.domain.handover import Claims, Progress
from tokenmgr.domain.party import Subscriber
from tokenmgr.ra import handover

SECRET = "s" * 43


@dataclass
class Customer:
    who: Subscriber
    held: Generation
    visitor: Visitor


def customer(
    rig: Rig,
    user: str = "tanaka",
    left: timedelta = timedelta(days=20),
    bank: str = BANK,
    store: StoreKind = StoreKind.PC,
) -> Customer:
    """Logged in at the moment when so much is left."""
    who = rig.enrol(user, bank=bank)
    held = rig.certificate(who, store=store)
    rig.now = held.not_after - left
    visitor = rig.visitor(held, bank)
    assert visitor.log_in(LOGIN_PIN).status_code == 303
    return Customer(who, held, visitor)


class Program:
    """What the customer's program does with a ticket: redeems it, and tells how far it is. It makes no certificate."""

    def __init__(self, rig: Rig, ticket: str, bank: str = BANK) -> None:
        self._rig, self._bank = rig, bank
        found = rig.registry.bank(bank)
        assert found is not None
        self.claims: Claims = handover.redeem(rig.registry, found, ticket, SECRET, rig.now)

    def tell(self, progress: Progress) -> None:
        handover.tell(self._rig.registry, self._bank, self.claims.jti, SECRET, progress)


def address_in(page: str) -> str:
    """Of the link that opens the program."""
    (found,) = re.findall(r'href="(tokenmgr://[^"]+)"', page)
    return html.unescape(found)
