"""docs/bank.md names every key of a policy with its default, every column, every state and every refusal."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tokenmgr.cli import bank_policy
from tokenmgr.cli.bank_csv import COLUMNS
from tokenmgr.cli.bank_policy import DEFAULT, KEYS
from tokenmgr.cli.bank_standing import STATES
from tokenmgr.domain.policy import RANGES

PAGE = (Path(__file__).parents[2] / "docs" / "bank.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("key", KEYS)
def test_every_key_of_a_policy_has_its_default_and_its_range(key: str) -> None:
    default = json.dumps(bank_policy.as_json(DEFAULT)[key])
    found = re.search(rf"^\| `{key}` \| `(.*?)` \| (.*?) \|", PAGE, re.M)
    assert found is not None
    assert found[1] == default
    if key in RANGES:
        assert found[2] == "{}–{}".format(*RANGES[key])


def test_every_column_state_and_refusal_is_there() -> None:
    header = next(line for line in PAGE.splitlines() if line.startswith("bank,"))
    assert tuple(header.split(",")) == COLUMNS
    for word in (*COLUMNS, *STATES):
        assert f"`{word}`" in PAGE
    for code in (110, 114, 115, 116, 117, 119, 125, 126):
        assert f"| R{code} |" in PAGE
