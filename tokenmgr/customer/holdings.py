"""What is on a medium, put together key by key: every key and every certificate is in one of them, and in one only."""

from __future__ import annotations

import functools
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenmgr.domain.contents import Contents, PublicPart
from tokenmgr.domain.credential import CertificateFacts, Credential, Key, StoredCertificate
from tokenmgr.domain.holding import MARK, REHEARSED, Holding, Whose, mark_of, marked_for
from tokenmgr.domain.standing import Standing
from tokenmgr.pki.names import holder_of
from tokenmgr.renewal.journal import Begun, looked


@dataclass(frozen=True)
class Item:
    """A key with all certificates of it, the one that ends last first; before a login, what is seen of those."""

    key: Key | None
    public: PublicPart | None
    certificates: tuple[StoredCertificate, ...]
    has_key: bool
    is_beside_key: bool = False  # by its ID, where nothing else tells whose it is

    @property
    def is_damaged(self) -> bool:
        """Bytes that are no certificate, where one of ours should be."""
        return bool(self.certificates) and self.facts is None and (self.is_beside_key or bool(mark_of(self.label)))

    @functools.cached_property
    def facts(self) -> CertificateFacts | None:
        return next((one.facts for one in self.certificates if one.facts), None)

    @property
    def key_id(self) -> str:
        return next((one.key_id for one in (self.key, self.public, *self.certificates) if one), b"").hex()

    @property
    def label(self) -> str:
        """The key's own where that is seen; else the certificate's, which is renamed before it."""
        return next((one.label for one in (self.key, *self.certificates, self.public) if one), "")

    @property
    def public_key(self) -> bytes | None:
        if self.key is not None and self.key.public_key:
            return self.key.public_key
        if self.facts is not None:
            return self.facts.public_key
        return self.public.public_key if self.public else None

    @functools.cached_property
    def fingerprint(self) -> str:
        import hashlib  # here: it takes longer to load than all of this file

        return hashlib.sha256(self.public_key).hexdigest() if self.public_key else ""

    @functools.cached_property
    def whose(self) -> Whose | None:
        """A subscriber, as the certificate says; without one, as its mark does."""
        if self.facts is None:
            return marked_for(self.label)
        return None if self.facts.is_authority else holder_of(self.facts.subject_der)

    @property
    def credentials(self) -> list[Credential]:
        """As a store takes them away."""
        return [Credential(self.key, one) for one in self.certificates or (None,)] if self.key else []


def items(contents: Contents, logged_in: bool) -> list[Item]:
    left = [one for one in contents.certificates if not one.placeholder]
    found = []
    private: list[tuple[Key | None, PublicPart | None]] = [(key, None) for key in contents.keys]
    for key, public in [*private, *((None, one) for one in _lonely(contents))]:
        own = [one for one in left if _belongs(one, key, public)]
        left = [one for one in left if one not in own]
        found.append(Item(key, public, _newest_first(own), has_key=True))
    ids = {one.key_id for one in contents.keys} | {one.key_id for one in contents.public}
    while left:
        own = [one for one in left if one is left[0] or _public_key(one) == (_public_key(left[0]) or b"")]
        left = [one for one in left if one not in own]
        beside = own[0].key_id in ids - {b""}
        has_key = not logged_in and own[0].facts is not None
        found.append(Item(None, None, _newest_first(own), has_key, beside))
    return found


def _lonely(contents: Contents) -> list[PublicPart]:
    """Public keys whose private part is not seen: before a login, on most media, all."""
    seen = {key.key_id for key in contents.keys}
    return [one for one in contents.public if one.key_id not in seen]


def _belongs(one: StoredCertificate, key: Key | None, public: PublicPart | None) -> bool:
    """As the store's own guard has it; where only the public part is seen, its ID is enough for a look."""
    if one.facts is None:
        return False
    if key is not None and key.public_key is not None:
        return one.facts.public_key == key.public_key
    key_id = next((part.key_id for part in (key, public) if part), b"")
    return bool(key_id) and one.key_id == key_id


def _public_key(one: StoredCertificate) -> bytes | None:
    return one.facts.public_key if one.facts else None


def _newest_first(found: list[StoredCertificate]) -> tuple[StoredCertificate, ...]:
    return tuple(sorted(found, key=lambda one: one.facts.not_after.timestamp() if one.facts else 0.0, reverse=True))


def _is_rehearsal(item: Item, standing: Standing | None) -> bool:
    """A certificate says it by itself; without one, the mark, or the CA."""
    if item.facts is not None:
        return item.facts.is_rehearsal
    return mark_of(item.label) == REHEARSED or (standing is not None and standing.is_rehearsal)


def holding(item: Item, named: Collection[str], made: Collection[str], standing: Standing | None) -> Holding:
    """`named` and `made`: IDs of keys (see `at_work` and `made_here`)."""
    facts = item.facts
    return Holding(
        has_key=item.has_key,
        label=mark_of(item.label),
        whose=item.whose,
        starts=facts.not_before if facts else None,
        ends=facts.not_after if facts else None,
        is_authority=facts.is_authority if facts else False,
        is_named=item.key_id in named,
        is_made_here=item.key_id in made,
        is_rehearsal=_is_rehearsal(item, standing),
        is_damaged=item.is_damaged,
        standing=standing,
    )


def at_work(found: Sequence[Item], begun: Sequence[Begun], serial: str) -> set[str]:
    """The IDs of this medium's keys that an unfinished operation is at. A journal that cannot be believed may be about
    any key that carries the mark."""
    named = {one.key_id for one in begun if one.store == serial}
    if any(one.trouble for one in begun):
        named |= {one.key_id for one in found if mark_of(one.label) == MARK}
    return named - {""}


def made_here(folder: Path, serial: str) -> set[str]:
    """The IDs of this medium's keys that an operation of this PC has had, and is finished with."""
    return {one.key_id for one in looked(folder) if one.is_over and one.store == serial} - {""}


def holdings(
    found: Sequence[Item], named: Collection[str], told: Mapping[str, Standing], made: Collection[str] = ()
) -> list[Holding]:
    """`told`: by the CA, of a key's fingerprint."""
    return [holding(one, named, made, told.get(one.fingerprint)) for one in found]
