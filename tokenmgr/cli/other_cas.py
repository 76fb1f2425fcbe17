"""`acquire|renew|resume` at a CA that is not ours: what is named of it, and its counter (customer/other_ca.py)."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from tokenmgr import clock, system
from tokenmgr.cli import opened, options, prompts
from tokenmgr.cli.options import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.customer import other_ca
from tokenmgr.customer.operations import Counter
from tokenmgr.customer.other_ca import NO_NAME, PBM, PBMAC1, OtherCounter, Referred
from tokenmgr.customer.profiles import SYSTEM, Profile
from tokenmgr.errors import CmpAsked, PinMissing
from tokenmgr.keystore.form import name_of
from tokenmgr.log import Secret
from tokenmgr.pki.bundle import certificates_in
from tokenmgr.pki.subject import read_name
from tokenmgr.renewal.journal import SOURCE
from tokenmgr.renewal.other_ca import OtherAuthority
from tokenmgr.renewal.recovery import heading_here, is_a_banks, of_banks
from tokenmgr.wiring import around, places, stores
from tokenmgr.wiring.counter import NOT_HERE, both, hooks_of
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.person import Person, Screen
from tokenmgr.wiring.places import Where
from tokenmgr.wiring.words import t

BY_FD = "--secret-fd"


def place_options(command: Command) -> Command:
    for option in (
        click.option("--cmp-tls-roots", metavar="FILE|system", help=t("help.o_cmp_tls_roots")),
        click.option("--cmp-roots", type=click.Path(path_type=Path), metavar="FILE", help=t("help.o_cmp_roots")),
        click.option("--cmp", metavar="URL", help=t("help.o_cmp")),
    ):
        command = option(command)
    return command


def secret_option(command: Command) -> Command:
    return options.fd_option(BY_FD.removeprefix("--"), "help.o_secret_fd")(command)


def reference_options(command: Command) -> Command:
    for option in (
        click.option("--mac", type=click.Choice([PBM, PBMAC1]), help=t("help.o_mac")),
        click.option("--subject", metavar="NAME", help=t("help.o_csr_subject")),
        secret_option,
        click.option("--reference", metavar="TEXT", help=t("help.o_reference")),
    ):
        command = option(command)
    return command


def give_up_option(command: Command) -> Command:
    return click.option("--give-up", is_flag=True, help=t("help.o_give_up"))(command)


def require_lost(target: Where, only: str | None, bank: str | None) -> None:
    """A bank's operation is not given up, for its CA says what becomes of it: but where what would be asked by is in a
    store that is not here."""
    meant = of_banks([bank]) if bank else is_a_banks
    source = str(heading_here(settings().journal_folder, _name(target, only), meant).get(SOURCE) or "")
    if source:
        try:
            stores.look_for(places.by_name(source, target), only)
        except NOT_HERE:
            return
    raise CmpAsked(reason="cmp-not-begun", subject="--give-up")


def tell_given_up(at: Counter, as_json: bool) -> int:
    address, name = at.profile.address, at.store.name
    if as_json:
        told = {"operation": "given-up", "address": address, "store": name}
        Output().value(told | {"serial": None if places.is_on_pc(name) else name})
    else:
        click.echo(t("renewing.given_up", address=address))
    return Exit.FINE


def place_of(named: Mapping[str, Any], bank: str | None) -> Profile | None:
    """What a command's words say of another CA; None where they say nothing of one."""
    address, roots, tls = named["cmp"], named["cmp_roots"], named["cmp_tls_roots"]
    if address is None:
        _require_none({"--cmp-roots": roots, "--cmp-tls-roots": tls}, "cmp-alone")
        return None
    _require_none({"--bank": bank}, "cmp-not-with")
    if roots is None:
        raise CmpAsked(reason="cmp-needs", subject="--cmp-roots")
    believed = certificates_in(opened.read_file(roots), str(roots))
    server = believed if tls is None else None if tls == SYSTEM else certificates_in(opened.read_file(Path(tls)), tls)
    return other_ca.place(address, believed, server)


def referred(named: Mapping[str, Any], ours: dict[str, object]) -> Referred:
    """`ours`: what only our CA asks for."""
    _require_none(ours, "cmp-not-with")
    reference, subject = named["reference"], named["subject"]
    if not reference:
        raise CmpAsked(reason="cmp-needs", subject="--reference")
    if not (reference.isascii() and reference.isprintable()):
        raise CmpAsked(reason="cmp-reference", subject=reference)
    return Referred(reference, read_name(subject) if subject else NO_NAME, named["mac"] or PBM)


def require_alone(named: Mapping[str, Any]) -> None:
    only_here = ("reference", "secret_fd", "subject", "mac")
    _require_none({f"--{name.replace('_', '-')}": named[name] for name in only_here}, "cmp-alone")


def _require_none(named: dict[str, object], reason: str) -> None:
    """`reason` says what these do not go with."""
    for option, value in named.items():
        if value is not None:
            raise CmpAsked(reason=reason, subject=option)


def begun(target: Where, only: str | None) -> Profile | None:
    """Where what is unfinished on the store that is meant was begun, when that is at another CA."""
    folder = settings().journal_folder
    return other_ca.begun_on(folder, _name(target, only)) if other_ca.is_any_begun(folder) else None


def _name(target: Where, only: str | None) -> str:
    if path := places.file_named(target.pc or ""):
        return name_of(path)
    if target.pc:
        with places.token_named(target.pc) as token:
            return token.name
    with around.surroundings(only) as seen:
        return places.name_of_token(*seen.choose(target.serial))


@contextmanager
def counter(
    place: Profile,
    only: str | None,
    target: Where,
    person: Person,
    source: Where | None = None,
    goes_on: bool = False,
    referred: Referred | None = None,
    secret_fd: int | None = None,
    no_hooks: bool = False,
    gives_up: bool = False,
) -> Iterator[tuple[OtherCounter, Screen]]:
    """PINs are asked for, and nothing is written yet."""
    meant = functools.partial(other_ca.is_of, place) if goes_on else None
    with both(only, target, person, source, meant, gives_up) as (new, old, lost, progress):
        seconds = settings().time_limits.answer
        with OtherAuthority(place.address, place.tls_roots, clock.now, time.sleep, seconds) as reached:
            parts = place, new.store, reached, settings().journal_folder, progress, clock.now, progress.tell
            ask = _asking(progress, secret_fd, referred.reference if referred else "")
            hooks, there = hooks_of(progress, no_hooks), old.store if old else None
            yield OtherCounter(*parts, usb=new.stick, source=there, hooks=hooks, lost=lost, ask=ask), progress


def _asking(progress: Screen, descriptor: int | None, reference: str) -> Callable[[str], tuple[str, Secret]]:
    def ask(told: str) -> tuple[str, Secret]:
        with progress.aside():
            known = told or reference
            if not known and prompts.at_terminal():
                known = click.prompt(t("renewing.ask_reference"), err=True)
            return known, _secret(descriptor)

    return ask


def _secret(descriptor: int | None) -> Secret:
    system.keep_out_of_core_dumps()
    try:
        if descriptor is not None:
            return prompts.from_fd(descriptor, option=BY_FD)
    except PinMissing as error:
        raise CmpAsked(reason="cmp-needs", subject=BY_FD) from error
    if not prompts.at_terminal():
        raise CmpAsked(reason="cmp-needs", subject=BY_FD)
    return Secret(click.prompt(t("renewing.ask_secret"), hide_input=True, err=True))
