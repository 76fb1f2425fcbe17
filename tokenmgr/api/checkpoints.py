"""The audit trail is vouched for as it goes on: a checkpoint a minute, where something has been done."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from tokenmgr.api.service import Service
from tokenmgr.ca.checkpoints import CheckpointFile, seal
from tokenmgr.domain.audit import Checkpoint
from tokenmgr.domain.audit_check import Finding, What
from tokenmgr.errors import FileNotWritten, TrailBroken
from tokenmgr.ra.ports import Stale
from tokenmgr.sql.audit import Trail

log = logging.getLogger(__name__)

EVERY = timedelta(minutes=1)


def make_checkpoint(service: Service, now: datetime, every: timedelta = EVERY) -> None:
    """In the table, then in the file: which is also given what other nodes have signed, and what a power cut has kept
    from it. Over a trail that is not the one which was signed before, none is made: it would hide that."""
    file, trail = service.checkpoint_file, service.administration.trail
    if file is None:
        return
    try:
        with file.alone():
            _make(service, file, trail, now, every)
    except OSError as error:
        raise FileNotWritten(file=str(file.path), reason=error.strerror or "") from error


def make_last(service: Service) -> None:
    """At the orderly end, which is kept up by nothing."""
    try:
        make_checkpoint(service, service.clock(), every=timedelta(0))
    except Exception:
        log.exception("no last checkpoint")


def _make(service: Service, file: CheckpointFile, trail: Trail, now: datetime, every: timedelta) -> None:
    filed = _filed(file, trail)
    last = trail.last_checkpoint()
    if last and trail.hash_of(last.number) != last.hash:
        raise TrailBroken(findings=(str(Finding(What.REWRITTEN, last.number, last.number)),), count=1)
    number, digest = trail.head()
    has_moved = number > (last.number if last else 0)
    signer = service.keys.cmp.facts
    if not signer.not_before <= now <= signer.not_after:
        log.error("the clock is outside the CMP certificate's time: nothing is signed for")
        return
    if has_moved and not (last and last.at <= now < last.at + every):  # of a clock that was ahead: it is time too
        is_known = bool(trail.chain_of(service.keys.cmp.facts.serial))
        with contextlib.suppress(Stale):  # another node's is as good
            trail.keep(seal(service.keys, number, digest, now, with_chain=not is_known))
    file.add(_with_chains(trail, filed))


def file_anew(file: CheckpointFile, trail: Trail) -> None:
    """All that is in the table: of a registry that was brought back, whose file was another's."""
    file.add(_with_chains(trail, None))


def _filed(file: CheckpointFile, trail: Trail) -> Checkpoint | None:
    try:
        filed = file.last()
    except ValueError as error:
        raise TrailBroken(findings=(What.UNREADABLE.value,), count=1) from error
    if filed and trail.hash_of(filed.number) != filed.hash:
        raise TrailBroken(findings=(str(Finding(What.REWRITTEN, filed.number, filed.number)),), count=1)
    return filed


def _with_chains(trail: Trail, filed: Checkpoint | None) -> Iterator[Checkpoint]:
    """The certificates go with the first of each signer, so that the file proves itself."""
    serial = filed.serial if filed else 0
    for one in trail.checkpoints(since=filed.number if filed else 0):
        yield dataclasses.replace(one, chain=b"" if one.serial == serial else trail.chain_of(one.serial))
        serial = one.serial
