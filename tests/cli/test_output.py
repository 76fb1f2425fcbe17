"""What a command says as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tokenmgr.cli.output import Exit, Output
from tokenmgr.errors import AnotherIsPending


def test_an_error_that_tells_a_moment(capsys: pytest.CaptureFixture[str]) -> None:
    error = AnotherIsPending(serial="1f", until=datetime(2026, 4, 1, 3, 0, tzinfo=UTC))
    assert Output(as_json=True).failure(error) == Exit.REFUSED
    told = json.loads(capsys.readouterr().out)["error"]
    assert told["facts"] == {"serial": "1f", "until": "2026-04-01T03:00:00+00:00"}
