"""`tokenmgr medium show|format`."""

from __future__ import annotations

import click

from tokenmgr.cli import options, prompts
from tokenmgr.cli.check import check
from tokenmgr.cli.help import Group
from tokenmgr.cli.output import Exit, Output, table
from tokenmgr.cli.view import certificate_as_json, medium_as_json, medium_rows, until
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import MediumNotRetyped
from tokenmgr.token.module import Library, check_label
from tokenmgr.wiring import around
from tokenmgr.wiring.words import t


@click.group(cls=Group, help=t("help.medium"))
def medium() -> None:
    pass


@medium.command(help=t("help.medium_show"))
@options.medium_option
@options.common
def show(serial: str | None, as_json: bool, only: str | None) -> int:
    with around.surroundings(only) as seen:
        found = [seen.choose(serial)] if serial or not seen.media else seen.media
        shown = [(medium, _public_certificates(library, medium)) for library, medium in found]
    if as_json:
        certificates = [[certificate_as_json(c) for c in held] for _, held in shown]
        Output().value(
            [{**medium_as_json(m), "certificates": c} for (m, _), c in zip(shown, certificates, strict=True)]
        )
        return Exit.FINE
    for number, (facts, held) in enumerate(shown):
        click.echo("\n" * bool(number), nl=False)
        table([*medium_rows(facts), *((t("labels.certificates"), f"{c.subject}  {until(c)}") for c in held)])
    return Exit.FINE


def _public_certificates(library: Library, facts: MediumFacts) -> list[CertificateFacts]:
    from tokenmgr.token.session import Session  # here: it takes longer to load than a list of media takes

    if not facts.initialised:
        return []
    with Session.open(library, facts.serial) as session:
        return [c.facts for c in session.contents().certificates if c.facts and not c.facts.is_authority]


@medium.command("format", help=t("help.medium_format"))
@options.medium_option
@click.option("--label", required=True, help=t("help.o_label"))
@click.option("--retype", metavar="SERIAL", help=t("help.o_retype"))
@options.fd_option("so-pin-fd", "help.o_so_pin_fd")
@options.fd_option("new-pin-fd", "help.o_new_pin_fd")
@click.option("--final-try", is_flag=True, help=t("help.o_final"))
@options.common
def format_(
    serial: str | None,
    label: str,
    retype: str | None,
    so_pin_fd: int | None,
    new_pin_fd: int | None,
    final_try: bool,
    as_json: bool,
    only: str | None,
) -> int:
    check_label(label)
    with around.surroundings(only) as seen:
        library, facts = seen.choose(serial)
        library.refuse_format(facts)
        click.secho(t("format.warning", serial=facts.serial, label=facts.label), err=True, fg="yellow")
        typed = retype if retype is not None else click.prompt(t("format.retype"), err=True)
        if typed.strip() != facts.serial:
            raise MediumNotRetyped(expected=facts.serial)
        accepted = prompts.final_try(facts, library.family_of(facts), final_try, officer=True)
        so_pin = prompts.officer(facts, library.family_of(facts), so_pin_fd)
        with so_pin, prompts.new_pin(new_pin_fd) as new:
            fresh = library.format(facts.serial, so_pin, new, label, accepted)
    if as_json:
        Output().value(medium_as_json(fresh))
    else:
        click.echo(t("format.done", serial=fresh.serial))
    return Exit.FINE


medium.add_command(check)
