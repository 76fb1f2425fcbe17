"""`tokenmgr bank rehearse ask|report`: whose renewals would go through, and who would fail and why."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from tokenmgr import clock
from tokenmgr.cli import bank_standing as standing
from tokenmgr.cli import options
from tokenmgr.cli.bank_export import STDOUT, write_csv, written_whole
from tokenmgr.cli.bank_registry import Open, open_registry
from tokenmgr.cli.bank_view import dumped, stream_columns, stream_json
from tokenmgr.cli.help import Command, Group
from tokenmgr.cli.output import Exit, Output, while_read
from tokenmgr.clock import japan_time
from tokenmgr.domain.party import Role
from tokenmgr.domain.rehearsal import Prospect, prospect, refusals
from tokenmgr.sql.rehearsals import Candidate
from tokenmgr.wiring.words import t, texts

COLUMNS = [("contract", 12), ("user", 12), ("prospect", 16), ("prospect_at", 23), ("store", 10), ("prospect_why", 4)]
HEADER = ("bank", "contract", "user", "role", "prospect", "at", "store", "code", "step", "why", "asked_at")


@click.group(cls=Group, help=t("help.bank_rehearse"))
def rehearse() -> None:
    pass


@rehearse.command(cls=Command, help=t("help.bank_rehearse_ask"))
@click.argument("bank")
@click.argument("contract", required=False)
@click.option("--take-back", is_flag=True, help=t("help.o_bank_take_back"))
@options.words
def ask(bank: str, contract: str | None, take_back: bool, as_json: bool) -> int:
    with open_registry() as opened:
        _found(opened, bank, contract)
        if take_back:
            count = opened.administration.take_back_rehearsals(bank, contract)
        else:
            count = opened.administration.ask_rehearsals(bank, contract, clock.now())
    if as_json:
        Output().value({"bank": bank, "contract": contract, "asked": not take_back, "subscribers": count})
    else:
        whom = f"{bank}/{contract}" if contract else bank
        click.echo(t("bank.rehearsal_taken_back" if take_back else "bank.rehearsal_asked", whom=whom, count=count))
    return Exit.FINE


@rehearse.command(cls=Command, help=t("help.bank_rehearse_report"))
@click.argument("bank")
@click.argument("contract", required=False)
@click.option("--csv", "file", metavar="FILE", help=t("help.o_bank_report_csv"))
@options.words
def report(bank: str, contract: str | None, file: str | None, as_json: bool) -> int:
    if file is not None and as_json:
        raise click.UsageError(t("bank.csv_or_json"))
    with open_registry() as opened:
        _found(opened, bank, contract)
        told = _Report(opened, bank, contract)
        if as_json:
            stream_json((one.as_json for one in told), '{\n  "subscribers": [', "],\n", "    ")
            click.echo(f'  "counts": {dumped(told.counts)}\n}}')
        elif file == STDOUT:
            write_csv(HEADER, (one.exported for one in while_read(told)), sys.stdout.buffer)
        elif file is not None:
            with written_whole(Path(file)) as whole:
                count = write_csv(HEADER, (one.exported for one in told), whole)
            click.echo(t("bank.exported", file=file, count=count))
        else:
            stream_columns(COLUMNS, (one.cells for one in told))
        if not as_json and file != STDOUT:
            click.echo(told.summary)
    return Exit.FINDINGS if told.somebody_would_fail else Exit.FINE


def _found(opened: Open, bank: str, contract: str | None) -> None:
    opened.bank(bank)
    if contract is not None:
        opened.contract(bank, contract)


class _Report:
    """Read once, row by row; the sums are whole when that has come to its end."""

    def __init__(self, opened: Open, bank: str, contract: str | None) -> None:
        self._candidates = opened.administration.candidates(bank, contract)
        self._counted: Counter[Prospect] = Counter()

    def __iter__(self) -> Iterator[_Row]:
        now = clock.now()
        for one in self._candidates:
            row = _Row(one, now)
            self._counted[row.prospect] += 1
            yield row

    @property
    def counts(self) -> dict[str, int]:
        return {one.value: self._counted[one] for one in Prospect}

    @property
    def somebody_would_fail(self) -> bool:
        return any(one.would_fail for one in self._counted)

    @property
    def summary(self) -> str:
        return t("bank.prospects", **{name.replace("-", "_"): count for name, count in self.counts.items()})


@dataclass(frozen=True)
class _Row:
    candidate: Candidate
    now: datetime

    @property
    def refused(self) -> tuple[str, ...]:
        s = self.candidate.standing
        is_locked = self.candidate.tries_spent >= s.bank.policy.wrong_pins
        is_user = s.subscriber.role is Role.USER
        return refusals(s.last, s.pending, s.bank.policy, self.now, is_user, is_locked)

    @property
    def prospect(self) -> Prospect:
        return prospect(self.candidate.rehearsed, bool(self.refused))

    @property
    def why(self) -> str:
        """In words; empty where nothing is wrong."""
        known = self.candidate.rehearsed
        if self.prospect is Prospect.REFUSED:
            return t("words.and").join(t(f"facts.{reason}") for reason in self.refused)
        if self.prospect is Prospect.FAILED:
            return t("bank.failed_in", code=known.code, what=texts().of_code(known.code), step=known.step)
        return ""

    @property
    def at(self) -> datetime | None:
        return self.candidate.rehearsed.ended_at if self.prospect in (Prospect.PASSED, Prospect.FAILED) else None

    @property
    def store(self) -> str:
        """Where it was rehearsed."""
        known = self.candidate.rehearsed
        return known.store.value if self.at and known.store else ""

    @property
    def cells(self) -> tuple[str, ...]:
        who = self.candidate.standing.subscriber
        store = t(f"bank.{self.store}") if self.store else "–"
        word = t(f"bank.prospect_{self.prospect.value}")
        return who.contract, who.user, word, standing.moment(self.at), store, self.why

    @property
    def as_json(self) -> dict[str, Any]:
        who, known = self.candidate.standing.subscriber, self.candidate.rehearsed
        failed = self.prospect is Prospect.FAILED
        return {
            "bank": who.bank,
            "contract": who.contract,
            "user": who.user,
            "role": who.role.value,
            "prospect": self.prospect.value,
            "at": standing.instant(self.at),
            "store": self.store or None,
            "code": known.code if failed else None,
            "step": known.step if failed else None,
            "refused": list(self.refused),
            "why": self.why or None,
            "asked_at": standing.instant(known.asked_at),
            "asked_by": known.asked_by or None,
        }

    @property
    def exported(self) -> tuple[str, ...]:
        told = self.as_json | {name: _english(moment) for name, moment in self._moments.items()}
        return tuple(str(told[name] or "") for name in HEADER)

    @property
    def _moments(self) -> dict[str, datetime | None]:
        return {"at": self.at, "asked_at": self.candidate.rehearsed.asked_at}


def _english(moment: datetime | None) -> str:
    return "" if moment is None else japan_time(moment, "en")
