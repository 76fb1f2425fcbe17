"""Which device is which medium, which media are one card, and what is missing: told from made-up worlds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.device import UsbDevice
from tokenmgr.domain.family import Family, Libraries, Usb
from tokenmgr.domain.medium import EmptySlot, MediumFacts, PinState, SlotTrouble
from tokenmgr.domain.presence import Card, Missing, Plugged, View, cards, plugged

READERS = Libraries(slots_are_readers=True)
STICK = Family(
    name="stick", title="The Stick", usb=Usb(ids=("1234:0001",), readers=("Acme Stick*",)), libraries=READERS
)
OTHER = Family(name="other", title="The Other", usb=Usb(ids=("1234:0002",)))
OPENSC = Family(name="opensc", general=True, libraries=READERS)
FAMILIES = {"stick": STICK, "other": OTHER}


def family_of(device: UsbDevice) -> Family | None:
    return next((family for family in FAMILIES.values() if family.has_device(device)), None)


def device(product: int = 1, port: str = "1-1", address: int = 5, **more: Any) -> UsbDevice:
    return replace(UsbDevice(0x1234, product, 1, address, port), **more)


def medium(serial: str = "A1", reader: str = "Acme Stick 00 00", family: str = "stick", **more: Any) -> MediumFacts:
    facts = MediumFacts(
        serial=serial,
        label="",
        manufacturer="",
        model="",
        hardware="",
        firmware="",
        library="/lib/stick.so",
        family=family,
        slot=0,
        reader=reader,
        initialised=True,
        read_only=False,
        pin=PinState.FINE,
        so_pin=PinState.FINE,
        shortest_pin=4,
        longest_pin=8,
        free_memory=None,
        total_memory=None,
    )
    return replace(facts, **more)


def view(*slots: MediumFacts | EmptySlot | SlotTrouble, family: Family = STICK, failed: bool = False) -> View:
    return View(f"/lib/{family.name}.so", (family,), slots, failed)


def empty(reader: str = "Acme Stick 00 00") -> EmptySlot:
    return EmptySlot("/lib/stick.so", 0, reader)


def one(devices: list[UsbDevice], *views: View) -> Plugged:
    (found,) = plugged(devices, family_of, views)
    return found


# --- what is missing ---


def test_a_device_whose_medium_is_seen_lacks_nothing() -> None:
    found = one([device()], view(medium()))
    assert found.missing is Missing.NOTHING
    assert [m.serial for m in found.media] == ["A1"]
    assert found.name == "The Stick"


def test_a_device_without_a_library() -> None:
    assert one([device()]).missing is Missing.LIBRARY
    assert one([device()], view(family=OTHER)).missing is Missing.LIBRARY


def test_a_library_that_failed_is_not_one_that_sees_nothing() -> None:
    assert one([device()], view(failed=True)).missing is Missing.LIBRARY_FAILED
    assert one([device()], view()).missing is Missing.SLOT
    assert one([device()], view(failed=True), view()).missing is Missing.SLOT


def test_a_slot_without_a_medium() -> None:
    assert one([device()], view(empty())).missing is Missing.MEDIUM
    trouble = SlotTrouble("/lib/stick.so", 0, "Acme Stick 00 00", "M105", "CKR_DEVICE_ERROR")
    assert one([device()], view(trouble)).missing is Missing.MEDIUM


def test_a_medium_that_only_the_general_library_shows_is_there() -> None:
    assert one([device()], view(medium(family="opensc"), family=OPENSC)).missing is Missing.NOTHING


def test_a_card_reader_that_nobody_knows_is_fine_when_a_library_sees_it() -> None:
    reader = device(9, smart_card=True, name="CardReader 3000", maker="Acme")
    found = one([reader], view(empty("Acme CardReader 3000 00 00")))
    assert (found.missing, found.family, found.name) == (Missing.NOTHING, None, "Acme CardReader 3000")
    assert one([reader], view()).missing is Missing.FAMILY


def test_a_device_that_is_no_medium_is_not_spoken_of() -> None:
    assert plugged([device(9)], family_of, []) == []


# --- which is which ---


def test_two_alike_are_told_apart_by_the_number_in_the_readers_name() -> None:
    first, second = device(port="1-1", serial="SN0001"), device(port="1-2", address=6, serial="SN0002")
    slots = medium("B2", "Acme Stick (SN0002) 00 00"), medium("A1", "Acme Stick (SN0001) 01 00")
    found = plugged([first, second], family_of, [view(*slots)])
    assert [(one.device.port, [m.serial for m in one.media]) for one in found] == [("1-1", ["A1"]), ("1-2", ["B2"])]


def test_two_alike_are_told_apart_by_the_mediums_own_number() -> None:
    first, second = device(port="1-1", serial="00a1"), device(port="1-2", address=6, serial="B2")
    found = plugged([first, second], family_of, [view(medium("B2", "r1"), medium("A1", "r2"))])
    assert [[m.serial for m in one.media] for one in found] == [["A1"], ["B2"]]


def test_two_alike_that_nothing_tells_apart_are_both_there_and_nobodys() -> None:
    devices = [device(port="1-1"), device(port="1-2", address=6)]
    both = plugged(devices, family_of, [view(medium("A1", "Acme Stick 00 00"), medium("B2", "Acme Stick 01 00"))])
    assert [(one.missing, one.media) for one in both] == [(Missing.NOTHING, [])] * 2


def test_two_alike_of_which_one_is_not_seen_are_not_both_called_fine() -> None:
    devices = [device(port="1-1"), device(port="1-2", address=6)]
    found = plugged(devices, family_of, [view(medium("A1", "Acme Stick 00 00"))])
    assert Missing.NOTHING not in {one.missing for one in found}


def test_a_family_is_enough_where_it_is_the_only_one() -> None:
    assert one([device()], view(medium(reader="Slot 0"))).media


def test_a_slot_of_another_family_is_not_taken() -> None:
    found = plugged([device(), device(2, "1-2", 6)], family_of, [view(medium()), view(family=OTHER)])
    assert [one.missing for one in found] == [Missing.NOTHING, Missing.SLOT]


@given(
    st.lists(st.sampled_from(["1-1", "1-2", "1-3"]), unique=True),
    st.lists(st.sampled_from(["A1", "B2", "C3"]), unique=True),
    st.booleans(),
)
def test_a_medium_is_never_given_to_two_devices(ports: list[str], serials: list[str], numbered: bool) -> None:
    devices = [
        device(port=port, serial=serial * numbered) for port, serial in zip(ports, ["A1", "B2", "C3"], strict=False)
    ]
    found = plugged(devices, family_of, [view(*(medium(serial, f"Acme Stick {serial}") for serial in serials))])
    given_out = [m.serial for one in found for m in one.media]
    assert len(given_out) == len(set(given_out))
    assert len(found) == len(devices)


# --- one card, several views ---


def test_a_card_that_a_general_library_shows_too_is_one() -> None:
    own = medium("12345", "Yubi 00 00")
    general = medium("feedbeef", "Yubi 00 00", family="opensc", library="/lib/opensc.so", label="PIV_II")
    for views in ([view(own), view(general, family=OPENSC)], [view(general, family=OPENSC), view(own)]):
        assert cards(views) == [Card(own, (general,))]


def test_two_cards_in_two_readers_are_two() -> None:
    found = cards(
        [view(medium("A1", "r 00 00")), view(medium("B2", "r 01 00", library="/lib/opensc.so"), family=OPENSC)]
    )
    assert len(found) == 2


@pytest.mark.parametrize(("serials", "count"), [(("A1", "A1"), 1), (("A1", "B2"), 2), (("", ""), 2)])
def test_where_slots_are_no_readers_the_number_decides(serials: tuple[str, str], count: int) -> None:
    first = view(medium(serials[0], "Slot 0", "other", library="/lib/other.so"), family=OTHER)
    second = view(medium(serials[1], "Slot 0", "other", library="/lib/second.so"), family=OTHER)
    assert len(cards([first, second])) == count


def test_what_one_library_shows_as_two_is_two() -> None:
    assert len(cards([view(medium("A1", slot=0), medium("A1", slot=1))])) == 2
