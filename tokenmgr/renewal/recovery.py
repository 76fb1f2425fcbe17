"""What is unfinished on a store, wherever that was begun: by a journal of this PC, or by the store alone (R13).

The key whose certificate is not confirmed carries a mark; where a medium keeps no labels, the CA tells which one it is.
It tells the rest, too: the same key brings the same certificate (S6). So a journal that is lost, damaged, or on another
PC costs nothing but another request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

from tokenmgr.domain.credential import Credential
from tokenmgr.domain.holding import MARK, WAITING, Whose, mark_of
from tokenmgr.domain.renewal import Step
from tokenmgr.domain.standing import Standing
from tokenmgr.errors import JournalDamaged, JournalNewer, RenewalError
from tokenmgr.pki.names import holder_of
from tokenmgr.renewal.evidence import encoded
from tokenmgr.renewal.journal import REHEARSAL, STORE, Journal, Phase, Value, heading_of, unfinished
from tokenmgr.renewal.ports import StorePort

Meant = Callable[[Mapping[str, Value]], bool]  # of a heading: what was begun at another CA stands in nobody's way


def pending(credentials: Sequence[Credential]) -> Credential | None:
    """The one that carries the mark."""
    return next((one for one in credentials if mark_of(one.key.label) == MARK), None)


def unmarked(credentials: Sequence[Credential], standing: Callable[[str], Standing]) -> Credential | None:
    """The one that the CA waits for, on a store that keeps no labels. A key that the CA has never heard of is nobody's:
    what has made it is not known, and it is left alone."""
    asked = [one for one in credentials if one.key.public_key and (one.certificate is None or whose(one))]
    told = ((one, standing(one.key.fingerprint)) for one in asked)
    return next((one for one, known in told if known.state in WAITING and not known.is_rehearsal), None)


def current(credentials: Sequence[Credential], now: datetime, of: Whose | None = None) -> Credential | None:
    """The one that logs in: of those that are confirmed, the one that is valid longest. `of`: of this subscriber."""
    own = [one for one in credentials if not mark_of(one.key.label) and one.facts and not one.facts.is_rehearsal]
    found = [one for one in own if one.facts and one.facts.is_valid(now)]
    return max((one for one in found if of in (None, whose(one))), key=_end, default=None)


def whose(one: Credential) -> Whose | None:
    return holder_of(one.facts.subject_der) if one.facts else None


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


def heading_here(folder: Path, store: str, is_meant: Meant = lambda _: True) -> Mapping[str, Value]:
    """Of what will be gone on with: rehearsals are taken back before. Empty where nothing was begun."""
    headings = [one for one in map(heading_of, unfinished(folder)) if one.get(STORE) == store and is_meant(one)]
    return min(headings, key=lambda one: bool(one.get(REHEARSAL)), default={})


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
