"""`tokenmgr ca renew|rollover|move`: changes of a CA that is there."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import cast

import click

from tokenmgr import clock
from tokenmgr.ca import changing, moving, renewing, rollover
from tokenmgr.ca.ceremony import KINDS, Step
from tokenmgr.ca.folder import TOKEN, CaFolder, open_folder
from tokenmgr.ca.renewing import EARLY, Due
from tokenmgr.ca.signing import CaSigner
from tokenmgr.cli.actors import machine, operator
from tokenmgr.cli.authority import TokenKeys, ca_folder, key_of, session_for_change, token_of
from tokenmgr.cli.ca_registry import catch_up, open_registry_of, tell_trail
from tokenmgr.cli.ca_view import as_value, tell
from tokenmgr.cli.help import Command
from tokenmgr.cli.options import fd_option, words
from tokenmgr.cli.output import Exit, Output
from tokenmgr.clock import japan_time
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import KeyMissing, KeysLeftBehind, TokenmgrError
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer
from tokenmgr.wiring.words import chosen_language, t

Refuse = Callable[[CaFolder], object]  # what is impossible, before anybody is asked for a PIN


@click.command(cls=Command, help=t("help.ca_renew"))
@click.argument("what", type=click.Choice(list(EARLY)))
@click.option("--new-key", is_flag=True, help=t("help.o_ca_new_key"))
@click.option("--authority", "number", type=click.IntRange(1), metavar="N", help=t("help.o_ca_authority"))
@fd_option("pin-fd", "help.o_ca_pin_fd")
@words
def renew(what: str, new_key: bool, number: int | None, pin_fd: int | None, as_json: bool) -> int:
    def refuse(folder: CaFolder) -> None:
        if number is not None and number > folder.current.number:
            raise click.UsageError(t("ca.no_authority", number=number))

    say = _quiet if as_json else _say
    with _change(pin_fd, refuse, say) as (folder, session):
        one = folder.authorities[(number or folder.current.number) - 1]
        contents, due = session.contents(), Due(one.number, what)
        issuing = key_of(one, "issuing", session, contents)
        if new_key:
            kind = KeyKind(contents.key(one.holdings["issuing"].key_id).kind)
            made = renewing.replace_key(folder, due, issuing, TokenKeys(session), kind, clock.now(), say)
        else:
            held = key_of(one, what, session, contents)
            made = renewing.renew(folder, due, issuing, held.signer, clock.now(), say)
    if not as_json:
        renewed = made.authorities[due.number - 1]
        until = japan_time(renewed.certificates[what].not_after, chosen_language())
        click.echo(t("ca.renewed", file=made.path / renewed.holdings[what].file, until=until))
    return _done(made, as_json)


@click.command(cls=Command, help=t("help.ca_rollover"))
@click.option("--keys", default="p256", type=click.Choice([kind.value for kind in KINDS]), help=t("help.o_ca_keys"))
@click.option("--again", is_flag=True, help=t("help.o_ca_again"))
@fd_option("pin-fd", "help.o_ca_pin_fd")
@words
def roll_over(keys: str, again: bool, pin_fd: int | None, as_json: bool) -> int:
    def refuse(folder: CaFolder) -> None:
        if not again:
            rollover.refuse_soon(folder, clock.now())

    say = _quiet if as_json else _say
    with _change(pin_fd, refuse, say) as (folder, session):
        old_root = key_of(folder.current, "root", session, session.contents())
        made = rollover.roll_over(folder, KeyKind(keys), old_root, TokenKeys(session), clock.now(), say)
    if not as_json:
        click.echo(t("ca.rolled_over", number=made.current.number))
        tell(made)
    return _done(made, as_json)


@click.command(cls=Command, help=t("help.ca_move"))
@click.option("--library", required=True, metavar="PATH", help=t("help.o_ca_move_library"))
@click.option("--medium", "serial", required=True, metavar="SERIAL", help=t("help.o_ca_move_medium"))
@fd_option("pin-fd", "help.o_ca_pin_fd")
@words
def move(library: str, serial: str, pin_fd: int | None, as_json: bool) -> int:
    with (
        changing.alone(ca_folder()) as folder,
        open_registry_of(folder) as registry,
        _at(folder, library, serial, pin_fd) as session,
    ):
        keys = TokenKeys(session)
        if idle := changing.idle_keys(folder):
            for key_id in idle:
                keys.destroy(key_id)  # what was cloned with them
            changing.keep_record(folder)
        contents = session.contents()

        def find(key_id: bytes) -> CaSigner | None:
            with suppress(KeyMissing):
                return cast(CaSigner, signer(session, contents.key(key_id)))
            return None

        catch_up(folder, registry, machine())
        made = moving.move(folder, library, serial, find)
        changing.tidy(made, keys.destroy)
        tell_trail(made, registry, operator(), is_moved=True)
    if not as_json:
        click.echo(t("ca.moved", serial=serial, count=len(made.about.key_ids)))
        if folder.has_own_token:
            click.echo(t("ca.token_stays", folder=folder.path / TOKEN))
    return _done(made, as_json)


@contextmanager
def _at(folder: CaFolder, library: str, serial: str, pin_fd: int | None) -> Iterator[Session]:
    _require_tidy(folder)
    with session_for_change(folder, library, serial, pin_fd) as session:
        yield session


def _require_tidy(folder: CaFolder) -> None:
    """The old token's PIN is not asked for here, and the new one's is not tried there (S5): where the old one is at
    hand, any other change of the CA removes first what a killed one has left on it."""
    if changing.idle_keys(folder) and _is_there(folder):
        raise KeysLeftBehind(serial=folder.about.serial)


def _is_there(folder: CaFolder) -> bool:
    about = folder.about
    try:
        with token_of(folder.path, about.library, about.serial) as library:
            library.find(about.serial)
    except TokenmgrError:
        return False
    return True


@contextmanager
def _change(pin_fd: int | None, refuse: Refuse, say: Callable[[Step], None]) -> Iterator[tuple[CaFolder, Session]]:
    """Alone, logged in, and what killed changes have left is gone. One that fails is undone at once; what cannot be
    undone now is left to the next one."""
    with changing.alone(ca_folder()) as folder, open_registry_of(folder) as registry:
        refuse(folder)
        catch_up(folder, registry, machine())
        about = folder.about
        with session_for_change(folder, about.library, about.serial, pin_fd) as session:
            keys = TokenKeys(session)
            changing.tidy(folder, keys.destroy)
            say(Step.PREPARED)
            try:
                yield folder, session
            except BaseException:
                with suppress(TokenmgrError, OSError):
                    changing.tidy(open_folder(folder.path), keys.destroy)
                raise
            tell_trail(open_folder(folder.path), registry, operator())


def _done(made: CaFolder, as_json: bool) -> int:
    if as_json:
        Output().value(as_value(made))
    return Exit.FINE


def _say(step: Step) -> None:
    with suppress(OSError):  # whoever has stopped reading does not stop a change
        click.echo(f"{step.value}/{len(Step)}  {t(f'ca_changes.{step.name.lower()}')}", err=True)


def _quiet(_step: Step) -> None:
    pass
