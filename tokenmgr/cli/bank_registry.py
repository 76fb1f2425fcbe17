"""The CA's registry, opened for one command; and what is wrong with a value, as an error with a code."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tokenmgr import clock
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.cli.actors import staff
from tokenmgr.cli.authority import ca_folder
from tokenmgr.domain.party import Bank
from tokenmgr.errors import NotRegistered, ValueUnfit
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.parties import Contract
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.wiring.words import t

# The field that a value does not fit -> what it is called, and what it takes. A field is named by whoever checked it.
_FIELDS = {
    "code": ("code", "fits_code"),
    "bank": ("bank", "fits_code"),
    "name": ("name", "fits_name"),
    "service_name": ("service_name", "fits_text"),
    "contact": ("contact", "fits_text"),
    "media_page": ("media_page", "fits_text"),
    "contract": ("contract", "fits_number"),
    "user": ("user", "fits_number"),
    "email": ("email", "fits_email"),
}


@dataclass(frozen=True)
class Open:
    folder: CaFolder
    database: Database
    administration: Administration
    registry: SqlRegistry

    def bank(self, code: str) -> Bank:
        return self.administration.bank(code)

    def contract(self, bank: str, number: str) -> Contract:
        for one in self.administration.contracts(bank):
            if one.number == number:
                return one
        raise NotRegistered(kind="contract", name=f"{bank}/{number}")


@contextmanager
def open_registry() -> Iterator[Open]:
    """Of the CA in this user's folder, on whatever database its ca.toml names."""
    folder = open_folder(ca_folder())
    database = Database.open(folder.database, new=False)
    try:
        database.migrate(clock.now(), new=False)
        yield Open(folder, database, Administration(database, staff()), SqlRegistry(database, staff()))
    finally:
        database.close()


@contextmanager
def fitting() -> Iterator[None]:
    """Values are checked where they are born, which says no more than the field's name."""
    try:
        yield
    except ValueError as error:
        if str(error) not in _FIELDS:
            raise
        what, fits = _FIELDS[str(error)]
        raise ValueUnfit(what=t(f"bank.{what}"), reason=t(f"bank.{fits}")) from error
