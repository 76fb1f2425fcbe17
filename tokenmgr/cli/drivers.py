"""`tokenmgr drivers list|check|show|new|udev`: the kinds of media that are known."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import click

from tokenmgr import catalogue, clock
from tokenmgr.catalogue import drivers as files
from tokenmgr.catalogue import template, udev
from tokenmgr.catalogue.drivers import Mistake
from tokenmgr.cli import options
from tokenmgr.cli.help import Group
from tokenmgr.cli.output import Exit, Output, columns, table
from tokenmgr.domain.family import Family
from tokenmgr.domain.presence import Missing
from tokenmgr.errors import DriverWrong, FileNotWritten
from tokenmgr.wiring import around
from tokenmgr.wiring.libraries import known, settings
from tokenmgr.wiring.words import t, texts


@click.group(cls=Group, help=t("help.drivers"))
def drivers() -> None:
    pass


@drivers.command("list", help=t("help.drivers_list"))
@options.words
def list_(as_json: bool) -> int:
    found = known()
    if as_json:
        Output().value([_brief(found, family) for family in found.families.values()])
        return Exit.FINE
    heading = [t(f"labels.{name}") for name in ("name", "title", "usb_ids", "library_here")]
    columns([heading, *(_row(found, family) for family in found.families.values())])
    return Exit.FINE


def _row(found: catalogue.Catalogue, family: Family) -> list[str]:
    own = f" ({t('drivers.own')})" * _is_own(found, family)
    more = len(family.usb.ids) - 2
    ids = " ".join([*family.usb.ids[:2], *([f"+{more}"] if more > 0 else [])])
    return [family.name + own, family.title, ids, catalogue.library(family) or "–"]


def _brief(found: catalogue.Catalogue, family: Family) -> dict[str, Any]:
    return {
        "name": family.name,
        "title": family.title,
        "usb_ids": family.usb.ids,
        "library": catalogue.library(family),
        "file": str(found.files[family.name]),
        "own": _is_own(found, family),
    }


def _is_own(found: catalogue.Catalogue, family: Family) -> bool:
    return found.files[family.name].parent == settings().driver_folder


@drivers.command(help=t("help.drivers_check"))
@click.argument("paths", metavar="[FILE]...", nargs=-1, type=click.Path(path_type=Path))
@options.words
def check(paths: tuple[Path, ...], as_json: bool) -> int:
    found = catalogue.read(settings().driver_folder)
    named = {path.stem: files.read(path) for path in paths}
    looked_at = {name: catalogue.checked(one, {**found, **named}) for name, one in named.items()} or found
    mistakes = [mistake for one in looked_at.values() for mistake in one.mistakes]
    if as_json:
        Output().value([dataclasses.asdict(mistake) | {"what": _what(mistake)} for mistake in mistakes])
    else:
        for mistake in mistakes:
            click.echo(_what(mistake))
        if not mistakes:
            click.echo(t("drivers.fine", count=len(looked_at)))
    return Exit.FINDINGS if mistakes else Exit.FINE


def _what(mistake: Mistake) -> str:
    return texts().error(DriverWrong(**dataclasses.asdict(mistake)))["what"]


@drivers.command(help=t("help.drivers_show"))
@click.argument("name")
@options.words
def show(name: str, as_json: bool) -> int:
    found = known()
    family = found.family(name)
    driver = files.read(found.files[name])
    if as_json:
        facts = {**_brief(found, family), **dataclasses.asdict(family)}
        Output().value(
            facts | {"sources": {n: driver.content[n].get("source") for n in files.TABLES if n in driver.content}}
        )
        return Exit.FINE
    click.secho(f"{family.title}{f', {family.maker}' * bool(family.maker)}  ({driver.path})", bold=True)
    for name in files.TABLES:
        shown = [(key, _value(value)) for key, value in _otherwise(family, name).items()]
        if shown:
            click.echo(f"[{name}]")
            table([*shown, ("source", driver.content.get(name, {}).get("source") or f"→ {family.base}")], indent="  ")
    return Exit.FINE


def _otherwise(family: Family, table_name: str) -> dict[str, object]:
    """What is not as the standard has it."""
    part, standard = getattr(family, table_name), files.TABLES[table_name]()
    return {
        f.name: value for f in dataclasses.fields(part) if (value := getattr(part, f.name)) != getattr(standard, f.name)
    }


def _value(value: object) -> str:
    return t("words.and").join(map(str, value)) if isinstance(value, tuple) else str(value)


@drivers.command(help=t("help.drivers_new"))
@click.argument("name")
@click.option("--usb", "usb_id", metavar="ID", help=t("help.o_usb"))
@click.option("--title", help=t("help.o_title"))
@options.common
def new(name: str, usb_id: str | None, title: str | None, as_json: bool, only: str | None) -> int:
    path = settings().driver_folder / f"{name}.toml"
    if not re.fullmatch(files.NAME, name):
        raise FileNotWritten(file=str(path), reason="not-a-name")
    if path.exists() or name in known().families:
        raise FileNotWritten(file=str(path), reason="exists" if path.exists() else "shipped")
    with around.surroundings(only) as seen:
        if only and seen.failures:
            raise seen.failures[0][1]  # what does not load here is not written down as if it did
        device, plugged_in = _device(seen, usb_id)
        media = [medium for _, medium in seen.media if medium.library == only]
    if not device and not only:
        raise FileNotWritten(file=str(path), reason="nothing-seen")
    day = clock.japan_day(clock.now())
    text = template.template(title or name, device, plugged_in, only or "", media, day)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise FileNotWritten(file=str(path), reason=error.strerror or "") from error
    if as_json:
        Output().value({"file": str(path), "usb_id": device or None})
    else:
        click.echo(t("drivers.written", file=path))
        click.echo(t("drivers.written_next"))
    return Exit.FINE


def _device(seen: around.Surroundings, usb_id: str | None) -> tuple[str, bool]:
    """The id of the device that is named, or of the one that nobody knows; and whether it is plugged in."""
    there = [plugged.device.usb_id for plugged in seen.plugged]
    unknown = [plugged.device.usb_id for plugged in seen.plugged if plugged.missing is Missing.FAMILY]
    if usb_id is None:
        return (unknown[0], True) if len(set(unknown)) == 1 else ("", False)
    usb_id = usb_id.lower()
    if not re.fullmatch("[0-9a-f]{4}:[0-9a-f]{4}", usb_id):
        raise click.BadParameter(t("facts.not-a-usb-id", subject=usb_id))
    return usb_id, usb_id in there


@drivers.command("udev", help=t("help.drivers_udev"))
@options.words
def udev_(as_json: bool) -> int:
    text = udev.rules(known().families.values())
    if as_json:
        Output().value({"rules": text})
    else:
        click.echo(text, nl=False)
    return Exit.FINE
