"""A certificate on the PC, in NSS's database, and its way to a medium and back: the same engine, the same steps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rig import Rig
from tests.customer.looking import PROFILE, reach, reach_nobody
from tests.keystore import databases
from tests.renewal.world import World
from tokenmgr.customer import status as seeing
from tokenmgr.customer.cleaning import Listed, listed, removed
from tokenmgr.customer.looks import of_token
from tokenmgr.customer.operations import Counter, Outcome
from tokenmgr.customer.pc_store import PcStore
from tokenmgr.customer.profiles import Profile
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.domain.generation import State, StoreKind
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.status import Verdict, Why
from tokenmgr.errors import (
    AuthorityUnreachable,
    CmpAsked,
    DeletionRefused,
    MediumNotFound,
    NothingUnfinished,
    NotPermittedNow,
    PassphraseWrong,
    PcStoreInUse,
    PinWrong,
    SourceMissing,
    UnfinishedFirst,
)
from tokenmgr.keystore import nss
from tokenmgr.log import Secret
from tokenmgr.renewal.cleanup import Kept, Removable
from tokenmgr.renewal.journal import begun
from tokenmgr.renewal.ports import StorePort
from tokenmgr.renewal.recovery import pending
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.token.module import Library

PASSWORD = "password of NSS"
DAY = timedelta(days=1)


@dataclass
class Home:
    """A medium's world, and beside it a database on the PC, locked with a password."""

    world: World
    library: Library
    name: str
    password: str = PASSWORD
    programs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        (facts,) = self.library.media()
        self.serial = facts.serial
        self.pc = self.new_store()

    def new_store(self) -> PcStore:
        return PcStore(self.library, self.serial, Secret(self.password), self.name, lambda: self.programs)

    def restarted(self) -> None:
        self.world.restarted()
        self.pc.close()
        self.pc = self.new_store()

    def counter(self, store: StorePort, source: StorePort | None = None, folder: Path | None = None) -> Counter:
        world = self.world
        profile = Profile(
            world.near.bank, "みほん信用金庫", world.near.address, (world.rig.service.keys.root,), "", None
        )
        parts = profile, store, world.near, folder or world.folder, world.screen, lambda: world.rig.now
        return Counter(*parts, world.told.append, source=source)

    def acquire(self) -> Outcome:
        return self.counter(self.pc).acquire(self.world.applicant(), KeyKind.P256)

    def resume(self, store: StorePort, source: StorePort | None = None, folder: Path | None = None) -> Outcome:
        return self.counter(store, source, folder).resume(lambda _contract, _user: self.world.applicant())

    def on_last_day(self, outcome: Outcome) -> None:
        self.world.rig.now = outcome.certificate.not_after

    def status(self, online: bool = True) -> seeing.Status:
        self.world.store.close()
        self.pc.close()
        world = self.world
        looks = [of_token(world.library, one) for one in world.library.media()]
        looks += [of_token(self.library, one, self.name, "firefox") for one in self.library.media()]
        return seeing.status(
            looks,
            [PROFILE],
            world.folder,
            lambda _profile: reach(world),
            lambda: world.rig.now,
            offline=not online,
        )


@pytest.fixture
def home(quick: Rig, medium: SimulatedMedium, library: Library, tmp_path: Path) -> Iterator[Home]:
    world = World(quick, medium, library, tmp_path / "journal")
    database = databases.made(tmp_path / "profile", PASSWORD)
    with databases.softoken(database) as softoken:
        made = Home(world, softoken, database.name)
        yield made
        made.pc.close()
        world.store.close()


def in_service(store: StorePort) -> list[Credential]:
    return [one for one in store.credentials() if one.certificate]


def test_it_is_acquired_and_renewed_and_the_ca_has_the_store_on_record(home: Home) -> None:
    first = home.acquire()
    assert first.store.kind is StoreKind.PC
    home.on_last_day(first)
    second = home.counter(home.pc).renew()
    assert second.certificate.serial_number != first.certificate.serial_number
    assert home.world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert home.world.rig.active().store is StoreKind.PC


@pytest.mark.parametrize("heard", [False, True])
@pytest.mark.parametrize("number", [1, 2])
def test_a_renewal_that_is_cut_is_resumed(home: Home, number: int, heard: bool) -> None:
    home.on_last_day(home.acquire())
    home.world.cut(number, heard=heard)
    with pytest.raises(AuthorityUnreachable):
        home.counter(home.pc).renew()
    assert pending(home.pc.credentials())
    home.world.near = type(home.world.near)(home.world.rig)
    home.restarted()
    home.resume(home.pc)
    assert home.world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert len(in_service(home.pc)) == 2
    assert not pending(home.pc.credentials())


def test_a_wrong_password_is_said_in_words_of_this_store_and_not_tried_again(home: Home) -> None:
    home.password = "of something else"
    home.restarted()
    for _ in range(2):
        with pytest.raises(PassphraseWrong) as refused:
            home.acquire()
        assert refused.value.serial == home.name


def test_a_browser_that_has_it_open_is_waited_for_and_nothing_is_touched(home: Home) -> None:
    home.programs = ("firefox (77)",)

    def closed() -> None:
        home.programs = ()

    with pytest.raises(PcStoreInUse) as refused:
        home.acquire()
    assert refused.value.programs == ("firefox (77)",)
    assert not list(home.world.folder.glob("*.jsonl"))
    home.programs = ()
    home.on_last_day(home.acquire())
    home.world.screen.plug = closed
    counter = home.counter(home.pc)
    home.pc.credentials()

    def opens(message: bytes, answer: object) -> bytes:
        if not home.programs and f"waits for {home.name}" not in home.world.screen.told:
            home.programs = ("firefox (77)",)
            home.pc.close()
        return home.world.rig.answer(message)

    home.world.near.on_the_way = opens
    counter.renew()
    assert f"waits for {home.name}" in home.world.screen.told
    assert home.world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


def test_a_bank_that_allows_media_only_refuses_before_a_key_is_made(home: Home) -> None:
    home.world.rig.change_policy(pc_allowed=False)
    with pytest.raises(NotPermittedNow):
        home.acquire()
    assert home.pc.credentials() == []


# --- from one store into another ---


@pytest.mark.parametrize("policy", [OldGeneration.AT_CONFIRMATION, OldGeneration.AT_EXPIRY])
def test_from_the_pc_to_a_medium_and_back(home: Home, policy: OldGeneration) -> None:
    world = home.world
    world.rig.change_policy(old_generation=policy)
    home.on_last_day(home.acquire())
    moved = home.counter(world.store, home.pc).renew()
    assert moved.store.kind is StoreKind.MEDIUM
    assert world.rig.active().store is StoreKind.MEDIUM
    assert len(in_service(home.pc)) == (0 if policy is OldGeneration.AT_CONFIRMATION else 1)
    assert len(in_service(world.store)) == 1
    home.on_last_day(moved)
    back = home.counter(home.pc, world.store).renew()
    assert world.rig.active().serial == back.certificate.serial_number
    assert world.rig.active().store is StoreKind.PC
    assert len(in_service(world.store)) == (0 if policy is OldGeneration.AT_CONFIRMATION else 1)


@pytest.mark.parametrize("is_lost", [False, True], ids=["with the journal", "without"])
@pytest.mark.parametrize("number", [1, 2])
def test_one_that_is_cut_on_its_way_is_resumed_with_both_stores(
    home: Home, tmp_path: Path, number: int, is_lost: bool
) -> None:
    world = home.world
    home.on_last_day(home.acquire())
    world.cut(number)
    with pytest.raises(AuthorityUnreachable):
        home.counter(world.store, home.pc).renew()
    world.near = type(world.near)(world.rig)
    home.restarted()
    if not is_lost:
        with pytest.raises(UnfinishedFirst):  # without the store that the old one is in
            home.resume(world.store)
    home.resume(world.store, home.pc, tmp_path / "none" if is_lost else None)
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert len(in_service(world.store)) == 1
    assert not pending(world.store.credentials())


# --- and the one that it came from is gone ---


def cut_on_its_way(home: Home, number: int = 1, heard: bool = False) -> Counter:
    """From the PC to a medium; then the program is begun again, and finds nothing where the old one was."""
    home.on_last_day(home.acquire())
    home.world.cut(number, heard=heard)
    with pytest.raises(AuthorityUnreachable):
        home.counter(home.world.store, home.pc).renew()
    home.world.near = type(home.world.near)(home.world.rig)
    home.restarted()
    return replace(home.counter(home.world.store), lost=home.name)


@pytest.mark.parametrize(("number", "heard"), [(1, False), (1, True), (2, False)])
def test_what_cannot_be_gone_on_with_is_given_up(home: Home, number: int, heard: bool) -> None:
    """Unasked, issued, written: the CA ends what it has of it by itself (S7)."""
    at, world = cut_on_its_way(home, number, heard), home.world
    for _ in range(2):
        with pytest.raises(SourceMissing) as refused:
            at.resume(lambda _contract, _user: world.applicant())
        assert (refused.value.serial, refused.value.source) == (world.serial, home.name)
    assert at.give_up() is None
    assert not begun(world.folder)
    assert not pending(world.store.credentials())
    with pytest.raises(NothingUnfinished):
        home.resume(world.store)


def test_what_the_ca_has_confirmed_is_finished_without_it(home: Home) -> None:
    """Its answer was lost, and then the store: the CA tells that it is active."""
    at = cut_on_its_way(home, 2, heard=True)
    at.resume(lambda _contract, _user: home.world.applicant())
    assert home.world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert len(in_service(home.world.store)) == 1


@pytest.mark.parametrize("is_given_up", [False, True])
def test_cut_at_its_last_step_it_ends_without_what_it_has_replaced(home: Home, is_given_up: bool) -> None:
    world = home.world
    world.rig.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)
    home.on_last_day(home.acquire())
    moved = home.counter(world.store, home.pc).renew()
    told = moved.journal.read_bytes().splitlines(keepends=True)
    moved.journal.write_bytes(b"".join(told[:-2]))  # RETIRED is meant, and not done
    home.restarted()
    at = replace(home.counter(world.store), lost=home.name)
    again = at.give_up() if is_given_up else at.resume(lambda _contract, _user: world.applicant())
    assert again
    assert again.certificate == moved.certificate
    assert b'"stays":"J136"' in moved.journal.read_bytes()
    home.on_last_day(moved)
    assert home.counter(world.store).renew().certificate.serial_number != moved.certificate.serial_number


def test_what_is_only_unfinished_is_not_given_up(home: Home) -> None:
    at = cut_on_its_way(home)
    with pytest.raises(CmpAsked):
        home.counter(home.world.store, home.pc).give_up()
    assert pending(at.store.credentials())


def test_what_moved_is_fine_where_it_was_and_goes_when_it_has_ended(home: Home) -> None:
    world = home.world
    world.rig.change_policy(old_generation=OldGeneration.AT_EXPIRY)
    first = home.acquire()
    world.rig.now = first.certificate.not_after - 5 * DAY
    home.counter(world.store, home.pc).renew()
    found = home.status()
    assert {row.judged.why for seen in found.stores for row in seen.rows} == {Why.FINE, Why.MOVED}
    assert found.verdict is Verdict.FINE
    world.rig.now = first.certificate.not_after + DAY
    assert home.status(online=False).verdict is Verdict.FINE

    def told(beside: StorePort | None) -> Listed:
        return listed(home.pc, [], world.folder, reach_nobody, lambda: world.rig.now, beside)

    assert {one.reason for one in told(None).decided} == {Kept.AUTHORITY, Kept.NOT_REPLACED}
    assert {one.reason for one in told(world.store).decided} == {Kept.AUTHORITY, Removable.EXPIRED}
    gone, refused = removed(told(world.store), world.rig.now)
    assert (len(gone), refused) == (1, [])
    assert in_service(home.pc) == []
    assert len(in_service(world.store)) == 1


def test_nothing_goes_where_the_other_stores_successor_does_not_work(home: Home) -> None:
    """S2 across two stores: its chain was taken away by somebody."""
    world = home.world
    world.rig.change_policy(old_generation=OldGeneration.AT_EXPIRY)
    first = home.acquire()
    home.on_last_day(first)
    home.counter(world.store, home.pc).renew()
    (old,) = in_service(home.pc)
    (new,) = in_service(world.store)
    authorities = [one for one in world.store.contents().certificates if one.facts and one.facts.is_authority]
    world.store.remove(authorities, None, world.rig.now)
    with pytest.raises(DeletionRefused):
        home.pc.remove(old.parts, new, world.rig.now, world.store)
    with pytest.raises(DeletionRefused):
        home.pc.remove(old.parts, old, world.rig.now, world.store)  # which that store has not
    assert in_service(home.pc) == [old]


def test_an_nss_database_is_verified_and_its_errors_have_its_name(home: Home) -> None:
    name = home.name
    assert home.pc.checkup(home.world.rig.now).problems == []
    with databases.softoken(nss.at(Path(name.partition(":")[2]))) as library:
        assert [one.serial for one in library.media()] == [name]
        with pytest.raises(MediumNotFound) as refused:
            library.find("another")
    assert refused.value.seen == (name,)


def test_a_wrong_pin_of_a_chip_stays_what_it_is(home: Home) -> None:
    """It counts, so nobody is told that the tries are not limited. SoftHSM's medium stands for the chip."""
    chip = PcStore(home.world.library, home.world.serial, Secret("0000"), "tpm:x")
    for _ in range(2):
        with pytest.raises(PinWrong):
            chip.credentials()
    chip.close()
