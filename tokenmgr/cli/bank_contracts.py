"""`tokenmgr bank contract add|list`."""

from __future__ import annotations

import click

from tokenmgr.cli import options
from tokenmgr.cli.bank_registry import fitting, open_registry
from tokenmgr.cli.bank_view import stream_columns, stream_json
from tokenmgr.cli.help import Group
from tokenmgr.cli.output import Exit, Output
from tokenmgr.domain.party import is_name
from tokenmgr.errors import ValueUnfit
from tokenmgr.sql.parties import Contract
from tokenmgr.wiring.words import t


@click.group(cls=Group, help=t("help.bank_contract"))
def contract() -> None:
    pass


@contract.command(help=t("help.bank_contract_add"))
@click.argument("bank")
@click.argument("number")
@click.option("--name", required=True, metavar="TEXT", help=t("help.o_bank_contract_name"))
@options.words
def add(bank: str, number: str, name: str, as_json: bool) -> int:
    if not is_name(name):
        raise ValueUnfit(what=t("bank.contract_name"), reason=t("bank.fits_name"))
    with open_registry() as opened, fitting():
        opened.bank(bank)
        opened.administration.add_contract(Contract(bank, number, name))
    if as_json:
        Output().value({"bank": bank, "contract": number, "name": name})
    else:
        click.echo(t("bank.contract_added", bank=bank, number=number, name=name))
    return Exit.FINE


@contract.command("list", help=t("help.bank_contract_list"))
@click.argument("bank")
@options.words
def list_(bank: str, as_json: bool) -> int:
    with open_registry() as opened:
        opened.bank(bank)
        found = opened.administration.contracts(bank)
        if as_json:
            stream_json({"bank": one.bank, "contract": one.number, "name": one.name} for one in found)
        else:
            stream_columns([("contract", 16), ("contract_name", 20)], ((one.number, one.name) for one in found))
    return Exit.FINE
