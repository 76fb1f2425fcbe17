"""The proof can fail: each invariant is broken by hand, and says so. And each point has a name that repeats it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from tests.actors import TESTER
from tests.cmp.parties import authority, certificate, name
from tests.contract.services import require
from tests.crash import invariants, report
from tests.crash.faults import hit
from tests.crash.medium import remove_certificates
from tests.crash.points import PARTS, Point, Recording, every, pairs
from tests.crash.program import Ended
from tests.crash.runner import Life, Result
from tests.crash.world import BANKS, PIN, Scene, World
from tests.interop.running import OTHER_BANK
from tokenmgr import clock
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.renewal import Step
from tokenmgr.log import Secret
from tokenmgr.renewal.journal import Journal, Phase
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.token.session import Session

FEW = Recording(
    "renew-p256",
    ("C_Initialize", "C_Login", "C_GetInfo", "C_CreateObject", "C_Sign"),
    2,
    2,
    2,
    12,
    2,
    {"write": 2, "sync": 1, "rename": 1},
)


@pytest.fixture
def scene(crashing: World) -> Scene:
    made = crashing.scene("p256")
    made.acquire()
    return made


@pytest.fixture(scope="module")
def unbroken(crashing: World) -> Scene:
    """For who breaks nothing."""
    made = crashing.scene("p256")
    made.acquire()
    return made


def test_all_is_well(unbroken: Scene) -> None:
    assert not [*invariants.something_logs_in(unbroken), *invariants.one_active(unbroken, b"")]
    assert not [*invariants.leftovers_are_told(unbroken, b""), *invariants.nothing_secret_is_kept(unbroken)]
    assert not [*invariants.well_behaved(unbroken.said[0]), *invariants.bystanders_are_there(unbroken)]


@pytest.mark.parametrize("bank", BANKS)
def test_what_somebody_else_has_lost_is_seen(scene: Scene, bank: str) -> None:
    assert not list(invariants.bystanders_are_there(scene))
    (lost,) = [one.value for one in scene.bystanders[0] if one.value and one.label.startswith(bank)]
    remove_certificates(scene.medium, [lost])
    (told,) = invariants.bystanders_are_there(scene)
    assert told.startswith("6: somebody else's CERTIFICATE")


def test_what_is_lost_from_a_database_is_seen_and_does_not_log_in(crashing: World) -> None:
    require("certutil", "pk12util")
    scene = crashing.scene("p256", places=("nss",))
    lost = next(one.value for one in scene.bystanders[0] if one.value)
    assert scene.target.logs_in(lost, crashing.door)
    assert not list(invariants.bystanders_are_there(scene))
    scene.target.lose([lost])
    assert not scene.target.logs_in(lost, crashing.door)
    assert [told[:30] for told in invariants.bystanders_are_there(scene)] == ["6: somebody else's CERTIFICATE"]


def test_a_certificate_that_is_gone_does_not_log_in(scene: Scene) -> None:
    remove_certificates(scene.medium, [scene.active()[0].certificate])
    assert list(invariants.something_logs_in(scene))
    assert list(invariants.one_active(scene, b""))


def test_one_that_is_revoked_does_not_log_in_and_is_not_active(scene: Scene) -> None:
    with closing(Database.open(scene.world.node.authority.folder.database)) as database:
        SqlRegistry(database, TESTER).revoke(scene.active()[0].serial, RevocationReason.UNSPECIFIED, clock.now())
    assert [one.state for one in scene.generations()] == [State.REVOKED]
    assert list(invariants.something_logs_in(scene))
    assert list(invariants.one_active(scene, b""))


def test_the_old_one_is_not_a_new_one(unbroken: Scene) -> None:
    assert list(invariants.one_active(unbroken, unbroken.active()[0].certificate))


def test_a_pin_that_is_kept_is_found(scene: Scene) -> None:
    (scene.home / "journal" / "new.jsonl").write_text(f"pin {PIN}")
    assert list(invariants.nothing_secret_is_kept(scene))
    assert list(invariants.well_behaved(Ended((), 0, "", f"pin {PIN}")))


def test_a_bug_a_traceback_and_a_signal_are_told() -> None:
    for told in (Ended((), 1, "", ""), Ended((), 4, "", "Traceback (most"), Ended((), -11, "", "")):
        assert list(invariants.well_behaved(told, may_be_killed=True))


def test_what_lies_beside_is_seen(scene: Scene) -> None:
    with scene.medium.library() as library, Session.open(library, scene.target.name, write=True) as session:
        session.login(Secret(PIN))
        certificate = scene.active()[0].certificate
        session.generate_key(KeyKind.P256, b"\x77", "beside")
    left = invariants.leftovers(scene.things(), {certificate, *(one.value for one in scene.bystanders[0])})
    assert {(one.kind, one.label) for one in left} == {("PRIVATE_KEY", "beside"), ("PUBLIC_KEY", "beside")}


def test_what_clean_would_leave_is_told(scene: Scene) -> None:
    """A key of nobody's, and a whole certificate of nobody's: clean calls both not ours."""
    by = authority().key
    stranger = certificate(name("Nobody"), by, name("Nobody"), by, serial=7).public_bytes(Encoding.DER)
    with scene.medium.library() as library, Session.open(library, scene.target.name, write=True) as session:
        session.login(Secret(PIN))
        session.generate_key(KeyKind.P256, b"\x77", "beside")
        own = next(one for one in session.contents().credentials if one.certificate)
        assert own.certificate is not None
        session.put_certificate(own.certificate.der, own.key.key_id, "own", [stranger])
    told = list(invariants.leftovers_are_told(scene, b""))
    assert {one.split()[1] for one in told} == {"PRIVATE_KEY", "PUBLIC_KEY", "CERTIFICATE"}


def test_what_lies_there_twice_is_seen(scene: Scene) -> None:
    mine = scene.active()[0].certificate
    (path,) = [one for one in scene.medium.tokens.rglob("*.object") if mine in one.read_bytes()]
    path.with_stem("a second one").write_bytes(path.read_bytes())
    good = {mine, *(one.value for one in scene.bystanders[0])}
    assert [one.kind for one in invariants.leftovers(scene.things(), good)] == ["CERTIFICATE"]


def test_a_generation_before_that_is_to_stay_and_does_not_is_told(crashing: World, unbroken: Scene) -> None:
    """Where the bank has it go, it is not to stay."""
    assert not list(invariants.the_one_before_stays(unbroken, unbroken.active()[0].certificate))
    assert list(invariants.the_one_before_stays(unbroken, b"gone"))
    assert not list(invariants.the_one_before_stays(crashing.scene("p256", OTHER_BANK), b"gone"))


def test_none_that_is_active_in_the_middle_of_a_renewal_is_told(crashing: World, unbroken: Scene) -> None:
    assert not list(invariants.one_at_each_instant(unbroken))
    assert list(invariants.one_at_each_instant(crashing.scene("p256")))


def test_what_is_restored_is_as_it_was_and_what_is_taken_back_is_revoked(scene: Scene) -> None:
    """Cut short before it is confirmed: the key is there, and the CA waits."""
    before = scene.things()
    scene.keep_target()
    _, is_hit = hit(scene, "disk:write:15:kill-after", lambda: scene.begin("renew"))
    assert is_hit
    assert scene.generations()[-1].state is State.PENDING
    assert scene.things() != before
    scene.restore_target()
    scene.world.node.take_back(scene.generations())
    assert scene.things() == before
    assert [one.state for one in scene.generations()] == [State.ACTIVE, State.REVOKED]


def journal(scene: Scene) -> Path:
    """Of something that was begun."""
    with Journal.create(scene.home / "journal", "begun", {}, clock.now()) as made:
        made.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": "77"}, clock.now())
        return made.path


def test_a_journal_of_any_home_that_stays_unfinished_is_told(scene: Scene) -> None:
    assert not list(invariants.nothing_is_unfinished(scene, *scene.every_home))
    scene.move()
    journal(scene)
    scene.come_back()
    (told,) = invariants.nothing_is_unfinished(scene, *scene.every_home)
    assert told.startswith("2: unfinished: home-2/begun.jsonl")


def test_a_resume_that_ends_nothing_is_told(scene: Scene) -> None:
    """Cut short, and then there is no bank any more that could be asked."""
    life = Life(scene, Point.of("renew-p256/disk:write:9:kill-after"), [], scene.active()[0].certificate)
    _, is_hit = hit(scene, life.point.faults[0], lambda: scene.begin("renew"))
    assert is_hit
    for one in (scene.home / "banks.d").iterdir():
        one.unlink()
    life.finish(is_untouched=False)
    told = [one.splitlines()[0].split(":")[1] for one in life.violations]
    assert told[:2] == [" resume ended with 2", " unfinished"]
    assert " a new run ended with 2" in told


@pytest.mark.parametrize("fault", ["call:C_GetInfo:99:kill", "disk:write:99:full", "net:99:request:0"])
def test_a_fault_that_does_not_come_is_told(unbroken: Scene, fault: str) -> None:
    _, is_hit = hit(unbroken, fault, unbroken.resume)
    assert not is_hit


@pytest.mark.parametrize(
    ("outcomes", "chosen", "is_proven"),
    [
        (["resumed"], 1, True),
        ([], 0, False),
        (["not reached"], 1, False),
        (["resumed"], 2, False),
        (["no such place"], 1, False),
        (["resumed", "no such place"], 2, True),
    ],
)
def test_what_was_not_reached_is_not_proven(outcomes: list[str], chosen: int, is_proven: bool) -> None:
    found = [("kills", Result(Point.of("renew-p256/call:C_Sign:1:kill"), outcome)) for outcome in outcomes]
    assert report.is_proven(found, chosen) == is_proven
    found += [("kills", Result(found[0][1].point, "resumed", ["2: so"])) for _ in found[:1]]
    assert not report.is_proven(found, len(found))


def test_places_are_counted_once_and_told_of_how_many() -> None:
    names = ("call:C_Sign:1:kill", "call:C_Sign:1:crash", "call:C_Login:1:kill")
    found = [("kills", Result(Point.of(f"renew-p256/{name}"), "resumed")) for name in names]
    found += [("authority", Result(Point.of("renew-p256/ca:2:asked"), "resumed"))]
    assert report.places({"renew-p256": FEW}, found).splitlines()[1:] == [
        "kills         2 of 5 PKCS#11 calls",
        "authority     1 of 2 exchanges, 0 of 14 registry writes",
    ]


def test_each_point_has_a_name_that_means_it() -> None:
    points = [point for _, (_, point) in every(FEW)]
    assert {part for part, _ in every(FEW)} == set(PARTS)
    assert [Point.of(point.name) for point in points] == points


@pytest.mark.parametrize(("rows", "columns"), [(3, 3), (2, 6), (5, 3), (4, 6), (1, 4)])
def test_the_first_pairs_have_every_row_and_every_column(rows: int, columns: int) -> None:
    found = list(pairs(rows, columns))
    assert len({(row, column) for _, row, column in found}) == rows * columns
    first = [(row, column) for rank, row, column in found if rank == 0]
    assert ({row for row, _ in first}, {column for _, column in first}) == (set(range(rows)), set(range(columns)))
