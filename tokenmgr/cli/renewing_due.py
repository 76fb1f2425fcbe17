"""`tokenmgr renew --due`: what is due where no PIN is needed is renewed; of everything else it is told what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import click

from tokenmgr.cli import options
from tokenmgr.cli.due import remind
from tokenmgr.cli.output import Output, error_as_json, exit_of, tell_error
from tokenmgr.cli.renewing import outcome_as_json, tell_outcome
from tokenmgr.cli.status import as_value, exit_of_look, tell_look
from tokenmgr.cli.terminal import Terminal
from tokenmgr.customer.due import Alone, alone
from tokenmgr.customer.operations import Outcome
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import Cancelled, LeftForLater, TokenmgrError
from tokenmgr.wiring import places
from tokenmgr.wiring.counter import counter
from tokenmgr.wiring.looked import Looked, look
from tokenmgr.wiring.words import t

NOT_WITH = (
    "certificate",
    "rehearse",
    "pin_fd",
    "final_try",
    "to_medium",
    "to_pc",
    "to_pin_fd",
    "cmp",
    "cmp_roots",
    "cmp_tls_roots",
)


@dataclass(frozen=True)
class Asked:
    """What stands on the command line."""

    bank: str | None
    only: str | None
    kind: KeyKind | None
    as_json: bool
    named: dict[str, Any]


@dataclass
class Done:
    renewed: list[Outcome] = field(default_factory=list)
    failed: list[tuple[Alone, TokenmgrError]] = field(default_factory=list)

    @property
    def new(self) -> set[int]:
        return {one.certificate.serial_number for one in self.renewed}


def renew_due(asked: Asked) -> int:
    """Looked at again after each round: what was unfinished is followed by what was due besides. Each is tried once."""
    given = [asked.named.get(name) for name in NOT_WITH]
    if any(one is not None and one is not False and one != "" for one in given):  # a descriptor may be 0
        raise click.UsageError(t("renewing.due_alone"))
    where, done, tried = options.where(asked.named), Done(), set[Alone]()
    while True:
        looked = look(where, asked.only, asked.bank)
        todo = [one for one in alone(looked.found) if one not in tried and one.certificate not in done.new]
        if not todo:
            break
        for one in todo:
            tried.add(one)
            _renew(one, asked, done)
    return _tell(looked.pressing(done.new), done, asked.as_json)


def _renew(one: Alone, asked: Asked, done: Done) -> None:
    """What stands in the way of one stands in no other's."""
    target = places.by_name(one.store, options.where(asked.named))
    number = "" if one.certificate is None else f"{one.certificate:x}"
    try:
        with counter(one.bank, asked.only, target, Terminal(asked.as_json), no_hooks=asked.named["no_hooks"]) as (
            at,
            _progress,
        ):
            outcome = at.renew(number, asked.kind)
    except (LeftForLater, Cancelled):
        raise
    except TokenmgrError as error:
        done.failed.append((one, error))
        if not asked.as_json:
            tell_error(error)
    else:
        done.renewed.append(outcome)
        if not asked.as_json:
            tell_outcome(outcome)


def _tell(left: Looked, done: Done, as_json: bool) -> int:
    if as_json:
        renewed = [outcome_as_json(one) for one in done.renewed]
        failed = [_failed_as_json(one, error) for one, error in done.failed]
        Output().value({"renewed": renewed, "failed": failed, "left": as_value(left)})
    else:
        tell_look(left)
        if not done.renewed and not done.failed:
            remind(left.found, left.troubles, on_desktop=False, as_json=False)
    return exit_of(done.failed[0][1]) if done.failed else exit_of_look(left)


def _failed_as_json(one: Alone, error: TokenmgrError) -> dict[str, Any]:
    number = None if one.certificate is None else f"{one.certificate:x}"
    return {"store": one.store, "bank": one.bank, "certificate": number, "error": error_as_json(error)}
