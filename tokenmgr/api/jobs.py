"""What happens by itself, once among all workers of all nodes: unconfirmed certificates are taken back (S7), revocation
lists and OCSP answers are made in time, what nobody needs any more goes."""

from __future__ import annotations

import asyncio
import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tokenmgr.api import list_making
from tokenmgr.api.answers_ahead import AnswersAhead
from tokenmgr.api.checkpoints import make_checkpoint
from tokenmgr.api.service import Service
from tokenmgr.errors import TokenmgrError

log = logging.getLogger(__name__)

EVERY = 5.0  # seconds between two rounds of a worker's, and at least between two of all workers'
MINUTE = 60.0
ALONE = "jobs"
Job = tuple[str, float, Callable[[datetime], object]]  # its name, how often, and what it does


class Jobs:
    """One worker's. It does them where no other one is at them, and none has just done them."""

    def __init__(self, service: Service, more: Sequence[Job] = ()) -> None:
        self._service = service
        self._last: dict[str, float] = {}
        self.shared: tuple[Job, ...] = (
            ("expire", EVERY, self._expire),
            ("renew_crl", EVERY, lambda now: renew_crl(service, now)),
            ("answers_ahead", EVERY, AnswersAhead(service)),
            ("tidy", MINUTE, self._tidy),
        )
        # What looks after this computer's folder is done by nobody on another one.
        self.own: tuple[Job, ...] = (("checkpoint", EVERY, lambda now: make_checkpoint(service, now)), *more)

    async def run(self, ending: asyncio.Event) -> None:
        while not ending.is_set():
            await asyncio.get_running_loop().run_in_executor(None, self.round)
            try:
                await asyncio.wait_for(ending.wait(), EVERY)
            except TimeoutError:
                continue

    def round(self, with_everything: bool = False) -> None:
        self._attempt("heartbeat", self._heartbeat)
        self._attempt("round", lambda now: self._alone(now, with_everything))

    def _alone(self, now: datetime, with_everything: bool) -> None:
        registry = self._service.administration
        with registry.alone(ALONE) as is_mine:
            if not is_mine:
                return
            done = {} if with_everything else registry.jobs_done()
            due = [one for one in self.shared if _is_due(done.get(one[0]), one[1], now)]
            for name, _, act in due:
                self._attempt(name, act)
            if due:
                registry.keep_jobs_done([name for name, _, _ in due], now)
            for name, often, act in self.own:
                if time.monotonic() - self._last.get(name, float("-inf")) >= often - EVERY / 2:
                    self._last[name] = time.monotonic()
                    self._attempt(name, act)

    def _attempt(self, name: str, act: Callable[[datetime], object]) -> None:
        """Each by itself: one that fails is told, and hides no other."""
        outcomes = self._service.metrics.jobs
        try:
            act(self._service.clock())
            outcomes.labels(name, "done").inc()
        except TokenmgrError as error:
            outcomes.labels(name, error.code).inc()
            log.warning("a job failed", extra={"job": name, "error": str(error)})
        except Exception:
            outcomes.labels(name, TokenmgrError.code).inc()
            log.exception("a bug, in %s", name)

    def _heartbeat(self, now: datetime) -> None:
        if node := self._service.node:
            self._service.administration.node_seen(dataclasses.replace(node, seen_at=now))

    def _expire(self, now: datetime) -> None:
        if taken := self._service.registry.expire_unconfirmed(now):
            log.info("unconfirmed certificates taken back", extra={"count": taken})

    def _tidy(self, now: datetime) -> None:
        self._service.registry.tidy(now)
        self._service.administration.tidy_answers(now)
        self._service.administration.tidy_nodes(now)


def round_of(service: Service) -> None:
    """One, with everything."""
    Jobs(service).round(with_everything=True)


def _is_due(done_at: datetime | None, often: float, now: datetime) -> bool:
    """What was done by a clock that is ahead of this one counts for nothing: else it would keep everybody from it."""
    return done_at is None or not done_at <= now < done_at + timedelta(seconds=often)


def renew_crl(service: Service, now: datetime) -> None:
    """Of each authority; one whose key does not sign keeps no other from its list."""
    failed: list[TokenmgrError] = []
    for authority in service.keys.authorities:
        try:
            list_making.renew(service, authority, now)
        except TokenmgrError as error:
            failed.append(error)
    if failed:
        raise failed[0]
