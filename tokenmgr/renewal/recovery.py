"""What is unfinished on a store, wherever that was begun: by a journal of this PC, or by the store alone (R13).

The key whose certificate is not confirmed carries a mark; where a medium keeps no labels, the CA tells which one it is.
It tells the rest, too: the same key brings the same certificate (S6). So a journal that is lost, damaged, or on another
PC costs nothing but another request.

Each bank has its own: what one's CA does not let end stands in no other's way.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tokenmgr.domain.credential import Credential
from tokenmgr.domain.holding import MARK, WAITING, Whose, mark_of, marked_for
from tokenmgr.domain.renewal import Step
from tokenmgr.domain.standing import Standing
from tokenmgr.errors import JournalDamaged, JournalInUse, JournalNewer, RenewalError
from tokenmgr.pki.names import holder_of
from tokenmgr.renewal.evidence import encoded
from tokenmgr.renewal.journal import (
    REHEARSAL,
    STORE,
    Journal,
    Phase,
    Value,
    begun,
    heading_of,
    is_held,
    store_of,
    unfinished,
)
from tokenmgr.renewal.ports import StorePort

CMP = "cmp"  # in a heading: the address of a CA that is not ours (customer/other_ca.py)
Meant = Callable[[Mapping[str, Value]], bool]  # of a heading: what is not meant stands in nobody's way


def is_a_banks(heading: Mapping[str, Value]) -> bool:
    return not heading.get(CMP)


def of_banks(codes: Collection[str]) -> Meant:
    return lambda heading: is_a_banks(heading) and heading.get("bank") in codes


def is_rehearsed(heading: Mapping[str, Value]) -> bool:
    return bool(heading.get(REHEARSAL))


def unclaimed(credentials: Sequence[Credential], folder: Path, store: str, bank: str) -> list[Credential]:
    """What may be this bank's to finish by the store alone: not what a journal of this PC is at, which is that one's;
    and nothing that says that it is another bank's."""
    named = {one.key_id for one in begun(folder) if one.store == store}
    free = [one for one in credentials if one.key.key_id.hex() not in named]
    return [one for one in free if (of := meant_for(one)) is None or of.bank == bank]


def pending(credentials: Sequence[Credential]) -> list[Credential]:
    """Those that carry the mark."""
    return [one for one in credentials if mark_of(one.key.label) == MARK]


def unmarked(credentials: Sequence[Credential], standing: Callable[[str], Standing]) -> list[Credential]:
    """Those that the CA waits for, on a store that keeps no labels. A key that the CA has never heard of is nobody's:
    what has made it is not known, and it is left alone."""
    asked = [one for one in credentials if one.key.public_key and (one.certificate is None or whose(one))]
    told = ((one, standing(one.key.fingerprint)) for one in asked)
    return [one for one, known in told if known.state in WAITING and not known.is_rehearsal]


def current(credentials: Sequence[Credential], now: datetime, of: Whose | None = None) -> Credential | None:
    """The one that logs in: of those that are confirmed, the one that is valid longest. `of`: of this subscriber."""
    own = [one for one in credentials if not mark_of(one.key.label) and one.facts and not one.facts.is_rehearsal]
    found = [one for one in own if one.facts and one.facts.is_valid(now)]
    return max((one for one in found if of in (None, whose(one))), key=_end, default=None)


def whose(one: Credential) -> Whose | None:
    return holder_of(one.facts.subject_der) if one.facts else None


def meant_for(one: Credential) -> Whose | None:
    """By its certificate, or its mark."""
    return whose(one) or marked_for(one.key.label)


def _end(one: Credential) -> tuple[datetime, datetime]:
    assert one.facts is not None  # noqa: S101  only valid ones are compared
    return one.facts.not_after, one.facts.not_before


def named(now: datetime, key_id: str) -> str:
    """A journal's: in the order of their beginning, and no two alike."""
    return f"{now:%Y%m%dT%H%M%S}-{key_id[:8]}"


def begun_here(
    folder: Path,
    store: str,
    tell: Callable[[RenewalError], None],
    is_meant: Meant = lambda _: True,
) -> Journal | None:
    """A journal that cannot be believed is told, and set aside to be looked at; a later version's is left to that."""
    for path in unfinished(folder):
        heading = heading_of(path)
        if heading and (heading.get(STORE) != store or not is_meant(heading)):
            continue
        try:
            journal = Journal.open(path)
        except JournalNewer as error:
            tell(error)
            continue
        except JournalDamaged as error:
            tell(error)
            path.rename(path.with_suffix(".damaged"))
            continue
        if journal.heading.get(STORE) == store and is_meant(journal.heading):
            return journal
        journal.close()
    return None


def require_nobody_at(folder: Path, store: str) -> None:
    """Whoever's it is: two programs at a time would each take the other's key for their own room."""
    for path in unfinished(folder):
        if store_of(path) == store and is_held(path):
            raise JournalInUse(file=str(path))


def headings_here(folder: Path, store: str, is_meant: Meant = lambda _: True) -> list[Mapping[str, Value]]:
    """Of what will be gone on with: rehearsals are taken back before, and count where there is nothing else."""
    found = [one for one in map(heading_of, unfinished(folder)) if one.get(STORE) == store and is_meant(one)]
    return [one for one in found if not is_rehearsed(one)] or found


def heading_here(folder: Path, store: str, is_meant: Meant = lambda _: True) -> Mapping[str, Value]:
    """The oldest. Empty where nothing was begun."""
    return next(iter(headings_here(folder, store, is_meant)), {})


def begun_elsewhere(
    folder: Path, store: StorePort, found: Credential, heading: Mapping[str, Value], now: datetime
) -> Journal:
    """A journal for what the store alone tells."""
    key_id = found.key.key_id.hex()
    journal = Journal.create(folder, named(now, key_id), {STORE: store.name, "recovered": True, **heading}, now)
    journal.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": key_id}, now)
    known = {"public_key": encoded(found.key.public_key)} if found.key.public_key else {}
    journal.write(Step.KEY_GENERATED, Phase.DONE, known, now)
    return journal
