"""Whose is what is unfinished, and with which bank is it gone on with? What nobody can name is left alone (R12, S2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.api.rig import BANK, CONTRACT, DAY, OTHER_BANK, USER
from tests.renewal.world import Near, World
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.domain.generation import State
from tokenmgr.domain.holding import MARK, Whose, mark_of
from tokenmgr.domain.party import Bank
from tokenmgr.domain.standing import UNKNOWN, Standing
from tokenmgr.errors import (
    AuthorityUnreachable,
    BankNotNamed,
    JournalInUse,
    NothingUnfinished,
    NotPermittedNow,
    UnfinishedFirst,
)
from tokenmgr.renewal.journal import Journal, unfinished
from tokenmgr.renewal.recovery import pending, unclaimed, unmarked, whose


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Another PC's journals, or this one's when they are lost."""
    return tmp_path / "elsewhere"


def states_at(world: World, bank: str) -> list[State]:
    administration = world.rig.administration
    return [one.state for one in administration.history(administration.find(bank, CONTRACT, USER).id)]


def marked(world: World) -> Credential:
    (found,) = pending(world.store.credentials())
    return found


# --- one medium, two banks ---

ISSUED, WRITTEN, CONFIRMED = (1, True), (2, False), (2, True)


def begun_at_the_other_bank(world: World, number: int, heard: bool) -> Near:
    """One that logs in at the one bank, and an acquisition at the other that was cut short there."""
    world.renewable()
    world.rig.now -= DAY
    near = world.other_bank()
    world.cut(number, near, heard)
    with pytest.raises(AuthorityUnreachable):
        world.counter(near=near).acquire(world.applicant(), KeyKind.P256)
    world.restarted()
    return Near(world.rig, bank=OTHER_BANK)


CUTS = pytest.mark.parametrize("cut", [ISSUED, WRITTEN, CONFIRMED], ids=["without", "pending", "active"])


@CUTS
def test_a_key_that_is_another_banks(world: World, cut: tuple[int, bool], elsewhere: Path) -> None:
    """The customer has only this bank's profile there: its renewal goes through, and of the other nothing is touched.
    Whoever wants to go on is told which bank it takes."""
    there = begun_at_the_other_bank(world, *cut)
    left = marked(world)
    with pytest.raises(BankNotNamed) as refused:
        world.resume(elsewhere)
    assert refused.value.banks == (OTHER_BANK,)
    world.counter(elsewhere).renew()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert marked(world) == left
    assert marked(world).key.label.startswith(f"{MARK} {OTHER_BANK}-")
    world.counter(near=there).resume(lambda _contract, _user: world.applicant())
    assert states_at(world, OTHER_BANK) == [State.ACTIVE]
    assert not world.unfinished()


@CUTS
def test_one_bank_does_not_wait_for_another(world: World, cut: tuple[int, bool]) -> None:
    """The other's CA stays away while this one's certificate is about to end: on the same PC, whose journals it has."""
    there = begun_at_the_other_bank(world, *cut)
    (journal,) = unfinished(world.folder)
    before, left = journal.read_bytes(), marked(world)
    rehearsed = world.counter().rehearse()
    assert rehearsed.is_as_it_was
    world.counter().renew()
    world.counter().acquire(world.applicant(user=world.rig.enrol("user02").user), KeyKind.P256)
    assert (journal.read_bytes(), marked(world)) == (before, left)
    assert unfinished(world.folder) == [journal]
    assert world.logs_in()
    assert world.logs_in("user02")
    world.counter(near=there).resume(lambda _contract, _user: world.applicant())
    assert states_at(world, OTHER_BANK) == [State.ACTIVE]
    assert not world.unfinished()


def test_both_are_cut_short_and_each_goes_on_with_its_own(world: World) -> None:
    """Neither waits for the other; and what is left of a rehearsal is taken back, whatever was begun before it."""
    there = begun_at_the_other_bank(world, *ISSUED)
    world.cut(2)
    with pytest.raises(AuthorityUnreachable):
        world.counter().rehearse()
    world.cut(1)
    with pytest.raises(AuthorityUnreachable):
        world.counter().renew()
    world.near = Near(world.rig)
    world.restarted()
    assert len(unfinished(world.folder)) == 2
    world.resume()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    with pytest.raises(BankNotNamed):
        world.resume()
    world.counter(near=there).resume(lambda _contract, _user: world.applicant())
    assert states_at(world, OTHER_BANK) == [State.ACTIVE]
    with pytest.raises(NothingUnfinished):
        world.resume()


def test_what_a_journal_here_is_at_is_nobody_elses(world: World, elsewhere: Path) -> None:
    """As at another CA, whose keys say of no bank that they are its: no second one goes on with the same key."""
    world.cut_short()
    world.store.rename(marked(world).key.key_id, MARK)
    there, name = world.store.credentials(), world.store.name
    assert pending(unclaimed(there, elsewhere, name, bank="")) == [marked(world)]
    assert unclaimed(there, world.folder, name, bank="") == []


def test_while_a_program_is_at_it_another_bank_waits(world: World) -> None:
    """Two at a time on one medium would be in each other's way, whoever they are."""
    begun_at_the_other_bank(world, *ISSUED)
    (journal,) = unfinished(world.folder)
    with Journal.open(journal), pytest.raises(JournalInUse):
        world.counter().renew()
    world.counter().renew()


def test_with_another_banks_profile_nothing_is_gone_on_with(world: World) -> None:
    """The journal says which; and no PIN of a customer's goes to another bank."""
    world.cut_short()
    near = world.other_bank()
    with pytest.raises(BankNotNamed) as refused:
        world.counter(near=near).resume(lambda *_: pytest.fail("it asks for PINs"))
    assert refused.value.banks == (BANK,)
    world.resume()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


# --- one medium, two subscribers ---


def with_two(world: World) -> tuple[str, str]:
    """Their serial numbers, in hex; both renewable."""
    world.rig.enrol("user02")
    for user in (USER, "user02"):
        world.counter().acquire(world.applicant(user=user), KeyKind.P256)
    found = {whose(one): one.facts for one in world.with_certificates()}
    first, second = (found[Whose(BANK, CONTRACT, user)] for user in (USER, "user02"))
    assert first is not None
    assert second is not None
    world.rig.now = first.not_after - DAY
    return f"{first.serial_number:x}", f"{second.serial_number:x}"


@pytest.mark.parametrize("heard", [False, True])
def test_of_two_subscribers_the_mark_says_whose_a_key_is(world: World, heard: bool, elsewhere: Path) -> None:
    first, second = with_two(world)
    world.cut(1, heard=heard)
    with pytest.raises(AuthorityUnreachable):
        world.counter().renew(second)
    world.near = Near(world.rig)
    world.restarted()
    assert world.resume(elsewhere).certificate.subject.endswith("user02")
    assert world.counter(elsewhere).renew(first).certificate.subject.endswith("user01")
    for user in (USER, "user02"):
        assert world.rig.states(user) == [State.SUPERSEDED, State.ACTIVE]
        assert world.logs_in(user)


def test_a_key_that_says_nothing_is_gone_on_with_by_nobody(world: World, elsewhere: Path) -> None:
    """Of a mark without a name, and the CA has never heard of it."""
    world.cut_short()
    world.store.rename(marked(world).key.key_id, MARK)
    world.restarted()
    with pytest.raises(NothingUnfinished):
        world.resume(elsewhere)
    world.counter(elsewhere).renew()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert marked(world).certificate is None


def test_the_other_subscriber_is_not_renewed_instead(world: World) -> None:
    first, second = with_two(world)
    world.cut(1)
    with pytest.raises(AuthorityUnreachable):
        world.counter().renew(first)
    world.near = Near(world.rig)
    world.restarted()
    with pytest.raises(UnfinishedFirst) as refused:
        world.counter().renew(second)
    assert (refused.value.operation, refused.value.about) == ("renewal", first)
    world.resume()
    world.counter().renew(second)
    assert not world.unfinished()


# --- a bank that changes ---


def called(name: str) -> Callable[[Bank], Bank]:
    return lambda bank: replace(bank, name=name)


def test_a_bank_that_is_called_something_else_keeps_its_customers(world: World) -> None:
    """Twice: the second time it is the new name that is renewed."""
    world.renewable()
    for year, name in enumerate(("あたらしい信用金庫", "もっとあたらしい信用金庫"), start=2):
        world.rig.administration.change_bank(BANK, called(name))
        told = world.counter().renew()
        assert name in told.certificate.subject
        assert world.logs_in()
        assert len(world.rig.states()) == year
        world.rig.now = told.certificate.not_after - DAY


def test_a_bank_that_is_renamed_while_a_renewal_is_unfinished(world: World, elsewhere: Path) -> None:
    world.cut_short(2)
    world.rig.administration.change_bank(BANK, called("あたらしい信用金庫"))
    world.resume(elsewhere)
    world.restarted()
    world.resume()  # on the first PC, which has its journal still
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert not world.unfinished()


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"media_offered": False}, "store-forbidden"),
        ({"key_kinds": (KeyKind.RSA_3072,)}, "kind-forbidden"),
    ],
    ids=["store", "kind"],
)
@pytest.mark.parametrize("is_begun", [False, True], ids=["to begin", "begun"])
def test_what_the_bank_does_not_offer_any_more(
    world: World, changes: dict[str, object], reason: str, is_begun: bool
) -> None:
    """Said before a key is made; what was begun is undone, and stands in the way of nothing."""
    if is_begun:
        world.cut_short()
    else:
        world.renewable()
    world.rig.change_policy(**changes)
    with pytest.raises(NotPermittedNow) as refused:
        world.counter().renew(kind=KeyKind.P256)
    assert refused.value.reason == reason
    assert len(world.store.credentials()) == len(world.with_certificates()) == 1
    assert not world.unfinished()
    assert world.logs_in()


def test_what_was_issued_in_time_is_finished_whatever_the_bank_offers_since(world: World) -> None:
    world.cut_short(2)
    world.rig.change_policy(key_kinds=(KeyKind.RSA_3072,))
    world.resume()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]


# --- a store that keeps no labels ---


def test_without_labels_the_ca_says_which_one_waits(world: World) -> None:
    """And what it has never heard of is nobody's, as are keys of other programs' certificates."""
    world.cut_short(2)
    there = world.store.credentials()
    waiting = marked(world)

    def all_unknown(_: str) -> Standing:
        return UNKNOWN

    assert unmarked(there, world.near.standing) == [waiting]
    assert unmarked(there, all_unknown) == []
    assert mark_of(waiting.key.label) == MARK
    world.resume()
    assert unmarked(world.store.credentials(), world.near.standing) == []


def test_without_labels_a_key_that_was_never_asked_for_is_left_alone(world: World) -> None:
    world.cut_short(1)
    assert marked(world).certificate is None
    assert unmarked(world.store.credentials(), world.near.standing) == []
    world.rig.now += timedelta(minutes=10)
    world.resume()
