"""A rehearsal as somebody starts it, and the power fails: whatever was left goes, and the medium is as it was."""

from __future__ import annotations

from tests.crash import invariants
from tests.crash.faults import hit
from tests.crash.program import Running
from tests.crash.world import Scene, World
from tokenmgr import clock

FAULTS = (
    "call:C_GenerateKeyPair:1:kill-after",
    "disk:write:8:kill-within",
    "call:C_CreateObject:1:kill-after",  # the look for room
    "call:C_CreateObject:2:kill-after",
    "call:C_DestroyObject:3:kill-after",  # half of the key pair
)


def rehearse(scene: Scene, *options: str) -> Running:
    """The bank asks for it: else it may do so once in ten minutes."""
    scene.world.node.authority.administration.ask_rehearsals(scene.bank, None, clock.now())
    active = (f"--certificate={one.serial:x}" for one in scene.active())
    line = ("renew", "--rehearse", "--bank", scene.bank, "--kind", "p256", *options, *active)
    return scene.start(*line, pins={"--pin-fd": scene.source.pin})


def objects(scene: Scene) -> dict[str, bytes]:
    """As SoftHSM keeps them, byte for byte; token.object is none, and counts logins."""
    found = scene.medium.folder.rglob("*.object")
    return {path.name: path.read_bytes() for path in found if path.name != "token.object"}


def test_the_power_fails_and_the_next_run_takes_back_what_was_left(crashing: World) -> None:
    scene = crashing.scene("p256")
    scene.acquire()
    before, known = objects(scene), scene.generations()
    for fault in FAULTS:
        told, is_hit = hit(scene, fault, lambda: rehearse(scene))
        assert is_hit, (fault, told)
        assert not list(invariants.something_logs_in(scene)), fault
        resumed = scene.ended(scene.resume())
        assert "J140" in resumed.out, (fault, resumed)
        assert objects(scene) == before, (fault, resumed)
    done = scene.ended(rehearse(scene, "--json"))
    assert done.status == 0, done
    assert '"as_it_was": true' in done.out
    told = scene.ended(rehearse(scene, "--lang", "ja"))
    assert told.out.splitlines()[0] == "更新の予行が終わりました。この更新は通ります。"
    assert "の内容は、予行の前と同じです。" in told.out.splitlines()[-1]
    assert (objects(scene), scene.generations()) == (before, known)
    assert not list(invariants.nothing_is_unfinished(scene, scene.home))
    assert not list(invariants.bystanders_are_there(scene))
    scene.remove()
