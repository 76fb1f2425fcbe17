"""`tokenmgr bank import FILE.csv`: look at a row, hash its PINs, add its ID; row by row, or all or nothing.

Row by row, each is durable before the next: whoever interrupts it imports the same file again, and the rows that are
in are told as registered already, without the time that hashing takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import click

from tokenmgr import system
from tokenmgr.cli import options
from tokenmgr.cli.bank_csv import Fault, Refused, Sheet
from tokenmgr.cli.bank_hashing import Hashed, hashed
from tokenmgr.cli.bank_registry import Open, open_registry
from tokenmgr.cli.bank_report import Report
from tokenmgr.cli.bank_rows import Checker, Wanted
from tokenmgr.cli.bank_subscribers import opens_until
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit
from tokenmgr.errors import NotRegistered, Taken
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.wiring.words import t

Act = Callable[[], None]  # in one transaction


@click.command("import", cls=Command, help=t("help.bank_import"))
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--all-or-nothing", is_flag=True, help=t("help.o_bank_all_or_nothing"))
@click.option("--dry-run", is_flag=True, help=t("help.o_bank_dry_run"))
@options.words
def import_(file: Path, all_or_nothing: bool, dry_run: bool, as_json: bool) -> int:
    system.keep_out_of_core_dumps()
    sheet = Sheet.open(file)
    with open_registry() as opened, Report(as_json, sheet.lines, shows_progress=not dry_run) as report:
        act: Act | None = None
        try:
            if dry_run:
                _look(opened, sheet, report)
            elif all_or_nothing:
                act = _prepared(opened, sheet, report)
            else:
                _row_by_row(opened, sheet, report)
        except KeyboardInterrupt:
            report.end(kept=not (all_or_nothing or dry_run), interrupted=True)
            return Exit.CANCELLED
        if act is not None and not report.refused:
            act()
        report.end(kept=not dry_run and not (all_or_nothing and report.refused))
    if not report.refused:
        return Exit.FINE
    return Exit.REFUSED if all_or_nothing and not dry_run else Exit.FINDINGS


def _checked(checker: Checker, sheet: Sheet) -> Iterator[Wanted | Refused]:
    for row in sheet.rows():
        yield row if isinstance(row, Refused) else checker.check(row)


def _look(opened: Open, sheet: Sheet, report: Report) -> None:
    checker = Checker(opened)
    for one in _checked(checker, sheet):
        if isinstance(one, Refused):
            report.refuse(one)
        else:
            report.add()
    report.contracts = len(checker.new_contracts)


def _row_by_row(opened: Open, sheet: Sheet, report: Report) -> None:
    for one in hashed(_checked(Checker(opened), sheet)):
        if isinstance(one, Refused):
            report.refuse(one)
            continue
        try:
            report.contracts += _added(opened, one)
        except Taken:  # by somebody else, meanwhile
            report.refuse(Refused(one.wanted.row, (Fault("user", t("bank.row_taken")),)))
        else:
            report.add()


def _added(opened: Open, one: Hashed) -> int:
    """How many contracts that took: one where the first ID of a contract comes."""
    enrolment = _enrolment(one)
    try:
        opened.administration.enrol(enrolment)
    except NotRegistered:
        made = _made(opened, _contract(one))
        opened.administration.enrol(enrolment)
        return made
    return 0


def _made(opened: Open, contract: Contract) -> int:
    try:
        opened.administration.add_contract(contract)
    except Taken:
        return 0
    return 1


def _prepared(opened: Open, sheet: Sheet, report: Report) -> Act:
    """Looked at first, since hashing takes long; hashes are kept until all are made, and no PINs. Between the two looks
    the file may have been saved anew: the second one counts."""
    for one in _checked(Checker(opened), sheet):
        if isinstance(one, Refused):
            report.refuse(one)
    checker = Checker(opened)
    enrolments: list[Enrolment] = []
    for result in hashed(_checked(checker, sheet)) if not report.refused else ():
        if isinstance(result, Refused):
            report.refuse(result)
        else:
            enrolments.append(_enrolment(result))
            report.add()

    contracts = [Contract(bank, number, name) for (bank, number), name in checker.new_contracts.items()]
    report.contracts = len(contracts)
    return lambda: opened.administration.add_all(contracts, enrolments)


def _contract(one: Hashed) -> Contract:
    return Contract(one.wanted.bank.code, one.wanted.contract, one.wanted.contract_name)


def _enrolment(one: Hashed) -> Enrolment:
    wanted = one.wanted
    return Enrolment(
        bank=wanted.bank.code,
        contract=wanted.contract,
        user=wanted.user,
        role=wanted.role,
        email=wanted.email,
        login_hash=one.login_hash,
        confirmation_hash=one.confirmation_hash,
        open_until=opens_until(wanted.bank),
    )
