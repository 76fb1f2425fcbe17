"""`tokenmgr bank look show|set`: how a bank looks to its customers (R16), on its pages and in its mails."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import click

from tokenmgr.cli import bank_look_toml, options
from tokenmgr.cli.bank_registry import open_registry
from tokenmgr.cli.help import Command, Group
from tokenmgr.cli.output import Exit, Output, speaks_unicode
from tokenmgr.domain.look import Look
from tokenmgr.wiring.words import t


@click.group(cls=Group, help=t("help.bank_look"))
def look() -> None:
    pass


@look.command(cls=Command, help=t("help.bank_look_show"))
@click.argument("code")
@click.option("--mails", is_flag=True, help=t("help.o_look_mails"))
@options.words
def show(code: str, mails: bool, as_json: bool) -> int:
    with open_registry() as opened:
        opened.bank(code)
        found = opened.administration.look(code)
    if as_json:
        Output().value(bank_look_toml.as_json(found))
    else:
        for line in bank_look_toml.as_toml(found, mails, only_ascii=not speaks_unicode()):
            click.echo(line)
    return Exit.FINE


@look.command("set", cls=Command, help=t("help.bank_look_set"))
@click.argument("code")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--logo", metavar="PNG", type=click.Path(path_type=Path), help=t("help.o_look_logo"))
@click.option("--no-logo", is_flag=True, help=t("help.o_look_no_logo"))
@options.words
def set_(code: str, file: Path, logo: Path | None, no_logo: bool, as_json: bool) -> int:
    """The logo stays, since the file cannot have it in it."""
    if logo is not None and no_logo:
        raise click.UsageError(t("look.logo_or_none"))
    new = bank_look_toml.read(file)
    brought = b"" if no_logo else None if logo is None else bank_look_toml.logo(logo)

    def changed(former: Look) -> Look:
        return dataclasses.replace(new, logo=former.logo if brought is None else brought)

    with open_registry() as opened:
        bank = opened.bank(code)
        kept = opened.administration.change_look(code, changed)
    if as_json:
        Output().value(bank_look_toml.as_json(kept))
    else:
        click.echo(t("look.set", code=code, name=bank.name))
        if not kept.sender:
            click.echo(t("look.without_sender"))
    return Exit.FINE
