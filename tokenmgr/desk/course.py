"""How far a piece of work is, as it was told: what its page shows, and another page does not lose. No Qt."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field

from tokenmgr.desk.person import AuthorityWaits, Began, Ended, Event, LookEnds, Told, Usual, Waiting
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import TokenmgrError

# What a person wonders about once it takes this long (seconds), and longer than that it has its reason said.
LONG = 2.0


@dataclass
class Course:
    heading: str
    steps: Collection[Step]  # that are seen going on; none of what is no operation
    done: set[Step] = field(default_factory=set)
    step: Step | None = None
    since: float = 0.0
    usual: Mapping[Step, float] = field(default_factory=dict)
    longest: float = 0.0
    is_on_pc: bool = True
    medium: str = ""  # that gets the new one; empty where that is a store on the PC
    waiting: Waiting | None = None
    asks_again: float = 0.0  # when the CA is asked again, where it has said so
    told: list[TokenmgrError] = field(default_factory=list)
    is_leaving: bool = False
    is_wanted: bool = False  # a bank's page waits until this is over
    waits_for_look: bool = False

    def take(self, event: Event, now: float) -> None:
        match event:
            case Began(step):
                self.step, self.since, self.waiting, self.asks_again = step, now, None, 0.0
                self.waits_for_look = False
            case Ended(step):
                self.done.add(step)
                self.step, self.asks_again = None, 0.0
            case Waiting():
                self.waiting = event if event.error else None
            case LookEnds():
                self.waits_for_look = True
            case AuthorityWaits(seconds):
                self.asks_again = now + seconds
            case Usual(_, seconds, longest, is_on_pc):
                self.usual, self.longest, self.is_on_pc = seconds, longest, is_on_pc
            case Told(error):
                self.told.append(error)

    @property
    def has_begun(self) -> bool:
        """Something was made that will be gone on with."""
        return bool(self.done - {Step.CHECKED}) or self.step not in (None, Step.CHECKED)

    def seconds(self, now: float) -> int:
        """Of the step that is under way."""
        return max(0, int(now - self.since))

    def is_long(self, now: float) -> bool:
        return self.step is not None and now - self.since >= LONG
