"""A renewal that is rehearsed: the same nine steps, with a key that is thrown away and a certificate that the CA marks,
and never counts. CONFIRMED tells the CA that it went through; RETIRED takes away what was made, and never the old one.

However it is cut short, nothing of it is gone on with: what it has left is found by the journal, by the key's mark or
by its certificate, and taken back before anything else is done (customer/operations.py).
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import Any

from tokenmgr.cmp.conversation import Conversation, Identity
from tokenmgr.domain.contents import Contents, Held, Target
from tokenmgr.domain.credential import Credential, Key, KeyKind, StoredCertificate
from tokenmgr.domain.holding import REHEARSED, mark_of
from tokenmgr.domain.policy import Reason
from tokenmgr.domain.rehearsal import Failure
from tokenmgr.domain.renewal import AtAuthority, Ending, Evidence, Step
from tokenmgr.errors import NotPermittedNow, RehearsalNotOffered, TokenmgrError
from tokenmgr.renewal.engine import STAYS, Engine
from tokenmgr.renewal.evidence import Known, made_key
from tokenmgr.renewal.journal import Journal, Phase, Value
from tokenmgr.renewal.ports import AuthorityPort, StorePort

THERE = "there"  # what was on the store before


class Seen(Known):
    def evidence(self) -> Evidence:
        """Once it is confirmed it has shown what it is for: what is left of it is to be taken away, and no more."""
        found = super().evidence()
        if found.authority is not AtAuthority.CONFIRMED:
            return found
        return replace(
            found,
            is_checked=True,
            has_key=True,
            kept_certificate=True,
            is_accepted=True,
            has_certificate=True,
            is_verified=True,
        )


class Rehearsal(Engine):
    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.known = Seen(self.journal, self.store)
        if self._identity is not None:
            self._ask_as(self._identity)
        self.step = Step.CHECKED  # the one that it is at

    def run(self) -> Ending:
        """Where a step fails, what was made is taken away at once, as far as the store lets itself be asked."""
        try:
            return super().run()
        except TokenmgrError:
            with suppress(TokenmgrError):
                take_back(self.store, self.journal, self.clock())
            raise

    @property
    def is_as_it_was(self) -> bool:
        """The store, by a look at it now."""
        self.store.close()
        return digests(self.store.contents()) == set(str(self.journal.fact(THERE)).split())

    def _take(self, step: Step) -> None:
        self.step = step
        super()._take(step)

    def _check(self) -> Mapping[str, Value]:
        told = super()._check()
        if self.journal.fact(THERE) is None:
            return {**told, THERE: " ".join(sorted(digests(self.store.contents())))}
        return told

    def _require_open(self) -> None:
        """It may be too early for a renewal: that is what it is for."""
        if not self.offer.rehearsals.get(self.store.kind.value):
            raise RehearsalNotOffered(bank=self.offer.bank)
        try:
            super()._require_open()
        except NotPermittedNow as error:
            if error.reason != Reason.TOO_EARLY.value:
                raise

    def _retire(self) -> Mapping[str, Value]:
        return clear(self.store, self.journal, self.clock())

    def _take_back(self) -> None:
        """At the CA it is in nobody's way, and ends within its hour."""

    def _remove_made(self) -> None:
        clear(self.store, self.journal, self.clock())


def take_back(store: StorePort, journal: Journal, now: datetime) -> None:
    """What a rehearsal of this PC has left. One that had been confirmed has gone through all the same."""
    if journal.ending:
        return
    if not journal.fact("key_id"):
        store.obstacles(
            KeyKind(str(journal.heading["kind"]))
        )  # looks for room, and takes away what an earlier look left
    told = clear(store, journal, now)
    ending = Ending.DONE if journal.is_done(Step.CONFIRMED) else Ending.UNDONE
    journal.write(None, Phase.DONE, {"ending": ending.value, **told}, now)


def clear(store: StorePort, journal: Journal, now: datetime) -> dict[str, Value]:
    """What the store will not give away stays, under its mark: clean-up lists it."""
    store.close()
    contents = store.contents()
    key_id = bytes.fromhex(str(journal.fact("key_id") or ""))
    gone = left(contents, key_id, made=made_key(journal))
    there = journal.fact(THERE)
    if there is not None:
        gone += _issuers(contents, gone, set(str(there).split()))
    return remove(store, gone, now)


def remove(store: StorePort, gone: Sequence[Target], now: datetime) -> dict[str, Value]:
    try:
        if gone:
            store.remove(gone, None, now)
    except STAYS as error:
        return {"stays": error.code}
    return {}


def left(contents: Contents, key_id: bytes = b"", known: Collection[Key] = (), made: bytes = b"") -> list[Target]:
    """Of rehearsals, whoever has held them: their certificates; keys that are marked as theirs, or `known` for it, or
    that have this ID, which was free when it was chosen, and are what was `made` there as far as that is known; half a
    key pair alike. A key that has another certificate is none of them."""
    is_ours = [one for one in contents.certificates if one.facts and one.facts.is_rehearsal]
    torn = [one for one in contents.certificates if one.facts is None and key_id and one.key_id == key_id]
    theirs = {one.facts.public_key for one in is_ours if one.facts}
    real = [one for one in contents.certificates if one not in (*is_ours, *torn)]
    keys = [
        one
        for one in contents.keys
        if mark_of(one.label) == REHEARSED
        or one in known
        or (key_id and one.key_id == key_id and (not made or one.public_key in (None, made)))
        or one.public_key in theirs
    ]
    lonely = [
        one
        for one in contents.public
        if (mark_of(one.label) == REHEARSED or (key_id and one.key_id == key_id))
        and one.key_id not in [key.key_id for key in contents.keys]
    ]
    return [*(one for one in keys if not _has_one_of(one, real)), *is_ours, *torn, *lonely]


def _has_one_of(key: Key, real: Sequence[StoredCertificate]) -> bool:
    return any(one.key_id == key.key_id or (one.facts and one.facts.public_key == key.public_key) for one in real)


def _issuers(contents: Contents, gone: Sequence[Target], there: set[str]) -> list[Target]:
    """The CA's own that were written beside it, unless somebody has put more on the store since: that may need them."""
    everything: list[Held] = [*contents.keys, *contents.certificates]
    added = [one for one in everything if one not in gone and _digest(_content(one)) not in there]
    is_ca = [isinstance(one, StoredCertificate) and one.facts is not None and one.facts.is_authority for one in added]
    return [*added] if all(is_ca) else []


def digests(contents: Contents) -> set[str]:
    """Of each thing on the store by what it says: enough to see whether it is as it was."""
    everything: list[Held] = [*contents.keys, *contents.certificates]
    public = [("public", one.key_id, one.label, one.public_key) for one in contents.public]
    return {_digest(one) for one in (*map(_content, everything), *public)}


def _content(one: Held) -> tuple[object, ...]:
    if isinstance(one, Key):
        return "key", one.key_id, one.label, one.public_key
    return "certificate", one.key_id, one.label, one.der


def _digest(content: tuple[object, ...]) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()[:32]


def tell(
    authority: AuthorityPort, by: Identity, old: Credential, roots: tuple[bytes, ...], failure: Failure, now: datetime
) -> None:
    """To the CA, by the certificate whose renewal was rehearsed: its bank wants to know."""
    talk = Conversation(by, old.facts.issuer_der if old.facts else bytes((0x30, 0)), roots)
    sent = talk.tell(failure, now)
    talk.heard(sent, authority.exchange(sent), failure)
