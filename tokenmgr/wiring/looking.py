"""What `tokenmgr status` looks at: the media that are plugged in, and the stores on this PC that may be ours."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from tokenmgr.customer.looks import Look, of_token
from tokenmgr.domain.contents import Contents
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.errors import MediumNotFound, NoMedium, PcStoreMissing, ReaderEmpty, TokenmgrError
from tokenmgr.keystore import nss
from tokenmgr.renewal.journal import looked
from tokenmgr.token.module import Library
from tokenmgr.wiring import around, places
from tokenmgr.wiring.libraries import settings

Looks = tuple[list[Look], TokenmgrError | None]
AWAY = (MediumNotFound, NoMedium, ReaderEmpty)  # it may be in the safe


@contextmanager
def looks(
    where: places.Where, only: str | None, folder: Path, seen: around.Surroundings | None = None
) -> Iterator[Looks]:
    """The named one, or all; and why there is no medium where there is none. `seen`: what was just looked at, by
    libraries that are kept."""
    with ExitStack() as stack:
        if where.pc:
            yield [_named(stack, where.pc)], None
            return
        seen = seen or stack.enter_context(around.surroundings(only))
        if where.serial:
            yield _chosen(seen, where.serial)
            return
        media = [of_medium(*one) for one in seen.media]
        yield [*media, *_on_pc(stack, folder, {one.name for one in media})], None if media else seen.why_none()


def _chosen(seen: around.Surroundings, serial: str) -> Looks:
    try:
        return [of_medium(*seen.choose(serial))], None
    except AWAY as error:
        return [], error


def of_medium(library: Library, facts: MediumFacts) -> Look:
    """A chip of this PC is one that --pc names, too."""
    name = places.name_of_token(library, facts)
    return of_token(library, facts, "" if name == facts.serial else name)


def _on_pc(stack: ExitStack, folder: Path, shown: Collection[str]) -> Iterator[Look]:
    """Those that an operation of this PC has had; and the browsers' that have keys."""
    known = ours(folder)
    yield from _looks(stack, {name: is_begun for name, is_begun in known.items() if name not in shown})
    for database in nss.databases(settings().user_home):
        if database.has_keys and database.name not in known:
            yield from (replace(one, is_wanted=False) for one in _looks(stack, {database.name: False}))


def ours(folder: Path) -> dict[str, bool]:
    """By name, those that a journal names, and the usual file; and whether anything unfinished is about it."""
    found = {places.canonical(places.FILE): False}
    for one in looked(folder):
        for name in (places.canonical(each) for each in (one.store, one.source) if places.is_on_pc(each)):
            found[name] = found.get(name, False) or one.is_unfinished
    return found


def files(folder: Path) -> list[Look]:
    """The encrypted files among them: what a browser does not see."""
    known = {name: is_begun for name, is_begun in ours(folder).items() if places.file_named(name)}
    with ExitStack() as stack:
        return [*_looks(stack, known)]


def _looks(stack: ExitStack, known: Mapping[str, bool]) -> Iterator[Look]:
    """What stands in the way of one is told by it. One that is gone may have been moved away from for good: that
    matters only to what is unfinished."""
    for name, is_begun in sorted(known.items()):
        try:
            path = places.file_named(name)
            if path is not None and not path.exists():
                raise PcStoreMissing(serial=name, place=str(path))
            yield _named(stack, name)
        except PcStoreMissing as error:
            if is_begun:
                yield failed(name, error)
        except TokenmgrError as error:
            yield failed(name, error)


def failed(name: str, error: TokenmgrError) -> Look:
    def read() -> Contents:
        raise error

    return Look(name, name, StoreKind.PC, PinState.NOT_TOLD, read)


def _named(stack: ExitStack, name: str) -> Look:
    path = places.file_named(name)
    if path is not None:
        from tokenmgr.keystore import file, form  # here: they take longer to load than all of this

        read = functools.partial(file.contents, path)
        label = places.FILE if path == places.file_named(places.FILE) else str(path)
        needs_pin = True
        with suppress(TokenmgrError):  # the look itself tells what is wrong with it
            needs_pin = not file.is_by_keyring(path)
        return Look(form.name_of(path), label, StoreKind.PC, PinState.NOT_TOLD, read, True, needs_pin)
    token = stack.enter_context(places.token_named(name))
    return of_token(token.library, token.facts, token.name, token.label)
