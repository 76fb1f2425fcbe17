"""`tokenmgr doctor`: what may be wrong, and the support file."""

from __future__ import annotations

from pathlib import Path

import click

from tokenmgr import __version__, config, diagnostics
from tokenmgr.cli import options
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.diagnostics import Probe
from tokenmgr.errors import FileNotWritten
from tokenmgr.wiring import probing
from tokenmgr.wiring.words import t


@click.command(cls=Command, help=t("help.doctor"))
@click.option("--bundle", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=t("help.o_bundle"))
@options.common
def doctor(bundle: Path | None, as_json: bool, only: str | None) -> int:
    found = probing.probes(only)
    if bundle:
        try:
            bundle.write_text(diagnostics.bundle(found, config.home_folder()), encoding="utf-8")
        except OSError as error:
            raise FileNotWritten(file=str(bundle), reason=error.strerror or "") from error
    if as_json:
        Output().value([{"name": p.name, "state": p.state, "detail": p.detail, "facts": dict(p.facts)} for p in found])
    else:
        click.secho(t("doctor.title", version=__version__), bold=True)
        for probe in found:
            _tell(probe)
        if bundle:
            click.echo(t("doctor.bundle", path=bundle))
    return Exit.FINDINGS if any(probe.state == "problem" for probe in found) else Exit.FINE


def _tell(probe: Probe) -> None:
    colour = {"ok": "green", "problem": "red"}.get(probe.state)
    mark = click.style(t(f"doctor.{probe.state}"), fg=colour)
    click.echo(f"{mark}  {t(f'doctor.{probe.name}')}: {probe.detail}")
    if advice := probe.advice or (probe.next and t(f"doctor_next.{probe.next}")):
        click.echo(f"    {t('words.next', text=advice)}")
