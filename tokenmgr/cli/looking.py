"""What `tokenmgr status` looks at: the media that are plugged in, and the stores on this PC that may be ours."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from tokenmgr.cli import places, wiring
from tokenmgr.cli.libraries import settings
from tokenmgr.customer.looks import Look, of_token
from tokenmgr.domain.contents import Contents
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.medium import PinState
from tokenmgr.errors import TokenmgrError
from tokenmgr.keystore import nss
from tokenmgr.renewal.journal import looked

Looks = tuple[list[Look], TokenmgrError | None]


@contextmanager
def looks(where: places.Where, only: str | None, folder: Path) -> Iterator[Looks]:
    """The named one, or all; and why there is no medium where there is none."""
    with ExitStack() as stack:
        if where.pc:
            yield [_named(stack, where.pc)], None
            return
        seen = stack.enter_context(wiring.surroundings(only))
        if where.serial:
            yield [of_token(*seen.choose(where.serial))], None
            return
        media, on_pc = [of_token(*one) for one in seen.media], [*_on_pc(stack, folder)]
        yield [*media, *on_pc], None if media else seen.why_none()


def _on_pc(stack: ExitStack, folder: Path) -> Iterator[Look]:
    """Those that an operation of this PC has had, whatever has become of them; and the browsers' that have keys."""
    ours = {one.store for one in looked(folder)} | {one.source for one in looked(folder)}
    known = sorted(one for one in ours if places.is_on_pc(one))
    yield from (_known(stack, name) for name in known)
    usual = settings().store_file
    if usual.exists() and f"{places.FILE}:{usual}" not in known:
        yield _known(stack, places.FILE)
    for database in nss.databases(settings().user_home):
        if database.has_keys and database.name not in known:
            yield replace(_known(stack, database.name), is_wanted=False)


def files(folder: Path) -> list[Look]:
    """The encrypted files among them: what a browser does not see."""
    ours = {one.store for one in looked(folder) if one.store.startswith(f"{places.FILE}:")}
    usual = settings().store_file
    if usual.exists():
        ours.add(f"{places.FILE}:{usual}")
    with ExitStack() as stack:
        return [_known(stack, name) for name in sorted(ours)]


def _known(stack: ExitStack, name: str) -> Look:
    """What stands in the way of a look is told by the look."""
    try:
        return _named(stack, name)
    except TokenmgrError as error:
        return failed(name, error)


def failed(name: str, error: TokenmgrError) -> Look:
    def read() -> Contents:
        raise error

    return Look(name, name, StoreKind.PC, PinState.NOT_TOLD, read)


def _named(stack: ExitStack, name: str) -> Look:
    path = places.file_named(name)
    if path is not None:
        from tokenmgr.keystore import file, form  # here: they take longer to load than all of this

        read = functools.partial(file.contents, path)
        label = places.FILE if path == settings().store_file else str(path)
        needs_pin = True
        with suppress(TokenmgrError):  # the look itself tells what is wrong with it
            needs_pin = not file.is_by_keyring(path)
        return Look(form.name_of(path), label, StoreKind.PC, PinState.NOT_TOLD, read, True, needs_pin)
    token = stack.enter_context(places.token_named(name))
    return of_token(token.library, token.facts, token.name, token.label)
