"""What `diagnostics` is told of this computer: settings, the USB bus, every library, each with what it took."""

from __future__ import annotations

import time
from pathlib import Path

from tokenmgr import config, diagnostics
from tokenmgr.diagnostics import LibrarySeen, Probe
from tokenmgr.domain.presence import Missing, Plugged
from tokenmgr.errors import DriverWrong, FileNotWritten, LibraryNotReady, SettingsWrong, TokenmgrError
from tokenmgr.token.module import Library
from tokenmgr.wiring import around
from tokenmgr.wiring.libraries import libraries, settings
from tokenmgr.wiring.words import texts


def probes(only: str | None) -> list[Probe]:
    try:
        home = settings().home
        bus = around.look_at_usb()
    except SettingsWrong as error:
        return diagnostics.run(config.home_folder(), [], settings_error=f"{error.file}: {error.reason}")
    except DriverWrong as error:
        return diagnostics.run(config.home_folder(), [], settings_error=texts().error(error)["what"])
    with libraries(only) as found:
        answers = [(library, *_timed(library)) for library in found]
        seen = around.arrange([(library, answer) for library, answer, _ in answers], bus)
        plugged = {one.family for one in seen.plugged}
        chosen = {entry.path for entry in settings().libraries} | {only}
        wanted = [one[0].path in chosen or bool(plugged & set(one[0].families)) for one in answers]
        return diagnostics.run(home, [_library(*one) for one in zip(answers, wanted, strict=True)], _bus(seen))


def save(found: list[Probe], place: Path) -> None:
    """The support file."""
    try:
        place.write_text(diagnostics.bundle(found, config.home_folder()), encoding="utf-8")
    except OSError as error:
        raise FileNotWritten(file=str(place), reason=error.strerror or "") from error


def _timed(library: Library) -> tuple[around.Answer, float]:
    started = time.perf_counter()
    answer = around.ask(library)
    return answer, (time.perf_counter() - started) * 1000


def _library(asked: tuple[Library, around.Answer, float], wanted: bool) -> LibrarySeen:
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


def _bus(seen: around.Surroundings) -> diagnostics.Bus:
    return diagnostics.Bus(
        devices=tuple(_device(seen, plugged) for plugged in seen.plugged),
        trouble=seen.bus_trouble,
        reader_service=settings().reader_service,
        copies=tuple((other.library, card.medium.serial) for card in seen.cards for other in card.also),
    )


def _device(seen: around.Surroundings, plugged: Plugged) -> diagnostics.DeviceSeen:
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
