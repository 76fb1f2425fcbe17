"""What a customer's side tells of a rehearsal that failed, there and back; and whatever else may stand in its place."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.cmp import oids
from tokenmgr.cmp.der import wrap
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import Info
from tokenmgr.cmp.rehearsing import failure_answer, failure_message, failure_taken, failure_told
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.rehearsal import Failure
from tokenmgr.domain.renewal import Step

FAILURES = st.builds(Failure, st.from_regex(r"\A[A-Z][0-9]{3}\Z"), st.sampled_from(Step), st.sampled_from(StoreKind))
GOOD = {"code": "M107", "step": "CHECKED", "store": "medium"}


@given(FAILURES)
def test_what_is_told_is_what_is_read(failure: Failure) -> None:
    assert failure_told(failure_message(failure)) == failure
    failure_taken(failure_answer(failure), failure)


@pytest.mark.parametrize(
    "value",
    [
        {},
        {**GOOD, "more": 1},
        {**GOOD, "code": "m107"},
        {**GOOD, "code": None},
        {**GOOD, "code": "M107 and a story"},
        {**GOOD, "step": "ELSEWHERE"},
        {**GOOD, "store": "cloud"},
        [],
        "M107",
    ],
)
def test_anything_else_is_not(value: object) -> None:
    for oid in (oids.REHEARSAL, oids.REISSUE):
        with pytest.raises(ProtocolFault) as refused:
            failure_told(Info(oid, wrap(json.dumps(value).encode(), 0x0C)))
        assert refused.value.fail is FailInfo.badDataFormat


def test_an_answer_about_another_failure_is_none() -> None:
    one, other = (Failure(code, Step.CHECKED, StoreKind.PC) for code in ("M107", "P101"))
    with pytest.raises(ProtocolFault):
        failure_taken(failure_answer(other), one)
