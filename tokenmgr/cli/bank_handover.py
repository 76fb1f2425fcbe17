"""`tokenmgr bank handover key make|add|list|withdraw`, `… ticket`: what a bank's page signs its hand-overs with, and
tickets to try before there is a page."""

from __future__ import annotations

import secrets
from datetime import timedelta
from pathlib import Path

import click

from tokenmgr import clock
from tokenmgr.cli import bank_standing as standing
from tokenmgr.cli import options
from tokenmgr.cli.bank_registry import fitting, open_registry
from tokenmgr.cli.bank_view import stream_columns
from tokenmgr.cli.help import Command, Group
from tokenmgr.cli.output import Exit, Output
from tokenmgr.domain.handover import AUDIENCE, LIVES, Act, Claims, Unreadable, claims_of, payload_of, place_of
from tokenmgr.domain.party import Role, Subscriber
from tokenmgr.errors import FileUnreadable, TokenmgrError, ValueUnfit
from tokenmgr.keystore.export import write
from tokenmgr.pki import handover as tickets
from tokenmgr.pki import p256
from tokenmgr.sql.handovers import HandoverKey
from tokenmgr.wiring.words import t

MINUTES, MOST = 5, LIVES // timedelta(minutes=1)
ADDRESS = "tokenmgr://{act}?t={ticket}"


@click.group(cls=Group, help=t("help.bank_handover"))
def handover() -> None:
    pass


@handover.group(cls=Group, help=t("help.bank_handover_key"))
def key() -> None:
    pass


# --- the keys ---


@key.command(cls=Command, help=t("help.bank_handover_key_make"))
@click.argument("bank")
@click.argument("file", type=click.Path(path_type=Path))
@options.words
def make(bank: str, file: Path, as_json: bool) -> int:
    """Its file first: a key that is registered and lost would be in nobody's hands."""
    made = p256.new_key()
    new = _registered(p256.spki_of(made))
    with open_registry() as opened:
        opened.bank(bank)
        write(file, p256.private_pem(made))
        try:
            opened.administration.add_handover_key(bank, new)
        except TokenmgrError:
            file.unlink()  # nor is one of any use that was not registered
            raise
    return _said("bank.handover_key_made", bank, new.kid, as_json, file=str(file))


@key.command(cls=Command, help=t("help.bank_handover_key_add"))
@click.argument("bank")
@click.argument("file", type=click.Path(path_type=Path))
@options.words
def add(bank: str, file: Path, as_json: bool) -> int:
    try:
        (found,) = p256.public_keys_in(_read(file).decode("ascii"))
    except ValueError as error:  # also: not ASCII, or several
        raise ValueUnfit(what=t("bank.handover_file"), reason=t("bank.fits_public_key")) from error
    new = _registered(found)
    with open_registry() as opened:
        opened.bank(bank)
        opened.administration.add_handover_key(bank, new)
    return _said("bank.handover_key_added", bank, new.kid, as_json)


@key.command("list", cls=Command, help=t("help.bank_handover_key_list"))
@click.argument("bank")
@options.words
def list_(bank: str, as_json: bool) -> int:
    with open_registry() as opened:
        opened.bank(bank)
        found = opened.administration.handover_keys(bank)
    if as_json:
        Output().value([_as_json(one) for one in found])
    elif found:
        stream_columns([("kid", 16), ("added_at", 24)], ((one.kid, standing.moment(one.added_at)) for one in found))
    else:
        click.echo(t("bank.handover_no_key"))
    return Exit.FINE


@key.command(cls=Command, help=t("help.bank_handover_key_withdraw"))
@click.argument("bank")
@click.argument("kid")
@options.words
def withdraw(bank: str, kid: str, as_json: bool) -> int:
    with open_registry() as opened:
        opened.bank(bank)
        opened.administration.withdraw_handover_key(bank, kid)
    return _said("bank.handover_key_withdrawn", bank, kid, as_json)


def _as_json(one: HandoverKey) -> dict[str, object]:
    return {"kid": one.kid, "added_at": one.added_at, "key": p256.public_pem(one.public_key)}


def _registered(public_key: bytes) -> HandoverKey:
    return HandoverKey(p256.kid_of(public_key), public_key, clock.now())


def _said(text: str, bank: str, kid: str, as_json: bool, **more: str) -> int:
    if as_json:
        Output().value({"bank": bank, "kid": kid} | more)
    else:
        click.echo(t(text, bank=bank, kid=kid, **more))
        click.echo(t("bank.handover_hand_out", bank=bank))
    return Exit.FINE


# --- a ticket to try with ---


@handover.command(cls=Command, help=t("help.bank_handover_ticket"))
@click.option(
    "--key", "file", metavar="FILE", required=True, type=click.Path(path_type=Path), help=t("help.o_handover_key")
)
@click.option("--bank", metavar="CODE", required=True, help=t("help.o_handover_bank"))
@click.option("--origin", metavar="URL", required=True, help=t("help.o_handover_origin"))
@click.option("--contract", metavar="NUMBER", required=True, help=t("help.o_handover_contract"))
@click.option("--user", metavar="ID", required=True, help=t("help.o_handover_user"))
@click.option("--act", type=click.Choice([one.value for one in Act]), default="renew", help=t("help.o_handover_act"))
@click.option("--serial", metavar="HEX", default="", help=t("help.o_handover_serial"))
@click.option(
    "--minutes", metavar="N", type=click.IntRange(1, MOST), default=MINUTES, help=t("help.o_handover_minutes")
)
@click.option("--scheme", is_flag=True, help=t("help.o_handover_scheme"))
@options.words
def ticket(
    file: Path,
    bank: str,
    origin: str,
    contract: str,
    user: str,
    act: str,
    serial: str,
    minutes: int,
    scheme: bool,
    as_json: bool,
) -> int:
    """It asks no CA: a bank's developers try with it wherever they are."""
    with fitting():
        Subscriber(0, bank, contract, user, Role.USER)
    if place_of(origin) is None:
        raise ValueUnfit(what=t("bank.handover_origin"), reason=t("bank.fits_origin"))
    now = clock.now().replace(microsecond=0)
    ends = now + timedelta(minutes=minutes)
    jti = secrets.token_urlsafe(16)
    claims = Claims(bank, AUDIENCE, jti, now, ends, origin, act, contract, user, serial)
    try:
        claims_of(payload_of(claims))
    except Unreadable as error:  # all else was looked at
        raise ValueUnfit(what=t("bank.serial"), reason=t("bank.fits_serial")) from error
    made = tickets.issue(claims, _private(file))
    said = ADDRESS.format(act=act, ticket=made) if scheme else made
    if as_json:
        Output().value({"ticket": said, "jti": jti, "expires_at": ends})
    else:
        click.echo(said)
    return Exit.FINE


def _private(file: Path) -> p256.PrivateKey:
    try:
        return p256.read_private(_read(file))
    except ValueError as error:
        raise ValueUnfit(what=t("bank.handover_file"), reason=t("bank.fits_private_key")) from error


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise FileUnreadable(file=str(file), reason=error.strerror or "") from error
