"""The opening of the store that is meant (places.py): its PIN is asked for where it has one, and it is the engine's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.customer.pc_store import PcStore
from tokenmgr.domain.device import instead
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import PcStoreInUse, RenewalError
from tokenmgr.keystore import file
from tokenmgr.keystore.form import name_of
from tokenmgr.log import Secret
from tokenmgr.renewal.ports import StorePort
from tokenmgr.wiring import around, libraries
from tokenmgr.wiring.person import Person
from tokenmgr.wiring.places import TPM, Token, Where, file_named, name_of_token, token_named


@dataclass(frozen=True)
class Opened:
    """`doing`: the call that it is at. `stick`: what it is, or is built into, as the USB bus tells."""

    store: StorePort
    label: str
    doing: Callable[[], str] = str
    stick: str = ""


@contextmanager
def opened(where: Where, only: str | None, person: Person) -> Iterator[Opened]:
    """Nothing is written yet."""
    place = file_named(where.pc or "")
    way = _file(place, where, person) if place else _token(where, person) if where.pc else _medium(where, only, person)
    with way as found, closing(found.store), _about(found.store):
        yield found


def look_for(where: Where, only: str | None) -> None:
    """Without its PIN: what stands in the way of it is raised."""
    if place := file_named(where.pc or ""):
        file.is_by_keyring(place)
    elif where.pc:
        with token_named(where.pc):
            pass
    else:
        with around.surroundings(only) as seen:
            seen.choose(where.serial)


@contextmanager
def _about(store: StorePort) -> Iterator[None]:
    """What went wrong meanwhile is to be gone on with here: its next step names this store (R15)."""
    try:
        yield
    except RenewalError as error:
        if error.facts.get("serial") == "":
            vars(error)["serial"] = store.name
        raise


@contextmanager
def _medium(where: Where, only: str | None, person: Person) -> Iterator[Opened]:
    with around.surroundings(only) as seen:
        library, facts = seen.choose(where.serial)
        accepted = person.may_spend_final_try(facts, library.family_of(facts), where)
        stick = _stick(seen, facts)
        with person.pin(facts.serial, where, facts) as pin:
            kind = StoreKind.PC if library.family_of(facts).token.on_pc else StoreKind.MEDIUM
            store = MediumStore(library, facts.serial, pin, accepted, lambda: _instead(stick), kind)
            store.name = name_of_token(library, facts)
            yield Opened(store, facts.label, lambda: library.worker.doing, stick)


@contextmanager
def _token(where: Where, person: Person) -> Iterator[Opened]:
    with ExitStack() as stack:
        token = stack.enter_context(token_named(where.pc or "", write=True))
        _wait_for_browser(token, person)
        pin = stack.enter_context(_pin(token, where, person) if token.facts.needs_pin else nullcontext())
        store = PcStore(token.library, token.facts.serial, pin, token.name, token.programs)
        yield Opened(store, token.label, lambda: token.library.worker.doing)


def _wait_for_browser(token: Token, person: Person) -> None:
    """Until it is closed, where somebody sits there who can; what comes later is the engine's to wait for."""
    while programs := token.programs():
        error = PcStoreInUse(serial=token.name, programs=programs)
        if not person.waits(error, lambda before=programs: token.programs() != before):  # type: ignore[misc]
            raise error


def _pin(token: Token, where: Where, person: Person) -> Secret:
    """A chip has a PIN, and counts; NSS has a password, which may be in any letters."""
    if token.name.startswith(TPM):
        return person.pin(token.name, where, token.facts)
    return person.passphrase(token.name, where)


@contextmanager
def _file(path: Path, where: Where, person: Person) -> Iterator[Opened]:
    with passphrase(path, where, person) as known:
        yield Opened(file.FileStore(path, known), where.pc or "")


def passphrase(path: Path, where: Where, person: Person) -> Secret:
    """From whoever has it: the system's keyring, or a person."""
    if file.is_by_keyring(path):
        from tokenmgr.keystore import keyring  # here: an optional package

        return keyring.secret_of(path)
    return person.passphrase(name_of(path), where)


def _stick(seen: around.Surroundings, medium: MediumFacts) -> str:
    """As the bus tells of it; empty where it tells of none, or of several that may be it. A reader that no family is
    known by is none: a card may be put into another one, and its own number is the bond (S4)."""
    found = [one for one in seen.plugged if medium.serial in [each.serial for each in one.media]]
    return found[0].device.identity if len(found) == 1 and found[0].family else ""


def _instead(stick: str) -> str:
    """By a look at the bus now, which asks nothing of any medium."""
    if not stick:
        return ""
    there = around.look_at_usb().devices
    return instead(stick, [one for one in there if one.smart_card or libraries.known().claims(one.usb_id)])
