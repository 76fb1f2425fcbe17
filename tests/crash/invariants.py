"""What must be true at each point. Each function tells what is not so, in words; nothing where all is well."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from tests.crash.look import Thing
from tests.crash.places import Place
from tests.crash.program import KILLED, Ended
from tests.crash.world import SECRETS, Scene
from tokenmgr.domain.generation import State
from tokenmgr.domain.holding import MARK, mark_of
from tokenmgr.errors import NotACertificate, UndoneHere
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.renewal.journal import unfinished
from tokenmgr.token import room

PROBE = room.MARK["LABEL"]  # what is left of it goes when room is looked for again
FINE, REFUSED = 0, 4
GOOD = (State.ACTIVE, State.SUPERSEDED)  # superseded and not revoked: it logs in


def something_logs_in(scene: Scene) -> Iterator[str]:
    """1: at once, whatever has just been hit."""
    good = [one.certificate for one in reversed(scene.generations()) if one.state in GOOD]
    places = dict.fromkeys((scene.target, scene.source))
    if not any(place.logs_in(one, scene.world.door) for one in good for place in places):
        yield f"1: nothing that is there logs in; the registry has {[one.state.value for one in scene.generations()]}"


def one_at_each_instant(scene: Scene) -> Iterator[str]:
    """3: of a renewal, at once, whatever has just been hit."""
    if (count := len(scene.active())) != 1:
        yield f"3: the CA has {count} active certificates in the middle of it"


def one_active(scene: Scene, before: bytes) -> Iterator[str]:
    """3: the CA has one, it is new, and it logs in."""
    active = scene.active()
    if len(active) != 1:
        yield f"3: the CA has {len(active)} active certificates"
    elif active[0].certificate == before:
        yield "3: the active certificate is the old one"
    elif not scene.target.logs_in(active[0].certificate, scene.world.door):
        yield "3: the active certificate does not log in"


def resume_has_ended_it(scene: Scene, told: Ended) -> Iterator[str]:
    """2: finished, or undone, or there was nothing; and not only said to be so."""
    if told.status not in (FINE, REFUSED) and _code(told) != UndoneHere.code:
        yield f"2: resume ended with {told.status}"
    yield from nothing_is_unfinished(scene, scene.home)


def _code(told: Ended) -> str:
    try:
        return str(json.loads(told.out).get("error", {}).get("code", ""))
    except ValueError:
        return ""


def nothing_is_unfinished(scene: Scene, *homes: Path) -> Iterator[str]:
    """2: nobody is told for ever to go on with what is done, on that PC, the medium, or by the CA. Of an acquisition
    whose key is lost the CA hears by the next proof with both PINs, which displaces it."""
    for home in homes:
        for path in unfinished(home / "journal"):
            yield f"2: unfinished: {home.name}/{path.name}: {path.read_text(errors='replace')}"
    is_displaced = scene.is_lost and not scene.active()
    for one in scene.generations():
        if one.state in (State.RECORDED, State.PENDING) and not is_displaced:
            yield f"2: the CA has one that is {one.state.value}"
    for place in scene.places:
        yield from _keys_that_wait(scene, place)


def _keys_that_wait(scene: Scene, place: Place) -> Iterator[str]:
    """A bare key that the CA has not heard of is nobody's on a PC that has not made it, where several subscribers are
    on the medium: it is left to clean."""
    things = place.things()
    certified = {one.key_id for one in things if one.value}
    for one in things:
        is_waiting = one.kind == "PRIVATE_KEY" and mark_of(one.label) == MARK
        if is_waiting and (scene.is_at_home or one.key_id in certified):
            yield f"2: the key {one.key_id} waits for its certificate"


def the_one_before_stays(scene: Scene, before: bytes) -> Iterator[str]:
    """7: where the bank has it stay, with its key."""
    if not before or not scene.keeps:
        return
    things = scene.source.things()
    beside = {one.key_id for one in things if one.value == before}
    if not any(one.kind == "PRIVATE_KEY" and one.key_id in beside for one in things):
        yield "7: the generation before is gone, or its key is"


def leftovers_are_told(scene: Scene, before: bytes, is_lied_to: bool = False) -> Iterator[str]:
    """4: what is neither in use, nor was before, nor of the CA, is in the list of `tokenmgr clean`. A medium that has
    denied what is there may have the CA's twice."""
    for place, bystanders in zip(scene.places, scene.bystanders, strict=True):
        stays = {before} if scene.keeps else set()
        others = {one.value for one in bystanders}
        good = {*stays, *others, *(each.certificate for each in scene.active())}
        left = [one for one in leftovers(place.things(), good) if not (is_lied_to and _is_authority(one))]
        yield from _leftovers_are_told(scene, place, left)


def _leftovers_are_told(scene: Scene, place: Place, left: list[Thing]) -> Iterator[str]:
    if not left:
        return
    told = scene.clean(place)
    yield from well_behaved(told)
    if told.status not in (0, 5):  # 5: something is to be done first
        yield f"4: clean ended with {told.status}"
        return
    listed = json.loads(told.out)
    goes = {one["id"] for one in listed["would_remove"]}
    stays = {(one["id"], one["reason"]) for one in listed["left_alone"]}
    for one in left:
        is_torn = _is_no_certificate(one) and (one.key_id, "unreadable") in stays  # nobody can know it for ours
        is_elsewheres = (
            scene.homes > 1 and (one.key_id, "whose-unknown") in stays
        )  # of the other PC's, for all it knows
        if one.key_id not in goes and not is_torn and not is_elsewheres:
            yield f"4: {one.kind} {one.key_id} {one.label!r} is not to go by clean, which has {sorted(stays)}"


def leftovers(things: list[Thing], good: set[bytes]) -> list[Thing]:
    """Everything but each good certificate, one key pair beside it, and the CA's; of each of them one."""
    good = good - {b""}
    beside = {one.key_id for one in things if one.value in good}
    left: list[Thing] = []
    seen: set[object] = set()
    for one in things:
        itself = one.value or (one.kind, one.key_id)
        is_key = one.kind in ("PRIVATE_KEY", "PUBLIC_KEY") and one.key_id in beside
        is_wanted = is_key or one.value in good or _is_authority(one)
        if one.label != PROBE and (itself in seen or not is_wanted):
            left.append(one)
        seen.add(itself)
    return left


def bystanders_are_there(scene: Scene) -> Iterator[str]:
    """6: whoever else has a certificate there, of this bank or another, has it and its key as before."""
    for place, bystanders in zip(scene.places, scene.bystanders, strict=True):
        there = place.things()
        for one in (one for one in bystanders if one not in there):
            yield f"6: somebody else's {one.kind} {one.key_id} {one.label!r} is gone, or is another"


def _is_authority(one: Thing) -> bool:
    return bool(one.value) and not _is_no_certificate(one) and certificate_facts(one.value).is_authority


def _is_no_certificate(one: Thing) -> bool:
    """Though it is kept as one: its bytes say nothing."""
    try:
        certificate_facts(one.value)
    except NotACertificate:
        return one.kind == "CERTIFICATE"
    return False


def well_behaved(told: Ended, may_be_killed: bool = False) -> Iterator[str]:
    """5: no bug, no traceback, no PIN, and no signal but ours."""
    if told.status == 1:
        yield "5: status 1"
    if told.status < 0 and not (may_be_killed and told.status == KILLED):
        yield f"5: ended by signal {-told.status}"
    for text in (told.out, told.err):
        if "Traceback" in text:
            yield "5: a traceback"
        if any(secret in text for secret in SECRETS):
            yield "5: a PIN was told"


def nothing_secret_is_kept(scene: Scene) -> Iterator[str]:
    """5: not in a journal either, or whatever else a home has."""
    for path in scene.folder.glob("home-*/**/*"):
        if path.is_file() and any(secret.encode() in path.read_bytes() for secret in SECRETS):
            yield f"5: a PIN in {path.relative_to(scene.folder)}"
