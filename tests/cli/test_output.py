"""What a command says as JSON."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tests import warm
from tokenmgr.cli.output import Exit, Output
from tokenmgr.errors import AnotherIsPending


def test_an_error_that_tells_a_moment(capsys: pytest.CaptureFixture[str]) -> None:
    error = AnotherIsPending(serial="1f", until=datetime(2026, 4, 1, 3, 0, tzinfo=UTC))
    assert Output(as_json=True).failure(error) == Exit.REFUSED
    told = json.loads(capsys.readouterr().out)["error"]
    assert told["facts"] == {"serial": "1f", "until": "2026-04-01T03:00:00+00:00"}


ENDLESS = """
import itertools, os, sys, click
from tokenmgr.cli import output
reading, writing = os.pipe()
os.dup2(writing, 1)
os.close(writing)
os.close(reading)
output.prepare_streams()
for number in output.while_read(itertools.count()):
    click.echo(number)
sys.exit(number + 5)
"""


def test_what_has_no_end_ends_with_its_reader_and_the_status_is_its_own() -> None:
    assert warm.run(ENDLESS, environment=warm.BEGUN_IN).returncode == 5
