"""udev rules for every USB id of the catalogue: whoever sits at the computer may speak to a medium."""

from __future__ import annotations

from collections.abc import Iterable

from tokenmgr.domain.family import Family

_HEAD = """\
# Media that tokenmgr knows. Made by `tokenmgr drivers udev`; install as /etc/udev/rules.d/70-tokenmgr.rules, then
# udevadm control --reload && udevadm trigger --subsystem-match=usb
ACTION=="remove", GOTO="tokenmgr_end"
SUBSYSTEM!="usb", GOTO="tokenmgr_end"
ENV{DEVTYPE}!="usb_device", GOTO="tokenmgr_end"
"""
# uaccess: systemd-logind gives the device to the user of the seat (systemd's 70-uaccess.rules does so for card readers)
_RULE = """\
ATTR{{idVendor}}=="{vendor}", ATTR{{idProduct}}=="{product}", ENV{{ID_SMARTCARD_READER}}="1", \
ENV{{TOKENMGR_FAMILY}}="{family}", TAG+="uaccess"
"""
_TAIL = 'LABEL="tokenmgr_end"\n'


def rules(families: Iterable[Family]) -> str:
    """In the order of the catalogue: of two families that claim one id the first has it."""
    text, claimed = _HEAD, set[str]()
    for family in families:
        ids = [usb_id for usb_id in family.usb.ids if usb_id not in claimed]
        claimed.update(ids)
        text += _of(family, ids) if ids else ""
    return text + _TAIL


def _of(family: Family, usb_ids: Iterable[str]) -> str:
    ids = (usb_id.split(":") for usb_id in usb_ids)
    lines = (_RULE.format(vendor=vendor, product=product, family=family.name) for vendor, product in ids)
    return f"\n# {family.name}\n" + "".join(lines)
