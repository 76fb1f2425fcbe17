"""What a ticket may say, what is wrong with one at a moment, and that what is told of it goes forward only."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.handover import (
    LIVES,
    OPENED,
    SKEW,
    WAITING,
    Claims,
    Progress,
    State,
    Unreadable,
    Wrong,
    claims_of,
    faults,
    payload_of,
    place_of,
)

NOW = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)
SECOND, MINUTE = timedelta(seconds=1), timedelta(minutes=1)
SITE = ("ib.example", 443)
GOOD = Claims("1234", "tokenmgr", "A" * 22, NOW, NOW + 5 * MINUTE, "https://ib.example", "renew", "C-1", "tanaka", "1f")
TOLD: dict[str, Any] = json.loads(payload_of(GOOD))


def said(**changes: Any) -> bytes:
    told = {name: value for name, value in (TOLD | changes).items() if value is not None}
    return json.dumps(told).encode()


TWICE = said()[:-1] + b', "act": "renew"}'


def wrong(now: datetime = NOW, bank: str = "1234", **changes: Any) -> tuple[Wrong, ...]:
    return faults(dataclasses.replace(GOOD, **changes), bank, {SITE}, now)


def test_what_is_written_is_what_is_read() -> None:
    assert claims_of(payload_of(GOOD)) == GOOD
    assert claims_of(said(serial=None)) == dataclasses.replace(GOOD, serial="")
    assert claims_of(said(serial="001F")) == GOOD


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": 1234},
        {"iss": "12345"},
        {"iss": None},
        {"aud": ["tokenmgr"]},
        {"jti": "A" * 21},
        {"jti": "A" * 21 + "="},
        {"iat": 1.5},
        {"iat": True},
        {"iat": "1"},
        {"exp": -1},
        {"exp": 1 << 60},
        {"exp": None},
        {"origin": "http://ib.example"},
        {"origin": "https://ib.example/"},
        {"origin": "https://ib.example\r\nx: y"},
        {"origin": 7},
        {"act": "x" * 65},
        {"contract": "C 1"},
        {"contract": "C" * 33},
        {"user": ["u"]},
        {"serial": ""},
        {"serial": "0x1f"},
        {"serial": "f" * 41},
        {"nbf": 1},
        {"login_pin": "135790"},
    ],
)
def test_what_is_of_another_form_is_no_claim(changes: dict[str, Any]) -> None:
    with pytest.raises(Unreadable, match=f"claim {next(iter(changes))}"):
        claims_of(said(**changes))


@pytest.mark.parametrize("name", ["\ud800", "電子証明書を無効にしました", "a b", "<script>", "x" * 33, ""])
def test_what_a_stranger_calls_a_claim_is_not_said_again(name: str) -> None:
    with pytest.raises(Unreadable) as told:
        claims_of(said(**{name: 1}))
    assert told.value.reason == "unknown claim"


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"[]",
        b"1",
        b"{",
        b"\xff",
        b"\xef\xbb\xbf{}",
        said().decode().encode("utf-16"),
        b"[" * 3000,
        b"9" * 5000,
        TWICE,
    ],
)
def test_what_is_no_object_or_says_a_thing_twice_is_refused(payload: bytes) -> None:
    with pytest.raises(Unreadable):
        claims_of(payload)


@given(
    st.binary(max_size=300) | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(repr).map(str.encode)
)
def test_garbage_is_nothing_but_unreadable(payload: bytes) -> None:
    with pytest.raises(Unreadable):
        claims_of(payload)


@pytest.mark.parametrize(
    ("origin", "place"),
    [
        ("https://ib.example", ("ib.example", 443)),
        ("https://ib.example:8443", ("ib.example", 8443)),
        ("https://127.0.0.1:1", ("127.0.0.1", 1)),
        ("https://[::1]:8443", ("::1", 8443)),
        ("https://ib.example:443", None),  # a browser writes it without
        ("https://ib.example:0443", None),
        ("https://ib.example:65536", None),
        ("https://IB.example", None),
        ("https://ib.example.", None),
        ("https://u@ib.example", None),
        ("https://みほん.example", None),
        ("https://ib.example\n", None),
        ("null", None),
    ],
)
def test_an_origin_is_as_browsers_write_it(origin: str, place: tuple[str, int] | None) -> None:
    assert place_of(origin) == place


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, ()),
        ({"now": NOW - SKEW}, ()),
        ({"now": NOW - SKEW - SECOND}, (Wrong.NOT_YET,)),
        ({"now": GOOD.expires_at + SKEW}, ()),
        ({"now": GOOD.expires_at + SKEW + SECOND}, (Wrong.EXPIRED,)),
        ({"expires_at": NOW + LIVES}, ()),
        ({"expires_at": NOW + LIVES + SECOND}, (Wrong.LIFETIME,)),
        ({"expires_at": NOW}, (Wrong.LIFETIME,)),
        ({"audience": "another"}, (Wrong.AUDIENCE,)),
        ({"bank": "5678"}, (Wrong.BANK,)),
        ({"contract": ""}, (Wrong.MISSING,)),
        ({"user": ""}, (Wrong.MISSING,)),
        ({"act": "reissue"}, (Wrong.ACT,)),
        ({"act": "acquire"}, ()),
        ({"origin": "https://other.example"}, (Wrong.ORIGIN,)),
        ({"origin": "https://ib.example:8443"}, (Wrong.ORIGIN,)),
        ({"audience": "x", "user": "", "now": NOW + LIVES}, (Wrong.AUDIENCE, Wrong.MISSING, Wrong.EXPIRED)),
    ],
)
def test_each_fault_is_named(changes: dict[str, Any], expected: tuple[Wrong, ...]) -> None:
    assert wrong(**changes) == expected


def test_where_the_banks_sites_are_not_known_they_are_not_judged() -> None:
    assert faults(dataclasses.replace(GOOD, origin="https://other.example"), "1234", None, NOW) == ()


# --- what the page learns ---

ALL = (
    WAITING,
    OPENED,
    *(Progress(State.WORKING, step) for step in range(1, 10)),
    Progress(State.DONE),
    Progress(State.FAILED, code="M104"),
    Progress(State.DECLINED),
)


@pytest.mark.parametrize(
    "told", [("working", 0), ("working", 10), ("open", 1), ("done", 0, "M104"), ("failed", 0), ("failed", 0, "oh no")]
)
def test_nothing_else_can_be_told(told: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match=r"step|code"):
        Progress(State(told[0]), *told[1:])


@given(st.lists(st.sampled_from(ALL), max_size=30))
def test_whatever_is_told_it_goes_forward_and_stays_at_its_end(told: list[Progress]) -> None:
    seen = [WAITING]
    for one in told:
        if one.follows(seen[-1]):
            seen.append(one)
    assert len(set(seen)) == len(seen) <= 12
    assert [one for one in seen if one.state.is_final] in ([], seen[-1:])
    steps = [one.step for one in seen if one.step]
    assert steps == sorted(steps)
