"""`tokenmgr verify`: is everything in this store as it should be."""

from __future__ import annotations

from typing import Any

import click

from tokenmgr import clock
from tokenmgr.cli import options, prompts
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.cli.terminal import Terminal
from tokenmgr.cli.view import certificate_as_json, until
from tokenmgr.token.checkup import Checkup, check
from tokenmgr.token.session import Session
from tokenmgr.wiring import around, checking, stores
from tokenmgr.wiring.places import Where
from tokenmgr.wiring.words import t


@click.command(cls=Command, help=t("help.verify"))
@options.store
@options.fd_option("pin-fd", "help.o_pin_fd")
@click.option("--final-try", is_flag=True, help=t("help.o_final"))
@options.common
def verify(as_json: bool, only: str | None, **named: Any) -> int:
    where = options.where(named)
    name, checkup = _on_pc(where, only) if where.pc else _medium(where, only)
    if as_json:
        Output().value({"name" if where.pc else "serial": name, **_as_json(checkup)})
    else:
        _tell(name, checkup)
    return Exit.FINDINGS if checkup.problems else Exit.FINE


def _medium(where: Where, only: str | None) -> tuple[str, Checkup]:
    with around.surroundings(only) as seen:
        library, facts = seen.choose(where.serial)
        again = lambda: prompts.pin(t("pins.ask_each", serial=facts.serial), where.pin_fd)  # noqa: E731
        with Session.open(library, facts.serial, ask_pin=again) as session:
            accepted = prompts.final_try(facts, session.family, where.final_try)
            with prompts.pin(t("pins.ask", serial=facts.serial), where.pin_fd) as pin:
                session.login(pin, accepted)
            return facts.serial, check(session, clock.now())


def _on_pc(where: Where, only: str | None) -> tuple[str, Checkup]:
    with stores.opened(where, only, Terminal()) as found:
        return found.store.name, checking.checkup(found.store, clock.now())


def _as_json(checkup: Checkup) -> dict[str, Any]:
    return {
        "keys": [
            {
                "id": c.key.key_id.hex(),
                "label": c.key.label,
                "kind": c.key.kind,
                "fingerprint": c.key.fingerprint,
                "certificate": certificate_as_json(c.certificate.facts)
                if c.certificate and c.certificate.facts
                else None,
            }
            for c in checkup.credentials
        ],
        "findings": [
            {"code": f.code, "subject": f.subject, "problem": f.grave, "text": t(f"findings.{f.code}")}
            for f in checkup.findings
        ],
    }


def _tell(serial: str, checkup: Checkup) -> None:
    told = set()
    for credential in checkup.credentials:
        key = credential.key
        name = key.key_id.hex()
        click.echo(t("verify.key", key_id=key.key_id.hex(), kind=key.kind, label=key.label))
        if facts := credential.facts:
            click.echo("  " + t("verify.certificate", subject=facts.subject, time=until(facts)))
        about = [finding for finding in checkup.findings if finding.subject == name]
        for finding in about:
            _tell_finding(finding.code, finding.grave)
        if not about:
            click.secho(f"  {t('verify.good')}", fg="green")
        told.add(name)
    for finding in checkup.findings:
        if finding.subject not in told:
            click.echo(finding.subject)
            _tell_finding(finding.code, finding.grave)
    click.echo(_summary(serial, checkup))


def _tell_finding(code: str, grave: bool) -> None:
    mark = t("verify.bad" if grave else "verify.note")
    click.secho(f"  {mark}: {t(f'findings.{code}')}", fg="red" if grave else None)


def _summary(serial: str, checkup: Checkup) -> str:
    if checkup.problems:
        return t("verify.problems", serial=serial, count=len(checkup.problems))
    return t("verify.fine", serial=serial, keys=len(checkup.credentials), certificates=len(checkup.certificates))
