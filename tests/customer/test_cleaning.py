"""`tokenmgr clean` on a medium and a CA: what goes, and that everything on the medium is told."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NoReturn

import pytest

from tests.api.rig import DAY
from tests.customer.looking import listed, reasons, status
from tests.customer.test_status import cut
from tests.renewal.world import World
from tokenmgr import clock
from tokenmgr.customer import cleaning
from tokenmgr.customer.cleaning import Listed, removed
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.customer.profiles import Profile
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.domain.holding import LEFT, MARK, REHEARSED
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.renewal import Ending, Step
from tokenmgr.domain.status import Verdict
from tokenmgr.errors import AuthorityUnreachable, DeletionRefused, MediumTroubled
from tokenmgr.log import Secret
from tokenmgr.renewal.journal import Journal, Phase, unfinished
from tokenmgr.renewal.recovery import pending
from tokenmgr.testbed.bed import Testbed


def everything_is_in_one(found: Listed) -> None:
    """And in one only."""
    contents = found.store.contents()
    keys = [one.key for one in found.items if one.key]
    certificates = [each for one in found.items for each in one.certificates]
    assert sorted(key.handle for key in keys) == sorted(key.handle for key in contents.keys)
    assert sorted(one.handle for one in certificates) == sorted(one.handle for one in contents.certificates)
    assert len(found.removable) + len(found.kept) == len(found.items) == len(found.decided)


def clean(world: World, online: bool = True) -> Listed:
    found = listed(world, online)
    everything_is_in_one(found)
    gone, refused = removed(found, world.rig.now)
    assert not refused
    assert len(gone) == len(found.removable)
    return found


def renewed(world: World) -> None:
    """Two generations, of which the old one stays."""
    world.rig.change_policy(old_generation=OldGeneration.AT_EXPIRY)
    world.renewable()
    world.counter().renew()


@pytest.mark.parametrize("online", [True, False])
def test_the_one_before_goes_when_it_has_expired(world: World, online: bool) -> None:
    renewed(world)
    assert reasons(clean(world, online)) == ["logs-in", "the-one-before"]
    world.rig.now += DAY
    assert reasons(clean(world, online)) == ["expired-and-replaced", "logs-in"]
    assert reasons(clean(world, online)) == ["logs-in"]
    assert status(world).verdict is Verdict.FINE


def test_what_the_ca_has_revoked_goes_and_without_the_ca_it_stays(world: World) -> None:
    renewed(world)
    (old,) = (one for one in world.rig.history() if one.state is State.SUPERSEDED)
    world.rig.registry.revoke(old.serial, RevocationReason.SUPERSEDED, world.rig.now)
    assert reasons(listed(world, online=False)) == ["logs-in", "the-one-before"]
    assert reasons(clean(world)) == ["logs-in", "revoked-and-replaced"]


def test_the_only_one_stays_whatever_has_become_of_it(world: World) -> None:
    world.renewable()
    world.rig.now += DAY
    assert reasons(clean(world)) == ["not-replaced"]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("online", [True, False])
def test_what_may_still_become_a_certificate_stays(world: World, number: int, online: bool) -> None:
    world.renewable()
    cut(world, number)
    found = clean(world, online)
    assert reasons(found) == ["logs-in", "unfinished"]
    assert found.is_unfinished
    world.resume()


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("online", [True, False])
def test_what_is_unfinished_at_another_bank_stays_whatever_goes_through_here(
    world: World, number: int, online: bool
) -> None:
    """Its file is not on this PC, so its CA is not asked."""
    world.renewable()
    world.rig.now -= DAY
    near = world.other_bank()
    world.cut(number + 1, near)
    with pytest.raises(AuthorityUnreachable):
        world.counter(near=near).acquire(world.applicant(), KeyKind.P256)
    world.restarted()
    world.counter().renew()
    (left,) = pending(world.store.credentials())
    world.rig.now += 2 * DAY
    assert reasons(clean(world, online)) == ["expired-and-replaced", "logs-in", "unfinished"]
    assert pending(world.store.credentials()) == [left]


def test_a_key_that_no_ca_knows_stays_where_nobody_knows_whose_it_is(world: World, tmp_path: Path) -> None:
    """It may be pending at a bank that this computer does not know. Whose it is stands in its mark."""
    world.renewable()
    cut(world, 0)  # the request was sent, and did not arrive
    elsewhere = tmp_path / "elsewhere"
    assert sorted(reasons(listed(world, folder=elsewhere))) == ["left-over", "logs-in"]
    (left,) = pending(world.store.credentials())
    world.store.rename(left.key.key_id, MARK)
    assert reasons(listed(world, online=False, folder=elsewhere)) == ["logs-in", "not-asked"]
    assert reasons(listed(world, folder=elsewhere)) == ["logs-in", "whose-unknown"]


def test_a_key_that_no_ca_knows_goes_where_this_pc_has_had_it_and_is_done(world: World) -> None:
    world.renewable()
    cut(world, 0)
    had_and_done(world)
    assert reasons(listed(world, online=False)) == ["logs-in", "not-asked"]
    assert reasons(clean(world)) == ["left-over", "logs-in"]
    assert reasons(listed(world)) == ["logs-in"]


def had_and_done(world: World) -> None:
    """What is unfinished here ends, and its key is still there."""
    (path,) = unfinished(world.folder)
    with Journal.open(path) as journal:
        journal.write(None, Phase.DONE, {"ending": Ending.UNDONE.value}, world.rig.now)


def test_a_damaged_journal_may_be_about_any_key_that_has_the_mark(world: World) -> None:
    world.renewable()
    cut(world, 0)
    for path in world.folder.glob("*.jsonl"):
        path.write_text(path.read_text(encoding="utf-8").replace('"renewal"', '"removal"'), encoding="utf-8")
    found = clean(world)
    assert reasons(found) == ["logs-in", "unfinished"]
    assert found.is_unfinished


def test_a_key_whose_deletion_was_cut_short_goes_once_the_ca_has_revoked_it(world: World) -> None:
    """Certificates go before keys: what is left then is a key with an ordinary name."""
    world.rig.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)
    old = world.renewable()
    world.store.remove = lambda *_: None  # type: ignore[method-assign]
    world.counter().renew()
    world.restarted()
    assert old.certificate is not None
    session = world.store._open()
    session._destroy(session._handle_of(old.certificate))
    assert reasons(listed(world, online=False)) == ["logs-in", "not-ours"]
    assert reasons(clean(world)) == ["logs-in", "spent"]
    assert reasons(clean(world)) == ["logs-in"]
    assert not [one for one in world.store.contents().public if one.key_id == old.key.key_id]


def nobody(profile: Profile) -> NoReturn:
    pytest.fail(f"{profile.code} is asked")


def test_what_has_gone_before_the_medium_fails_is_told(bed: Testbed, tmp_path: Path) -> None:
    (stick,) = bed.up("fresh")
    keys = [bytes((number,)) * 16 for number in (7, 8, 9)]
    with stick.library() as library, closing(MediumStore(library, stick.serial, Secret(stick.pin))) as store:
        for key_id in keys:
            store.generate(KeyKind.P256, key_id, REHEARSED)
        found = cleaning.listed(store, [], tmp_path, nobody, clock.now)
        stick.fault("C_DestroyObject", "answer", "CKR_DEVICE_ERROR", skip=2)  # of each key two parts go
        gone, refused = removed(found, clock.now())
        assert [one.key.key_id for one in gone if one.key] == keys[:1]
        assert [(one.key.key_id, type(error)) for one, error in refused if one.key] == [(keys[1], MediumTroubled)]
        with pytest.raises(MediumTroubled):  # nothing has gone: it is an error, and no finding
            removed(cleaning.listed(store, [], tmp_path, nobody, clock.now), clock.now())


@pytest.mark.parametrize("label", [MARK, LEFT])
def test_what_the_store_does_not_let_go_is_told_and_the_rest_goes(world: World, label: str) -> None:
    """Here the successor's chain is gone: S2 is the store's to hold."""
    renewed(world)
    world.rig.now += DAY
    heading = {"store": world.serial, "operation": "renewal"}
    with Journal.create(world.folder, "before", heading, world.rig.now) as journal:
        journal.write(Step.KEY_GENERATED, Phase.INTENT, {"key_id": "07" * 16}, world.rig.now)
        journal.write(None, Phase.DONE, {"ending": Ending.UNDONE.value}, world.rig.now)
    world.store.generate(KeyKind.P256, b"\x07" * 16, label)
    session = world.store._open()
    for one in session.contents().certificates:
        if one.facts and one.facts.is_authority:
            session._destroy(one.handle)
    found = listed(world)
    assert reasons(found) == ["expired-and-replaced", "left-over", "logs-in"]
    gone, refused = removed(found, world.rig.now)
    assert [one.label for one in gone] == [label]
    assert [type(error) for _, error in refused] == [DeletionRefused]
    assert reasons(listed(world)) == ["expired-and-replaced", "logs-in"]
