"""The options that commands share: words, libraries, and which store is meant (wiring/places.py)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import click

from tokenmgr import config, log
from tokenmgr.wiring.places import Where
from tokenmgr.wiring.words import t

Command = Callable[..., Any]


def common(command: Command) -> Command:
    """--library on every command that looks at media, beside the options of `words`."""
    option = click.option("--library", "only", metavar="PATH", callback=not_empty, help=t("help.o_library"))
    return words(option(command))


def words(command: Command) -> Command:
    """--json, --lang and -v, on every command. `as_json` says whether JSON is wanted."""
    for option in (
        click.option("--json", "as_json", is_flag=True, help=t("help.o_json")),
        click.option("--lang", type=click.Choice(config.LANGUAGES), expose_value=False, help=t("help.o_lang")),
        click.option("-v", "verbosity", count=True, expose_value=False, callback=_verbose, help=t("help.o_verbose")),
    ):
        command = option(command)
    return command


def _verbose(_context: click.Context, _parameter: click.Parameter, count: int) -> None:
    log.setup(count)


def medium_option(command: Command) -> Command:
    return click.option(
        "--medium", "serial", metavar="SERIAL", callback=not_empty, expose_value=True, help=t("help.o_medium")
    )(command)


def not_empty(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """An unset variable of a script is not a choice."""
    if value is not None and not value.strip():
        raise click.BadParameter("empty")
    return value


def subscriber_arguments(command: Command) -> Command:
    """Whom a command is about: BANK CONTRACT USER."""
    for name in ("user", "contract", "bank"):
        command = click.argument(name)(command)
    return command


def fd_option(name: str, help_key: str) -> Callable[[Command], Command]:
    return click.option(f"--{name}", type=click.IntRange(min=0), metavar="N", help=t(help_key))


# --- which store ---


def store(command: Command) -> Command:
    """--medium and --pc: which store is meant."""
    return medium_option(_pc_option("--pc", "help.o_pc")(command))


def target_store(command: Command) -> Command:
    """--to-medium and --to-pc, with the PIN of that one: a renewal into another store."""
    medium = click.option("--to-medium", metavar="SERIAL", callback=not_empty, help=t("help.o_to_medium"))
    return fd_option("to-pin-fd", "help.o_to_pin_fd")(medium(_pc_option("--to-pc", "help.o_to_pc")(command)))


def source_store(command: Command) -> Command:
    """--from-medium and --from-pc: where what is replaced is, where that is another store and no journal says it."""
    medium = click.option("--from-medium", metavar="SERIAL", callback=not_empty, help=t("help.o_from_medium"))
    return fd_option("from-pin-fd", "help.o_from_pin_fd")(medium(_pc_option("--from-pc", "help.o_from_pc")(command)))


def _pc_option(name: str, help_key: str) -> Callable[[Command], Command]:
    return click.option(name, metavar="NAME", callback=not_empty, help=t(help_key))


def where(named: Mapping[str, Any], prefix: str = "") -> Where:
    """From a command's own words: `prefix` is "to_" or "from_" of the other store."""
    serial = named.get(f"{prefix}medium" if prefix else "serial")
    option = f"--{prefix.replace('_', '-')}pin-fd"
    pc = named.get(f"{prefix}pc")
    if serial and pc:
        named_by = option.removesuffix("pin-fd")
        raise click.UsageError(t("words.one_store", options=f"{named_by}medium, {named_by}pc"))
    return Where(serial, pc, named.get(f"{prefix}pin_fd"), bool(named.get("final_try")), option)
