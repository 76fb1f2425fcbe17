"""What bank staff see, line by line, from a CA that has just been made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.bank_rig import BankHome, make_ca
from tests.cli.runner import play

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts" / "bank").glob("*.txt"))


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ca(tmp_path_factory.mktemp("made"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda p: p.stem)
def test_a_transcript_is_what_happens(path: Path, tmp_path: Path, ca: Path) -> None:
    assert not play(path, BankHome(tmp_path / "home", ca))
