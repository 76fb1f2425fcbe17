"""`tokenmgr testbed`: simulated media, for testers."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import click

from tokenmgr.cli import options
from tokenmgr.cli.bed import bed, day_of, medium_argument
from tokenmgr.cli.faults import calls, fault, rule_line, rule_value, set_
from tokenmgr.cli.help import LazyGroup
from tokenmgr.cli.output import Exit, Output, columns, table
from tokenmgr.cli.shell import shell
from tokenmgr.cli.shown import renewal
from tokenmgr.domain.credential import KeyKind
from tokenmgr.testbed.scenario import known, read
from tokenmgr.testbed.simulated import PIN, SO_PIN, SimulatedMedium
from tokenmgr.wiring.words import chosen_language, t

LATER = {"bank": "tokenmgr.cli.bank_shown:bank"}  # it has the CA's side, a mail server and a browser's driver


@click.group(cls=LazyGroup, lazy=LATER, help=t("help.testbed"))
def testbed() -> None:
    pass


def _scenarios(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in known() if name.startswith(incomplete)]


@testbed.command(help=t("help.testbed_up"))
@click.argument("scenarios", metavar="[SCENARIO]...", nargs=-1, shell_complete=_scenarios)
@click.option("--name", default="", help=t("help.o_name"))
@click.option("--file", "path", type=click.Path(path_type=Path), help=t("help.o_own"))
@click.option("--seed", type=int, default=0, help=t("help.o_seed"))
@click.option("--at", "day", metavar="DATE", help=t("help.o_at"))
@click.option(
    "--key",
    "kind",
    type=click.Choice([k.value for k in KeyKind]),
    default="p256",
    show_default=True,
    help=t("help.o_kind"),
)
@options.words
def up(
    scenarios: tuple[str, ...], name: str, path: Path | None, seed: int, day: str | None, kind: str, as_json: bool
) -> int:
    here = bed(sweep=True)
    own = read(path) if path else None
    media = here.up(*scenarios, name=name, seed=seed, day=day_of(day), kind=KeyKind(kind), own=own)
    if as_json:
        Output().value([as_value(medium) for medium in media])
        return Exit.FINE
    for medium in media:
        key = "testbed.up" if medium.plugged else "testbed.up_absent"
        click.echo(t(key, name=medium.name, serial=medium.serial))
        table(_where(medium), indent="  ")
        if not medium.has_layer:
            click.echo(f"  {t('testbed.plain')}")
    return Exit.FINE


def _where(medium: SimulatedMedium) -> list[tuple[str, str]]:
    return [
        (t("labels.library"), medium.path),
        (t("labels.pin"), t("testbed.pins", pin=PIN, so_pin=SO_PIN)),
    ]


@testbed.command(help=t("help.testbed_down"))
@click.argument("names", metavar="[NAME]...", nargs=-1)
@options.words
def down(names: tuple[str, ...], as_json: bool) -> int:
    gone = bed(sweep=True).down(*names)
    if as_json:
        Output().value(gone)
    else:
        click.echo(t("testbed.down", names=", ".join(gone)) if gone else t("testbed.none"))
    return Exit.FINE


@testbed.command("list", help=t("help.testbed_list"))
@options.words
def list_(as_json: bool) -> int:
    media = bed(sweep=True).media()
    if as_json:
        Output().value([as_value(medium) for medium in media])
    elif media:
        heading = [t(f"labels.{name}") for name in ("name", "serial", "state", "scenarios")]
        columns([heading, *(_row(medium) for medium in media)])
    else:
        click.echo(t("testbed.none"))
    return Exit.FINE


def _row(medium: SimulatedMedium) -> list[str]:
    made = medium.about
    return [medium.name, made.serial, _state(medium), " ".join(made.scenarios)]


def _state(medium: SimulatedMedium) -> str:
    return t("testbed.plugged" if medium.plugged else "testbed.unplugged")


@testbed.command(help=t("help.testbed_show"))
@medium_argument
@options.words
def show(name: str, as_json: bool) -> int:
    medium = bed().medium(name)
    if as_json:
        Output().value(as_value(medium))
        return Exit.FINE
    made = medium.about
    rows = [
        (t("labels.name"), medium.name),
        (t("labels.serial"), made.serial),
        (t("labels.state"), _state(medium)),
        (t("labels.scenarios"), " ".join(made.scenarios)),
        (t("labels.made_for"), made.day),
        (t("labels.seed"), str(made.seed)),
        (t("labels.kind"), made.kind),
        *_where(medium),
    ]
    if medium.has_layer:
        rows += [(t(f"labels.{who}_wrong"), _wrong(medium, who)) for who in ("user", "so")]
    table(rows)
    if not medium.has_layer:
        click.echo(t("testbed.plain"))
        return Exit.FINE
    for one in medium.control.rules():
        click.echo(rule_line(one))
    return Exit.FINE


def _wrong(medium: SimulatedMedium, who: str) -> str:
    wrong, tries = medium.control[f"{who}_wrong"], medium.control[f"{who}_tries"]
    return t("testbed.wrong", wrong=wrong, tries=tries) + f" ({t('pin.locked')})" * (wrong >= tries > 0)


def as_value(medium: SimulatedMedium) -> dict[str, Any]:
    """For scripts. The PINs are those of every simulated medium, and no secret."""
    value = {"name": medium.name, **dataclasses.asdict(medium.about), "folder": str(medium.folder)}
    value |= {"library": medium.path, "environment": medium.environment}
    value |= {"plugged": medium.plugged, "layer": medium.has_layer, "pin": PIN, "so_pin": SO_PIN}
    if medium.has_layer:
        words = ("user_wrong", "user_tries", "so_wrong", "so_tries", "capacity")
        value |= {word: medium.control[word] for word in words}
        value["rules"] = [rule_value(one) for one in medium.control.rules()]
    return value


@testbed.command(help=t("help.testbed_scenarios"))
@options.words
def scenarios(as_json: bool) -> int:
    titles = {name: told[chosen_language()] for name, told in known().items()}
    if as_json:
        Output().value(titles)
    else:
        table(list(titles.items()))
    return Exit.FINE


@testbed.command(help=t("help.testbed_plug"))
@medium_argument
@options.words
def plug(name: str, as_json: bool) -> int:
    return _moved(name, as_json, plugged=True)


@testbed.command(help=t("help.testbed_unplug"))
@medium_argument
@options.words
def unplug(name: str, as_json: bool) -> int:
    return _moved(name, as_json, plugged=False)


def _moved(name: str, as_json: bool, plugged: bool) -> int:
    medium = bed().medium(name)
    already = medium.plugged == plugged
    if not already:
        (medium.plug if plugged else medium.unplug)()
    if as_json:
        Output().value({"name": name, "plugged": plugged, "changed": not already})
    elif plugged:
        click.echo(t("testbed.was_plugged" if already else "testbed.is_plugged", name=name))
    else:
        click.echo(t("testbed.was_unplugged" if already else "testbed.is_unplugged", name=name))
    return Exit.FINE


@testbed.command(help=t("help.testbed_swap"))
@medium_argument
@click.argument("other")
@options.words
def swap(name: str, other: str, as_json: bool) -> int:
    here = bed()
    here.medium(name).swap(here.medium(other))
    if as_json:
        Output().value({"swapped": [name, other]})
    else:
        click.echo(t("testbed.swapped", name=name, other=other))
    return Exit.FINE


testbed.add_command(fault)
testbed.add_command(calls)
testbed.add_command(set_, "set")
testbed.add_command(shell)
testbed.add_command(renewal)
