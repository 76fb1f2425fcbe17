"""`tokenmgr bank subscriber revoke|hold|release|reissue`: by the bank's staff, each in its own name (R10).

What will happen is said first, with the certificates that it happens to; what cannot be undone wants a yes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from tokenmgr import clock
from tokenmgr.cli import bank_standing as standing
from tokenmgr.cli import options, prompts
from tokenmgr.cli.bank_registry import Open, open_registry
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.domain.generation import Generation, RevocationReason, State
from tokenmgr.domain.party import Subscriber
from tokenmgr.domain.reissue import Cause
from tokenmgr.errors import AlreadyRevoked, NotRegistered
from tokenmgr.ra import holding
from tokenmgr.ra import reissue as reissuing
from tokenmgr.ra import revoke as revoking
from tokenmgr.wiring.words import t

REASONS = {standing.reason_word(one): one for one in RevocationReason if one is not RevocationReason.HOLD}
_GONE = (State.REVOKED, State.VOID)
_BESIDE = (State.RECORDED, State.PENDING, State.SUPERSEDED)  # what a hold takes back for good


@dataclass(frozen=True)
class _Case:
    """One subscriber under one command, as it was before."""

    opened: Open
    who: Subscriber
    before: standing.Picture
    now: datetime

    @property
    def name(self) -> str:
        return standing.name_of(self.who)

    def all_of_it(self) -> list[Generation]:
        return [one for one in self.opened.administration.history(self.who.id) if one.state not in _GONE]

    def told(self, done: str, as_json: bool) -> int:
        after = standing.picture(self.opened, self.who, clock.now())
        if as_json:
            Output().value({"before": standing.as_json(self.before), "after": standing.as_json(after)})
            return Exit.FINE
        click.echo(done)
        words = {"before": standing.state_word(self.before), "after": standing.state_word(after)}
        click.echo(t("bank.from_to", **words))
        return Exit.FINE


@contextmanager
def _case(bank: str, contract: str, user: str) -> Iterator[_Case]:
    now = clock.now()
    with open_registry() as opened:
        opened.bank(bank)
        who = opened.administration.find(bank, contract, user)
        yield _Case(opened, who, standing.picture(opened, who, now), now)


def _lines(head: str, certificates: Iterable[Generation], now: datetime) -> list[str]:
    return [head, *(_line(one, now) for one in certificates)]


def _line(one: Generation, now: datetime) -> str:
    state = t(f"bank.is_{standing.state_of(one, now)}")
    return t("bank.certificate_line", serial=f"{one.serial:x}", state=state, until=standing.moment(one.not_after))


def _yes(command: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--yes", is_flag=True, help=t("help.o_bank_yes"))(command)


# --- revoke ---------------------------------------------------------------------------------------------------------


@click.command(cls=Command, help=t("help.bank_subscriber_revoke"))
@options.subscriber_arguments
@click.option("--reason", required=True, type=click.Choice(list(REASONS)), help=t("help.o_bank_reason"))
@click.option("--serial", metavar="HEX", callback=lambda _c, _p, text: _serial(text), help=t("help.o_bank_serial"))
@_yes
@options.words
def revoke(bank: str, contract: str, user: str, reason: str, serial: int | None, yes: bool, as_json: bool) -> int:
    why = REASONS[reason]
    with _case(bank, contract, user) as case:
        is_open = serial is None and case.before.standing.open_until is not None
        found = _all(case, is_open) if serial is None else [_one(case, serial)]
        lines = _lines(t("bank.will_revoke", who=case.name, reason=t(f"bank.reason_{why.value}")), found, case.now)
        closing = [t("bank.will_close", who=case.name)] if is_open else []
        prompts.agree("\n".join([*(lines if found else []), *closing]), yes)
        if serial is None:
            revoking.withdraw(case.opened.registry, case.who.id, why, clock.now())
        else:
            revoking.revoke_by_staff(case.opened.registry, case.who.id, serial, why, clock.now())
        done = [t("bank.revoked", who=case.name)] if found else []
        done += [t("bank.closed_now", who=case.name)] if is_open else []
        return case.told("\n".join(done), as_json)


def _serial(text: str | None) -> int | None:
    """As it is shown, or as others show it, with colons and capitals."""
    if text is None:
        return None
    try:
        return int(text.replace(":", ""), 16)
    except ValueError as error:
        raise click.BadParameter(text) from error


def _all(case: _Case, is_open: bool) -> list[Generation]:
    found = case.all_of_it()
    if not found and not is_open:
        raise AlreadyRevoked
    return found


def _one(case: _Case, serial: int) -> Generation:
    for one in case.opened.administration.history(case.who.id):
        if one.serial == serial:
            if one.state in _GONE:
                raise AlreadyRevoked
            return one
    raise NotRegistered(kind="generation", name=f"{serial:x}")


# --- hold, release --------------------------------------------------------------------------------------------------


@click.command(cls=Command, help=t("help.bank_subscriber_hold"))
@options.subscriber_arguments
@_yes
@options.words
def hold(bank: str, contract: str, user: str, yes: bool, as_json: bool) -> int:
    with _case(bank, contract, user) as case:
        last = holding.holdable(case.before.standing.last, case.now)
        lines = _lines(t("bank.will_hold", who=case.name), [last], case.now)
        if beside := [one for one in case.all_of_it() if one.state in _BESIDE]:
            lines += _lines(t("bank.will_end"), beside, case.now)
        prompts.agree("\n".join(lines), yes)
        holding.hold(case.opened.registry, case.who.id, clock.now())
        return case.told(t("bank.held_now", who=case.name), as_json)


@click.command(cls=Command, help=t("help.bank_subscriber_release"))
@options.subscriber_arguments
@options.words
def release(bank: str, contract: str, user: str, as_json: bool) -> int:
    with _case(bank, contract, user) as case:
        holding.release(case.opened.registry, case.who.id, case.now)
        return case.told(t("bank.released", who=case.name), as_json)


# --- reissue --------------------------------------------------------------------------------------------------------


@click.command(cls=Command, help=t("help.bank_subscriber_reissue"))
@options.subscriber_arguments
@click.option("--cause", required=True, type=click.Choice([one.value for one in Cause]), help=t("help.o_bank_cause"))
@_yes
@options.words
def reissue(bank: str, contract: str, user: str, cause: str, yes: bool, as_json: bool) -> int:
    with _case(bank, contract, user) as case:
        days = case.before.policy.acquisition_days
        head = t("bank.will_reissue", who=case.name, cause=t(f"bank.cause_{cause}"), days=days)
        if found := case.all_of_it():
            reason = t(f"bank.reason_{Cause(cause).reason.value}")
            lines = [head, *_lines(t("bank.will_take_back", reason=reason), found, case.now)]
        else:
            lines = [head, t("bank.nothing_to_take_back")]
        prompts.agree("\n".join(lines), yes)
        until = reissuing.reissue(case.opened.registry, case.who.id, Cause(cause), clock.now())
        return case.told(t("bank.reissued_now", who=case.name, until=standing.moment(until)), as_json)
