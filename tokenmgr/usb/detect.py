"""One look at the USB bus. No libusb, no bus, no permission: that is said and never raised; PKCS#11 goes on alone.

pyusb is imported by the first look, not with this file: a command that does not look starts 25 ms sooner.
"""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tokenmgr import system
from tokenmgr.domain.device import UsbDevice

logger = logging.getLogger(__name__)
NO_LIBUSB = "no-libusb"
NO_USB = "no-usb"
HUB = 0x09
SMART_CARD = 0x0B
SYSFS = Path("/sys/bus/usb/devices")
STRINGS = {"serial": "iSerialNumber", "maker": "iManufacturer", "name": "iProduct"}  # ours: the descriptor's index
SYSFS_NAMES = {"serial": "serial", "maker": "manufacturer", "name": "product"}
REFUSED = (errno.EACCES, errno.EPERM, errno.ENOSYS)  # ENOSYS: Windows has given the device to another driver
TIME_LIMIT = 500  # milliseconds for an answer (USB 2.0, 9.2.6.4)
NO_ANSWER = (OSError, NotImplementedError, ValueError, LookupError)  # USBError is an OSError; the others: odd answers


@dataclass(frozen=True)
class Bus:
    """What is plugged in, hubs left out. `trouble` is "", "no-libusb" or "no-usb": then nothing could be seen."""

    devices: tuple[UsbDevice, ...] = ()
    trouble: str = ""


class _Trouble(Exception):
    """Its one argument is a Bus's trouble."""


class _Vanished(Exception):
    """The device went between the list and the reading."""


def look(interesting: Callable[[str], bool], known: Iterable[UsbDevice] = ()) -> Bus:
    """Every device on the bus. Only those whose id is `interesting`, and those for smart cards, are opened to read
    their strings: other people's devices are none of our business. What is `known` is not read again."""
    if system.NAME == "linux" and not _has_bus():
        return Bus(trouble=NO_USB)
    from usb.core import USBError

    before = {(device.usb_id, device.place): device for device in known}
    try:
        with _context() as context:
            return Bus(_devices(context, interesting, before))
    except _Trouble as trouble:
        return Bus(trouble=str(trouble))
    except USBError as error:
        logger.info("libusb: %s", error)
        return Bus(trouble=NO_USB)


def _has_bus() -> bool:
    """Whether Linux shows any bus at all: where it does not, libusb would take 25 ms of every start to say the same."""
    try:
        return any(SYSFS.iterdir())
    except OSError:
        return False


@contextmanager
def _context() -> Iterator[Any]:
    """A libusb context. On Linux a new one each time: an old one learns of changes from events that a container does
    not get, and then shows for ever what was there at its birth. Elsewhere a list is always new, and a context dear."""
    import libusb_package
    from usb.backend import libusb1

    kept = libusb1.get_backend(find_library=libusb_package.find_library) or libusb1.get_backend()
    if kept is None:
        raise _Trouble(NO_USB if libusb1._lib else NO_LIBUSB)  # pyusb tells both by None
    if system.NAME != "linux":
        yield kept
        return
    context = type(kept)(kept.lib)
    try:
        yield context
    finally:
        context.finalize()


def _devices(
    context: Any, interesting: Callable[[str], bool], known: dict[tuple[str, str], UsbDevice]
) -> tuple[UsbDevice, ...]:
    """All of pyusb's objects live and die in here: older libusbs crash when a device outlives its context."""
    import usb.core

    found = []
    nothing = True
    for handle in usb.core.find(find_all=True, backend=context):
        nothing = False
        if handle.bDeviceClass == HUB:
            continue
        seen = _as_listed(handle)
        one = known.get((seen.usb_id, seen.place))
        try:
            found.append(one or _described(handle, seen, interesting))
        except _Vanished:
            logger.info("%s at %s went while it was looked at", seen.usb_id, seen.place)
    if nothing and system.NAME == "linux":  # where there is a bus, its root hub is in the list
        raise _Trouble(NO_USB)
    return tuple(sorted(found, key=lambda device: (device.bus, _ports(device.port), device.address)))


def _as_listed(handle: Any) -> UsbDevice:
    """What is known without asking the device anything."""
    ports = handle.port_numbers
    port = f"{handle.bus}-{'.'.join(map(str, ports))}" if ports else ""
    return UsbDevice(handle.idVendor, handle.idProduct, handle.bus, handle.address, port)


def _ports(port: str) -> list[int]:
    return [int(number) for number in port.partition("-")[2].split(".") if number]


def _described(handle: Any, seen: UsbDevice, interesting: Callable[[str], bool]) -> UsbDevice:
    seen = replace(seen, smart_card=_for_smart_cards(handle))
    if not seen.smart_card and not interesting(seen.usb_id):
        return seen
    strings, readable = _strings(handle, seen)
    serial, maker, name = (strings.get(one, "") for one in STRINGS)
    return replace(seen, serial=serial, maker=maker, name=name, readable=readable)


def _for_smart_cards(handle: Any) -> bool:
    """From descriptors that the system keeps: the device itself is not opened."""
    try:
        return any(one.bInterfaceClass == SMART_CARD for configuration in handle for one in configuration)
    except NO_ANSWER as error:
        logger.debug("no configuration of %04x:%04x: %s", handle.idVendor, handle.idProduct, error)
        return False


def _strings(handle: Any, seen: UsbDevice) -> tuple[dict[str, str], bool]:
    """The strings that the device says it has, and whether it let them be read."""
    wanted = {ours: index for ours, field in STRINGS.items() if (index := getattr(handle, field))}
    if not wanted:
        return {}, True
    try:
        return _asked(handle, wanted), True
    except NO_ANSWER as error:
        logger.info("strings of %s at %s: %s", seen.usb_id, seen.place, error)
        number = errno.ENOSYS if isinstance(error, NotImplementedError) else getattr(error, "errno", None)
    kept = _kept_by_linux(seen) if system.NAME == "linux" else None
    if kept is None and (number == errno.ENODEV or (system.NAME == "linux" and SYSFS.is_dir())):
        raise _Vanished
    return kept or {}, bool(kept) or number not in REFUSED


def _asked(handle: Any, wanted: dict[str, int]) -> dict[str, str]:
    import usb.util

    handle.default_timeout = TIME_LIMIT
    try:
        (language, *_) = usb.util.get_langids(handle)  # not handle.langids, which hides a refusal
        return {ours: _clean(usb.util.get_string(handle, index, language)) for ours, index in wanted.items()}
    finally:
        usb.util.dispose_resources(handle)  # to ask was to open


def _kept_by_linux(seen: UsbDevice) -> dict[str, str] | None:
    """The strings that the kernel read when the device was plugged in, which everybody may read; None if it is gone."""
    folder = SYSFS / seen.port
    try:
        if int(_read(folder / "devnum") or -1) != seen.address:
            return None
    except ValueError:
        return None
    read = {ours: _read(folder / name) for ours, name in SYSFS_NAMES.items()}
    return {ours: _clean(text) for ours, text in read.items() if text is not None}


def _read(file: Path) -> str | None:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _clean(text: str) -> str:
    """A device says what it likes, control characters for the terminal among it."""
    return "".join(letter for letter in text if letter.isprintable()).strip()
