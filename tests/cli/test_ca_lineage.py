"""The CA's own changes in its audit trail: each once, in whose name it was done, however it is cut short."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.actors import TESTER
from tests.cli.bank_rig import make_ca
from tests.cli.ca_rig import PIN, CaHome, killed_after, registry_of, require_chained
from tokenmgr.ca.ceremony import Step
from tokenmgr.cli.ca_registry import lineage_of
from tokenmgr.cli.serve import _renew_working, _wired
from tokenmgr.domain.audit import Entry
from tokenmgr.domain.lineage import ACTIONS
from tokenmgr.log import Secret
from tokenmgr.sql import lineage


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ca(tmp_path_factory.mktemp("ceremony"))


@pytest.fixture
def home(tmp_path: Path, made: Path) -> CaHome:
    return CaHome(tmp_path / "home", made)


def entries(home: CaHome) -> list[Entry]:
    named = {action.value for action in ACTIONS}
    with registry_of(home) as database:
        return [one for one in require_chained(database) if one.action in named]


def said(home: CaHome) -> list[tuple[str, str]]:
    return [(one.action, one.actor_kind) for one in entries(home)]


MADE, RENEWED, ROLLED = ("ca.made", "operator"), ("ca.renewed", "operator"), ("ca.rolled-over", "operator")


def test_made_renewed_and_rolled_over(home: CaHome) -> None:
    before = home.ca.current
    assert home.op("renew", "cmp", "--new-key", "--pin-fd", "0").status == 0
    assert home.op("rollover", "--pin-fd", "0").status == 0
    assert said(home) == [MADE, RENEWED, ROLLED]
    made, renewed, rolled = entries(home)
    after = home.ca
    old, new = before.certificates["cmp"], after.authorities[0].certificates["cmp"]
    assert int(renewed.serial, 16) == new.serial
    held = before.holdings["cmp"].key_id.hex(), after.authorities[0].holdings["cmp"].key_id.hex()
    assert json.loads(renewed.before) == {"authority": 1, "cmp": f"{old.serial:x}", "cmp_key": held[0]}
    assert json.loads(renewed.after) == {"authority": 1, "cmp": f"{new.serial:x}", "cmp_key": held[1]}
    assert json.loads(made.after)["token"] == after.about.serial
    assert json.loads(rolled.after)["authority"] == 2
    assert json.loads(rolled.after)["root"] == f"{after.current.certificates['root'].serial:x}"


def test_what_a_killed_change_has_done_is_told_by_the_next(home: CaHome) -> None:
    """And what it has not done is told by nobody."""
    for step, actions in (
        (Step.PROVEN, [MADE]),
        (Step.WRITTEN, [MADE]),  # ca.toml is the new one; nobody has said so yet
    ):
        assert killed_after(home, "ca_changing", step.value, "ca", "rollover", "--pin-fd", "0") == -9
        assert said(home) == actions
    assert home.op("renew", "ocsp", "--pin-fd", "0").status == 0
    assert said(home) == [MADE, ("ca.rolled-over", "machine"), RENEWED]


def test_the_job_and_the_next_start_tell(home: CaHome, tmp_path: Path) -> None:
    late = home.ca.current.certificates["ocsp"].not_after
    with _wired(home.ca, Secret(PIN), str(tmp_path)) as service:
        _name, _often, act = _renew_working(home.ca, service)
        for _ in range(2):
            act(late)
            service.administration.catch_up(lineage_of(home.ca))
    assert said(home) == [MADE, ("ca.renewed", "machine")]


def test_a_ca_that_is_older_than_this_trail_is_told_of_once(home: CaHome) -> None:
    assert home.op("rollover", "--pin-fd", "0").status == 0
    (home.folder / "ca" / "registry.sqlite").unlink()
    from tokenmgr.cli.ca_making import make_registry

    make_registry(home.ca.database)
    with registry_of(home) as database:
        for _ in range(2):
            lineage.catch_up(database, TESTER, lineage_of(home.ca))
    assert [action for action, _ in said(home)] == ["ca.made", "ca.rolled-over"]


def test_without_its_registry_a_ca_is_not_changed(home: CaHome) -> None:
    before = (home.folder / "ca" / "ca.toml").read_bytes()
    (home.folder / "ca" / "registry.sqlite").unlink()
    done = home.op("rollover", "--pin-fd", "0")
    assert (done.status, "R121" in done.err) == (4, True), done.err
    assert (home.folder / "ca" / "ca.toml").read_bytes() == before
