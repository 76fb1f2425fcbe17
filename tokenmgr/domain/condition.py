"""The condition of a CA: what was seen of it, line by line, and which of it needs a hand. Rules only.

A line names two texts: `seen` says what there is, `trouble` what is wrong with it and the next step.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum

from tokenmgr.domain.generation import State


class Area(Enum):
    """In the order in which they are told."""

    CLOSED = "closed"
    KEYS = "keys"
    TOKEN = "token"  # noqa: S105
    DATABASE = "database"
    QUEUES = "queues"
    LISTS = "lists"
    ANSWERS = "answers"
    TRAIL = "trail"
    NODES = "nodes"
    DISK = "disk"
    CLOCK = "clock"
    SERVICE = "service"


@dataclass(frozen=True)
class Line:
    area: Area
    seen: str
    facts: Mapping[str, object] = field(default_factory=dict)
    trouble: str = ""


_YEAR = timedelta(days=365)
# How long before its end a certificate wants a successor. Below a root and an issuing CA others must find room for
# their own lives: a customer's certificate is good for a year (R1), and never outlives who signed it.
EARLY = {"root": 2 * _YEAR, "issuing": 2 * _YEAR, "cmp": timedelta(days=30), "ocsp": timedelta(days=30)}
EARLY_TLS = timedelta(days=25)  # `ca serve` makes another at a start within its last 30 days
SIGNED_IN = timedelta(minutes=2)  # what was recorded longer ago waits for a token that does not sign
TAKEN_BACK_IN = timedelta(minutes=5)  # a serving CA looks every few seconds
LISTED_IN = timedelta(minutes=6)  # a long list waits for 5 minutes, where no delta tells meanwhile
LIST_AGE = timedelta(hours=13)  # a serving CA makes one every twelve hours in any case
CHECKPOINT_AGE = timedelta(days=2)
SILENT = timedelta(minutes=5)
GONE = timedelta(days=7)  # a node that has said nothing for so long was taken away
LEAST_ROOM = 1 << 30  # bytes
SLOW = timedelta(seconds=1)  # for one question to the database
APART = timedelta(seconds=5)  # two clocks


def unknown(area: Area, reason: str) -> Line:
    """A probe that failed: told, and hides no other."""
    return Line(area, "unknown", {"reason": reason}, "unknown")


# --- keys and token ---


def certificate(number: int, purpose: str, ends: datetime, last: datetime, is_current: bool, now: datetime) -> Line:
    """An older authority signs lists and answers as long as it can, and is followed by nobody. `last` is the end of its
    issuing CA: beyond that nothing is renewed."""
    facts = {"number": number, "purpose": purpose, "until": ends, "days": (ends - now).days}
    needs = is_current or purpose == "ocsp"
    trouble = ""
    if needs and now > ends:
        trouble = "certificate_over"
    elif needs and now > ends - EARLY[purpose]:
        trouble = "authority_ends" if purpose in ("root", "issuing") else "certificate_ends" if ends < last else ""
    return Line(Area.KEYS, "certificate", facts, trouble)


def tls(ends: datetime, last: datetime, now: datetime) -> Line:
    facts = {"until": ends, "days": (ends - now).days}
    return Line(Area.KEYS, "tls", facts, "tls_ends" if now > ends - EARLY_TLS and ends < last else "")


def token(serial: str, failure: str) -> Line:
    if failure:
        return Line(Area.TOKEN, "token_unseen", {"serial": serial, "reason": failure}, "token_unseen")
    return Line(Area.TOKEN, "token_seen", {"serial": serial})


def key(number: int, purpose: str, failure: str) -> Line:
    facts = {"number": number, "purpose": purpose, "reason": failure}
    return Line(Area.TOKEN, "key_fails" if failure else "key_signs", facts, "key_fails" if failure else "")


# --- the registry ---


@dataclass(frozen=True)
class DatabaseFacts:
    kind: str
    size: int
    round_trip: timedelta
    applied: int
    known: int


def database(seen: DatabaseFacts) -> Line:
    facts = {
        "kind": seen.kind,
        "megabytes": f"{seen.size / 1e6:.1f}",
        "milliseconds": f"{seen.round_trip / timedelta(milliseconds=1):.1f}",
        "applied": seen.applied,
        "known": seen.known,
    }
    trouble = "database_newer" if seen.applied > seen.known else "database_older" if seen.applied < seen.known else ""
    return Line(Area.DATABASE, "database", facts, trouble or ("database_slow" if seen.round_trip > SLOW else ""))


@dataclass(frozen=True)
class QueueFacts:
    states: Mapping[State, int]
    oldest_recorded: datetime | None
    overdue: int
    oldest_overdue: datetime | None  # its confirm_by
    open_acquisitions: int


def queues(seen: QueueFacts, now: datetime) -> list[Line]:
    recorded, pending = seen.states.get(State.RECORDED, 0), seen.states.get(State.PENDING, 0)
    waits = seen.oldest_recorded is not None and now > seen.oldest_recorded + SIGNED_IN
    late = seen.oldest_overdue is not None and now > seen.oldest_overdue + TAKEN_BACK_IN
    return [
        Line(Area.QUEUES, "recorded", {"count": recorded}, "recorded_waits" if waits else ""),
        Line(Area.QUEUES, "pending", {"count": pending}),
        Line(Area.QUEUES, "overdue", {"count": seen.overdue}, "overdue" if late else ""),
        Line(Area.QUEUES, "acquisitions", {"count": seen.open_acquisitions}),
    ]


@dataclass(frozen=True)
class ListFacts:
    """`changes` of statuses that neither the newest list nor its delta knows of, the oldest of them at
    `oldest_change`."""

    authority: int
    number: int
    issued_at: datetime | None
    next_update: datetime | None
    changes: int
    oldest_change: datetime | None


def revocation_list(seen: ListFacts, now: datetime) -> Line:
    if seen.issued_at is None or seen.next_update is None:
        return Line(Area.LISTS, "no_list", {"authority": seen.authority}, "list_missing")
    age = now - seen.issued_at
    facts = {
        "authority": seen.authority,
        "number": seen.number,
        "hours": f"{age / timedelta(hours=1):.1f}",
        "until": seen.next_update,
        "changes": seen.changes,
    }
    trouble = ""
    if now > seen.next_update:
        trouble = "list_over"
    elif age > LIST_AGE:
        trouble = "list_old"
    elif seen.oldest_change is not None and now > seen.oldest_change + LISTED_IN:
        trouble = "list_behind"
    return Line(Area.LISTS, "list", facts, trouble)


def answers(count: int, oldest: datetime | None, over: int) -> Line:
    if oldest is None:
        return Line(Area.ANSWERS, "no_answers")
    return Line(
        Area.ANSWERS, "answers", {"count": count, "oldest": oldest, "over": over}, "answers_over" if over else ""
    )


@dataclass(frozen=True)
class TrailFacts:
    entries: int
    first: datetime | None
    last: datetime | None
    checkpoint: int  # 0: none yet
    checked_at: datetime | None
    is_whole: bool = True  # as far as can be seen without going through all of it


def trail(seen: TrailFacts, now: datetime) -> Line:
    behind = seen.entries - seen.checkpoint
    since = seen.checked_at or seen.first
    facts = {"entries": seen.entries, "last": seen.last, "checkpoint": seen.checkpoint, "behind": behind}
    late = behind > 0 and since is not None and now > since + CHECKPOINT_AGE
    return Line(Area.TRAIL, "trail", facts, "trail_broken" if not seen.is_whole else "checkpoint_old" if late else "")


@dataclass(frozen=True)
class NodeFacts:
    name: str
    version: str
    seen_at: datetime


def nodes(seen: Sequence[NodeFacts], version: str, now: datetime) -> list[Line]:
    lines = []
    for one in seen:
        silent = now - one.seen_at
        if silent > GONE:
            continue
        facts = {"name": one.name, "version": one.version, "seen": one.seen_at}
        trouble = "node_silent" if silent > SILENT else "node_other_version" if one.version != version else ""
        lines.append(Line(Area.NODES, "node", facts, trouble))
    return lines or [Line(Area.NODES, "no_nodes")]


# --- around it ---


def disk(place: str, free: int) -> Line:
    facts = {"place": place, "gigabytes": f"{free / 1e9:.1f}"}
    return Line(Area.DISK, "disk", facts, "disk_full" if free < LEAST_ROOM else "")


def database_clock(ahead: timedelta) -> Line:
    """How far this computer's is ahead of the database's."""
    facts = {"seconds": f"{ahead.total_seconds():+.1f}"}
    return Line(Area.CLOCK, "clock_database", facts, "clock_apart" if abs(ahead) > APART else "")


def trail_clock(last: datetime | None, now: datetime) -> Line:
    """What is in the trail has happened: a clock that is behind it went back."""
    if last is not None and now < last - APART:
        facts = {"seconds": f"{(last - now).total_seconds():.0f}"}
        return Line(Area.CLOCK, "clock_back", facts, "clock_back")
    return Line(Area.CLOCK, "clock")


def service(url: str, failure: str) -> Line:
    facts = {"url": url, "reason": failure}
    return Line(Area.SERVICE, "service_silent" if failure else "service", facts, "service_silent" if failure else "")


# --- all of it ---

_GOES_ON = {Area.CLOSED, Area.DATABASE, Area.DISK, Area.CLOCK}  # of a closed CA


def closed(since: datetime, is_finished: bool) -> Line:
    return Line(Area.CLOSED, "closed", {"since": since}, "" if is_finished else "closing_unfinished")


def ordered(lines: Iterable[Line], is_closed: bool) -> list[Line]:
    """By area. A closed CA signs and serves nothing, and nobody need lend it a hand with that."""
    rank = list(Area).index
    found = sorted(lines, key=lambda line: rank(line.area))
    if not is_closed:
        return found
    return [line if line.area in _GOES_ON else dataclasses.replace(line, trouble="") for line in found]
