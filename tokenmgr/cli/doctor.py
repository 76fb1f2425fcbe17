"""`tokenmgr doctor`: what may be wrong, and the support file."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tokenmgr import __version__, config, diagnostics
from tokenmgr.cli import wiring
from tokenmgr.cli.help import Command
from tokenmgr.cli.libraries import libraries, settings
from tokenmgr.cli.output import Exit, Output, t
from tokenmgr.diagnostics import LibrarySeen, Probe
from tokenmgr.errors import FileNotWritten, LibraryUnusable, SettingsWrong, TokenmgrError
from tokenmgr.token.module import Library


@click.command(cls=Command, help=t("help.doctor"))
@click.option("--bundle", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=t("help.o_bundle"))
@wiring.common
def doctor(bundle: Path | None, as_json: bool, only: str | None) -> int:
    probes = _probes(only)
    if bundle:
        try:
            bundle.write_text(diagnostics.bundle(probes, config.home_folder()), encoding="utf-8")
        except OSError as error:
            raise FileNotWritten(file=str(bundle), reason=error.strerror or "") from error
    if as_json:
        Output().value([{"name": p.name, "state": p.state, "detail": p.detail, "facts": dict(p.facts)} for p in probes])
    else:
        click.secho(t("doctor.title", version=__version__), bold=True)
        for probe in probes:
            _tell(probe)
        if bundle:
            click.echo(t("doctor.bundle", path=bundle))
    return Exit.FINDINGS if any(probe.state == "problem" for probe in probes) else Exit.FINE


def _probes(only: str | None) -> list[Probe]:
    try:
        home = settings().home
    except SettingsWrong as error:
        return diagnostics.run(config.home_folder(), [], settings_error=f"{error.file}: {error.reason}")
    with libraries(only) as found:
        return diagnostics.run(home, [_see(library) for library in found])


def _see(library: Library) -> LibrarySeen:
    started = time.perf_counter()
    error = reason = ""
    slots = []
    try:
        slots = library.slots()
    except TokenmgrError as failure:
        error, reason = failure.code, failure.reason if isinstance(failure, LibraryUnusable) else ""
    return LibrarySeen(
        path=library.path,
        family=library.family.name,
        about=library.worker.about,
        slots=tuple(slots),
        milliseconds=(time.perf_counter() - started) * 1000,
        error=error,
        reason=reason,
        processes=(library.worker.process,) if library.worker.process else (),
    )


def _tell(probe: Probe) -> None:
    colour = {"ok": "green", "problem": "red"}.get(probe.state)
    mark = click.style(t(f"doctor.{probe.state}"), fg=colour)
    click.echo(f"{mark}  {t(f'doctor.{probe.name}')}: {probe.detail}")
    if probe.next:
        click.echo(f"    {t('words.next', text=t(f'doctor_next.{probe.next}'))}")
