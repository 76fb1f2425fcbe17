"""The administrator's question and the CA's answer, there and back; and whatever else may stand in their place."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.cmp import oids
from tokenmgr.cmp.der import wrap
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.messages import Info
from tokenmgr.cmp.reissuing import reissue_answer, reissue_answered, reissue_asked, reissue_request
from tokenmgr.domain.reissue import Cause

IDS = st.text(st.sampled_from("ABCxyz019-"), min_size=1, max_size=32)
MOMENTS = st.datetimes(timezones=st.just(UTC)) | st.datetimes(timezones=st.just(timezone.max))


@given(user=IDS, cause=st.sampled_from(Cause))
def test_what_is_asked_is_what_is_read(user: str, cause: Cause) -> None:
    assert reissue_asked(reissue_request(user, cause)) == (user, cause)


@given(user=IDS, until=st.none() | MOMENTS)
def test_what_is_answered_is_what_is_read(user: str, until: datetime | None) -> None:
    assert reissue_answered(reissue_answer(user, until), user) == until


def utf8(text: str) -> bytes:
    return wrap(text.encode(), 0x0C)


NO_REQUESTS = [
    None,
    b"",
    b"\x0c\x05abc",
    utf8(""),
    utf8("null"),
    utf8("[]"),
    utf8('["user", "cause"]'),
    utf8('[["user", "u"], ["cause", "lost"]]x'),
    utf8("[" * 40000),
    utf8('{"user": "u"}'),
    utf8('{"user": "u", "cause": "lost", "more": 1}'),
    utf8('{"user": "u", "user": "v", "cause": "lost"}'),
    utf8('{"user": "u", "cause": "stolen"}'),
    utf8('{"user": "u", "cause": ["lost"]}'),
    utf8('{"user": "u", "cause": null}'),
    utf8('{"user": 7, "cause": "lost"}'),
    utf8('{"user": "", "cause": "lost"}'),
    utf8(json.dumps({"user": "u" * 65, "cause": "lost"})),
    utf8('{"user": "u\\u0000", "cause": "lost"}'),
    utf8('{"user": "\\ud800", "cause": "lost"}'),
    wrap(b'{"user": "u", "cause": "lost"}', 0x04),
]


@pytest.mark.parametrize("value", NO_REQUESTS, ids=range(len(NO_REQUESTS)))
def test_what_is_no_request_is_refused(value: bytes | None) -> None:
    with pytest.raises(ProtocolFault) as told:
        reissue_asked(Info(oids.REISSUE, value))
    assert told.value.fail is FailInfo.badDataFormat


def test_another_question_is_none() -> None:
    with pytest.raises(ProtocolFault):
        reissue_asked(Info(oids.CA_CERTS, reissue_request("u", Cause.LOST).value))


@pytest.mark.parametrize(
    "text",
    [
        '{"user": "v", "open_until": null}',  # about somebody else
        '{"user": "u"}',
        '{"user": "u", "open_until": "soon"}',
        '{"user": "u", "open_until": 7}',
        '{"user": "u", "open_until": "2026-04-01T03:00:00"}',  # of no zone
    ],
)
def test_what_is_no_answer_is_refused(text: str) -> None:
    with pytest.raises(ProtocolFault):
        reissue_answered(Info(oids.REISSUE, utf8(text)), "u")
