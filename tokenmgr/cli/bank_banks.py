"""`tokenmgr bank add|list|show|change`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from tokenmgr.cli import bank_policy, options
from tokenmgr.cli.bank_registry import fitting, open_registry
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, columns, table
from tokenmgr.domain.generation import State
from tokenmgr.domain.party import Bank, is_page
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.errors import ValueUnfit
from tokenmgr.wiring.words import t

_SHOWN = ("code", "name", "service_name", "contact", "media_page")


def _profile(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--set", "pairs", metavar="KEY=VALUE", multiple=True, help=t("help.o_bank_set")),
        click.option("--policy", metavar="FILE", type=click.Path(path_type=Path), help=t("help.o_bank_policy")),
        click.option("--media-page", metavar="URL", help=t("help.o_bank_media_page")),
        click.option("--contact", metavar="TEXT", help=t("help.o_bank_contact")),
        click.option("--service-name", metavar="TEXT", help=t("help.o_bank_service")),
    ):
        command = option(command)
    return command


def _given(**texts: str | None) -> dict[str, str]:
    """What is typed is a page's address or none; a registry of before may have another word there."""
    if (page := texts.get("media_page")) and not is_page(page):
        raise ValueUnfit(what=t("bank.media_page"), reason=t("bank.fits_page"))
    return {name: text for name, text in texts.items() if text is not None}


@click.command(cls=Command, help=t("help.bank_add"))
@click.argument("code")
@click.option("--name", required=True, metavar="TEXT", help=t("help.o_bank_name"))
@_profile
@options.words
def add(
    code: str,
    name: str,
    service_name: str | None,
    contact: str | None,
    media_page: str | None,
    policy: Path | None,
    pairs: tuple[str, ...],
    as_json: bool,
) -> int:
    wanted = bank_policy.changed(BankPolicy(), policy, pairs)
    with fitting():
        new = Bank(code, name, wanted, **_given(service_name=service_name, contact=contact, media_page=media_page))
    with open_registry() as opened:
        opened.administration.add_bank(new)
    return _said("bank.added", new, as_json)


@click.command("list", cls=Command, help=t("help.bank_list"))
@options.words
def list_(as_json: bool) -> int:
    with open_registry() as opened:
        found = opened.administration.banks()
    if as_json:
        Output().value([_as_json(one) for one in found])
    elif found:
        columns([[t(f"bank.{name}") for name in _SHOWN[:4]], *([getattr(b, n) for n in _SHOWN[:4]] for b in found)])
    else:
        click.echo(t("bank.nobody"))
    return Exit.FINE


@click.command(cls=Command, help=t("help.bank_show"))
@click.argument("code")
@options.words
def show(code: str, as_json: bool) -> int:
    with open_registry() as opened:
        found = opened.bank(code)
        counts = opened.administration.counts(code)
    certificates = {
        "certificates": counts.generations.get(State.ACTIVE, 0),
        "held": counts.generations.get(State.HELD, 0),
        "reissued": counts.reissued,
    }
    if as_json:
        Output().value(
            _as_json(found) | {"contracts": counts.contracts, "subscribers": counts.subscribers} | certificates
        )
        return Exit.FINE
    table(
        [
            *((t(f"bank.{name}"), getattr(found, name) or "–") for name in _SHOWN),
            (t("bank.contracts"), str(counts.contracts)),
            (t("bank.subscribers"), str(counts.subscribers)),
            *((t(f"bank.{name}"), str(number)) for name, number in certificates.items()),
        ],
        indent="# ",  # what follows is a file that `--policy` takes, and so is the whole
    )
    click.echo(f"\n# {t('bank.policy')}")
    for line in bank_policy.as_toml(found.policy):
        click.echo(line)
    return Exit.FINE


@click.command(cls=Command, help=t("help.bank_change"))
@click.argument("code")
@click.option("--name", metavar="TEXT", help=t("help.o_bank_name"))
@_profile
@options.words
def change(
    code: str,
    name: str | None,
    service_name: str | None,
    contact: str | None,
    media_page: str | None,
    policy: Path | None,
    pairs: tuple[str, ...],
    as_json: bool,
) -> int:
    with open_registry() as opened:
        opened.bank(code)
        policed = bank_policy.changing(policy, pairs)
        texts = _given(name=name, service_name=service_name, contact=contact, media_page=media_page)

        def changed(former: Bank) -> Bank:
            return dataclasses.replace(former, policy=policed(former.policy), **texts)

        with fitting():
            new = opened.administration.change_bank(code, changed)
    return _said("bank.changed", new, as_json)


def _said(text: str, bank: Bank, as_json: bool) -> int:
    if as_json:
        Output().value(_as_json(bank))
    else:
        click.echo(t(text, code=bank.code, name=bank.name))
    return Exit.FINE


def _as_json(bank: Bank) -> dict[str, object]:
    return {name: getattr(bank, name) for name in _SHOWN} | {"policy": bank_policy.as_json(bank.policy)}
