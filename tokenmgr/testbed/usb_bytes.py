"""What a USB device says of itself, in bytes (USB 2.0, chapter 9), and a recording of its strings being read."""

from __future__ import annotations

import struct
from collections.abc import Iterator

DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT = range(1, 6)
SMART_CARD = 0x0B
ENGLISH = 0x0409
READ_DESCRIPTOR = (0x80, 6)  # the request: from the device, GET_DESCRIPTOR
TIMES = 200  # how often a device of a recording answers before it falls silent
NOTHING_YET = -115  # EINPROGRESS: a request that is under way


def device_descriptor(
    vendor: int, product: int, device_class: int, strings: tuple[str, str, str] = ("", "", "")
) -> bytes:
    """A string is named by its index, 0 where there is none."""
    indices = [number if text else 0 for number, text in enumerate(strings, 1)]
    return struct.pack(
        "<BBHBBBBHHHBBBB", 18, DEVICE, 0x200, device_class, 0, 0, 64, vendor, product, 0x100, *indices, 1
    )


def configuration(interface_class: int) -> bytes:
    """One interface; with the description of a reader (CCID 1.1, 5.1) where it is for smart cards."""
    reader = b""
    if interface_class == SMART_CARD:
        features = (0x110, 0, 7, 3, 4000, 4000, 0, 9600, 9600, 0, 254, 0, 0, 0x0004043A, 271, 0, 0, 0, 0, 1)
        reader = struct.pack("<BBHBBIIIBIIBIIIIIBBHBB", 54, 0x21, *features)
    endpoints = b"".join(struct.pack("<BBBBHB", 7, ENDPOINT, *one) for one in ((0x01, 2, 64, 0), (0x82, 2, 64, 0)))
    interface = struct.pack("<BBBBBBBBB", 9, INTERFACE, 0, 0, 2, interface_class, 0, 0, 0)
    inside = interface + reader + endpoints
    return struct.pack("<BBHBBBBB", 9, CONFIGURATION, 9 + len(inside), 1, 1, 0, 0x80, 50) + inside


def recording(bus: int, address: int, strings: tuple[str, ...]) -> bytes:
    """Of a device with these three strings, or of one that says nothing.

    As usbmon captures it (pcap, LINKTYPE_USB_LINUX_MMAPPED). A replay goes on from where it is and never back, so
    everything is in it many times over; a reader asks for 254 bytes (pyusb) or 255 (libusb).
    """
    once = b""
    number = 0
    for index, answer in _answers(strings) if strings else ():
        for length in (254, 255):
            number += 1
            setup = struct.pack("<BBHHH", *READ_DESCRIPTOR, STRING << 8 | index, ENGLISH if index else 0, length)
            once += _packet(bus, address, number, b"S", setup, length, b"")
            once += _packet(bus, address, number, b"C", bytes(8), len(answer), answer)
    return struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262144, 220) + once * TIMES


def _answers(strings: tuple[str, ...]) -> Iterator[tuple[int, bytes]]:
    """In the order in which they are asked for: the languages, the serial number, the maker, the name."""
    yield 0, struct.pack("<BBH", 4, STRING, ENGLISH)
    for index in (3, 1, 2):
        text = strings[index - 1].encode("utf-16-le")
        if text:
            yield index, struct.pack("<BB", len(text) + 2, STRING) + text


def _packet(bus: int, address: int, number: int, kind: bytes, setup: bytes, length: int, data: bytes) -> bytes:
    """One line of usbmon: S, a request is submitted, or C, it is complete."""
    submitted = kind == b"S"
    header = struct.pack(
        "<QBBBBHBBqiiII8siiII",
        number,
        ord(kind),
        2,  # a control transfer
        0x80,  # from the device, endpoint 0
        address,
        bus,
        0 if submitted else ord("-"),  # whether there is a setup packet: 0 says yes
        0 if data else ord("<" if submitted else ">"),  # whether there is data: 0 says yes
        number,  # the time, in seconds and
        0,
        NOTHING_YET if submitted else 0,
        length,
        len(data),
        setup,
        0,
        0,
        0x200 if submitted else 0,
        0,
    )
    return struct.pack("<IIII", number, 0, len(header + data), len(header + data)) + header + data
