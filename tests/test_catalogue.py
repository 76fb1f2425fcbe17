"""drivers/ is data that the code honours: read whole, wrong files named."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenmgr import catalogue, data
from tokenmgr.errors import SettingsWrong


def test_every_file_of_drivers_is_right_and_names_a_library_for_each_system() -> None:
    paths = list(data.folder("drivers").glob("*.toml"))
    assert paths
    for path in paths:
        assert catalogue.read(path).title


def test_a_library_is_known_by_its_file_name_wherever_it_stands() -> None:
    assert catalogue.family_of_library("/opt/somewhere/libsofthsm2.so").name == "softhsm"
    assert catalogue.family_of_library("/opt/somewhere/libnothing.so") == catalogue.UNKNOWN


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "title"),
        ('title = "x"\nquirk = 1', "unknown: quirk"),
        ('title = "x"\n[trust]\nuntruthful = ["extractable"]', "trust.untruthful"),
        ('title = "x"\n[pin]\ncharacters = "kanji"', "pin.characters"),
        ('title = "x"\n[slots]\nspares = 1', "unknown: spares"),
        ("title = x", "line 1"),
    ],
)
def test_a_wrong_file_is_named_with_its_reason(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(text)
    with pytest.raises(SettingsWrong) as raised:
        catalogue.read(path)
    assert reason in raised.value.reason
