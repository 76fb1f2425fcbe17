"""`tokenmgr ca close`: nothing is certified after the mark, nothing is left valid, and nothing of it is done twice."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import threading
from datetime import timedelta
from pathlib import Path

import pexpect
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from sqlalchemy import text

from tests.actors import TESTER
from tests.cli.bank_rig import make_ca
from tests.cli.ca_rig import (
    PIN,
    CaHome,
    asking,
    killed_after,
    killed_at,
    lived_in,
    registry_of,
    require_chained,
    told,
    working,
)
from tests.cli.runner import PROGRAM, Result
from tests.sql.postgres import Server
from tests.sql.world import DAY, World, enrolment, exchange, generation
from tokenmgr import clock
from tokenmgr.ca import changing
from tokenmgr.ca.ceremony import Step as Change
from tokenmgr.cli.authority import own_token
from tokenmgr.cli.ca_asked import DEFAULT_NAME
from tokenmgr.cli.ca_close import Step
from tokenmgr.cli.serve import _renew_working, _wired
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.errors import AuthorityClosed
from tokenmgr.log import Secret
from tokenmgr.ra import issuing
from tokenmgr.sql import closing, marks
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.token.session import Session

CLOSE = ("close", "--yes-close", DEFAULT_NAME, "--pin-fd", "0")
LAST = (*CLOSE, "--destroy-keys")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    home = CaHome(folder / "home", make_ca(folder / "ceremony"))
    lived_in(home)
    return home.folder / "ca"


@pytest.fixture
def home(tmp_path: Path, made: Path) -> CaHome:
    return CaHome(tmp_path / "home", made)


def states(home: CaHome) -> list[tuple[str, int | None]]:
    with registry_of(home) as database:
        return [(row[0], row[1]) for row in database.read(text("SELECT state, reason FROM generation ORDER BY 1, 2"))]


def actions(home: CaHome) -> list[str]:
    with registry_of(home) as database:
        return [one.action for one in require_chained(database)]


def keys_of(home: CaHome) -> int:
    with own_token(home.folder / "ca") as library, Session.open(library, home.ca.about.serial) as session:
        session.login(Secret(PIN))
        return len(session.contents().keys)


def require_closed(home: CaHome) -> None:
    """All of it, whatever was cut short on the way: each thing once."""
    said = actions(home)
    assert (said.count("ca.closing"), said.count("ca.closed"), said[-1]) == (1, 1, "ca.closed")
    assert said.count("certificate.revoked") == 1 + 2
    assert states(home) == [("revoked", 1), ("revoked", 5), ("revoked", 5)]
    require_evidence(home)
    assert keys_of(home) == 0
    require_published(home)


def require_evidence(home: CaHome, count: int = 4) -> None:
    """The trail names each key before it was destroyed, once, and says at the end how many they were."""
    with registry_of(home) as database:
        entries = require_chained(database)
    named = [key for one in entries if one.action == "ca.destroying" for key in json.loads(one.after)["keys"].split()]
    assert (sorted(named), len(named)) == (sorted(set(named)), count)
    assert json.loads(entries[-1].after) == {"keys_destroyed": count}


def require_published(home: CaHome) -> None:
    place = home.folder / "ca" / "closed"
    assert sorted(one.name for one in place.iterdir()) == ["README.txt", "ca.cer", "ca.crl", "root.cer"]
    last = x509.load_der_x509_crl((place / "ca.crl").read_bytes())
    issuing_ca = x509.load_der_x509_certificate((place / "ca.cer").read_bytes())
    issuing_ca.verify_directly_issued_by(x509.load_der_x509_certificate((place / "root.cer").read_bytes()))
    assert last.is_signature_valid(issuing_ca.public_key())  # type: ignore[arg-type]
    with registry_of(home) as database:
        rows = database.read(text("SELECT serial, not_after FROM generation"))
        assert {one.serial_number for one in last} == {int(row[0], 16) for row in rows}
        ends = closing.last_end(database, 1)
    assert ends is not None
    assert last.next_update_utc is not None
    assert last.next_update_utc > ends
    assert f"{home.ca.about.status_url}/ca.crl" in (place / "README.txt").read_text(encoding="utf-8")


# --- asked for ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["", "close", DEFAULT_NAME + " ", DEFAULT_NAME[:-1]])
def test_another_name_closes_nothing(home: CaHome, name: str) -> None:
    done = home.op("close", "--yes-close", name, "--pin-fd", "0")
    assert (done.status, "A133" in done.err) == (2, True)
    require_untouched(home)


def require_untouched(home: CaHome) -> None:
    assert not {"ca.closing", "ca.closed"} & set(actions(home))
    assert not (home.folder / "ca" / "closed").exists()
    assert keys_of(home) == 4


def test_a_wrong_pin_closes_nothing(home: CaHome) -> None:
    done = home.op(*LAST, typed="not the PIN\n")
    assert (done.status, "A112" in done.err) == (4, True)
    require_untouched(home)


def test_it_is_typed_and_the_keys_are_asked_for_by_themselves(home: CaHome) -> None:
    child = pexpect.spawn(str(PROGRAM), ["ca", "close"], env=home.environment, encoding="utf-8", timeout=60)
    child.expect("type its name")
    child.sendline(DEFAULT_NAME)
    child.expect("PIN of the keys")
    child.sendline(PIN)
    child.expect("Destroy these keys")
    child.sendline("n")
    child.expect(pexpect.EOF)
    child.close()
    assert child.exitstatus == 5
    assert PIN not in (child.before or "")
    require_published(home)
    assert keys_of(home) == 4
    assert "ca.closed" not in actions(home)


def test_all_of_it(home: CaHome) -> None:
    first = home.op(*CLOSE, "--json")
    assert (first.status, told(first)["finished"], told(first)["revoked"]) == (5, False, 2)
    assert "closing_unfinished" in home.op("status", "--json", "--no-service", typed="").out
    done = home.op(*LAST)
    assert done.status == 0, done.err
    assert [line[:3] for line in done.err.splitlines() if line[1:3] == "/6"] == [f"{step.value}/6" for step in Step]
    require_closed(home)
    with registry_of(home) as database:
        by = {one.actor_kind for one in require_chained(database) if json.loads(one.after or "{}").get("reason") == 5}
    assert by == {"operator"}
    again = home.op(*LAST, "--json")
    assert (again.status, told(again)["finished"]) == (0, True)
    require_closed(home)
    assert home.op("status", "--no-service", typed="").status == 0
    served = home.op("serve", "--listen", "127.0.0.1:0", "--pin-fd", "0")
    assert (served.status, "A135" in served.err) == (4, True)


def test_a_list_that_is_not_as_it_was_is_written_anew(home: CaHome) -> None:
    assert home.op(*CLOSE).status == 5
    file = home.folder / "ca" / "closed" / "ca.crl"
    file.write_bytes(b"rubbish")
    assert home.op(*LAST).status == 0
    require_closed(home)


def test_more_than_one_batch(home: CaHome) -> None:
    """On the registry alone: each batch is a commit, and none is left over."""
    with registry_of(home) as database:
        registry, administration = SqlRegistry(database, TESTER), Administration(database, TESTER)
        people = [administration.enrol(enrolment(f"p{number}")) for number in range(closing.AT_ONCE + 1)]
        for number, who in enumerate(people):
            one = generation(who.id, 100 + number, clock.now())
            registry.record(one, exchange(one), None, clock.now())
        marks.close(database, TESTER, clock.now())
        assert list(closing.take_all_back(database, TESTER, clock.now())) == [closing.AT_ONCE, 3]
        assert list(closing.take_all_back(database, TESTER, clock.now())) == []


# --- obeyed ---------------------------------------------------------------------------------------------------------


def test_every_node_that_is_running_obeys_at_once(home: CaHome) -> None:
    with working(home) as works:  # as it was before it was closed
        who = works.administration.enrol(enrolment("late"))
        pending = works.issue("begun", confirmed=False)
        assert home.op(*CLOSE).status == 5
        with pytest.raises(AuthorityClosed):
            issuing.issue(works.registry, works.issuer, asking(who.id), lambda *_: None, True, clock.now())
        with pytest.raises(AuthorityClosed):
            works.administration.reserve_crl()
        own = dataclasses.replace(generation(None, 7, clock.now()), state=State.ACTIVE)
        with pytest.raises(AuthorityClosed):
            works.administration.adopt(own)
        found = works.registry.generation(pending.serial)
        assert found is not None
        assert (found.state.value, found.reason) == ("revoked", RevocationReason.CESSATION)


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_nothing_is_recorded_after_the_mark(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """Whoever is in the middle of recording is waited for; whoever comes after is refused: so one sweep finds all."""
    url = f"sqlite:///{tmp_path}/r.db"
    if kind == "postgresql":
        url = request.getfixturevalue("server").database()
    database, other = Database.open(url), Database.open(url)
    database.migrate(DAY)
    world = World.founded(database)
    people = [world.administration.enrol(enrolment(f"p{number}")) for number in range(200)]
    begun, refused = threading.Event(), threading.Event()

    def record() -> None:
        for number, who in enumerate(people):
            one = generation(who.id, 100 + number)
            try:
                world.registry.record(one, exchange(one), None, DAY)
            except AuthorityClosed:
                refused.set()
                return
            if number == 20:
                begun.set()

    recorder = threading.Thread(target=record)
    recorder.start()
    assert begun.wait(60)
    marks.close(other, TESTER, DAY)
    swept = sum(closing.take_all_back(other, TESTER, DAY + timedelta(seconds=1)))
    recorder.join(60)
    assert swept > 20
    assert refused.is_set() or swept == len(people)
    assert database.read(text("SELECT COUNT(*) FROM generation WHERE state = 'recorded'"))[0] == (0,)
    assert marks.close(other, TESTER, clock.now()).at == DAY  # the first time counts
    for one in (database, other):
        one.close()


def test_a_ca_of_two_authorities(home: CaHome) -> None:
    """Each has a last list of its own, and all eight keys go."""
    assert home.op("rollover", "--pin-fd", "0").status == 0
    with working(home) as works:
        newer = works.issue("newer")
    assert keys_of(home) == 8
    done = home.op(*LAST, "--json")
    assert (done.status, told(done)["keys_destroyed"], keys_of(home)) == (0, 8, 0), done.err
    require_evidence(home, 8)
    place = home.folder / "ca" / "closed"
    with registry_of(home) as database:
        rows = database.read(text("SELECT serial, authority FROM generation"))
    for number, end in ((1, ""), (2, "-2")):
        last = x509.load_der_x509_crl((place / f"ca{end}.crl").read_bytes())
        issuing_ca = x509.load_der_x509_certificate((place / f"ca{end}.cer").read_bytes())
        issuing_ca.verify_directly_issued_by(x509.load_der_x509_certificate((place / f"root{end}.cer").read_bytes()))
        assert last.is_signature_valid(issuing_ca.public_key())  # type: ignore[arg-type]
        assert {one.serial_number for one in last} == {int(row[0], 16) for row in rows if row[1] == number}
    assert newer.serial in {one.serial_number for one in last}


def test_nothing_of_a_closed_ca_is_changed(home: CaHome) -> None:
    assert home.op(*CLOSE).status == 5
    before = (home.folder / "ca" / "ca.toml").read_bytes()
    for command in (("rollover",), ("renew", "cmp"), ("renew", "ocsp", "--new-key")):
        done = home.op(*command, "--pin-fd", "0")
        assert (done.status, "A136" in done.err) == (4, True), done.err
    done = home.op("move", "--library", "/nowhere.so", "--medium", "1", "--pin-fd", "0")
    assert (done.status, "A136" in done.err) == (4, True), done.err
    assert (home.folder / "ca" / "ca.toml").read_bytes() == before
    assert home.op(*LAST).status == 0
    require_closed(home)


def test_the_jobs_of_a_closed_ca_renew_nothing(home: CaHome, tmp_path: Path) -> None:
    """A node that is running when the CA is closed."""
    late = home.ca.current.certificates["cmp"].not_after
    with _wired(home.ca, Secret(PIN), str(tmp_path)) as service:
        _name, _often, act = _renew_working(home.ca, service)
        assert home.op(*CLOSE).status == 5
        assert act(late) == ()
    assert home.ca.current.holdings["cmp"].file == "cmp.pem"


def test_not_while_the_ca_is_changed(home: CaHome) -> None:
    """Else its new keys and certificates would be nobody's to destroy and to list."""
    with changing.alone(home.ca.path):
        done = home.op(*LAST)
        assert (done.status, "A104" in done.err) == (3, True), done.err
    require_untouched(home)


def test_keys_of_a_change_that_was_killed_go_too(home: CaHome) -> None:
    assert killed_after(home, "ca_changing", Change.PROVEN.value, "ca", "rollover", "--pin-fd", "0") == -9
    assert keys_of(home) == 8
    assert home.op(*CLOSE).status == 5
    assert keys_of(home) == 4
    assert home.op(*LAST).status == 0
    require_closed(home)


# --- killed ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", list(Step), ids=lambda step: step.name)
def test_killed_after_a_step(home: CaHome, step: Step) -> None:
    assert killed_after(home, "ca_close", step.value, "ca", *LAST) == -9
    done: Result = home.op(*LAST)
    assert done.status == 0, done.err
    require_closed(home)


def test_killed_at_every_seventh_touch_of_disk_and_database(tmp_path: Path, made: Path) -> None:
    moment = 1
    while True:
        home = CaHome(tmp_path / str(moment), made)
        status = killed_at(home, moment, "ca", *LAST)
        if status != 0:
            assert status == -9
            assert home.op(*LAST).status == 0
        require_closed(home)
        if status == 0:
            break
        moment += 7
    assert moment > 12


def test_killed_while_keys_are_destroyed(home: CaHome) -> None:
    """Some are gone: the lists were made before, and are not made again."""
    assert killed_after(home, "ca_close", Step.PUBLISHED.value, "ca", *LAST) == -9
    with registry_of(home) as database:
        closing.announce(database, TESTER, [key.hex() for key in home.ca.about.key_ids])  # killed here, and one on
    gone = home.ca.current.holdings["issuing"].key_id
    for path in (home.folder / "ca" / "token").rglob("*.object"):
        if gone in path.read_bytes():
            path.unlink()
    assert home.op(*LAST).status == 0
    require_closed(home)


def test_on_postgresql(tmp_path: Path, server: Server) -> None:
    home = CaHome(tmp_path / "home", make_ca(tmp_path / "ceremony", "--database", server.database()))
    lived_in(home)
    done = home.op(*LAST)
    assert done.status == 0, done.err
    require_closed(home)


def test_the_world_reads_the_last_list(home: CaHome) -> None:
    """OpenSSL, which is anybody: what was valid is refused by it, until after the certificate's end."""
    with registry_of(home) as database:
        (der,) = database.read(text("SELECT certificate FROM generation WHERE state = 'active'"))[0]
    assert home.op(*LAST).status == 0
    place = home.folder / "ca" / "closed"
    pem = x509.load_der_x509_certificate(der)
    (home.folder / "one.pem").write_bytes(pem.public_bytes(Encoding.PEM))
    last = x509.load_der_x509_crl((place / "ca.crl").read_bytes())
    (home.folder / "crl.pem").write_bytes(last.public_bytes(Encoding.PEM))
    at = str(int(pem.not_valid_after_utc.timestamp()) - 60)
    ca = home.folder / "ca"
    said = subprocess.run(
        ["openssl", "verify", "-attime", at, "-crl_check", "-CRLfile", str(home.folder / "crl.pem"),
         "-CAfile", str(ca / "root.pem"), "-untrusted", str(ca / "issuing.pem"), str(home.folder / "one.pem")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "certificate revoked" in said.stderr
