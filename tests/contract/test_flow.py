"""An acquisition and a renewal on every token of the suite, whatever its habits; or the reason why it cannot, before
anything was touched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from tests.api.conftest import quick
from tests.api.rig import DAY, Rig
from tests.contract import rigs
from tests.renewal.world import Near, World
from tests.token.helpers import only
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.family import Family, Labels, Token
from tokenmgr.domain.generation import State
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.standing import Standing
from tokenmgr.errors import AuthorityUnreachable, MediumError, NothingUnfinished
from tokenmgr.log import Secret
from tokenmgr.renewal.journal import unfinished
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.token.checkup import check
from tokenmgr.token.session import Session

__all__ = ["quick"]

# What each cannot do, by the code of its error: a customer has no officer's key, and OpenSC makes no keys on PIV cards.
CANNOT = {"yubikey": "M124", "opensc": "M110"}
ABLE = [name for name in rigs.NAMES if name not in CANNOT]


@pytest.fixture
def world(request: pytest.FixtureRequest, quick: Rig, tmp_path: Path) -> Iterator[World]:
    with rigs.start(request.param, tmp_path / "rig") as rig, rig.library() as library:
        made = World(quick, rig.hand, library, tmp_path / "journal", rig.pin)
        with closing(made.store):
            yield made


@pytest.mark.parametrize("world", ABLE, indirect=True)
def test_acquired_renewed_and_tidied_up(world: World) -> None:
    world.rig.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)
    old = world.renewable()
    world.counter().renew()
    (new,) = world.with_certificates()
    assert new.key != old.key
    assert new.certificate is not None
    assert world.rig.active().certificate == new.certificate.der
    assert len(world.store.credentials()) == 1
    world.store.close()
    with Session.open(world.library, world.serial) as session:
        session.login(Secret(world.pin))
        assert check(session, world.rig.now).problems == []


@pytest.mark.parametrize("world", ABLE, indirect=True)
def test_cut_short_and_finished_by_the_medium_alone(world: World) -> None:
    """The confirmation was lost, and the journal with it: as on another PC."""
    world.renewable()
    cut_at_the_confirmation(world)
    shutil.rmtree(world.folder)
    world.restarted()
    world.resume()
    assert world.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert not world.unfinished()


@pytest.mark.parametrize("world", CANNOT, indirect=True)
def test_what_cannot_be_done_is_said_before_anything_is_touched(world: World, request: pytest.FixtureRequest) -> None:
    with pytest.raises(MediumError) as refused:
        world.acquire()
    assert refused.value.code == CANNOT[request.node.callspec.params["world"]]
    assert world.store.credentials() == []
    assert world.rig.states() == []
    assert not world.unfinished()


# --- where no label is kept ---

UNLABELLED = Family(labels=Labels(kept=False), token=Token(spare_slot=True))


@pytest.fixture
def unlabelled(quick: Rig, medium: SimulatedMedium, tmp_path: Path) -> Iterator[World]:
    """Whatever it is told, it calls its keys by names of its own (`called_its_own`)."""
    with medium.library(family=UNLABELLED) as library:
        made = World(quick, medium, library, tmp_path / "journal")
        with closing(made.store):
            yield made


@dataclass
class Listening(Near):
    asked: list[str] = field(default_factory=list)

    def standing(self, fingerprint: str) -> Standing:
        self.asked.append(fingerprint)
        return super().standing(fingerprint)


def called_its_own(world: World) -> None:
    world.store.close()
    family = replace(UNLABELLED, labels=Labels())
    with (
        world.medium.library(family=family) as library,
        Session.open(library, only(library).serial, write=True) as session,
    ):
        session.login(Secret(PIN))
        for one in session.contents().keys:
            session.relabel(one, "Private key of this token's maker")
    world.restarted()


def test_the_ca_says_which_key_is_unfinished(unlabelled: World) -> None:
    unlabelled.renewable()
    called_its_own(unlabelled)
    cut_at_the_confirmation(unlabelled)
    called_its_own(unlabelled)
    shutil.rmtree(unlabelled.folder)
    unlabelled.resume()
    assert unlabelled.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    with pytest.raises(NothingUnfinished):
        unlabelled.resume()


def test_what_says_of_no_bank_that_it_is_its_is_asked_of_the_own_ca_only_where_it_may_be_its(
    unlabelled: World,
) -> None:
    """Another bank's certificate, and the key that a journal here is at for another bank, are nothing to this one's."""
    unlabelled.renewable()
    unlabelled.rig.now -= DAY
    called_its_own(unlabelled)
    there = unlabelled.other_bank()
    unlabelled.cut(1, there)
    with pytest.raises(AuthorityUnreachable):
        unlabelled.counter(near=there).acquire(unlabelled.applicant(), KeyKind.P256)
    called_its_own(unlabelled)
    (left,) = (one for one in unlabelled.store.credentials() if one.certificate is None)
    ours = Listening(unlabelled.rig)
    unlabelled.counter(near=ours).renew()
    assert ours.asked
    assert left.key.fingerprint not in ours.asked
    assert unlabelled.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    there = Near(unlabelled.rig, bank=there.bank)
    unlabelled.counter(near=there).resume(lambda _contract, _user: unlabelled.applicant())
    assert not unfinished(unlabelled.folder)


def test_a_renewal_finishes_it_and_does_not_take_it_for_the_old_one(unlabelled: World) -> None:
    unlabelled.renewable()
    (old,) = unlabelled.with_certificates()
    called_its_own(unlabelled)
    cut_at_the_confirmation(unlabelled)
    called_its_own(unlabelled)
    shutil.rmtree(unlabelled.folder)
    renewed = unlabelled.counter().renew().certificate
    assert [one.facts for one in unlabelled.with_certificates() if one.facts != old.facts] == [renewed]
    assert unlabelled.rig.states() == [State.SUPERSEDED, State.ACTIVE]
    assert len(unlabelled.store.credentials()) == 2


def cut_at_the_confirmation(world: World) -> None:
    sent: list[bytes] = []

    def cut(message: bytes, answer: object) -> bytes:
        sent.append(message)
        if len(sent) == 2:
            raise AuthorityUnreachable(address="ca", reason="cut")
        return world.rig.answer(message)

    world.near.on_the_way = cut
    with pytest.raises(AuthorityUnreachable):
        world.counter().renew()
    world.near.on_the_way = lambda message, answer: world.rig.answer(message)
