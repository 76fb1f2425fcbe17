"""What the CA has not signed decides nothing (S2): whatever is answered over HTTP by whoever stands in between, nothing
that logs in goes, and with the CA itself again the renewal ends as it would have."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from tests.api.rig import OTHER_BANK
from tests.renewal.serving import Maker, http, saying, serving
from tests.renewal.world import Near, World
from tokenmgr.api import publications
from tokenmgr.api.http import as_json
from tokenmgr.domain.generation import State
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.renewal import Step
from tokenmgr.domain.standing import UNKNOWN, Standing
from tokenmgr.errors import AuthorityAnswerWrong, NotSupported, TokenmgrError, UndoneHere
from tokenmgr.renewal.authority import JSON, Authority, Offer
from tokenmgr.renewal.recovery import pending

Cut = tuple[int, bool]
ASKED, ISSUED = (1, False), (2, False)  # cut on the way to the CA: nothing there yet, and one that is pending
CONFIRMED = (2, True)  # the answer to the confirmation is lost


@dataclass
class Lying(Near):
    """Of every key that is asked for, and of what the bank offers."""

    state: str = ""
    offers: Callable[[Offer], Offer] = lambda true: true

    def standing(self, fingerprint: str) -> Standing:
        if self.state == UNKNOWN.state:
            return UNKNOWN
        return replace(super().standing(fingerprint), state=self.state or super().standing(fingerprint).state)

    def offer(self) -> Offer:
        return self.offers(super().offer())


@pytest.fixture
def strict(world: World) -> World:
    """A bank whose old ones go at once: there is the most to lose."""
    world.rig.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)
    return world


def ends_well(world: World) -> None:
    """With the CA itself."""
    assert world.logs_in()
    world.near = Near(world.rig)
    world.restarted()
    if world.unfinished():
        world.resume()
    assert world.rig.states() == [State.REVOKED, State.ACTIVE]
    assert world.logs_in()
    assert len(world.store.credentials()) == 1
    assert not world.unfinished()


# --- GET /banks/{code}/keys/{…} ---


@pytest.mark.parametrize(
    ("cut", "state"),
    [
        *((CONFIRMED, state) for state in ("revoked", "pending", "unknown")),
        *((ISSUED, state) for state in ("revoked", "active", "superseded")),
        (ASKED, "active"),
    ],
)
def test_what_is_said_of_a_key_only_chooses_what_is_tried(strict: World, cut: Cut, state: str) -> None:
    strict.cut_short(*cut)
    strict.near = Lying(strict.rig, state=state)
    with suppress(TokenmgrError):
        strict.resume()
    ends_well(strict)


def test_a_second_confirmation_that_comes_too_late_is_one_as_well(strict: World) -> None:
    """The CA has another one of the same certificate, and says so in a message of its own: then all is well."""
    strict.cut_short(*CONFIRMED)
    others = text("UPDATE exchange SET confirm_digest = :digest WHERE confirm_digest <> :none")
    values = {"digest": bytes(32), "none": b""}
    assert strict.rig.database.write(lambda c: c.execute(others, values).rowcount) > 0
    strict.near = Lying(strict.rig, state="pending")
    strict.resume()
    assert strict.screen.told[-1] == Step.RETIRED.name
    ends_well(strict)


@pytest.mark.parametrize("state", ["revoked", "unknown"])
def test_on_another_pc_neither(strict: World, state: str, tmp_path: Path) -> None:
    """There the medium and that answer are all that there is; and it had been confirmed."""
    strict.cut_short(*CONFIRMED)
    strict.folder = tmp_path / "another"
    strict.near = Lying(strict.rig, state=state)
    with suppress(TokenmgrError):
        strict.resume()
    ends_well(strict)


def test_a_renewal_under_a_lie_from_its_beginning(strict: World) -> None:
    strict.renewable()
    strict.near = Lying(strict.rig, state="revoked")
    with suppress(TokenmgrError):
        strict.counter().renew()
    if strict.rig.states() == [State.ACTIVE] and not strict.unfinished():
        strict.near = Near(strict.rig)
        strict.counter().renew()
    ends_well(strict)


def test_a_lost_key_that_the_ca_is_said_to_know_keeps_nobody(strict: World) -> None:
    """It has never heard of it, and takes the old request for too old: that is signed, and enough."""
    strict.cut_short(*ASKED)
    (lost,) = pending(strict.store.credentials())
    strict.destroy(lost)
    strict.rig.now += timedelta(minutes=10)
    strict.near = Lying(strict.rig, state="pending")
    with pytest.raises(UndoneHere):
        strict.resume()
    assert not strict.unfinished()
    strict.near = Near(strict.rig)
    strict.counter().renew()
    ends_well(strict)


# --- HTTP 400 instead of a message ---


@contextmanager
def refusing(folder: Path, status: str, body: bytes) -> Iterator[Authority]:
    """A server that answers everything alike, and the real way to it."""
    maker = Maker(folder)
    with (
        serving(saying(http(status, JSON, body)), maker.server()) as port,
        Authority(f"https://127.0.0.1:{port}", "1234", maker.root, lambda _: None, proxies={}) as authority,
    ):
        yield authority


@pytest.mark.parametrize("heard", [False, True], ids=["swallowed", "forwarded"])
@pytest.mark.parametrize(("code", "facts"), [("R108", {"until": None}), ("R109", {})])
def test_a_refusal_that_is_not_in_a_message_confirms_nothing_and_undoes_nothing(
    strict: World, code: str, facts: dict[str, object], heard: bool, tmp_path: Path
) -> None:
    """R108: it will never be; R109: it is already. Either would be believed of a protected message."""
    strict.renewable()
    sent: list[bytes] = []
    body = json.dumps({"error": {"code": code, "facts": facts}}).encode()
    with refusing(tmp_path, "400 Bad Request", body) as between:

        def lie(message: bytes, answer: Callable[[bytes], bytes]) -> bytes:
            sent.append(message)
            if len(sent) != 2:
                return answer(message)
            if heard:
                answer(message)
            return between.exchange(message)

        strict.near.on_the_way = lie
        with pytest.raises(AuthorityAnswerWrong) as refused:
            strict.counter().renew()
    assert refused.value.reason == f"HTTP 400 {code}"
    assert strict.unfinished()
    assert len(strict.with_certificates()) == 2
    ends_well(strict)


# --- GET /banks/{code} ---


def test_another_banks_offer_begins_nothing(strict: World, tmp_path: Path) -> None:
    body = bytes(as_json(publications.bank_offer(strict.rig.service, OTHER_BANK)).body)
    strict.renewable()
    with refusing(tmp_path, "200 OK", body) as between:
        strict.near = Lying(strict.rig, offers=lambda _: between.offer())
        with pytest.raises(AuthorityAnswerWrong):
            strict.counter().renew()
    assert len(strict.store.credentials()) == 1
    assert not strict.unfinished()


def test_another_banks_offer_ends_nothing(strict: World, tmp_path: Path) -> None:
    body = bytes(as_json(publications.bank_offer(strict.rig.service, OTHER_BANK)).body)
    strict.cut_short(*ISSUED)
    with refusing(tmp_path, "200 OK", body) as between:
        strict.near = Lying(strict.rig, offers=lambda _: between.offer())
        with pytest.raises(AuthorityAnswerWrong):
            strict.resume()
    assert strict.unfinished()
    ends_well(strict)


@pytest.mark.parametrize(
    ("cut", "kinds"),
    [(None, ()), (None, ("ml-dsa-44",)), (None, ("ml-dsa-44", "p256")), (ISSUED, ("ml-dsa-44",))],
)
def test_kinds_of_keys_that_nobody_knows(strict: World, cut: Cut | None, kinds: tuple[str, ...]) -> None:
    """A later CA may name more, and one of somebody's making may name none."""
    if cut:
        strict.cut_short(*cut)
    else:
        strict.renewable()
    strict.near = Lying(strict.rig, offers=lambda true: replace(true, key_kinds=kinds))
    if cut or "p256" in kinds:
        strict.counter().renew()
    else:
        with pytest.raises(NotSupported):
            strict.counter().renew()
        assert len(strict.store.credentials()) == 1
        assert not strict.unfinished()
        strict.near = Near(strict.rig)
        strict.counter().renew()
    ends_well(strict)
