"""`tokenmgr doctor`: what may be wrong, and the support file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tokenmgr import __version__, diagnostics
from tokenmgr.cli import options
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.diagnostics import Probe
from tokenmgr.domain import telephone
from tokenmgr.domain.telephone import Findings, Misheard
from tokenmgr.wiring import probing
from tokenmgr.wiring.words import t, texts


@click.command(cls=Command, help=t("help.doctor"))
@click.option("--bundle", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=t("help.o_bundle"))
@click.option("--code", metavar="XXXX-XXXX", help=t("help.o_telephone"))
@options.common
def doctor(bundle: Path | None, code: str | None, as_json: bool, only: str | None) -> int:
    if code:
        return _tell_heard(_read(code), as_json)
    found = probing.probes(only)
    if bundle:
        probing.save(found, bundle)
    if as_json:
        Output().value([{"name": p.name, "state": p.state, "detail": p.detail, "facts": dict(p.facts)} for p in found])
    else:
        click.secho(t("doctor.title", version=__version__), bold=True)
        for probe in found:
            _tell(probe)
        click.echo(t("doctor.code", code=diagnostics.code(found)))
        if bundle:
            click.echo(t("doctor.bundle", path=bundle))
    return Exit.FINDINGS if any(probe.state == "problem" for probe in found) else Exit.FINE


def _tell(probe: Probe) -> None:
    colour = {"ok": "green", "problem": "red"}.get(probe.state)
    mark = click.style(t(f"doctor.{probe.state}"), fg=colour)
    click.echo(f"{mark}  {t(f'doctor.{probe.name}')}{': ' if probe.detail else ''}{probe.detail}")
    if advice := probe.advice or (probe.next and t(f"doctor_next.{probe.next}")):
        click.echo(f"    {t('words.next', text=advice)}")


# --- a code that somebody has read out ---


def _read(code: str) -> Findings:
    try:
        return telephone.read(code)
    except Misheard as error:
        raise click.BadParameter(t("doctor.misheard", code=code), param_hint="--code") from error


def _tell_heard(heard: Findings, as_json: bool) -> int:
    if as_json:
        told: dict[str, Any] = {"version": heard.version or None, "states": heard.states, "error": heard.error or None}
        Output().value(told)
        return Exit.FINE
    click.secho(t("doctor.title", version=heard.version or t("doctor.later")), bold=True)
    for probe, state in heard.states.items():
        _tell(Probe(probe, state, ""))
    if heard.error:
        click.echo(t("doctor.last_error", code=heard.error, what=texts().of_code(heard.error)))
    return Exit.FINE
