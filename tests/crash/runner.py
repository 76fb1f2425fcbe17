"""One point, from a store that has nothing of whom it is about to a certificate that logs in."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

from tests.crash import invariants
from tests.crash.faults import has_no_place, hit, kills
from tests.crash.points import BETWEEN, ELSEWHERE, LATE, LOST, Point, Recording
from tests.crash.program import Ended, Running
from tests.crash.world import AGAIN, TIMES, Scene, World

OUTCOMES = ("finished at once", "resumed", "undone, done again", "refused at first", "no such place", "not reached")


@dataclass
class Result:
    point: Point
    outcome: str = ""
    violations: list[str] = field(default_factory=list)
    said: list[Ended] = field(default_factory=list)


def run(world: World, point: Point) -> Result:
    result = Result(point)
    scene = world.scene(point.kind, point.bank, point.stores)
    result.said = scene.said
    try:
        result.outcome = Life(scene, point, result.violations).live()
    except Exception:  # noqa: BLE001  of the proof itself, or of what it found: a violation either way, and told whole
        result.violations.append(traceback.format_exc())
        scene.repair()
    else:
        scene.remove()
    return result


@dataclass
class Life:
    scene: Scene
    point: Point
    violations: list[str]
    before: bytes = b""

    def live(self) -> str:
        scene, point = self.scene, self.point
        if point.operation != "acquire":
            scene.acquire()
            self.before = scene.active()[0].certificate
        untouched = self._seen()
        if LOST in point.faults:
            scene.keep_target()
        missed = self._hit(point.faults[0], lambda: scene.begin(point.operation))
        is_untouched = self._seen() == untouched
        for then in point.faults[1:]:
            if then in BETWEEN:
                self._between(then)
            else:
                self._hit(then, scene.resume)
        outcome = self.finish(is_untouched)
        if ELSEWHERE in point.faults:
            scene.come_back()
            self._resume()  # what it finds is done, or not its own any more
        self.violations += [
            *invariants.one_active(scene, self.before),
            *invariants.nothing_is_unfinished(scene, *scene.every_home),
            *invariants.the_one_before_stays(scene, self.before),
            *invariants.leftovers_are_told(scene, self.before, any(one.endswith(":lie") for one in point.faults)),
            *invariants.bystanders_are_there(scene),
            *invariants.nothing_secret_is_kept(scene),
        ]
        return missed or outcome

    def _hit(self, fault: str, start: Callable[[], Running]) -> str:
        told, is_hit = hit(self.scene, fault, start)
        self.violations += invariants.well_behaved(told, may_be_killed=is_hit and kills(fault))
        missed = "" if is_hit else "no such place" if has_no_place(self.scene, fault) else "not reached"
        self._logs_in()
        return missed

    def _between(self, what: str) -> None:
        """What is confirmed already is not the operation's to lose any more."""
        if what == ELSEWHERE:
            self.scene.move()
        elif what == LATE:
            self.scene.world.node.take_back(self.scene.generations())
        elif not self._is_done():
            self.scene.restore_target()

    def finish(self, is_untouched: bool) -> str:
        """2: resume, as often as it says; then the command again, where nothing was got."""
        if self._is_done():
            first = self.scene.said[-1]
            if first.status == 0:
                return "finished at once"
        self._resume()
        if self._is_done():
            return "resumed"
        told = self._repeat(lambda: self.scene.begin(self.point.operation))
        if told.status != 0:
            self.violations.append(f"2: a new run ended with {told.status}")
        return "refused at first" if is_untouched else "undone, done again"

    def _resume(self) -> None:
        told = self._repeat(self.scene.resume)
        self.violations += invariants.resume_has_ended_it(self.scene, told)
        if told.status == 0 and not self._is_done():
            self.violations.append("2: resume says that it is finished, and it is not")

    def _repeat(self, start: Callable[[], Running]) -> Ended:
        for _ in range(TIMES):
            told = self.scene.ended(start())
            self.violations += invariants.well_behaved(told)
            if told.status != AGAIN:
                break
        return told

    def _logs_in(self) -> None:
        if self.point.operation != "acquire":
            self.violations += invariants.something_logs_in(self.scene)
            self.violations += invariants.one_at_each_instant(self.scene)

    def _is_done(self) -> bool:
        return [one.certificate for one in self.scene.active()] not in ([], [self.before])

    def _seen(self) -> tuple[object, ...]:
        """What the medium and the CA have of it."""
        return (
            [one.things() for one in self.scene.places],
            [(one.serial, one.state) for one in self.scene.generations()],
        )


def record(world: World, subject: str) -> Recording:
    """An undisturbed run, looked at."""
    point = Point(subject, ())
    scene = world.scene(point.kind, point.bank, point.stores)
    if point.operation != "acquire":
        scene.acquire()
    registry = world.node.disk
    scene.repair()
    registry.arm()
    scene.store_disk.arm()
    media = [scene.medium.control] if "medium" in point.stores else []
    known = [len(list(one.calls())) for one in media]
    told = scene.ended(scene.begin(point.operation))
    assert told.status == 0, told
    assert scene.disk.counted["sync"] >= scene.disk.counted["write"], "a line of the journal was not made durable"
    calls = [one.function for control, at in zip(media, known, strict=True) for one in list(control.calls())[at:]]
    made = Recording(
        subject=subject,
        calls=tuple(calls),
        writes=scene.disk.counted["write"],
        syncs=scene.disk.counted["sync"],
        exchanges=world.wire.exchanges,
        registry_writes=registry.counted["write"],
        registry_syncs=registry.counted["sync"],
        store=scene.store_disk.counted,
    )
    scene.remove()
    return made
