"""`tokenmgr import`: a certificate of a CA that is not ours, written beside its key on the medium."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tokenmgr import clock
from tokenmgr.cli import opened
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, table
from tokenmgr.cli.view import certificate_as_json
from tokenmgr.clock import japan_time
from tokenmgr.customer.importing import Fitting, fitting, write
from tokenmgr.pki.bundle import certificates_in
from tokenmgr.wiring.words import chosen_language, t


@click.command("import", cls=Command, help=t("help.import"))
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE...")
@click.option("--roots", type=click.Path(path_type=Path), metavar="FILE", help=t("help.o_import_roots"))
@opened.medium_and_pin
def import_(files: tuple[Path, ...], roots: Path | None, as_json: bool, **named: Any) -> int:
    given = list(dict.fromkeys(der for file in files for der in certificates_in(opened.read_file(file), str(file))))
    believed = certificates_in(opened.read_file(roots), str(roots)) if roots else []
    with opened.medium_store(**named) as store:
        found = fitting(store, given, believed, clock.now())
        write(store, found)
        serial = store.name
    if as_json:
        Output().value(_as_json(found, serial))
    else:
        _tell(found, serial)
    return Exit.FINE


def _tell(found: Fitting, serial: str) -> None:
    facts, language = found.facts, chosen_language()
    click.secho(t("imported.there" if found.is_there else "imported.done"), fg="green")
    table(
        [
            (t("labels.serial_number"), f"{facts.serial_number:x}"),
            (t("labels.subject"), facts.subject),
            (t("imported.issuer"), facts.issuer),
            (t("labels.valid_from"), japan_time(facts.not_before, language)),
            (t("labels.valid_until"), japan_time(facts.not_after, language)),
            (t("labels.store"), t("renewing.on_medium", serial=serial)),
        ],
        indent="  ",
    )
    if not found.is_whole:
        last = found.chain[-1].issuer if found.chain else facts.issuer
        click.echo(t("imported.no_root", issuer=last))


def _as_json(found: Fitting, serial: str) -> dict[str, Any]:
    return {
        "serial": serial,
        "key": found.key.key_id.hex(),
        "certificate": certificate_as_json(found.facts),
        "chain": [certificate_as_json(one) for one in found.chain],
        "is_whole": found.is_whole,
        "was_there": found.is_there,
    }
