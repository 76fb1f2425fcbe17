"""`tokenmgr medium check`: can a certificate be renewed on this medium."""

from __future__ import annotations

from typing import Any

import click

from tokenmgr.cli import options
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, error_as_json, table, tell_error
from tokenmgr.domain.credential import KeyKind
from tokenmgr.token.preflight import Preflight, preflight
from tokenmgr.token.session import Session
from tokenmgr.wiring import around
from tokenmgr.wiring.words import t


@click.command("check", cls=Command, help=t("help.medium_check"))
@options.medium_option
@click.option("--kind", type=click.Choice([kind.value for kind in KeyKind]), help=t("help.o_kind"))
@click.option("--officer", is_flag=True, help=t("help.o_officer"))
@options.common
def check(serial: str | None, kind: str | None, officer: bool, as_json: bool, only: str | None) -> int:
    with around.surroundings(only) as seen:
        library, facts = seen.choose(serial)
        with Session.open(library, facts.serial) as session:
            found = preflight(session, [KeyKind(kind)] if kind else tuple(KeyKind), officer)
            title = session.family.title
    if as_json:
        Output().value({"serial": facts.serial, "family": facts.family, **_as_json(found)})
    else:
        click.echo(t("check.refused" if found.obstacles else "check.fine", serial=facts.serial, family=title))
        table(_rows(found), indent="  ")
        for obstacle in found.obstacles:
            tell_error(obstacle)
    return Exit.REFUSED if found.obstacles else Exit.FINE


def _rows(found: Preflight) -> list[tuple[str, str]]:
    left = found.places_left
    place = t("check.any_place") if left is None else t("check.place", place=found.place or "–", left=left)
    room = {True: "check.room", False: "check.no_room", None: "check.room_untold"}[found.room]
    return [
        (t("labels.kinds"), t("words.and").join(kind.value for kind in found.kinds) or t("words.none")),
        (t("labels.place"), place),
        (t("labels.free"), t(room)),
        (t("labels.login"), t(f"check.{found.officer or 'user'}")),
        (t("labels.pin"), t(f"pin.{found.pin.value}")),
    ]


def _as_json(found: Preflight) -> dict[str, Any]:
    return {
        "kinds": [kind.value for kind in found.kinds],
        "place": found.place,
        "places_left": found.places_left,
        "room": found.room,
        "officer": found.officer,
        "pin": found.pin.value,
        "obstacles": [error_as_json(obstacle) for obstacle in found.obstacles],
    }
