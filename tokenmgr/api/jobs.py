"""What happens by itself: unconfirmed certificates are taken back (S7), the list of revoked ones is made in time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from tokenmgr.api.service import Service
from tokenmgr.ca import crl
from tokenmgr.errors import TokenmgrError
from tokenmgr.sql.crls import Crl

log = logging.getLogger(__name__)

EVERY = 20.0  # seconds between two rounds
CRL_LIFE = timedelta(days=7)
CRL_EVERY = timedelta(hours=12)


Job = Callable[[Service, datetime], None]


async def run(service: Service, threads_end: asyncio.Event, more: Sequence[Job] = ()) -> None:
    while not threads_end.is_set():
        await asyncio.get_running_loop().run_in_executor(None, round_of, service, more)
        try:
            await asyncio.wait_for(threads_end.wait(), EVERY)
        except TimeoutError:
            continue


def round_of(service: Service, more: Sequence[Job] = ()) -> None:
    """Each job by itself: one that fails is told, and hides no other."""
    now = service.clock()
    for job in (_expire, _tidy, renew_crl, *more):
        try:
            job(service, now)
            service.metrics.jobs.labels(job.__name__, "done").inc()
        except TokenmgrError as error:
            service.metrics.jobs.labels(job.__name__, error.code).inc()
            log.warning("a job failed", extra={"job": job.__name__, "error": str(error)})
        except Exception:
            service.metrics.jobs.labels(job.__name__, TokenmgrError.code).inc()
            log.exception("a bug, in %s", job.__name__)


def _expire(service: Service, now: datetime) -> None:
    if taken := service.registry.expire_unconfirmed(now):
        log.info("unconfirmed certificates taken back", extra={"count": taken})


def _tidy(service: Service, now: datetime) -> None:
    service.registry.tidy(now)


def renew_crl(service: Service, now: datetime) -> None:
    """When more has been revoked than the last one covers, when that one is half a day old (RFC 5280, 5.1.2.5), or when
    it is from a node whose clock was ahead. What expired stays on one more list (3.3)."""
    registry = service.administration
    last, covers = registry.crl(), registry.last_change()
    if last and last.covers == covers and last.issued_at <= now < last.issued_at + CRL_EVERY:
        return
    valid_at = min(last.issued_at, now) if last else now
    entries = ((one.serial, one.at, one.reason) for one in registry.revoked(valid_at))
    number, ends = registry.reserve_crl(), now + CRL_LIFE
    der = crl.build(service.keys.issuing, entries, number, now, ends)
    registry.keep_crl(Crl(1, number, now, ends, covers, number, der))
