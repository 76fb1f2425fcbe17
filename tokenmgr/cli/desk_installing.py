"""`tokenmgr desk install|uninstall|status`: the program's place on this computer: menu, addresses, browsers, media."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

import click

from tokenmgr.cli import options
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, error_as_json, exit_of, tell_error
from tokenmgr.customer.installing import Done, Outcome, Seen, State
from tokenmgr.domain.installation import IniLine, JsonValue, NssModule, Part, RegistryValue, Scope, Target, WholeFile
from tokenmgr.errors import PlaceUnfit
from tokenmgr.wiring import installing
from tokenmgr.wiring.words import t

_UNDER = "    "


def _scope(command: options.Command) -> options.Command:
    return click.option("--machine", is_flag=True, help=t("help.o_desk_machine"))(command)


@click.command(cls=Command, help=t("help.desk_install"))
@_scope
@click.option("--module", "named", metavar="PATH", multiple=True, help=t("help.o_desk_module"))
@click.option("--at-login", is_flag=True, help=t("help.o_desk_at_login"))
@click.option("--dry-run", is_flag=True, help=t("help.o_desk_dry_run"))
@options.words
def install(machine: bool, named: tuple[str, ...], at_login: bool, dry_run: bool, as_json: bool) -> int:
    scope = _of(machine)
    if machine:
        installing.require_administrators(named)
    wanted = installing.changes(scope, named, at_login)
    if dry_run:
        return _told_before(installing.installer(scope).look(wanted), as_json)
    done = installing.installer(scope).install(wanted)
    status_ = _told_after(done, as_json)
    if not as_json and any(one.part is Part.DEVICES and one.done is Done.WRITTEN for one in done):
        click.echo(t("installing.plug_again"))
    return status_


@click.command(cls=Command, help=t("help.desk_uninstall"))
@_scope
@options.words
def uninstall(machine: bool, as_json: bool) -> int:
    done = installing.installer(_of(machine)).uninstall()
    if not done and not as_json:
        click.echo(t("installing.nothing"))
    return _told_after(done, as_json)


@click.command(cls=Command, help=t("help.desk_status"))
@_scope
@options.words
def status(machine: bool, as_json: bool) -> int:
    scope = _of(machine)
    seen = installing.installer(scope).look_at_all(installing.changes(scope, at_login=True))
    parts = {part: of_part for part in Part if (of_part := [one for one in seen if one.change.part is part])}
    states = {part: worst(found) for part, found in parts.items()}
    if as_json:
        told = [{"part": part.value, "state": states[part].value, "places": _places(parts[part])} for part in parts]
        Output().value({"scope": scope.value, "parts": told})
    else:
        for part, found in parts.items():
            click.echo(f"{t(f'installing_part.{part.value}')}: {t(f'installing_state.{states[part].value}')}")
            _tell_others(found, states[part])
    is_whole = all(state is State.INSTALLED for part, state in states.items() if part is not Part.LOGIN)
    return Exit.FINE if is_whole else Exit.FINDINGS


def _tell_others(found: Sequence[Seen], state: State) -> None:
    """Where it is not as a whole, every place that is in that state."""
    for one in found:
        if state is not State.INSTALLED and one.state is state:
            click.echo(f"{_UNDER}{place(one.change.target)}")
        if isinstance(one.error, PlaceUnfit):
            tell_error(one.error)


def _of(machine: bool) -> Scope:
    return Scope.MACHINE if machine else Scope.USER


def worst(found: Sequence[Seen]) -> State:
    order = (State.OTHERS, State.CHANGED, State.NOT, State.INSTALLED)
    return min((one.state for one in found), key=order.index)


def _told_before(seen: Sequence[Seen], as_json: bool) -> int:
    """What an installation would write, and over what."""
    if as_json:
        Output().value({"changes": _places(seen, with_values=True)})
        return Exit.FINE
    for one in seen:
        target, value = one.change.target, one.change.value
        word = "refused" if one.error else "as_it_was" if one.state is State.INSTALLED else "would_write"
        click.echo(f"{t(f'installing.{word}')}  {place(target)}")
        if word == "would_write":
            click.echo(f"{_UNDER}{_summary(target, value)}")
        if word == "would_write" and one.found is not None:
            click.echo(f"{_UNDER}{t('installing.instead', text=_summary(target, one.found))}")
        if one.error:
            tell_error(one.error)
    return Exit.FINE


def _told_after(done: Sequence[Outcome], as_json: bool) -> int:
    errors = [one.error for one in done if one.error]
    if as_json:
        Output().value({"done": [_outcome(one) for one in done]})
    else:
        for one in done:
            click.echo(f"{t(f'installing_done.{one.done.value}')}  {place(one.target)}")
        for error in errors:
            tell_error(error)
    if errors:
        return max(exit_of(error) for error in errors)
    return Exit.FINDINGS if any(one.done is Done.LEFT for one in done) else Exit.FINE


# --- words ---


def place(target: Target) -> str:
    match target:
        case WholeFile(path):
            return str(path)
        case IniLine(path, section, key):
            return f"{path} [{section}] {key}"
        case NssModule(path, name):
            return f"{path} {name}"
        case JsonValue(path, names):
            return f"{path} {'.'.join(names)}"
        case RegistryValue(root, key, name):
            return f"{root}\\{key} {name}".rstrip()


def _summary(target: Target, value: str) -> str:
    """A value as it is; of a file what kind of thing it is."""
    if isinstance(target, WholeFile):
        size = len(value.encode("utf-8", "surrogateescape"))
        return t("installing.content", first=value.partition("\n")[0].strip(), size=size)
    return value.replace("\n", "; ")


def _places(seen: Sequence[Seen], with_values: bool = False) -> list[dict[str, Any]]:
    return [_place(one, with_values) for one in seen]


def _place(one: Seen, with_values: bool) -> dict[str, Any]:
    told = {"part": one.change.part.value, **_target(one.change.target), "state": one.state.value}
    told["error"] = error_as_json(one.error) if one.error else None
    return {**told, "value": one.change.value, "found": one.found} if with_values else told


def _outcome(one: Outcome) -> dict[str, Any]:
    told = {"part": one.part.value, **_target(one.target), "done": one.done.value}
    return {**told, "error": error_as_json(one.error) if one.error else None}


def _target(target: Target) -> dict[str, Any]:
    told = {name: str(one) if isinstance(one, PurePath) else one for name, one in dataclasses.asdict(target).items()}
    return {"place": place(target), "kind": type(target).__name__, **told}
