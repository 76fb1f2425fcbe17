"""`tokenmgr bank subscriber add|show|change|list|unlock|open`. What takes back is in bank_taking_back.py."""

from __future__ import annotations

import dataclasses
from contextlib import ExitStack
from datetime import datetime, timedelta
from typing import Any

import click

from tokenmgr import clock
from tokenmgr.cli import bank_pins, options
from tokenmgr.cli import bank_standing as standing
from tokenmgr.cli.bank_registry import Open, fitting, open_registry
from tokenmgr.cli.bank_view import stream_columns, stream_json
from tokenmgr.cli.help import LazyGroup
from tokenmgr.cli.output import Exit, Output, table
from tokenmgr.domain.generation import State
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.errors import Taken, ValueUnfit
from tokenmgr.log import Secret
from tokenmgr.ra import passcodes
from tokenmgr.sql.administration import Change
from tokenmgr.sql.listing import Listed, Which
from tokenmgr.sql.parties import Enrolment
from tokenmgr.wiring.words import t

ROLES = tuple(role.value for role in Role)


TAKING_BACK = ("revoke", "hold", "release", "reissue")


@click.group(
    cls=LazyGroup,
    lazy={name: f"tokenmgr.cli.bank_taking_back:{name}" for name in TAKING_BACK},
    help=t("help.bank_subscriber"),
)
def subscriber() -> None:
    pass


def opens_until(bank: Bank) -> datetime:
    """To the whole second, as it is shown."""
    return clock.now().replace(microsecond=0) + timedelta(days=bank.policy.acquisition_days)


def checked_email(email: str) -> str:
    """It goes into a header of a mail."""
    if not email.isprintable():
        raise ValueUnfit(what=t("bank.email"), reason=t("bank.unprintable"))
    return email


# --- add ------------------------------------------------------------------------------------------------------------


@subscriber.command(help=t("help.bank_subscriber_add"))
@options.subscriber_arguments
@click.option("--role", required=True, type=click.Choice(ROLES), help=t("help.o_bank_role"))
@click.option("--email", default="", metavar="ADDRESS", help=t("help.o_bank_email"))
@options.fd_option("login-pin-fd", "help.o_bank_login_fd")
@options.fd_option("confirmation-pin-fd", "help.o_bank_confirmation_fd")
@options.words
def add(
    bank: str,
    contract: str,
    user: str,
    role: str,
    email: str,
    login_pin_fd: int | None,
    confirmation_pin_fd: int | None,
    as_json: bool,
) -> int:
    with open_registry() as opened:
        owner = opened.bank(bank)
        with fitting():
            new = Enrolment(bank, contract, user, Role(role), checked_email(email))
        opened.contract(bank, contract)
        if opened.registry.enrolled(bank, contract, user):  # before anybody is asked for a PIN in vain
            raise Taken(kind="subscriber", name=new.name)
        new = _with_pins(new, login_pin_fd, confirmation_pin_fd)
        new = dataclasses.replace(new, open_until=opens_until(owner))
        added = opened.administration.enrol(new)
    if as_json:
        Output().value(_as_json(added) | {"open_until": standing.instant(new.open_until)})
        return Exit.FINE
    until = standing.moment(new.open_until)
    click.echo(t("bank.subscriber_added", who=new.name, role=standing.role_word(new.role), until=until))
    return Exit.FINE


def _with_pins(new: Enrolment, login_fd: int | None, confirmation_fd: int | None) -> Enrolment:
    with (
        bank_pins.new_pin(bank_pins.LOGIN, new.name, login_fd, "--login-pin-fd") as login,
        bank_pins.new_pin(bank_pins.CONFIRMATION, new.name, confirmation_fd, "--confirmation-pin-fd") as confirmation,
    ):
        return dataclasses.replace(
            new, login_hash=passcodes.hashed(login), confirmation_hash=passcodes.hashed(confirmation)
        )


def _as_json(who: Subscriber) -> dict[str, Any]:
    return {name: getattr(who, name) for name in ("bank", "contract", "user", "email")} | {"role": who.role.value}


# --- show, list -----------------------------------------------------------------------------------------------------


@subscriber.command(help=t("help.bank_subscriber_show"))
@options.subscriber_arguments
@options.words
def show(bank: str, contract: str, user: str, as_json: bool) -> int:
    with open_registry() as opened:
        opened.bank(bank)
        found = standing.picture(opened, opened.administration.find(bank, contract, user), clock.now())
    if as_json:
        Output().value(standing.as_json(found))
    else:
        table(standing.rows(found))
    return Exit.FINE


@subscriber.command("list", help=t("help.bank_subscriber_list"))
@click.option("--bank", metavar="CODE", help=t("help.o_bank_only"))
@click.option("--contract", metavar="NUMBER", help=t("help.o_bank_only_contract"))
@click.option("--state", type=click.Choice(standing.STATES), help=t("help.o_bank_state"))
@click.option("--expires-within", "days", type=click.IntRange(0, 3660), metavar="DAYS", help=t("help.o_bank_within"))
@options.words
def list_(bank: str | None, contract: str | None, state: str | None, days: int | None, as_json: bool) -> int:
    now = clock.now()
    with open_registry() as opened:
        if bank is not None:
            opened.bank(bank)
        policies = {one.code: one.policy for one in opened.administration.banks()}
        found = (
            one
            for one in opened.administration.subscribers(_which(bank, contract, state, days, now))
            if state is None or state in standing.states(one, policies[one.subscriber.bank], now)
        )
        if as_json:
            stream_json(standing.listed_as_json(one, policies[one.subscriber.bank], now) for one in found)
        else:
            heading = [("bank", 4), ("contract", 12), ("user", 12), ("role", 13), ("expires", 23), ("left", 8)]
            stream_columns([*heading, ("state", 4)], (_cells(one, policies, now) for one in found))
    return Exit.FINE


def _which(bank: str | None, contract: str | None, state: str | None, days: int | None, now: datetime) -> Which:
    """What the database can leave out by itself; the rest is looked at row by row."""
    before = None if days is None else now + timedelta(days=days)
    is_in_time = state == "active" or days is not None
    return Which(
        bank=bank,
        contract=contract,
        state=_HAS_ONE.get(state or ""),
        reissued=state == "reissued",
        expires_from=now if is_in_time else None,
        expires_before=now if state == "expired" else before,
    )


_HAS_ONE = {"active": State.ACTIVE, "expired": State.ACTIVE, "held": State.HELD}


def _cells(one: Listed, policies: dict[str, BankPolicy], now: datetime) -> list[str]:
    who = one.subscriber
    return [
        who.bank,
        who.contract,
        who.user,
        standing.role_word(who.role),
        standing.moment(one.not_after),
        "–" if one.not_after is None else standing.left(one.not_after, now),
        standing.state_words(one, policies[who.bank], now),
    ]


# --- change, unlock, open -------------------------------------------------------------------------------------------


@subscriber.command(help=t("help.bank_subscriber_change"))
@options.subscriber_arguments
@click.option("--role", type=click.Choice(ROLES), help=t("help.o_bank_role"))
@click.option("--email", metavar="ADDRESS", help=t("help.o_bank_email"))
@click.option("--ask-login", is_flag=True, help=t("help.o_bank_ask_login"))
@click.option("--ask-confirmation", is_flag=True, help=t("help.o_bank_ask_confirmation"))
@options.fd_option("new-login-pin-fd", "help.o_bank_login_fd")
@options.fd_option("new-confirmation-pin-fd", "help.o_bank_confirmation_fd")
@options.words
def change(
    bank: str,
    contract: str,
    user: str,
    role: str | None,
    email: str | None,
    ask_login: bool,
    ask_confirmation: bool,
    new_login_pin_fd: int | None,
    new_confirmation_pin_fd: int | None,
    as_json: bool,
) -> int:
    with_login = ask_login or new_login_pin_fd is not None
    with_confirmation = ask_confirmation or new_confirmation_pin_fd is not None
    if role is None and email is None and not (with_login or with_confirmation):
        raise click.UsageError(t("bank.nothing_asked"))
    with open_registry() as opened, fitting(), ExitStack() as pins:
        opened.bank(bank)
        who = opened.administration.find(bank, contract, user)
        former = dataclasses.replace(who, email=who.email if email is None else checked_email(email))
        login = confirmation = None
        if with_login:
            login = pins.enter_context(_new_pin(bank_pins.LOGIN, former, new_login_pin_fd))
        if with_confirmation:
            confirmation = pins.enter_context(_new_pin(bank_pins.CONFIRMATION, former, new_confirmation_pin_fd))
        wanted = Change(
            email=email,
            role=Role(role) if role else None,
            login_hash=passcodes.hashed(login) if login else None,
            confirmation_hash=passcodes.hashed(confirmation) if confirmation else None,
        )
        opened.administration.change_subscriber(who.id, wanted)
        changed = opened.administration.subscriber(who.id)
    if as_json:
        pins_changed = {"login_pin_changed": with_login, "confirmation_pin_changed": with_confirmation}
        Output().value(_as_json(changed) | pins_changed)
    else:
        click.echo(t("bank.subscriber_changed", who=standing.name_of(changed)))
    return Exit.FINE


def _new_pin(which: str, who: Subscriber, descriptor: int | None) -> Secret:
    return bank_pins.new_pin(which, standing.name_of(who), descriptor, f"--new-{which.replace('_', '-')}-fd")


@subscriber.command(help=t("help.bank_subscriber_unlock"))
@options.subscriber_arguments
@options.words
def unlock(bank: str, contract: str, user: str, as_json: bool) -> int:
    with open_registry() as opened:
        opened.bank(bank)
        who = opened.administration.find(bank, contract, user)
        opened.administration.unlock(who.id)
        left_locked = standing.picture(opened, who, clock.now()).locked_by
    if as_json:
        Output().value(_as_json(who) | {"locked_by": list(left_locked)})
        return Exit.FINE
    click.echo(t("bank.unlocked", who=standing.name_of(who)))
    if left_locked:
        click.echo(t("bank.still_locked", who=t("words.and").join(left_locked)))
    return Exit.FINE


@subscriber.command("open", help=t("help.bank_subscriber_open"))
@options.subscriber_arguments
@options.words
def open_(bank: str, contract: str, user: str, as_json: bool) -> int:
    with open_registry() as opened:
        until = opens_until(opened.bank(bank))
        who = opened.administration.find(bank, contract, user)
        opened.administration.open_acquisition(who.id, until, clock.now())
        serial, not_after = _valid_one(opened, who)
    if as_json:
        Output().value(_as_json(who) | {"open_until": until.isoformat()})
        return Exit.FINE
    click.echo(t("bank.opened", who=standing.name_of(who), until=standing.moment(until)))
    if not_after is not None:
        click.echo(t("bank.has_one", serial=serial, until=standing.moment(not_after)))
    return Exit.FINE


def _valid_one(opened: Open, who: Subscriber) -> tuple[str, datetime | None]:
    last = opened.registry.standing(who.id).last
    if last is None or last.state is not State.ACTIVE or last.not_after < clock.now():
        return "", None
    return f"{last.serial:x}", last.not_after
