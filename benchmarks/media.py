"""A simulated medium to measure on, with keys and certificates, in a home of its own that nothing else sees.

In memory where the system has such a place: what other programs do to the disk would be most of a write, and is not
ours to measure. It makes the ratios stricter, since a faster medium hides less of what we add.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tokenmgr import clock
from tokenmgr.domain.credential import KeyKind
from tokenmgr.log import Secret
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.objects import certificate_template
from tokenmgr.token.session import Session

MEMORY = Path("/dev/shm")  # noqa: S108  a folder of a name nobody can guess is made in it


@contextmanager
def medium() -> Iterator[tuple[SimulatedMedium, str]]:
    """One without objects, and its serial number."""
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        made = SimulatedMedium(Path(folder) / "testbed" / "bench", os.environ)
        yield made, made.create().serial


@contextmanager
def medium_with(certificates: int) -> Iterator[tuple[SimulatedMedium, str]]:
    """One RSA-2048 and one P-256 key, CKA_ID `rsa` and `p256`, and so many certificates."""
    with medium() as (made, serial):
        with made.library() as library, Session.open(library, serial, write=True) as session, Secret(PIN) as pin:
            session.login(pin)
            session.generate_key(KeyKind.RSA_2048, b"rsa", "rsa")
            session.generate_key(KeyKind.P256, b"p256", "p256")
            for template in certificate_templates(0, certificates):
                session.library.worker.call("create", session=session._handle, template=template)
        yield made, serial


def certificate_templates(first: int, end: int) -> Iterator[dict[str, Any]]:
    """One certificate under many names: what is measured is objects, not issuing."""
    facts = certificate_facts(ThrowawayCA(clock.now()).chain[0])
    for number in range(first, end):
        yield certificate_template(facts, number.to_bytes(4, "big"), f"certificate {number}")
