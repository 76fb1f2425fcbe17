"""One renewal, one pass: nine steps, and the one rule that says which of them is next (ARCHITECTURE.md, R13).

    1 CHECKED        the medium is pinned, nothing has been touched
    2 KEY_GENERATED  a new key pair, under an ID that was written down before
    3 REQUESTED      the request is saved whole, before it is sent
    4 ISSUED         the CA has answered with a certificate, which is saved
    5 ACCEPTED       it is the one that was asked for
    6 WRITTEN        it is beside its key
    7 VERIFIED       a fresh look finds both, and the key signs what the certificate verifies
    8 CONFIRMED      the CA has made it the active one
    9 RETIRED        what it replaces is gone, where and when the bank says so

Names are past participles: true once written. An acquisition is the same pass with nothing to retire.

After whatever cut it short, evidence is gathered anew from journal, store and CA, and `next_step` names one step. It
never trusts the journal alone for what the store or the CA can show: a step that the journal calls done, and whose work
is not there, is done again; one whose work is there is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Step(Enum):
    CHECKED = 1
    KEY_GENERATED = 2
    REQUESTED = 3
    ISSUED = 4
    ACCEPTED = 5
    WRITTEN = 6
    VERIFIED = 7
    CONFIRMED = 8
    RETIRED = 9


class Ending(Enum):
    """Where an operation comes to when no step is left."""

    DONE = "done"
    UNDONE = "undone"  # what it had begun is taken away again; what there was before works as before


class AtAuthority(Enum):
    """What the CA has of this operation's key, as far as anybody has heard."""

    NOTHING = "nothing"  # never asked, or asked and not recorded
    WAITING = "waiting"  # recorded, and to be asked for again
    PENDING = "pending"  # issued, not confirmed
    CONFIRMED = "confirmed"
    REFUSED = "refused"  # it will have no certificate for this key: out of time, revoked, against policy


@dataclass(frozen=True)
class Evidence:
    """What is so now, whoever says it. `has_…` is seen on the store; `kept_…` stands in the journal."""

    is_checked: bool  # in this run: what was checked yesterday says nothing of today's medium
    has_key: bool
    kept_request: bool
    kept_certificate: bool
    is_accepted: bool  # the kept certificate was held against key, holder, chain and validity
    has_certificate: bool  # byte for byte the kept one, beside the key
    is_verified: bool  # by a fresh look since it was written
    authority: AtAuthority
    is_retired: bool  # nothing is left to retire, or nothing ever was


def next_step(seen: Evidence) -> Step | Ending:
    """S2: forward wherever the new key can still become the active one; back only where the CA has said that it cannot,
    or where the key is lost, and then nothing but what this operation has made is taken away."""
    if seen.authority is AtAuthority.CONFIRMED and seen.has_key:
        return _after_confirmation(seen)
    if seen.authority is AtAuthority.REFUSED:
        return Ending.UNDONE
    if not seen.is_checked:
        return Step.CHECKED
    if not seen.has_key:
        # A certificate for a key that is nowhere is of no use to anybody: the CA is told, and it is begun anew.
        return Ending.UNDONE if _is_known_to_authority(seen) else Step.KEY_GENERATED
    if not seen.kept_request and not seen.kept_certificate:
        return Step.REQUESTED
    if not seen.kept_certificate:
        return Step.ISSUED
    return _before_confirmation(seen)


def _is_known_to_authority(seen: Evidence) -> bool:
    return seen.kept_certificate or seen.authority in (AtAuthority.WAITING, AtAuthority.PENDING, AtAuthority.CONFIRMED)


def _before_confirmation(seen: Evidence) -> Step:
    if not seen.is_accepted:
        return Step.ACCEPTED
    if not seen.has_certificate:
        return Step.WRITTEN
    return Step.CONFIRMED if seen.is_verified else Step.VERIFIED


def _after_confirmation(seen: Evidence) -> Step | Ending:
    """What is confirmed may still have been lost from the store since: it is the CA's to give again, not to undo."""
    if not seen.is_checked:
        return Step.CHECKED
    if not seen.kept_certificate:
        return Step.ISSUED if seen.kept_request else Step.REQUESTED
    if not seen.is_accepted:
        return Step.ACCEPTED
    if not seen.has_certificate:
        return Step.WRITTEN
    if not seen.is_verified:
        return Step.VERIFIED
    return Ending.DONE if seen.is_retired else Step.RETIRED
