"""`tokenmgr ca close`: a CA stopped for good. What is done is never undone, and never has to be done again.

1. MARKED     from now on no node certifies anything
2. REVOKED    every certificate that is out (cessationOfOperation)
3. LISTED     a last list per authority, good until after the end of the last certificate
4. PUBLISHED  written beside the CA's certificates into `closed/`, read back and checked
5. DESTROYED  the keys, on the token: listed first, and only by an explicit yes
6. CLOSED     the last entry of the trail

Killed anywhere, the same command again goes on: what it finds done it leaves.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from pathlib import Path
from typing import Any, cast

import click

from tokenmgr import clock
from tokenmgr.ca import changing, crl, last_list
from tokenmgr.ca.folder import AuthorityFacts, CaFolder, certificate_at, crl_at, open_folder
from tokenmgr.ca.keys import CaKey
from tokenmgr.ca.signing import CaSigner
from tokenmgr.cli import prompts
from tokenmgr.cli.actors import operator
from tokenmgr.cli.authority import TURN, TokenKeys, ca_folder, token_of
from tokenmgr.cli.ca_backup import CLOSED
from tokenmgr.cli.ca_registry import registry_of
from tokenmgr.cli.options import fd_option, words
from tokenmgr.cli.output import Exit, Output
from tokenmgr.clock import japan_time
from tokenmgr.domain.credential import Key
from tokenmgr.errors import AuthorityPinWrong, CloseNotConfirmed, FileNotWritten, ListUnfit, PinWrong
from tokenmgr.sql import closing, marks
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.crls import Crl
from tokenmgr.sql.engine import Database
from tokenmgr.system import locked, private_folder, sync_folder
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer
from tokenmgr.wiring.words import chosen_language, t


class Step(Enum):
    MARKED = 1
    REVOKED = 2
    LISTED = 3
    PUBLISHED = 4
    DESTROYED = 5
    CLOSED = 6


Tell = Callable[[Step], None]
LEAST = timedelta(days=7)  # that a last list is good for
AFTER = timedelta(days=1)  # the end of the last certificate


@dataclass
class _Closing:
    """All that the steps have in their hands."""

    folder: CaFolder
    database: Database
    session: Session
    now: datetime
    tell: Tell
    revoked: int = 0
    files: list[str] = field(default_factory=list)

    @property
    def place(self) -> Path:
        return self.folder.path / CLOSED

    @property
    def authorities(self) -> list[AuthorityFacts]:
        """Those that may have certificates out."""
        return [one for one in self.folder.authorities if self.now <= one.certificates["issuing"].not_after]


@click.command(help=t("help.ca_close"))
@click.option("--yes-close", metavar="NAME", help=t("help.o_yes_close"))
@click.option("--destroy-keys", is_flag=True, help=t("help.o_destroy_keys"))
@fd_option("pin-fd", "help.o_ca_pin_fd")
@words
def close(yes_close: str | None, destroy_keys: bool, pin_fd: int | None, as_json: bool) -> int:
    _confirm(open_folder(ca_folder()), yes_close)
    with ExitStack() as stack:
        folder = stack.enter_context(changing.alone(ca_folder()))  # nobody makes keys and certificates meanwhile
        database = stack.enter_context(registry_of(folder))
        if closing.is_finished(database):
            return _told(folder, None, 0, True, as_json)
        session = _session(stack, folder, pin_fd)
        changing.tidy(folder, TokenKeys(session).destroy)  # keys of a change that was killed, too
        work = _Closing(folder, database, session, clock.now(), lambda step: _say(step, as_json))
        _stop(work)
        _publish(work)
        if not _destroy(work, destroy_keys, as_json):
            return _told(folder, work, 0, False, as_json)
        destroyed = closing.finish(database, operator())
        work.tell(Step.CLOSED)
        return _told(folder, work, destroyed, True, as_json)


def _confirm(folder: CaFolder, given: str | None) -> None:
    name = folder.about.name
    if given is None and prompts.at_terminal():
        click.echo(t("ca_close.means", name=name), err=True)
        given = click.prompt(t("ca_close.ask_name", name=name), err=True)
    if given != name:
        raise CloseNotConfirmed(name=name)


def _session(stack: ExitStack, folder: CaFolder, pin_fd: int | None) -> Session:
    """Logged in before anything is done: a wrong PIN closes nothing."""
    about = folder.about
    library = stack.enter_context(token_of(folder.path, about.library, about.serial))
    pin = stack.enter_context(prompts.pin(t("ca.ask_pin", name=about.name), pin_fd))
    with locked(folder.path / TURN):
        session = stack.enter_context(Session.open(library, about.serial, write=True))
        try:
            session.login(pin)
        except PinWrong as error:
            raise AuthorityPinWrong(name=about.name) from error
    return session


def _say(step: Step, as_json: bool) -> None:
    if not as_json:
        with suppress(OSError):
            click.echo(f"{step.value}/{len(Step)}  {t(f'ca_close_steps.{step.name.lower()}')}", err=True)


def _told(folder: CaFolder, work: _Closing | None, destroyed: int, is_over: bool, as_json: bool) -> int:
    place = folder.path / CLOSED
    if as_json:
        told: dict[str, Any] = {"name": folder.about.name, "folder": str(place), "finished": is_over}
        if work is not None:
            told |= {"revoked": work.revoked, "files": work.files, "keys_destroyed": destroyed}
        Output().value(told)
    elif is_over:
        click.echo(t("ca_close.over", name=folder.about.name, folder=place))
    else:
        click.echo(t("ca_close.keys_left", folder=place))
    return Exit.FINE if is_over else Exit.FINDINGS


# --- 1, 2 -----------------------------------------------------------------------------------------------------------


def _stop(work: _Closing) -> None:
    marks.close(work.database, operator(), work.now)
    work.tell(Step.MARKED)
    work.revoked = sum(closing.take_all_back(work.database, operator(), work.now))
    work.tell(Step.REVOKED)


# --- 3, 4 -----------------------------------------------------------------------------------------------------------


def _publish(work: _Closing) -> None:
    administration = Administration(work.database, operator())
    try:
        lists = {one.number: _checked(work, administration, one) for one in work.authorities}
    except ListUnfit:
        contents = work.session.contents()
        for one in work.authorities:
            held = one.holdings["issuing"]
            found = cast(CaSigner, signer(work.session, contents.key(held.key_id)))
            _make_list(work, administration, one, CaKey("issuing", found, one.certificates["issuing"].der))
        lists = {one.number: _checked(work, administration, one) for one in work.authorities}
    work.tell(Step.LISTED)
    work.files = _write(work, lists)
    for one in work.authorities:
        written = (work.place / crl_at(one.number)[1:]).read_bytes()
        if written != lists[one.number].der:
            raise ListUnfit(reason="read-back")
    work.tell(Step.PUBLISHED)


def _make_list(work: _Closing, administration: Administration, one: AuthorityFacts, key: CaKey) -> None:
    last, covers = administration.crl_header(one.number), administration.last_change()
    valid_at = min(last.issued_at, work.now) if last else work.now
    ends = closing.last_end(work.database, one.number) or work.now
    until = (max(ends + AFTER, work.now + LEAST)).replace(microsecond=0)
    number = closing.next_number(work.database, one.number)
    entries = ((each.serial, each.at, each.reason) for each in administration.revoked(valid_at, one.number))
    der = crl.build(key, entries, number, work.now, until)
    closing.keep(work.database, operator(), Crl(one.number, number, work.now, until, covers, number, der))


def _checked(work: _Closing, administration: Administration, one: AuthorityFacts) -> Crl:
    """The newest, where it is a last one: it knows every change, and outlives every certificate."""
    last = administration.crl(one.number)
    if last is None or last.covers != administration.last_change():
        raise ListUnfit(reason="read-back")
    ends = closing.last_end(work.database, one.number) or work.now
    entries = closing.listed(work.database, one.number, last.issued_at)
    last_list.check(last.der, one.certificates["issuing"].der, entries, last.number, ends)
    return last


def _write(work: _Closing, lists: dict[int, Crl]) -> list[str]:
    private_folder(work.place)
    files: dict[str, bytes] = {}
    for one in work.authorities:
        files[crl_at(one.number)[1:]] = lists[one.number].der
        files[certificate_at(one.number)[1:]] = one.certificates["issuing"].der
        files["root.cer" if one.number == 1 else f"root-{one.number}.cer"] = one.certificates["root"].der
    files["README.txt"] = _readme(work, lists.values()).encode()
    try:
        for name, content in files.items():
            _write_whole(work.place / name, content)
        sync_folder(work.place)
        sync_folder(work.folder.path)
    except OSError as error:
        raise FileNotWritten(file=str(work.place), reason=error.strerror or str(error)) from error
    return sorted(files)


def _write_whole(file: Path, content: bytes) -> None:
    new = file.with_name(f"{file.name}.new")
    with new.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)


def _readme(work: _Closing, lists: Iterable[Crl]) -> str:
    until = max((one.next_update for one in lists), default=work.now)
    about = work.folder.about
    where = "\n".join(
        f"    {about.status_url}{at(one.number)}" for one in work.authorities for at in (crl_at, certificate_at)
    )
    return t("ca_close.readme", name=about.name, until=japan_time(until, chosen_language()), where=where)


# --- 5 --------------------------------------------------------------------------------------------------------------


def _destroy(work: _Closing, given: bool, as_json: bool) -> bool:
    """Not where nobody has said yes. On a token of its own every key is the CA's; on another's, those that ca.toml
    names."""
    left = _keys_of(work)
    if left and not given:
        if not as_json:
            _list(work, left)
        if as_json or not prompts.at_terminal() or not prompts.says_yes(t("ca_close.ask_keys")):
            return False
    elif left and not as_json:
        _list(work, left)
    closing.announce(work.database, operator(), (key.key_id.hex() for key in left))
    keys = TokenKeys(work.session)
    for key in left:
        keys.destroy(key.key_id)
    if _keys_of(work):
        return False
    work.tell(Step.DESTROYED)
    return True


def _keys_of(work: _Closing) -> list[Key]:
    own, named = work.folder.has_own_token, work.folder.about.key_ids
    return [key for key in work.session.contents().keys if own or key.key_id in named]


def _list(work: _Closing, keys: list[Key]) -> None:
    click.echo(t("ca_close.keys", serial=work.folder.about.serial), err=True)
    for key in keys:
        click.echo(f"  {key.label}  {key.kind}  {key.key_id.hex()}", err=True)
