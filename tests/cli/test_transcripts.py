"""Every transcript is true."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runner import Home, play

TRANSCRIPTS = sorted((Path(__file__).parent / "transcripts").glob("*.txt"))


@pytest.mark.parametrize("path", TRANSCRIPTS, ids=lambda p: p.stem)
def test_a_transcript_is_what_happens(path: Path, tmp_path: Path) -> None:
    assert not play(path, Home(tmp_path / "home"))
