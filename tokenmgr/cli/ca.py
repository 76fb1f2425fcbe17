"""`tokenmgr ca init|show`."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import click

from tokenmgr.ca.ceremony import KINDS, Step
from tokenmgr.ca.folder import PURPOSES, CaFolder, open_folder
from tokenmgr.cli import wiring
from tokenmgr.cli.authority import ca_folder
from tokenmgr.cli.ca_asked import DEFAULT_NAME, DEFAULT_URL, Asked
from tokenmgr.cli.ca_making import Cleaned, hold_ceremony
from tokenmgr.cli.help import LazyGroup
from tokenmgr.cli.output import Exit, Output, chosen_language, t, table
from tokenmgr.clock import japan_time

# Both need the server's packages, which a customer's PC does not have.
SERVING = {"serve": "tokenmgr.cli.serve:serve", "worker": "tokenmgr.cli.serve:worker"}


@click.group(cls=LazyGroup, lazy=SERVING, help=t("help.ca"))
def ca() -> None:
    pass


@ca.command(help=t("help.ca_init"))
@click.option("--name", default=DEFAULT_NAME, help=t("help.o_ca_name"))
@click.option("--keys", default="p256", type=click.Choice([kind.value for kind in KINDS]), help=t("help.o_ca_keys"))
@click.option("--library", default="", metavar="PATH", help=t("help.o_ca_library"))
@click.option("--medium", "serial", default="", metavar="SERIAL", help=t("help.o_ca_medium"))
@click.option("--url", default=DEFAULT_URL, metavar="URL", help=t("help.o_ca_url"))
@click.option("--database", default="", metavar="URL", help=t("help.o_ca_database"))
@wiring.fd_option("pin-fd", "help.o_ca_pin_fd")
@wiring.fd_option("new-pin-fd", "help.o_ca_new_pin_fd")
@wiring.words
def init(
    name: str,
    keys: str,
    library: str,
    serial: str,
    url: str,
    database: str,
    pin_fd: int | None,
    new_pin_fd: int | None,
    as_json: bool,
) -> int:
    asked = Asked.checked(name, keys, library, serial, url, database)
    target = ca_folder()
    cleaned = hold_ceremony(target, asked, pin_fd, new_pin_fd, _quiet if as_json else _say)
    made = open_folder(target)
    if as_json:
        Output().value(_as_json(made) | {"leftovers": [_cleaned_as_json(one) for one in cleaned]})
        return Exit.FINE
    for one in cleaned:
        click.echo(t("ca.cleaned", folder=one.folder, keys=one.keys))
    click.echo(t("ca.made", folder=target))
    _tell(made)
    if made.has_own_token:
        click.echo(t("ca.officer"))
    return Exit.FINE


@ca.command(help=t("help.ca_show"))
@wiring.words
def show(as_json: bool) -> int:
    found = open_folder(ca_folder())
    if as_json:
        Output().value(_as_json(found))
    else:
        _tell(found)
    return Exit.FINE


def _say(step: Step) -> None:
    with suppress(OSError):  # whoever has stopped reading does not stop a ceremony
        click.echo(f"{step.value}/{len(Step)}  {t(f'ca_steps.{step.name.lower()}')}", err=True)


def _quiet(_step: Step) -> None:
    pass


def _tell(found: CaFolder) -> None:
    about = found.about
    table(
        [
            (t("labels.name"), about.name),
            (t("ca.url"), about.url),
            (t("ca.database"), found.database),
            (t("ca.token"), f"{about.serial}  {about.library or t('ca.own_token')}"),
            (t("ca.created"), japan_time(about.created, chosen_language())),
        ]
    )
    for purpose in PURPOSES:
        certificate = found.certificates[purpose]
        click.echo(f"\n{t(f'ca.{purpose}')}  {certificate.name}")
        first, second = aloud(certificate.fingerprint)
        table(
            [
                (t("ca.until"), japan_time(certificate.not_after, chosen_language())),
                (t("ca.file"), str(found.path / f"{purpose}.pem")),
                ("SHA-256", first),
                ("", second),
            ],
            indent="  ",
        )


def aloud(fingerprint: str) -> tuple[str, str]:
    """In groups of four, eight to a line: what two people on a telephone can follow."""
    groups = [fingerprint[at : at + 4].upper() for at in range(0, len(fingerprint), 4)]
    return " ".join(groups[:8]), " ".join(groups[8:])


def _as_json(found: CaFolder) -> dict[str, Any]:
    about = found.about
    return {
        "folder": str(found.path),
        "name": about.name,
        "url": about.url,
        "database": found.database,
        "library": about.library,
        "serial": about.serial,
        "created": about.created.isoformat(),
        "policies": {"medium": about.policy_medium, "pc": about.policy_pc},
        "certificates": {
            purpose: {
                "name": certificate.name,
                "key_id": about.keys[purpose].hex(),
                "file": str(found.path / f"{purpose}.pem"),
                "serial_number": f"{certificate.serial:x}",
                "not_before": certificate.not_before.isoformat(),
                "not_after": certificate.not_after.isoformat(),
                "fingerprint": certificate.fingerprint,
            }
            for purpose, certificate in found.certificates.items()
        },
    }


def _cleaned_as_json(one: Cleaned) -> dict[str, Any]:
    return {"folder": str(Path(one.folder)), "keys": one.keys}
