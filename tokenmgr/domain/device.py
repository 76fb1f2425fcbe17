"""A device on the USB bus, before any library was asked what is in it; and what came and went between two looks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class UsbDevice:
    """A device on the USB bus, as it shows itself. VID:PID alone is not a medium: a reader has one too."""

    vendor: int
    product: int
    bus: int
    address: int
    port: str  # "1-2.3": the bus, then the ports from its root; "" where a system does not tell
    serial: str = ""  # the three string descriptors: "" where there is none, or none was read
    maker: str = ""
    name: str = ""
    readable: bool = True  # False: it did not let us read its strings
    smart_card: bool = False  # it has an interface that card reader services understand (CCID)

    @property
    def usb_id(self) -> str:
        return f"{self.vendor:04x}:{self.product:04x}"

    @property
    def identity(self) -> str:
        """What makes it this device, wherever it is plugged in; of two without a serial number the same."""
        return f"{self.usb_id} {self.serial}".strip()

    @property
    def place(self) -> str:
        """Names this plugging: a device that was pulled and put back gets a new address, so a new place."""
        return f"{self.port or self.bus}#{self.address}"


@dataclass(frozen=True)
class Change:
    """A device was plugged in, or was pulled (not `plugged`); pulled, it is as it was last seen."""

    plugged: bool
    device: UsbDevice


def changes(before: Iterable[UsbDevice], after: Iterable[UsbDevice]) -> list[Change]:
    """What leads from one look at the bus to the next: what went, then what came, each once."""
    old, new = dict.fromkeys(before), dict.fromkeys(after)
    pulled = [Change(False, device) for device in old if device not in new]
    return pulled + [Change(True, device) for device in new if device not in old]


def instead(wanted: str, there: Iterable[UsbDevice]) -> str:
    """What is on the bus while `wanted`, an identity, is not; empty where that is there, or nothing can be said."""
    there = list(there)
    if not wanted or any(_may_be(wanted, device) for device in there):
        return ""
    return ", ".join(device.identity for device in there)


def _may_be(wanted: str, device: UsbDevice) -> bool:
    """One that has just been plugged in may not let anybody read its strings yet."""
    return device.identity == wanted or (not device.readable and device.usb_id == wanted.partition(" ")[0])
