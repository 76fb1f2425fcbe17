"""`tokenmgr ca status`: what an operator sees at one look, each trouble provoked for real."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.actors import TESTER
from tests.cli.bank_rig import make_ca
from tests.cli.ca_rig import PIN, CaHome, bare, lived_in, registry_of, told, working
from tests.cli.runner import Result
from tests.sql import postgres
from tests.sql.forging import forge
from tests.sql.postgres import Server
from tokenmgr import clock
from tokenmgr.ca import crl
from tokenmgr.ca.keys import CaKey
from tokenmgr.cli.ca_status import _surroundings
from tokenmgr.domain.audit import Action, Event
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.sql import copying
from tokenmgr.sql.answers import Answer
from tokenmgr.sql.crls import Crl
from tokenmgr.sql.engine import Database
from tokenmgr.sql.overview import Overview
from tokenmgr.sql.rows import hexed, micros


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ca(tmp_path_factory.mktemp("ceremony"))


@pytest.fixture
def home(tmp_path: Path, made: Path) -> CaHome:
    return CaHome(tmp_path / "home", made)


def look(home: CaHome, *options: str) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status, and each line by what is seen; the last of several."""
    done = home.op("status", "--json", *(options or ("--no-service",)))
    value = told(done)
    assert value["fine"] == (done.status == 0), done.err
    assert value["fine"] == (not any(line["trouble"] for line in value["lines"]))
    return done.status, {line["seen"]: line for line in value["lines"]}


def troubles(home: CaHome, *options: str) -> set[str]:
    return {line["trouble"] for line in look(home, *options)[1].values()} - {""}


def listed(home: CaHome, ago: timedelta = timedelta(), life: timedelta = timedelta(days=7)) -> None:
    now = clock.now() - ago
    with working(home) as works:
        administration = works.administration
        covers, number = administration.last_change(), administration.reserve_crl()
        entries = ((one.serial, one.at, one.reason) for one in administration.revoked(now))
        key = works.issuer._authority
        issuing = CaKey("issuing", key.signer, home.ca.current.certificates["issuing"].der)
        der = crl.build(issuing, entries, number, now, now + life)
        administration.keep_crl(Crl(1, number, now, now + life, covers, number, der))


def test_a_ca_that_is_fine(home: CaHome) -> None:
    lived_in(home)
    listed(home)
    status, lines = look(home, "--no-service", "--pin-fd", "0")
    assert status == 0
    assert lines["database"]["facts"]["kind"] == "sqlite"
    assert (lines["pending"]["facts"]["count"], lines["recorded"]["facts"]["count"]) == (1, 0)
    assert (lines["list"]["facts"]["number"], lines["list"]["facts"]["changes"]) == (1, 0)
    assert lines["key_signs"]["facts"]["purpose"] == "ocsp"
    said = home.op("status", "--no-service", typed="")
    assert (said.status, said.out.splitlines()[-1]) == (0, "Nothing needs a hand.")
    assert "手当ての要るものはありません" in home.run("--lang", "ja", "ca", "status", "--no-service").out


def test_nothing_is_changed_by_a_look(home: CaHome) -> None:
    lived_in(home)
    before = {path: path.read_bytes() for path in (home.folder / "ca").rglob("*.pem")}
    with registry_of(home) as database:
        (count,) = database.read(text("SELECT COUNT(*) FROM audit"))[0]
    home.op("status", "--no-service", typed="")
    with registry_of(home) as database:
        assert database.read(text("SELECT COUNT(*) FROM audit"))[0] == (count,)
    assert before == {path: path.read_bytes() for path in (home.folder / "ca").rglob("*.pem")}


def test_lists_that_are_missing_old_over_or_behind(home: CaHome) -> None:
    lived_in(home)
    assert troubles(home) == {"list_missing"}
    listed(home, ago=timedelta(hours=14))
    assert troubles(home) == {"list_old"}
    listed(home, ago=timedelta(days=8))
    assert troubles(home) == {"list_over"}
    listed(home)
    assert troubles(home) == set()
    with working(home) as works:
        one = works.issue("another")
        works.registry.revoke(one.serial, RevocationReason.KEY_COMPROMISE, clock.now())
    assert look(home)[1]["list"]["facts"]["changes"] == 1
    assert troubles(home) == set()  # the next list is on its way
    with registry_of(home) as database:
        forge(database, "UPDATE audit SET at = at - 600000000")
    assert troubles(home) == {"list_behind"}


def test_what_waits_too_long(home: CaHome) -> None:
    lived_in(home)
    listed(home)
    with working(home) as works, contextlib.suppress(RuntimeError):
        works.issuer.sign = _no_signature  # type: ignore[method-assign, assignment]
        works.issue("waits")
    with registry_of(home) as database:
        database.write(
            lambda c: c.execute(
                text("UPDATE generation SET not_before = not_before - 200000000 WHERE state = 'recorded'")
            )
        )
    assert troubles(home) == {"recorded_waits"}
    with registry_of(home) as database:
        database.write(
            lambda c: c.execute(
                text("UPDATE generation SET confirm_by = :then"), {"then": micros(clock.now()) - 400_000_000}
            )
        )
    assert troubles(home) == {"recorded_waits", "overdue"}
    assert look(home)[1]["overdue"]["facts"]["count"] == 3 - 1


def _no_signature(*_: object) -> bytes:
    raise RuntimeError("the power went")


def test_a_clock_that_went_back(home: CaHome) -> None:
    listed(home)
    ahead = clock.now() + timedelta(hours=1)
    database = Database.open(home.ca.database, clock=lambda: ahead)
    copying.noted(database, TESTER, Event(Action.CA_MADE))
    database.close()
    assert troubles(home) == {"clock_back"}


def test_nodes_and_answers(home: CaHome) -> None:
    listed(home)
    now = micros(clock.now())
    with registry_of(home) as database:
        node = text("INSERT INTO node (name, version, started_at, seen_at) VALUES (:name, '0.0.9', 0, :seen)")
        database.write(lambda c: c.execute(node, [{"name": "a", "seen": now}, {"name": "b", "seen": now - 10**9}]))
    done = told(home.op("status", "--no-service", "--json", typed=""))
    assert [one["trouble"] for one in done["lines"] if one["area"] == "nodes"] == ["node_other_version", "node_silent"]


def test_a_trail_that_somebody_has_been_at(home: CaHome) -> None:
    """What can be seen without going through all of it: an entry is missing, or what was signed for is another."""
    lived_in(home)
    listed(home)
    assert troubles(home) == set()
    with registry_of(home) as database:
        forge(database, "DELETE FROM audit WHERE number = 2")
    assert troubles(home) == {"trail_broken"}


def test_answers_that_nobody_makes_anew(home: CaHome) -> None:
    """Since nothing serves; of what has expired none is wanted."""
    lived_in(home)
    listed(home)
    made = clock.now() - timedelta(hours=2)
    with working(home) as works:
        over, expired = works.issue("over"), works.issue("expired")
        works.administration.keep_answers(
            [Answer(one.serial, made, made + timedelta(hours=1), 1, b"x") for one in (over, expired)]
        )
    assert look(home)[1]["answers"]["facts"]["over"] == 2
    assert troubles(home) == {"answers_over"}
    with registry_of(home) as database:
        ended = text("UPDATE generation SET not_after = :then WHERE serial = :serial")
        for one in (expired, over):
            values = {"then": micros(made), "serial": hexed(one.serial)}
            database.write(lambda c, v=values: c.execute(ended, v))  # type: ignore[misc]
            if one is expired:
                assert look(home)[1]["answers"]["facts"]["over"] == 1
    assert troubles(home) == set()


def test_a_delta_counts_and_another_authoritys_changes_do_not(home: CaHome) -> None:
    lived_in(home)
    listed(home)
    assert home.op("rollover", "--pin-fd", "0").status == 0
    with working(home) as works:
        newer = works.issue("newer")
        works.registry.revoke(newer.serial, RevocationReason.KEY_COMPROMISE, clock.now())
    with registry_of(home) as database:
        forge(database, "UPDATE audit SET at = at - 600000000")
        seen = {number: Overview(database).revocation_list(number) for number in (1, 2)}
    assert (seen[1].changes, seen[2].issued_at) == (0, None)
    with working(home) as works:
        (older,) = works.database.read(text("SELECT serial FROM generation WHERE state = 'active'"))
        works.registry.revoke(int(older[0], 16), RevocationReason.KEY_COMPROMISE, clock.now())
        administration, now = works.administration, clock.now()
        assert Overview(works.database).revocation_list(1).changes == 1
        number = administration.reserve_crl(1)
        covers, until = administration.last_change(), now + timedelta(days=1)
        administration.keep_crl(Crl(1, number, now, until, covers, 1, b"", b"delta"))
        assert Overview(works.database).revocation_list(1).changes == 0


def test_an_authority_that_has_ended_is_not_told_of_any_more(home: CaHome) -> None:
    assert home.op("rollover", "--pin-fd", "0").status == 0
    folder = home.ca
    ends = folder.authorities[0].certificates["issuing"].not_after
    for now, numbers in ((ends, [1, 2]), (ends + timedelta(seconds=1), [2])):
        told_of = [one for one in _surroundings(folder, True, now) if one.seen == "certificate"]
        assert sorted({one.facts["number"] for one in told_of}) == numbers  # type: ignore[type-var]


def test_the_registry_is_gone_and_the_rest_is_told(home: CaHome) -> None:
    (home.folder / "ca" / "registry.sqlite").unlink()
    status, lines = look(home)
    assert (status, lines["unknown"]["trouble"]) == (5, "database_unreachable")
    assert "R121" in lines["unknown"]["facts"]["reason"]
    assert {"certificate", "token_seen", "disk"} < set(lines)


def test_the_token_is_gone_and_the_rest_is_told(home: CaHome) -> None:
    listed(home)
    for one in (home.folder / "ca" / "token").iterdir():
        one.rename(home.folder / one.name)
    status, lines = look(home)
    assert (status, lines["token_unseen"]["trouble"]) == (5, "token_unseen")
    assert "database" in lines
    with_pin = look(home, "--no-service", "--pin-fd", "0")[1]
    assert with_pin["unknown"]["area"] == "token"


def test_a_wrong_pin_is_tried_once_and_told(home: CaHome) -> None:
    listed(home)
    done = home.op("status", "--no-service", "--pin-fd", "0", "--json", typed="not the PIN\n")
    assert done.status == 5
    (line,) = (one for one in told(done)["lines"] if one["area"] == "token")
    assert "P101" in line["facts"]["reason"]
    assert "not the PIN" not in done.out + done.err


def test_a_key_that_is_gone(home: CaHome) -> None:
    listed(home)
    gone = home.ca.current.holdings["cmp"].key_id
    for path in (home.folder / "ca" / "token").rglob("*.object"):
        if gone in path.read_bytes():
            path.unlink()
    done = told(home.op("status", "--no-service", "--pin-fd", "0", "--json"))
    signs = {one["facts"]["purpose"]: one["trouble"] for one in done["lines"] if one["seen"].startswith("key_")}
    assert signs == {"root": "", "issuing": "", "cmp": "key_fails", "ocsp": ""}


class _Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/healthz" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextlib.contextmanager
def answering() -> Iterator[str]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Health) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_whether_the_service_answers(home: CaHome) -> None:
    listed(home)
    toml = home.folder / "ca" / "ca.toml"
    with answering() as url:
        toml.write_text(toml.read_text(encoding="utf-8").replace("http://localhost:8080", url), encoding="utf-8")
        assert look(home, "--pin-fd", "0")[1]["service"]["facts"]["url"] == f"{url}/healthz"
    assert troubles(home, "--pin-fd", "0") == {"service_silent"}


def test_on_postgresql_the_clocks_are_compared(tmp_path: Path) -> None:
    if reason := postgres.missing():
        pytest.skip(reason)
    with Server.started() as server:
        home = CaHome(tmp_path / "home", make_ca(tmp_path / "ceremony", "--database", server.database()))
        listed(home)
        status, lines = look(home)
        assert (status, lines["database"]["facts"]["kind"]) == (0, "postgresql")
        assert abs(float(lines["clock_database"]["facts"]["seconds"])) < 5
    assert troubles(home) == {"database_unreachable"}  # and gone


def test_there_is_no_ca(tmp_path: Path) -> None:
    done: Result = bare(tmp_path / "home").op("status", typed="")
    assert (done.status, "A101" in done.err) == (2, True)
    assert PIN not in done.err
