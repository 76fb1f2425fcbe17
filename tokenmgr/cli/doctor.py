"""`tokenmgr doctor`: what may be wrong, and the support file."""

from __future__ import annotations

import time
from pathlib import Path

import click

from tokenmgr import __version__, config, diagnostics
from tokenmgr.cli import wiring
from tokenmgr.cli.help import Command
from tokenmgr.cli.libraries import libraries, settings
from tokenmgr.cli.output import Exit, Output, t, texts
from tokenmgr.diagnostics import LibrarySeen, Probe
from tokenmgr.domain.presence import Missing, Plugged
from tokenmgr.errors import DriverWrong, FileNotWritten, LibraryNotReady, SettingsWrong, TokenmgrError
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
        bus = wiring.look_at_usb()
    except SettingsWrong as error:
        return diagnostics.run(config.home_folder(), [], settings_error=f"{error.file}: {error.reason}")
    except DriverWrong as error:
        return diagnostics.run(config.home_folder(), [], settings_error=texts().error(error)["what"])
    with libraries(only) as found:
        answers = [(library, *_timed(library)) for library in found]
        seen = wiring.arrange([(library, answer) for library, answer, _ in answers], bus)
        plugged = {one.family for one in seen.plugged}
        chosen = {entry.path for entry in settings().libraries} | {only}
        wanted = [one[0].path in chosen or bool(plugged & set(one[0].families)) for one in answers]
        return diagnostics.run(home, [_library(*one) for one in zip(answers, wanted, strict=True)], _bus(seen))


def _timed(library: Library) -> tuple[wiring.Answer, float]:
    started = time.perf_counter()
    answer = wiring.ask(library)
    return answer, (time.perf_counter() - started) * 1000


def _library(asked: tuple[Library, wiring.Answer, float], wanted: bool) -> LibrarySeen:
    library, answer, milliseconds = asked
    return LibrarySeen(
        path=library.path,
        families=tuple(family.name for family in library.families),
        about=library.worker.about,
        slots=() if isinstance(answer, TokenmgrError) else tuple(answer),
        milliseconds=milliseconds,
        error=answer.code if isinstance(answer, TokenmgrError) else "",
        reason=texts().error(answer)["what"] if isinstance(answer, TokenmgrError) else "",
        wanted=wanted or not isinstance(answer, LibraryNotReady),
        processes=(library.worker.process,) if library.worker.process else (),
    )


def _bus(seen: wiring.Surroundings) -> diagnostics.Bus:
    return diagnostics.Bus(
        devices=tuple(_device(seen, plugged) for plugged in seen.plugged),
        trouble=seen.bus_trouble,
        reader_service=settings().reader_service,
        copies=tuple((other.library, card.medium.serial) for card in seen.cards for other in card.also),
    )


def _device(seen: wiring.Surroundings, plugged: Plugged) -> diagnostics.DeviceSeen:
    error = seen.broken.get(plugged)
    words = texts().error(error) if error else {"what": "", "next": ""}
    return diagnostics.DeviceSeen(
        name=plugged.name,
        usb_id=plugged.device.usb_id,
        port=plugged.device.port,
        known=plugged.missing is not Missing.FAMILY,
        readable=plugged.device.readable,
        code=error.code if error else "",
        what=words["what"],
        advice=words["next"],
    )


def _tell(probe: Probe) -> None:
    colour = {"ok": "green", "problem": "red"}.get(probe.state)
    mark = click.style(t(f"doctor.{probe.state}"), fg=colour)
    click.echo(f"{mark}  {t(f'doctor.{probe.name}')}: {probe.detail}")
    if advice := probe.advice or (probe.next and t(f"doctor_next.{probe.next}")):
        click.echo(f"    {t('words.next', text=advice)}")
