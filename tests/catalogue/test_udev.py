"""The udev rules, read by udev itself: each known medium is given to whoever sits at the computer."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.contract.services import require
from tests.usb.bus import MockBus
from tokenmgr import catalogue
from tokenmgr.catalogue import udev
from tokenmgr.testbed.usb_bus import Stick

FAMILIES = [family for family in catalogue.shipped().families.values() if family.usb.ids]
CONTROLLER = "/sys/devices/pci0000:00/0000:00:14.0/usb1"
# Its rules are read from our folder, in a mount namespace where it may write what it likes.
ASK = """
set -e
mount --bind "$1" /lib/udev/rules.d
for place in /dev/char /run/udev; do if [ -d $place ]; then mount -t tmpfs none $place; fi; done
udevadm test --action=add "$2"
"""


def stick(number: int, usb_id: str) -> Stick:
    vendor, product = (int(part, 16) for part in usb_id.split(":"))
    return Stick(vendor, product, port=str(number))


def test_udev_gives_each_known_medium_to_whoever_sits_there_and_nothing_else(tmp_path: Path) -> None:
    require("udevadm", root=True)
    (tmp_path / "70-tokenmgr.rules").write_text(udev.rules(FAMILIES))
    known = [(family.name, usb_id) for family in FAMILIES for usb_id in (family.usb.ids[0], family.usb.ids[-1])]
    asked = [*dict.fromkeys(known), ("", "046d:c077")]
    sticks = [stick(number, usb_id) for number, (_, usb_id) in enumerate(asked, start=1)]
    with MockBus(*sticks) as bus:
        for (name, usb_id), one in zip(asked, sticks, strict=True):
            device = f"{CONTROLLER}/1-{one.port}"
            done = subprocess.run(
                ["unshare", "--mount", "sh", "-c", ASK, "sh", tmp_path, device],
                env=bus.environment,
                capture_output=True,
                text=True,
                check=True,
            )
            assert re.findall(r"^TOKENMGR_FAMILY=(.*)$", done.stdout, re.M) == ([name] if name else []), usb_id
            assert (":uaccess:" in done.stdout) is bool(name), usb_id
            assert "70-tokenmgr.rules:" not in done.stderr, "udev has found something to say about a line"
