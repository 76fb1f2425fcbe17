"""A CA's past, for a demonstration: the rooms that `tokenmgr ca serve` puts together, in this process, by a clock that
is told. No rule of ours asks for the time by itself. So a certificate that ran out ten days ago is made by issuing it a
year and ten days ago: to the CA, to the store and to browsers it is as old as it says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from tokenmgr.api import publications
from tokenmgr.api.cmp import Front
from tokenmgr.api.http import as_json
from tokenmgr.api.service import Service
from tokenmgr.ca import ceremony, staging
from tokenmgr.ca.ceremony import Plan
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.ca.issuer import Issuer
from tokenmgr.cli.actors import machine
from tokenmgr.cli.authority import TokenKeys, make_token, open_authority, own_token
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.party import Bank
from tokenmgr.domain.standing import Standing
from tokenmgr.log import Secret
from tokenmgr.ra import acquire
from tokenmgr.renewal.authority import Offer, Ticket, offer_of, standing_of
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.token.session import Session


class Past:
    """`now` is put forward by whoever tells it, and never back."""

    def __init__(self, service: Service, moment: Moment) -> None:
        self.registry, self.administration = service.registry, service.administration
        self.service, self._moment = service, moment

    @property
    def now(self) -> datetime:
        return self._moment.now

    def comes(self, moment: datetime) -> None:
        self._moment.now = max(moment, self._moment.now)


@dataclass
class Moment:
    now: datetime


def found(target: Path, pin: Secret, name: str, urls: tuple[str, str], moment: datetime) -> CaFolder:
    """The steps of `tokenmgr ca init`, held at that moment. `urls`: the service's, and its status service's."""
    folder = staging.create(target)
    serial = make_token(folder, pin)
    with own_token(folder) as library, Session.open(library, serial, write=True) as session:
        session.login(pin)
        plan = Plan(name, KeyKind.P256, *urls, database="", library="", serial=serial)
        ceremony.make(plan, folder, TokenKeys(session), moment, lambda _step: None)
    staging.settle(folder, target)
    return open_folder(target)


@contextmanager
def past(folder: CaFolder, pin: Secret, shared: Path, began: datetime) -> Iterator[Past]:
    moment = Moment(began)
    with (
        closing(Database.open(folder.database, clock=lambda: moment.now)) as database,
        open_authority(folder, pin, shared) as keys,
    ):
        database.migrate(began)
        registry, administration = SqlRegistry(database, machine()), Administration(database, machine())
        service = Service(registry, administration, Issuer(keys, folder.profile), keys, lambda: moment.now)
        yield Past(service, moment)


class Near:
    """That CA as one of its banks' customers reach it (renewal/ports.py), without a network between."""

    def __init__(self, past: Past, bank: Bank, address: str) -> None:
        self.address = address
        self._past, self._bank, self._front = past, bank, Front(past.service)

    def offer(self) -> Offer:
        return offer_of(_told(publications.bank_offer(self._past.service, self._bank.code)))

    def standing(self, fingerprint: str) -> Standing:
        return standing_of(_told(publications.key_standing(self._past.service, self._bank.code, fingerprint)))

    def claim(self, contract: str, user: str, login_pin: Secret, confirmation_pin: Secret, store: str) -> Ticket:
        claim = acquire.Claim(contract, user, login_pin, confirmation_pin, StoreKind(store))
        proven = acquire.begin(self._past.registry, self._bank, claim, self._past.now)
        return Ticket(proven.reference, Secret(proven.secret), store)

    def exchange(self, message: bytes) -> bytes:
        return self._front.answer(self._bank, "", message)


def _told(answer: dict[str, object]) -> object:
    return json.loads(bytes(as_json(answer).body))
