"""One row of a CSV file -> an ID that may be added, or everything that is wrong with the row. Nothing is written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from tokenmgr.cli.bank_csv import Fault, Refused, Row
from tokenmgr.cli.bank_pins import fault as pin_fault
from tokenmgr.cli.bank_registry import Open
from tokenmgr.domain.party import Bank, Role, Subscriber, is_name
from tokenmgr.log import Secret
from tokenmgr.wiring.words import t

_PINS = ("login_pin", "confirmation_pin")
_ROLES = {role.value: role for role in Role}


@dataclass(frozen=True)
class Wanted:
    """An ID as a row has it."""

    row: int
    bank: Bank
    contract: str
    contract_name: str
    user: str
    role: Role
    email: str
    login: Secret = field(repr=False)
    confirmation: Secret = field(repr=False)


class Checker:
    """Of one pass through a file: it remembers the IDs that it has seen, and the contracts that they would make."""

    def __init__(self, opened: Open) -> None:
        self._opened = opened
        self._banks = {bank.code: bank for bank in opened.administration.banks()}
        self._names: dict[str, dict[str, str]] = {}  # bank -> contract -> name
        self._seen: dict[str, int] = {}
        self.new_contracts: dict[tuple[str, str], str] = {}

    def check(self, row: Row) -> Wanted | Refused:
        cells = {name: text if name in _PINS else text.strip() for name, text in row.cells.items()}
        faults = list(self._faults(cells))
        if not faults:
            faults = list(self._known_already(row.number, cells))
        if faults:
            return Refused(row.number, tuple(faults))
        bank, contract = cells["bank"], cells["contract"]
        if contract not in self._contracts(bank):
            self._contracts(bank)[contract] = self.new_contracts[bank, contract] = cells["contract_name"]
        return Wanted(
            row=row.number,
            bank=self._banks[bank],
            contract=contract,
            contract_name=self._contracts(bank)[contract],
            user=cells["user"],
            role=_ROLES[cells["role"]],
            email=cells["email"],
            login=Secret(cells["login_pin"]),
            confirmation=Secret(cells["confirmation_pin"]),
        )

    def _faults(self, cells: dict[str, str]) -> Iterator[Fault]:
        for name in ("bank", "contract", "user", "email"):
            if wrong := _unfit(name, cells[name]):
                yield Fault(name, wrong)
        if cells["role"] not in _ROLES:
            yield Fault("role", t("bank.fits_role"))
        for name in _PINS:
            if wrong := t("bank.row_empty") if not cells[name] else pin_fault(cells[name]):
                yield Fault(name, wrong)
        yield from self._about_contract(cells["bank"], cells["contract"], cells["contract_name"])

    def _about_contract(self, bank: str, contract: str, name: str) -> Iterator[Fault]:
        """A name is needed where the contract is to be made, and is never changed by a row."""
        if _unfit("bank", bank) or _unfit("contract", contract):
            return
        if bank not in self._banks:
            yield Fault("bank", t("bank.row_no_bank"))
            return
        known = self._contracts(bank).get(contract)
        if known is None and not name:
            yield Fault("contract_name", t("bank.row_empty"))
        elif name and not is_name(name):
            yield Fault("contract_name", t("bank.fits_name"))
        elif known is not None and name and name != known:
            yield Fault("contract_name", t("bank.row_other_name", name=known))

    def _known_already(self, row: int, cells: dict[str, str]) -> Iterator[Fault]:
        who = cells["bank"], cells["contract"], cells["user"]
        first = self._seen.setdefault("/".join(who), row)
        if first != row:
            yield Fault("user", t("bank.row_twice", row=first))
        elif self._opened.registry.enrolled(*who):
            yield Fault("user", t("bank.row_taken"))

    def _contracts(self, bank: str) -> dict[str, str]:
        if bank not in self._names:
            found = self._opened.administration.contracts(bank)
            self._names[bank] = {contract.number: contract.name for contract in found}
        return self._names[bank]


def _unfit(name: str, text: str) -> str:
    """Each by itself, with others that fit: a subscriber is held to its form one field at a time."""
    if not text and name != "email":
        return t("bank.row_empty")
    if not text.isprintable():
        return t("bank.unprintable")
    values = {"bank": "0000", "contract": "0", "user": "0", "email": "", name: text}
    try:
        Subscriber(0, values["bank"], values["contract"], values["user"], Role.USER, values["email"])
    except ValueError:
        return t(f"bank.{_FITS[name]}")
    return ""


_FITS = {"bank": "fits_code", "contract": "fits_number", "user": "fits_number", "email": "fits_email"}
