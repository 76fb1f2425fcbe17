"""`tokenmgr ca init|show`; its other commands are loaded when they are asked for."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from tokenmgr.ca.ceremony import KINDS, Step
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.cli import options
from tokenmgr.cli.authority import ca_folder
from tokenmgr.cli.ca_asked import DEFAULT_NAME, DEFAULT_STATUS_URL, DEFAULT_URL, Asked
from tokenmgr.cli.ca_making import Cleaned, hold_ceremony
from tokenmgr.cli.ca_view import as_value, tell
from tokenmgr.cli.help import LazyGroup
from tokenmgr.cli.output import Exit, Output
from tokenmgr.wiring.words import t

LATER = {
    "renew": "tokenmgr.cli.ca_changing:renew",
    "rollover": "tokenmgr.cli.ca_changing:roll_over",
    "move": "tokenmgr.cli.ca_changing:move",
    # They need the server's packages, which a customer's PC does not have.
    "serve": "tokenmgr.cli.serve:serve",
    "worker": "tokenmgr.cli.serve:worker",
    "audit": "tokenmgr.cli.ca_audit:audit",
    "status": "tokenmgr.cli.ca_status:status",
    "backup": "tokenmgr.cli.ca_backup:backup",
    "restore": "tokenmgr.cli.ca_restore:restore",
    "close": "tokenmgr.cli.ca_close:close",
}


@click.group(cls=LazyGroup, lazy=LATER, help=t("help.ca"))
def ca() -> None:
    pass


@ca.command(help=t("help.ca_init"))
@click.option("--name", default=DEFAULT_NAME, help=t("help.o_ca_name"))
@click.option("--keys", default="p256", type=click.Choice([kind.value for kind in KINDS]), help=t("help.o_ca_keys"))
@click.option("--library", default="", metavar="PATH", help=t("help.o_ca_library"))
@click.option("--medium", "serial", default="", metavar="SERIAL", help=t("help.o_ca_medium"))
@click.option("--url", default=DEFAULT_URL, metavar="URL", help=t("help.o_ca_url"))
@click.option("--status-url", default=DEFAULT_STATUS_URL, metavar="URL", help=t("help.o_ca_status_url"))
@click.option("--database", default="", metavar="URL", help=t("help.o_ca_database"))
@options.fd_option("pin-fd", "help.o_ca_pin_fd")
@options.fd_option("new-pin-fd", "help.o_ca_new_pin_fd")
@options.words
def init(
    name: str,
    keys: str,
    library: str,
    serial: str,
    url: str,
    status_url: str,
    database: str,
    pin_fd: int | None,
    new_pin_fd: int | None,
    as_json: bool,
) -> int:
    asked = Asked.checked(name, keys, library, serial, url, status_url, database)
    target = ca_folder()
    cleaned = hold_ceremony(target, asked, pin_fd, new_pin_fd, _quiet if as_json else _say)
    made = open_folder(target)
    _tell_trail(made)
    if as_json:
        Output().value(as_value(made) | {"leftovers": [_cleaned_as_json(one) for one in cleaned]})
        return Exit.FINE
    for one in cleaned:
        click.echo(t("ca.cleaned", folder=one.folder, keys=one.keys))
    click.echo(t("ca.made", folder=target))
    tell(made)
    if made.has_own_token:
        click.echo(t("ca.officer"))
    return Exit.FINE


@ca.command(help=t("help.ca_show"))
@options.words
def show(as_json: bool) -> int:
    found = open_folder(ca_folder())
    if as_json:
        Output().value(as_value(found))
    else:
        tell(found)
    return Exit.FINE


def _tell_trail(made: CaFolder) -> None:
    from tokenmgr.cli.actors import operator  # here: they need the server's packages
    from tokenmgr.cli.ca_registry import tell_trail_of_new

    tell_trail_of_new(made, operator())


def _say(step: Step) -> None:
    with suppress(OSError):  # whoever has stopped reading does not stop a ceremony
        click.echo(f"{step.value}/{len(Step)}  {t(f'ca_steps.{step.name.lower()}')}", err=True)


def _quiet(_step: Step) -> None:
    pass


def _cleaned_as_json(one: Cleaned) -> dict[str, Any]:
    return {"folder": str(Path(one.folder)), "keys": one.keys}
