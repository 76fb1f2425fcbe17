"""Is there room: told by the medium, or tried by writing and deleting; and a medium that is really full."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.token.helpers import WORDS, FaultyMedium, certificate_for, certified, counts, credential, logged_in, only
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import (
    MediumFull,
    TokenmgrError,
)
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.module import Library
from tokenmgr.token.room import MARK
from tokenmgr.token.session import Session


def test_softhsm_has_room_and_trying_leaves_nothing(session: Session) -> None:
    assert session.has_room_for(8192) is True
    assert session.has_room_for(1_000_000) is True
    assert counts(session) == {}


def test_a_probe_that_a_cut_left_behind_is_removed(session: Session) -> None:
    mark = {**MARK, "TOKEN": True, "PRIVATE": False, "VALUE": b"left"}
    for _ in range(2):
        session._ask("create", template=mark)
    assert counts(session) == {"DATA": 2}
    assert session.has_room_for(100) is True
    assert counts(session) == {}


def test_other_peoples_data_is_left_alone_by_the_probe(session: Session) -> None:
    theirs = {"CLASS": "DATA", "LABEL": "mail settings", "TOKEN": True, "PRIVATE": False, "VALUE": b"x"}
    session._ask("create", template=theirs)
    assert session.has_room_for(100) is True
    assert counts(session) == {"DATA": 1}


def test_whoever_only_reads_does_not_know_whether_there_is_room(library: Library, facts: MediumFacts) -> None:
    with Session.open(library, facts.serial) as session:
        assert session.has_room_for(100) is None


@pytest.mark.parametrize(("free", "room"), [(4096, True), (4095, False)])
def test_a_medium_that_tells_its_free_memory_is_believed(faulty: FaultyMedium, free: int, room: bool) -> None:
    faulty.control["free_memory"] = free
    with faulty.library() as library, Session.open(library, only(library).serial, write=True) as session:
        assert session.has_room_for(4096) is room
    assert faulty.calls("C_CreateObject") == 0


@pytest.mark.parametrize("answer", ["CKR_DEVICE_MEMORY", "CKR_GENERAL_ERROR", "CKR_FUNCTION_FAILED"])
def test_a_medium_that_refuses_the_probe_has_no_room(faulty: FaultyMedium, answer: str) -> None:
    with faulty.library() as library, logged_in(library, only(library).serial) as session:
        faulty.fault("C_CreateObject", "answer", answer)
        assert session.has_room_for(4096) is False


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size},mode=0700", "tmpfs", folder], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip(f"a small disk cannot be mounted here: {mounted.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], capture_output=True, check=True)


def test_a_medium_that_is_really_full_says_so_and_keeps_no_half_pair(tmp_path: Path, authority: ThrowawayCA) -> None:
    medium = SimulatedMedium(tmp_path / "small", os.environ)
    with small_disk(medium.tokens, "128k"):
        serial = medium.create().serial
        with medium.library() as library, logged_in(library, serial) as session:
            found = certified(session, authority)
            made = 0
            error: TokenmgrError | None = None
            while error is None and made < 1000:
                try:
                    session.generate_key(KeyKind.P256, b"full %d" % made, WORDS)
                    made += 1
                except (
                    MediumFull
                ) as refused:  # SoftHSM says CKR_FUNCTION_FAILED, and its file of drivers/ what that means
                    error = refused
            assert error is not None
            assert made > 0
            assert session.has_room_for(50_000) is False
            held = counts(session)
            assert held["PRIVATE_KEY"] == held["PUBLIC_KEY"] == 1 + made, "no half pair is left"
            assert "DATA" not in held
            assert found == credential(session, b"\x01")
            session.prove(found.key)


def test_a_certificate_that_does_not_fit_leaves_what_was_there(
    faulty: FaultyMedium, authority: ThrowawayCA, now: datetime
) -> None:
    with faulty.library() as library, logged_in(library, only(library).serial) as session:
        found = certified(session, authority)
        session.generate_key(KeyKind.P256, b"\x02", WORDS)
        der = certificate_for(session, authority, b"\x02", starts=now + timedelta(days=1))
        faulty.fault("C_CreateObject", "answer", "CKR_DEVICE_MEMORY")
        with pytest.raises(MediumFull):
            session.put_certificate(der, b"\x02", WORDS)
        faulty.heal()
        assert credential(session, b"\x01") == found
        session.put_certificate(der, b"\x02", WORDS)
