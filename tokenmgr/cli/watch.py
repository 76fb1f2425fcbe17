"""`tokenmgr media --watch`: what is plugged in and pulled out, as it happens, until Ctrl-C."""

from __future__ import annotations

import json
import queue
import time
from collections.abc import Callable, Iterator
from typing import Any

import click

from tokenmgr.cli.output import while_read
from tokenmgr.domain.device import Change
from tokenmgr.domain.presence import Missing, Plugged, plugged
from tokenmgr.token.module import Library
from tokenmgr.usb.watch import Watch
from tokenmgr.wiring import around
from tokenmgr.wiring.libraries import known
from tokenmgr.wiring.words import t

WAKING = 5.0  # seconds that a card may take until its reader and its library see it
AGAIN = 0.3

Tell = Callable[[around.Surroundings], None]


def watch(found: list[Library], as_json: bool, tell: Tell) -> None:
    """A change is told at once, and what the libraries make of it as soon as they see it. What is there is told first,
    by a look that begins when every change after it is heard."""
    happened: queue.SimpleQueue[Change] = queue.SimpleQueue()
    with Watch(happened.put, known().claims) as watching:
        tell(around.look(found))
        if not as_json:
            click.echo(t("media.watching", how=watching.how), err=True)
        try:
            for change in while_read(_each(happened)):
                for one in plugged([change.device], known().of_device, []):  # none, if it is somebody's mouse
                    _say(change, one, as_json)
                    tell(_settled(found, change) if change.plugged else around.look(found))
        except KeyboardInterrupt:
            return  # its end, not an accident


def _each(happened: queue.SimpleQueue[Change]) -> Iterator[Change]:
    """With a pause that lets Ctrl-C through: on Windows nothing ends a wait without one."""
    while True:
        try:
            yield happened.get(timeout=0.5)
        except queue.Empty:
            continue


def _say(change: Change, one: Plugged, as_json: bool) -> None:
    event = "plugged" if change.plugged else "unplugged"
    device = change.device
    if as_json:
        facts: dict[str, Any] = {"event": event, "name": one.name, "family": one.family.name if one.family else None}
        line(facts | {"usb_id": device.usb_id, "port": device.port, "serial": device.serial})
    else:
        click.echo(t(f"media.{event}", name=one.name, usb_id=device.usb_id, port=device.port))


def line(value: object) -> None:
    """JSON, one value a line, written at once: whoever reads it waits for it."""
    click.echo(json.dumps(value, ensure_ascii=True))


def _settled(found: list[Library], change: Change) -> around.Surroundings:
    """Asked again while a card that has just come is not seen yet."""
    end = time.monotonic() + WAKING
    while True:
        seen = around.look(found)
        waking = [
            one for one in seen.plugged if one.device == change.device and one.missing in (Missing.SLOT, Missing.MEDIUM)
        ]
        if not waking or time.monotonic() > end:
            return seen
        time.sleep(AGAIN)
