"""What is unfinished on a store, wherever that was begun: by a journal of this PC, or by the store alone (R13).

The key whose certificate is not confirmed carries a mark. With it the CA tells the rest: the same key brings the same
certificate (S6). So a journal that is lost, damaged, or on another PC costs nothing but another request.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from tokenmgr.domain.credential import Credential
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import JournalDamaged, JournalNewer
from tokenmgr.renewal.engine import MARK
from tokenmgr.renewal.journal import Journal, Phase, unfinished
from tokenmgr.renewal.ports import StorePort

STORE = "store"  # in a journal's heading: on which one


def pending(credentials: Sequence[Credential]) -> Credential | None:
    """The one that carries the mark."""
    return next((one for one in credentials if one.key.label == MARK), None)


def current(credentials: Sequence[Credential], now: datetime) -> Credential | None:
    """The one that logs in: of those without the mark, the one that is valid longest."""
    named = [one for one in credentials if one.facts and one.key.label != MARK]
    valid = [one for one in named if one.facts and one.facts.not_before <= now <= one.facts.not_after]
    return max(valid, key=lambda one: one.facts.not_after if one.facts else now, default=None)


def reopen(folder: Path, store: StorePort, now: datetime) -> Journal | None:
    """To go on by. None where nothing is unfinished on this store. A journal that cannot be believed is set aside, and
    stays to be looked at."""
    for path in unfinished(folder):
        try:
            journal = Journal.open(path)
        except (JournalDamaged, JournalNewer):
            path.rename(path.with_suffix(".damaged"))
            continue
        if journal.heading.get(STORE) == store.name:
            return journal
        journal.close()
    found = pending(store.credentials())
    if found is None:
        return None
    key_id = found.key.key_id.hex()
    journal = Journal.create(folder, f"{now:%Y%m%dT%H%M%S}-{key_id[:8]}", {STORE: store.name, "recovered": True}, now)
    journal.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": key_id}, now)
    journal.write(Step.KEY_GENERATED, Phase.DONE, {}, now)
    return journal
