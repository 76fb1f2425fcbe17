"""`tokenmgr pin status|change|unblock`."""

from __future__ import annotations

import functools

import click

from tokenmgr.cli import options, prompts
from tokenmgr.cli.help import Group
from tokenmgr.cli.output import Exit, Output, columns
from tokenmgr.cli.view import medium_as_json
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.wiring import around
from tokenmgr.wiring.pins import at_pin
from tokenmgr.wiring.words import t


@click.group(cls=Group, help=t("help.pin"))
def pin() -> None:
    pass


@pin.command(help=t("help.pin_status"))
@options.medium_option
@options.common
def status(serial: str | None, as_json: bool, only: str | None) -> int:
    with around.surroundings(only) as seen:
        found = [seen.choose(serial)[1]] if serial or not seen.media else [medium for _, medium in seen.media]
    if as_json:
        wanted = ("serial", "pin", "so_pin", "shortest_pin", "longest_pin")
        Output().value([{name: medium_as_json(facts)[name] for name in wanted} for facts in found])
    else:
        heading = [t("labels.serial"), t("labels.pin"), t("labels.so_pin"), t("labels.pin_length")]
        columns([heading, *(_row(facts) for facts in found)])
    return (
        Exit.FINE
        if all(facts.pin in (PinState.FINE, PinState.LOW, PinState.NOT_TOLD) for facts in found)
        else Exit.FINDINGS
    )


def _row(facts: MediumFacts) -> list[str]:
    states = [t(f"pin.{state.value}") for state in (facts.pin, facts.so_pin)]
    return [facts.serial, *states, f"{facts.shortest_pin}–{facts.longest_pin}"]


@pin.command(help=t("help.pin_change"))
@options.medium_option
@options.fd_option("pin-fd", "help.o_pin_fd")
@options.fd_option("new-pin-fd", "help.o_new_pin_fd")
@click.option("--final-try", is_flag=True, help=t("help.o_final"))
@options.common
def change(
    serial: str | None, pin_fd: int | None, new_pin_fd: int | None, final_try: bool, as_json: bool, only: str | None
) -> int:
    accepts = functools.partial(prompts.final_try, given=final_try)
    with (
        at_pin(serial, only, accepts) as at,
        prompts.pin(t("pins.ask", serial=at.facts.serial), pin_fd) as old,
        prompts.new_pin(new_pin_fd) as new,
    ):
        return _done(at.change(old, new), "pins.changed", as_json)


@pin.command(help=t("help.pin_unblock"))
@options.medium_option
@options.fd_option("so-pin-fd", "help.o_so_pin_fd")
@options.fd_option("new-pin-fd", "help.o_new_pin_fd")
@click.option("--final-try", is_flag=True, help=t("help.o_final"))
@options.common
def unblock(
    serial: str | None, so_pin_fd: int | None, new_pin_fd: int | None, final_try: bool, as_json: bool, only: str | None
) -> int:
    accepts = functools.partial(prompts.final_try, given=final_try, officer=True)
    with at_pin(serial, only, accepts, officer=True) as at:
        so_pin = prompts.officer(at.facts, at.family, so_pin_fd)
        with so_pin, prompts.new_pin(new_pin_fd) as new:
            return _done(at.set_anew(so_pin, new), "pins.unblocked", as_json)


def _done(facts: MediumFacts, text: str, as_json: bool) -> int:
    if as_json:
        Output().value({"serial": facts.serial, "pin": facts.pin.value})
    else:
        click.echo(t(text, serial=facts.serial))
    return Exit.FINE
