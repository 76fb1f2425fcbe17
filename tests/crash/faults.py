"""A fault by its name (points.py), armed in a scene; and the program that runs into it."""

from __future__ import annotations

import time
from collections.abc import Callable

from tests.crash.program import Ended, Running, wait_gone
from tests.crash.proxy import Cut
from tests.crash.shim import Disk
from tests.crash.world import HASTY, Scene

POWER = ("kill", "alone")
TICK = 0.003


def hit(scene: Scene, fault: str, start: Callable[[], Running]) -> tuple[Ended, bool]:
    """How the program ended, and whether the fault came at all. Afterwards everything is whole again."""
    kind, *words = fault.split(":")
    try:
        return _KINDS[kind](scene, words, start)
    finally:
        scene.repair()


def has_no_place(scene: Scene, fault: str) -> bool:
    """What was not hit, and could not be: how often SQLite writes is its own affair, and not the same each time."""
    kind, *words = fault.split(":")
    disk = {"registry": scene.world.node.disk, "store": scene.store_disk}.get(kind)
    return disk is not None and 0 < disk.counted[words[0]] < int(words[1])


def kills(fault: str) -> bool:
    """The program itself, with the signal that nobody can refuse."""
    kind, *words = fault.split(":")
    if kind == "store":
        return words[-1].startswith(("kill", "crash"))
    return kind in ("call", "disk") and words[-1].startswith(("kill", "alone"))


def _call(scene: Scene, words: list[str], start: Callable[[], Running]) -> tuple[Ended, bool]:
    function, number, what = words
    what, after = what.removesuffix("-after"), what.endswith("-after")
    if what in POWER:
        return _killed(scene, function, int(number), what, after, start)
    action, value = ("answer", what) if what.startswith(("CKR_", "0x")) else (what, None)
    if what == "hang":
        scene.limit(HASTY)
    rule = scene.medium.fault(function, action, value, after=after, skip=int(number) - 1, times=1)
    told = scene.ended(start())
    return told, any(one.number == rule and one.hits for one in scene.medium.control.rules())


def _killed(
    scene: Scene, function: str, number: int, what: str, after: bool, start: Callable[[], Running]
) -> tuple[Ended, bool]:
    """It stands still in the call, and never comes out of it; or its library's process does, and it does not."""
    control, left = scene.medium.control, []
    rule = scene.medium.fault(function, "hang", after=after, skip=number - 1, times=1)
    running = start()
    is_hit = False
    while not running.is_over and not is_hit:
        time.sleep(TICK)
        is_hit = any(one.number == rule and one.hits for one in control.rules())
    if is_hit and what == "kill":
        running.cut_power()
    elif is_hit:
        left = running.kill_alone()
    control.remove(rule)
    wait_gone(left)
    return scene.ended(running), is_hit


def _disk(disk: Disk, scene: Scene, words: list[str], start: Callable[[], Running]) -> tuple[Ended, bool]:
    kind, number, action = words
    disk.arm(kind, int(number), action)
    told = scene.ended(start())
    return told, disk.hits > 0


def _journal(scene: Scene, words: list[str], start: Callable[[], Running]) -> tuple[Ended, bool]:
    return _disk(scene.disk, scene, words, start)


def _store(scene: Scene, words: list[str], start: Callable[[], Running]) -> tuple[Ended, bool]:
    return _disk(scene.store_disk, scene, words, start)


def _net(scene: Scene, words: list[str], start: Callable[[], Running]) -> tuple[Ended, bool]:
    number, where, share, *stays = words
    scene.world.wire.arm(Cut(int(number), where, float(share), bool(stays)))
    told = scene.ended(start())
    return told, scene.world.wire.hits > 0


def _ca(scene: Scene, words: list[str], start: Callable[[], Running]) -> tuple[Ended, bool]:
    number, where = words
    node, wire = scene.world.node, scene.world.wire
    wire.arm(
        {
            "asked": Cut(int(number), "request", 0.0, then=node.kill),
            "working": Cut(int(number), "request", whole=True, then=node.kill),
            "answered": Cut(int(number), "answer", 0.0, then=node.kill),
        }[where]
    )
    return scene.ended(_with_a_ca_that_comes_back(scene, start, lambda: wire.hits)), wire.hits > 0


def _registry(scene: Scene, words: list[str], start: Callable[[], Running]) -> tuple[Ended, bool]:
    """The worker dies at its disk; its keeper goes the same way before it can start another. It outlives a full one."""
    kind, number, action = words
    disk, node = scene.world.node.disk, scene.world.node
    killed: list[int] = []

    def is_hit() -> bool:
        if disk.hits:
            killed.append(disk.hits)
            disk.arm()
            node.kill()
        return bool(killed)

    if action == "full":
        told, is_full = _disk(disk, scene, words, start)
        disk.disarm()
        return told, is_full
    disk.arm(kind, int(number), action)
    told = scene.ended(_with_a_ca_that_comes_back(scene, start, is_hit))
    disk.disarm()  # what there was no place for would hit somebody else
    return told, bool(killed)


def _with_a_ca_that_comes_back(scene: Scene, start: Callable[[], Running], is_hit: Callable[[], object]) -> Running:
    """Killed, and started again at once: the program asks meanwhile. By this thread, with which the CA goes."""
    running = start()
    while not running.is_over:
        time.sleep(TICK)
        if is_hit():
            scene.world.node.ensure_up()
    return running


_KINDS = {"call": _call, "disk": _journal, "store": _store, "net": _net, "ca": _ca, "registry": _registry}
