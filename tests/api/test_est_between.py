"""EST: what happens between the proof and the record counts, and one opening brings one certificate."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select

from tests.actors import TESTER
from tests.api.est import Est, brought, csr, refused
from tests.api.rig import DAY, Rig, new_key
from tests.api.signer import Troubled
from tokenmgr.domain.generation import Generation, RevocationReason, State
from tokenmgr.domain.reissue import Cause
from tokenmgr.ra.ports import Exchange
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.sql.schema import audit


class Between(SqlRegistry):
    """Somebody else is quicker, just before anything is recorded."""

    acts: list[Callable[[], object]]

    def record(self, generation: Generation, exchange: Exchange, displaced: Generation | None, now: object) -> None:
        if self.acts:
            self.acts.pop()()
        super().record(generation, exchange, displaced, now)  # type: ignore[arg-type]


def between(rig: Rig, act: Callable[[], object]) -> None:
    registry = Between(rig.database, TESTER)
    registry.acts = [act]
    rig.service = dataclasses.replace(rig.service, registry=registry)


def accepted(rig: Rig) -> int:
    rows = rig.database.read(select(audit.c.number).where(audit.c.action == "claim.accepted"))
    return len(list(rows))


def test_two_keys_get_one(est: Est) -> None:
    between(est.rig, lambda: brought(est.enroll(csr(new_key()))))
    assert "has-one" in refused(est.enroll(csr(new_key())), 403, "R104")
    assert est.states == ["active"]


def test_many_keys_at_once_get_one(est: Est) -> None:
    asked = [csr(new_key()) for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(est.enroll, asked))
    list(map(est.enroll, asked))  # whoever was told to ask again does
    assert est.states.count("active") == 1
    assert "superseded" not in est.states


@pytest.mark.parametrize("how", ["withdrawn", "re-issued"])
def test_who_is_taken_back_meanwhile_gets_nothing(est: Est, how: str) -> None:
    rig, who = est.rig, est.rig.subscriber.id
    acts = {
        "withdrawn": lambda: rig.registry.withdraw(who, RevocationReason.AFFILIATION_CHANGED, rig.now),
        "re-issued": lambda: rig.registry.reissue(who, Cause.DELETED, rig.now + DAY, None, rig.now),
    }
    between(rig, acts[how])
    answer = est.enroll(csr(new_key()))
    if how == "withdrawn":
        assert "not-open" in refused(answer, 403, "R104")
    else:  # that is another opening, of which this request knows nothing
        refused(answer, 503, "R112")
    assert est.states == []


def test_who_is_put_on_hold_meanwhile_gets_nothing(est: Est) -> None:
    rig = est.rig
    rig.change_policy(grace_days=90)
    first = rig.of(est.enrolled())
    rig.pass_time(21 * DAY)
    between(rig, lambda: rig.registry.hold(first.serial, rig.now))
    assert "on-hold" in refused(est.enroll(csr(new_key())), 403, "R104")
    assert est.states == ["held"]


def test_what_is_refused_was_not_accepted(quick_est: Est) -> None:
    """Nor is what is asked for again, for the token does not sign, or its answer was lost."""
    rig = quick_est.rig
    rig.change_policy(pc_allowed=False)
    refused(quick_est.enroll(csr(new_key())), 403, "R104")
    rig.change_policy(pc_allowed=True, key_kinds=rig.service.registry.standing(1).bank.policy.key_kinds[:1])
    assert "kind-forbidden" in refused(quick_est.enroll(csr(new_key())), 403, "R104")
    assert accepted(rig) == 0


def test_asked_for_again_it_is_accepted_once(url: str) -> None:
    rig = Rig(url, hook=Troubled(2))
    est, asked = Est(rig), csr(new_key())
    assert [est.enroll(asked).status_code for _ in range(4)] == [202, 202, 200, 200]
    assert accepted(rig) == 1
    assert rig.states() == [State.ACTIVE]
    rig.close()
