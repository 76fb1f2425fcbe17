"""The CA's folder and its token, wired together: the one place where tokenmgr.ca gets keys that sign."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import cast

from tokenmgr import catalogue, clock
from tokenmgr.ca.about import About
from tokenmgr.ca.folder import CONFIGURATION, TOKEN, AuthorityFacts, CaFolder, configuration_text, write_whole
from tokenmgr.ca.keys import AuthorityKeys, CaKey, CaKeys, RootUpdate
from tokenmgr.ca.signing import CaSigner
from tokenmgr.cli import prompts
from tokenmgr.cli.lasting import LastingSession
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import AuthorityKeyLost, AuthorityMoved, AuthorityPinWrong, KeyMissing, LibraryMissing, PinWrong
from tokenmgr.log import Secret
from tokenmgr.system import locked, private_folder
from tokenmgr.token.module import Library
from tokenmgr.token.objects import MediumContents
from tokenmgr.token.session import Session
from tokenmgr.token.signer import Signs, signer
from tokenmgr.wiring.libraries import libraries, settings
from tokenmgr.wiring.words import t

LABEL = "tokenmgr CA"
TURN = "token.lock"  # who logs in to the token at this moment
REFUSED, IN_USE = "pin-refused", "token-in-use"  # in a folder that the processes of one keeper share


def ca_folder() -> Path:
    return settings().home / "ca"


@contextmanager
def open_authority(folder: CaFolder, pin: Secret, shared: Path) -> Iterator[CaKeys]:
    """The keys in service, for as long as the `with` lasts. The roots' keys are not among them."""
    about = folder.about
    _require_same_token(about, shared / IN_USE)
    with (
        token_of(folder.path, about.library, about.serial) as library,
        closing(LastingSession(library, about.serial, pin, folder.path / TURN, shared / REFUSED)) as token,
    ):
        yield keys_of(folder, token, token.contents(), clock.now())


def _require_same_token(about: About, file: Path) -> None:
    """The PIN that a keeper holds is one token's, and is no try at another's (S5)."""
    token = f"{about.serial}\n{about.library}\n"
    with suppress(FileNotFoundError):
        if file.read_text(encoding="utf-8") != token:
            raise AuthorityMoved(serial=about.serial)
        return
    write_whole(file, token)


@contextmanager
def session_for_change(folder: CaFolder, library: str, serial: str, pin_fd: int | None) -> Iterator[Session]:
    """Logged in, for writing; meanwhile nobody else logs in (LastingSession)."""
    with token_of(folder.path, library, serial) as found:
        facts = found.find(serial)
        prompts.final_try(facts, found.family_of(facts), given=False)
        with (
            prompts.pin(t("ca.ask_pin", name=folder.about.name), pin_fd) as pin,
            locked(folder.path / TURN),
            Session.open(found, serial, write=True) as session,
        ):
            with pin_of(folder):
                session.login(pin)
            yield session


@contextmanager
def pin_of(folder: CaFolder) -> Iterator[None]:
    """It is the CA's token, and no customer's medium."""
    try:
        yield
    except PinWrong as error:
        raise AuthorityPinWrong(name=folder.about.name) from error


def key_of(one: AuthorityFacts, purpose: str, token: Signs, contents: MediumContents) -> CaKey:
    held = one.holdings[purpose]
    name = held.file.removesuffix(".pem")
    try:
        on_token = cast(CaSigner, signer(token, contents.key(held.key_id)))
    except KeyMissing as error:
        raise AuthorityKeyLost(key=name, serial=contents.serial) from error
    return CaKey(name, on_token, one.certificates[purpose].der)


def keys_of(folder: CaFolder, token: Signs, contents: MediumContents, now: datetime) -> CaKeys:
    """Of every authority that has certificates out; an issuing CA that has expired has none."""
    going_on = [one for one in folder.authorities[:-1] if now <= one.certificates["issuing"].not_after]
    authorities = tuple(
        AuthorityKeys(
            one.number,
            key_of(one, "issuing", token, contents),
            key_of(one, "ocsp", token, contents),
            one.certificates["root"].der,
        )
        for one in (*going_on, folder.current)
    )
    return CaKeys(key_of(folder.current, "cmp", token, contents), authorities, tuple(_root_updates(folder)))


def _root_updates(folder: CaFolder) -> Iterator[RootUpdate]:
    for old, new in pairwise(folder.authorities):
        if new.new_with_old and new.old_with_new:
            roots = old.certificates["root"].der, new.certificates["root"].der
            yield RootUpdate(*roots, new.new_with_old.der, new.old_with_new.der)


@contextmanager
def token_of(path: Path, library: str, serial: str) -> Iterator[Library]:
    """A CA's own SoftHSM token, or another's library: of several that are set for one file, the one that shows it."""
    if not library:
        with own_token(path) as own:
            yield own
        return
    with libraries(library) as found:
        shown = [one for one in found if any(medium.serial == serial for medium in one.media())]
        yield (shown or found)[0]


def own_token(path: Path) -> Library:
    family = catalogue.shipped().family("softhsm")
    found = catalogue.library(family)
    if found is None:
        raise LibraryMissing(library="SoftHSM")
    environment = {**settings().environment, "SOFTHSM2_CONF": str(path / CONFIGURATION)}
    return Library(found, environment, family, settings().time_limits)


def make_token(path: Path, pin: Secret) -> str:
    """A token in a folder. Its security officer's PIN is random and kept by nobody: it could do nothing but set another
    PIN for keys that whoever has forgotten the old one should not get at. Its serial number."""
    private_folder(path / TOKEN)
    write_whole(path / CONFIGURATION, configuration_text(path))
    with own_token(path) as library, Secret(os.urandom(16).hex()) as officer:
        return library.format("", officer, pin, LABEL).serial


class TokenKeys:
    """KeyMaker over a session that is logged in, for writing."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def generate(self, purpose: str, kind: KeyKind, key_id: bytes) -> CaSigner:
        key = self._session.generate_key(kind, key_id, f"{LABEL} {purpose}")
        return cast(CaSigner, signer(self._session, key))

    def destroy(self, key_id: bytes) -> bool:
        found = [key for key in self._session.contents().keys if key.key_id == key_id]
        if found:
            self._session.delete(self._session.permit_deletion(found, clock.now()))
        return bool(found)
