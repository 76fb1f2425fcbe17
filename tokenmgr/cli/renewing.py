"""`tokenmgr acquire|renew|resume`: a certificate from a key on the medium to the bank's confirmation."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import click

from tokenmgr.cli import bank_pins, options, other_cas, prompts
from tokenmgr.cli.help import Command as Documented
from tokenmgr.cli.options import Command
from tokenmgr.cli.output import Exit, Output, table
from tokenmgr.cli.terminal import Terminal
from tokenmgr.cli.view import certificate_as_json
from tokenmgr.clock import japan_time
from tokenmgr.customer.operations import Applicant, Counter, Outcome, Rehearsed
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import NothingUnfinished
from tokenmgr.log import Secret
from tokenmgr.renewal.journal import RENEWAL, begun
from tokenmgr.renewal.ports import StorePort
from tokenmgr.wiring import places
from tokenmgr.wiring.counter import counter
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.person import Screen
from tokenmgr.wiring.words import chosen_language, t

Reached = AbstractContextManager[tuple[Counter, Screen]]
LOGIN_FD, CONFIRMATION_FD = "--login-pin-fd", "--confirmation-pin-fd"


def _store(command: Command) -> Command:
    """Which store, and its PIN."""
    for option in (
        options.store,
        options.fd_option("pin-fd", "help.o_pin_fd"),
        click.option("--final-try", is_flag=True, help=t("help.o_final")),
        click.option("--bank", metavar="CODE", help=t("help.o_bank")),
        click.option("--no-hooks", is_flag=True, help=t("help.o_no_hooks")),
        options.common,
    ):
        command = option(command)
    return command


def _login_pins(command: Command) -> Command:
    for name, text in (("confirmation-pin-fd", "help.o_confirmation_pin_fd"), ("login-pin-fd", "help.o_login_pin_fd")):
        command = options.fd_option(name, text)(command)
    return command


yes_option = click.option("--yes", is_flag=True, help=t("help.o_store_yes"))
kind_option = click.option("--kind", type=click.Choice([kind.value for kind in KeyKind]), help=t("help.o_renew_kind"))


@click.command(cls=Documented, help=t("help.renew"))
@click.option("--certificate", default="", metavar="SERIALNUMBER", help=t("help.o_certificate"))
@click.option("--rehearse", is_flag=True, help=t("help.o_rehearse"))
@kind_option
@options.target_store
@click.option("--due", is_flag=True, help=t("help.o_renew_due"))
@yes_option
@other_cas.place_options
@_store
def renew(
    certificate: str,
    rehearse: bool,
    kind: str | None,
    due: bool,
    yes: bool,
    as_json: bool,
    bank: str | None,
    only: str | None,
    **named: Any,
) -> int:
    if due:
        from tokenmgr.cli.renewing_due import Asked, renew_due  # here: it needs this file

        told = {**named, "certificate": certificate, "rehearse": rehearse}
        return renew_due(Asked(bank, only, KeyKind(kind) if kind else None, as_json, told))
    here, there = options.where(named), options.where(named, "to_")
    target, source = (there, here) if there.is_named else (here, None)
    person = Terminal(as_json, renews=True)
    reached: Reached
    if other := other_cas.place_of(named, bank):
        reached = other_cas.counter(other, only, target, person, source, no_hooks=named["no_hooks"])
    else:
        how = {"no_hooks": named["no_hooks"], "certificate": certificate}
        reached = counter(bank, only, target, person, source, **how)
    with reached as (at, progress):
        if source:
            _confirm(at, yes)
        progress.begins(Step.CHECKED)
        wanted = KeyKind(kind) if kind else None
        if rehearse:
            return _tell_rehearsed(at.rehearse(certificate, wanted), as_json)
        outcome = at.renew(certificate, wanted)
    return _tell(outcome, as_json)


@click.command(cls=Documented, help=t("help.acquire"))
@click.option("--contract", metavar="NUMBER", help=t("help.o_contract"))
@click.option("--user", metavar="ID", help=t("help.o_user"))
@kind_option
@_login_pins
@yes_option
@other_cas.place_options
@other_cas.reference_options
@_store
def acquire(
    contract: str | None,
    user: str | None,
    kind: str | None,
    login_pin_fd: int | None,
    confirmation_pin_fd: int | None,
    yes: bool,
    as_json: bool,
    bank: str | None,
    only: str | None,
    **named: Any,
) -> int:
    target, wanted = options.where(named), KeyKind(kind) if kind else None
    if other := other_cas.place_of(named, bank):
        who = other_cas.referred(named, {"--contract": contract, "--user": user})
        how = {"secret_fd": named["secret_fd"], "no_hooks": named["no_hooks"]}
        with other_cas.counter(other, only, target, Terminal(as_json), referred=who, **how) as (there, _):
            if target.pc:
                _confirm(there, yes)
            return _tell(there.enrol(who, wanted), as_json)
    other_cas.require_alone(named)
    if contract is None or user is None:
        raise click.MissingParameter(param_type="option", param_hint="--user" if contract else "--contract")
    with counter(bank, only, target, Terminal(as_json), is_first=True, no_hooks=named["no_hooks"]) as (at, progress):
        if target.pc:
            _confirm(at, yes)
        progress.begins(Step.CHECKED)
        applicant = Applicant(contract, user, lambda: _ask_pins(progress, login_pin_fd, confirmation_pin_fd))
        outcome = at.acquire(applicant, wanted)
    return _tell(outcome, as_json)


@click.command(cls=Documented, help=t("help.resume"))
@_login_pins
@options.source_store
@other_cas.secret_option
@other_cas.give_up_option
@_store
def resume(
    login_pin_fd: int | None,
    confirmation_pin_fd: int | None,
    secret_fd: int | None,
    give_up: bool,
    as_json: bool,
    bank: str | None,
    only: str | None,
    **named: Any,
) -> int:
    target, source = options.where(named), options.where(named, "from_")
    how = {"goes_on": True, "no_hooks": named["no_hooks"], "gives_up": give_up}
    reached: Reached
    if other := None if bank else other_cas.begun(target, only):
        reached = other_cas.counter(other, only, target, Terminal(as_json), source, secret_fd=secret_fd, **how)
    else:
        if give_up:
            other_cas.require_lost(target, only, bank)
        reached = counter(bank, only, target, Terminal(as_json), source, **how)
    with reached as (at, progress):

        def ask(contract: str, user: str) -> Applicant:
            with progress.aside():
                contract = contract or click.prompt(t("renewing.ask_contract"), err=True)
                user = user or click.prompt(t("renewing.ask_user"), err=True)
            return Applicant(contract, user, lambda: _ask_pins(progress, login_pin_fd, confirmation_pin_fd))

        progress.begins(Step.CHECKED)
        try:
            outcome = at.give_up() if give_up else at.resume(ask)
        except NothingUnfinished as error:
            raise _told_where(error) from error
    return _tell(outcome, as_json) if outcome else other_cas.tell_given_up(at, as_json)


def _told_where(error: NothingUnfinished) -> NothingUnfinished:
    """The wrong medium may be in the slot: which one is the right one is in the journals."""
    there = [one.store for one in begun(settings().journal_folder) if not one.is_rehearsal]
    others = [store for store in there if store not in ("", error.serial)]
    if not others:
        return error
    command = t("seen_next.resume", serial=others[-1])
    return NothingUnfinished(serial=error.serial, way="go-on-elsewhere", elsewhere=others[-1], command=command)


def _ask_pins(progress: Screen, login_fd: int | None, confirmation_fd: int | None) -> tuple[Secret, Secret]:
    """R11: never to be mistaken for the medium's."""
    with progress.aside():
        login = bank_pins.known_pin(bank_pins.LOGIN, login_fd, LOGIN_FD)
        return login, bank_pins.known_pin(bank_pins.CONFIRMATION, confirmation_fd, CONFIRMATION_FD)


def _confirm(at: Counter, yes: bool) -> None:
    """格納先 is shown and agreed to where somebody sits there; in a script, its name is the choice (S3)."""
    if prompts.at_terminal() and not yes:
        click.echo(t("renewing.into", place=_place(at.store)), err=True)
        prompts.require_yes(t("words.agree"), default=True)


def _place(store: StorePort) -> str:
    """In words that are true of it (R7)."""
    kind = store.name.partition(":")[0] if places.is_on_pc(store.name) else store.kind.value
    return t(f"renewing.on_{kind}", serial=store.name)


def _store_as_json(store: StorePort) -> dict[str, str]:
    return {"kind": store.kind.value, "name" if store.kind is StoreKind.PC else "serial": store.name}


def _tell(outcome: Outcome, as_json: bool) -> int:
    if as_json:
        Output().value(outcome_as_json(outcome))
    else:
        tell_outcome(outcome)
    return Exit.FINE


def outcome_as_json(outcome: Outcome) -> dict[str, Any]:
    facts, store = outcome.certificate, outcome.store
    told = {"operation": outcome.operation, "certificate": certificate_as_json(facts), "store": _store_as_json(store)}
    return told | {"journal": str(outcome.journal)}


def tell_outcome(outcome: Outcome) -> None:
    """R7."""
    facts, store = outcome.certificate, outcome.store
    click.secho(t(f"renewing.{outcome.operation}_done"), fg="green")
    language = chosen_language()
    table(
        [
            (t("labels.serial_number"), f"{facts.serial_number:x}"),
            (t("labels.subject"), facts.subject),
            (t("labels.valid_from"), japan_time(facts.not_before, language)),
            (t("labels.valid_until"), japan_time(facts.not_after, language)),
            (t("labels.store"), _place(store)),
        ],
        indent="  ",
    )


def _tell_rehearsed(outcome: Rehearsed, as_json: bool) -> int:
    """That the store is as it was is said only where a look at it has shown so."""
    facts, store = outcome.certificate, outcome.store
    if as_json:
        told = {"operation": RENEWAL, "rehearsal": True, "kind": outcome.kind.value, "as_it_was": outcome.is_as_it_was}
        told |= {"certificate": certificate_as_json(facts), "store": _store_as_json(store)}
        Output().value(told | {"journal": str(outcome.journal)})
        return Exit.FINE
    click.secho(t("renewing.rehearsed"), fg="green")
    table(
        [
            (t("labels.serial_number"), f"{facts.serial_number:x}"),
            (t("labels.subject"), facts.subject),
            (t("labels.valid_until"), japan_time(facts.not_after, chosen_language())),
            (t("labels.store"), _place(store)),
            (t("renewing.tried"), t("renewing.tried_all", kind=outcome.kind.value)),
        ],
        indent="  ",
    )
    click.echo(t("renewing.as_it_was" if outcome.is_as_it_was else "renewing.not_as_it_was", serial=store.name))
    return Exit.FINE
