"""The key ceremony with a token and a person: what tokenmgr.ca.ceremony leaves to whoever has both."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tokenmgr import clock
from tokenmgr.ca import ceremony, staging
from tokenmgr.ca.ceremony import Plan, Step, Tell
from tokenmgr.ca.folder import DATABASE, may_hold_a_token
from tokenmgr.ca.staging import Leftover
from tokenmgr.cli import prompts
from tokenmgr.cli.authority import TokenKeys, make_token, own_token, token_of
from tokenmgr.cli.ca_asked import Asked
from tokenmgr.errors import CeremonyAsked, LeftoversElsewhere, PinUnacceptable, TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.token.session import Session
from tokenmgr.wiring.words import t

SHORTEST_PIN = 8  # of a token that is files: whoever copies them may try as often as they like


@dataclass(frozen=True)
class Cleaned:
    """What a ceremony that was killed had left, and is gone."""

    folder: str
    keys: int


def hold_ceremony(target: Path, asked: Asked, pin_fd: int | None, new_pin_fd: int | None, tell: Tell) -> list[Cleaned]:
    """All of it, or nothing. What was left by ceremonies that were killed is cleaned up first, and returned."""
    with staging.alone(target):
        left = staging.leftovers(target)
        for one in left:
            _require_at_hand(one, asked)
        if asked.library:
            return _on_medium(target, asked, left, pin_fd, tell)
        return _on_own_token(target, asked, left, new_pin_fd, tell)


def _require_at_hand(leftover: Leftover, asked: Asked) -> None:
    """Keys that it has put on a token can be destroyed there, and only there."""
    record = leftover.record
    if (
        record is not None
        and leftover.is_elsewhere
        and (record.library, record.serial) != (asked.library, asked.serial)
    ):
        raise LeftoversElsewhere(folder=str(leftover.folder), library=record.library, serial=record.serial)


def _plan(asked: Asked, serial: str) -> Plan:
    return Plan(asked.name, asked.kind, asked.url, asked.status_url, asked.database, asked.library, serial)


def _on_own_token(
    target: Path, asked: Asked, left: list[Leftover], new_pin_fd: int | None, tell: Tell
) -> list[Cleaned]:
    if not may_hold_a_token(target):
        raise CeremonyAsked(reason="ca-folder", subject=str(target))
    with prompts.new_pin(new_pin_fd) as pin:
        if len(pin) < SHORTEST_PIN:
            raise PinUnacceptable(rule="length", shortest=SHORTEST_PIN, longest=255)
        if asked.database:
            make_registry(asked.database)
        cleaned = [_clean(one, None) for one in left]
        folder = staging.create(target)
        with _given_up_with(folder, None):
            tell(Step.PREPARED)
            serial = make_token(folder, pin)
            with own_token(folder) as library, _logged_in(Session.open(library, serial, write=True), pin) as session:
                ceremony.make(_plan(asked, serial), folder, TokenKeys(session), clock.now(), tell)
            _settle(asked, folder, target, tell)
    return cleaned


def _on_medium(target: Path, asked: Asked, left: list[Leftover], pin_fd: int | None, tell: Tell) -> list[Cleaned]:
    with token_of(target, asked.library, asked.serial) as library:
        facts = library.find(asked.serial)
        prompts.final_try(facts, library.family_of(facts), given=False)
        with (
            prompts.pin(t("pins.ask", serial=asked.serial), pin_fd) as pin,
            _logged_in(Session.open(library, asked.serial, write=True), pin) as session,
        ):
            keys = TokenKeys(session)
            if asked.database:
                make_registry(asked.database)
            cleaned = [_clean(one, keys) for one in left]
            folder = staging.create(target)
            with _given_up_with(folder, keys):
                tell(Step.PREPARED)
                ceremony.make(_plan(asked, asked.serial), folder, keys, clock.now(), tell)
                _settle(asked, folder, target, tell)
    return cleaned


@contextmanager
def _logged_in(session: Session, pin: Secret) -> Iterator[Session]:
    with session:
        session.login(pin)
        yield session


def make_registry(url: str) -> None:
    """Before the ceremony: one that cannot be reached is found out while nothing has been done."""
    from tokenmgr.sql.engine import Database  # here: whoever only asks for help starts faster without

    database = Database.open(url)
    try:
        database.migrate(clock.now())
    finally:
        database.close()


def _settle(asked: Asked, folder: Path, target: Path, tell: Tell) -> None:
    if not asked.database:
        make_registry(f"sqlite:///{folder / DATABASE}")
    staging.settle(folder, target)
    tell(Step.SETTLED)


def _clean(leftover: Leftover, keys: TokenKeys | None) -> Cleaned:
    destroyed = staging.clean(leftover, keys.destroy if keys else _nothing_to_destroy)
    return Cleaned(str(leftover.folder), destroyed)


def _nothing_to_destroy(_key_id: bytes) -> bool:
    return False


@contextmanager
def _given_up_with(folder: Path, keys: TokenKeys | None) -> Iterator[None]:
    """A ceremony that fails is undone at once; what cannot be undone now is left to the next one."""
    try:
        yield
    except BaseException:
        with suppress(TokenmgrError, OSError):
            leftover = Leftover(folder, staging.read_record(folder))
            if leftover.is_elsewhere:
                _clean(leftover, keys)
            elif folder.exists():
                shutil.rmtree(folder)
        raise
