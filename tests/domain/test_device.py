"""From one look at the bus to the next: every change, each once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.device import Change, UsbDevice, changes, instead

DEVICES = st.builds(
    UsbDevice,
    vendor=st.sampled_from([0x096E, 0x1050]),
    product=st.just(0x0807),
    bus=st.just(1),
    address=st.integers(1, 4),
    port=st.sampled_from(["", "1-1", "1-2.3"]),
    serial=st.sampled_from(["", "A"]),
)
LOOKS = st.lists(DEVICES, max_size=8, unique=True)


@given(LOOKS, LOOKS)
def test_the_changes_lead_from_one_look_to_the_next(before: list[UsbDevice], after: list[UsbDevice]) -> None:
    there = set(before)
    for change in changes(before, after):
        if change.plugged:
            assert change.device not in there
            there.add(change.device)
        else:
            there.remove(change.device)
    assert there == set(after)


@given(LOOKS, LOOKS)
def test_nothing_is_told_twice_and_what_went_is_told_first(before: list[UsbDevice], after: list[UsbDevice]) -> None:
    told = changes(before, after)
    assert len({change.device for change in told}) == len(told)
    assert told == sorted(told, key=lambda change: change.plugged)


@given(LOOKS)
def test_where_nothing_changed_nothing_is_told(there: list[UsbDevice]) -> None:
    assert changes(there, reversed(there)) == []


def test_put_back_it_is_another_device() -> None:
    before, after = (UsbDevice(0x096E, 0x0807, 1, address, "1-2", "A") for address in (5, 6))
    assert changes([before], [after]) == [Change(False, before), Change(True, after)]
    assert (before.usb_id, before.place, after.place) == ("096e:0807", "1-2#5", "1-2#6")
    assert UsbDevice(1, 2, 3, 4, "").place == "3#4"  # a system that tells no port


def stick(serial: str, product: int = 0x0807, readable: bool = True) -> UsbDevice:
    return UsbDevice(0x096E, product, 1, 1, "1-1", serial, readable=readable)


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        ([stick("A")], ""),
        ([stick("B")], "096e:0807 B"),
        ([stick("B"), stick("A")], ""),
        ([stick("A", 0x0808)], "096e:0808 A"),
        ([stick("", readable=False)], ""),  # it may be ours: nobody can read its number yet
        ([stick("", 0x0808, readable=False)], "096e:0808"),
        ([], ""),  # the bus tells nothing, or it is out: the library tells that
    ],
)
def test_which_stick_is_there_instead(there: list[UsbDevice], expected: str) -> None:
    assert instead(stick("A").identity, there) == expected
    assert instead("", there) == ""
