"""`tokenmgr media`: what is plugged in."""

from __future__ import annotations

import dataclasses
from typing import Any

import click

from tokenmgr.cli import options
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, columns, error_as_json, exit_of, tell_error
from tokenmgr.cli.view import medium_as_json
from tokenmgr.domain.presence import Missing, Plugged
from tokenmgr.usb import detect as usb
from tokenmgr.wiring import around
from tokenmgr.wiring.libraries import known, libraries, settings
from tokenmgr.wiring.words import t, texts


@click.command(cls=Command, help=t("help.media"))
@click.option("--watch", is_flag=True, help=t("help.o_watch"))
@options.common
def media(watch: bool, as_json: bool, only: str | None) -> int:
    with libraries(only) as found:
        if watch:
            from tokenmgr.cli.watch import line
            from tokenmgr.cli.watch import watch as watch_

            def tell(seen: around.Surroundings) -> None:
                line({"event": "media", **_as_json(seen)}) if as_json else _tell(seen, only)

            watch_(found, as_json, tell)
            return Exit.FINE
        seen = around.look(found)
        if as_json:
            Output().value(_as_json(seen))
        else:
            _tell(seen, only)
    return Exit.FINE if seen.media else exit_of(seen.why_none())


def _as_json(seen: around.Surroundings) -> dict[str, Any]:
    why = {} if seen.media else {"error": error_as_json(seen.why_none())}
    return why | {
        "media": [
            medium_as_json(card.medium) | {"also": [{"library": m.library, "serial": m.serial} for m in card.also]}
            for card in seen.cards
        ],
        "devices": [_device_as_json(seen, plugged) for plugged in seen.plugged],
        "usb": seen.bus_trouble or "ok",
        "empty": [dataclasses.asdict(slot) for slot in seen.empty],
        "troubles": [dataclasses.asdict(trouble) for trouble in seen.troubles],
        "failures": [{"library": library.path, **error_as_json(error)} for library, error in seen.failures],
    }


def _device_as_json(seen: around.Surroundings, plugged: Plugged) -> dict[str, Any]:
    device, error = plugged.device, seen.broken.get(plugged)
    return {
        "name": plugged.name,
        "family": plugged.family.name if plugged.family else None,
        "usb_id": device.usb_id,
        "bus": device.bus,
        "port": device.port,
        "serial": device.serial,
        "readable": device.readable,
        "media": [medium.serial for medium in plugged.media],
        "missing": plugged.missing.value,
        "error": error_as_json(error) if error else None,
    }


def _tell(seen: around.Surroundings, only: str | None) -> None:
    why = None if seen.media else seen.why_none()
    if why:
        tell_error(why)
    else:
        _list(seen)
    for plugged in seen.plugged:
        error = seen.broken.get(plugged)
        if error and error is not why:
            tell_error(error)
        if plugged.missing is Missing.FAMILY:
            click.echo(t("media.unknown_device", name=plugged.name, usb_id=plugged.device.usb_id), err=True)
    for card in seen.cards:
        for other in card.also:
            click.echo(t("media.copy", serial=card.medium.serial, library=other.library), err=True)
    for slot in seen.empty:
        click.echo(t("media.empty", reader=slot.reader), err=True)
    for trouble in seen.troubles:
        click.echo(t("media.trouble", **dataclasses.asdict(trouble)), err=True)
    chosen = {entry.path for entry in settings().libraries} | {only}
    for library, error in [] if seen.only_failed else seen.failures:
        if seen.media and library.path not in chosen:
            continue  # somebody's library that is merely installed; its failure is doctor's to tell
        click.echo(t("media.library_trouble", library=library.path, what=texts().error(error)["what"]), err=True)
    if why and seen.bus_trouble in (usb.NO_USB, usb.NO_LIBUSB):
        click.echo(t(f"media.{seen.bus_trouble}"), err=True)


def _list(seen: around.Surroundings) -> None:
    """With the USB port, where one is known: two alike are told apart by where they are plugged in."""
    ports = {medium: plugged.device.port for plugged in seen.plugged for medium in plugged.media}
    names = ["serial", "label", "family", *(["usb"] if ports else []), "pin"]
    rows = [[t(f"labels.{name}") for name in names]]
    for _, medium in seen.media:
        port = [ports.get(medium, "–")] if ports else []
        title = known().family(medium.family).title
        rows.append([medium.serial or t("media.blank"), medium.label, title, *port, t(f"pin.{medium.pin.value}")])
    columns(rows)
