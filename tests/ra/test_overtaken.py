"""R1, R10: what is true when it is decided on need not be when it is done: each verb holds to it, or decides anew."""

from __future__ import annotations

import pytest

from tests.api.rig import Rig, new_key
from tests.ra.preceded import precede
from tests.ra.told import told
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.reissue import Cause
from tokenmgr.ra import holding, reissue, revoke

# --- a renewal that is recorded ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["held", "re-issued", "revoked"])
def test_nothing_is_recorded_for_what_is_over_meanwhile(rig: Rig, what: str) -> None:
    customer, plain, who = rig.with_certificate(days_left=10), rig.registry, rig.subscriber.id

    def act() -> None:
        if what == "held":
            holding.hold(plain, who, rig.now)
        elif what == "re-issued":
            reissue.reissue(plain, who, Cause.LOST, rig.now)
        else:
            revoke.withdraw(plain, who, RevocationReason.KEY_COMPROMISE, rig.now)

    overtaken = precede(rig, "record", act)
    assert told(customer.request(new_key()))[0] == "R104"
    assert overtaken
    assert rig.states() == [State.HELD if what == "held" else State.REVOKED]
