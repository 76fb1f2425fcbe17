"""Bytes that nobody meant to send: ten thousand mutated messages, and what hypothesis makes of some.

python -m benchmarks.fuzz_cmp --seconds 3600      the same for as long as one likes
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.fuzzing import Broken, Fuzzer
from tests.api.rig import granted
from tokenmgr.cmp.messages import Kind
from tokenmgr.domain.generation import State

MESSAGES = 10_000
SEED = 20260401


@pytest.fixture
def fuzzer(tmp_path: Path) -> Iterator[Fuzzer]:
    made = Fuzzer(f"sqlite:///{tmp_path / 'registry.db'}", SEED)
    yield made
    made.rig.close()


def test_ten_thousand_mutated_messages(fuzzer: Fuzzer) -> None:
    for number in range(MESSAGES):
        fuzzer.round(number)
    fuzzer.look()
    counts = fuzzer.counts
    assert sum(counts.values()) == MESSAGES
    # Not all of it stops at the door: every kind of answer was given, and some of what was sealed anew was granted.
    done = {"IP done", "KUP done", "CP done", "RP done", "PKICONF done", "GENP done"}
    assert {"IP", "KUP", "CP", "RP", "ERROR", *done} <= set(counts)


def test_it_would_be_seen(fuzzer: Fuzzer) -> None:
    """The test of the test: a front that does not look at MACs is found out at once."""
    fuzzer.round(0)
    seed = next(one for one in fuzzer.seeds if one.customer.ticket)
    fuzzer.secrets.clear()
    with pytest.raises(Broken, match="nobody has proven"):
        fuzzer.send(seed.data)


def test_unmutated_they_are_all_answered(fuzzer: Fuzzer) -> None:
    fuzzer.round(0)
    for one in fuzzer.seeds:
        fuzzer.send(one.data)
    assert not [kind for kind in fuzzer.counts if kind == "ERROR" and fuzzer.counts[kind] > len(fuzzer.seeds) // 2]


def test_replays_change_nothing(fuzzer: Fuzzer) -> None:
    """S6: everything that was ever sent, sent again, in another order, three times."""
    rig = fuzzer.rig
    rig.enrol("replayed")
    customer = rig.begin("replayed")
    sent = []
    certificate = granted(customer.request())
    sent.append(customer.sent)
    assert customer.confirm(certificate).kind is Kind.PKICONF
    sent.append(customer.sent)
    for data in (sent + sent[::-1]) * 3:
        fuzzer.secrets[(customer.ticket or ("", b""))[0].encode()] = (customer.ticket or ("", b""))[1]
        fuzzer.send(data)
    assert rig.states("replayed") == [State.ACTIVE]
    assert rig.active("replayed").certificate == certificate


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    which=st.integers(0, 10_000),
    changes=st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 255)), min_size=1, max_size=6),
    end=st.integers(0, 5000),
)
def test_any_few_bytes_may_be_others(fuzzer: Fuzzer, which: int, changes: list[tuple[int, int]], end: int) -> None:
    if not fuzzer.seeds:
        fuzzer.round(0)
    data = bytearray(fuzzer.seeds[which % len(fuzzer.seeds)].data)
    for at, value in changes:
        data[at % len(data)] = value
    fuzzer.send(bytes(data))
    fuzzer.send(bytes(data[: end % len(data)]))


@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300))
def test_any_bytes_are_answered(fuzzer: Fuzzer, data: bytes) -> None:
    fuzzer.send(data)
    assert fuzzer.registry.changes == []
