"""J: the journal of a renewal, and what the engine says of one."""

from __future__ import annotations

from tokenmgr.errors.root import TokenmgrError


class RenewalError(TokenmgrError):
    """The root of what stands in the way of an operation. What there was before still works."""


class JournalDamaged(RenewalError):
    """A line is not as it was written: it is believed in nothing, and the store and the CA are asked instead."""

    code = "J101"
    file: str
    line: int
    reason: str


class JournalNewer(RenewalError):
    """Written by a later version of this program."""

    code = "J102"
    file: str
    version: str


class JournalUnwritable(RenewalError):
    """What is to be done could not be written down first, so it is not done."""

    code = "J103"
    retriable = True
    file: str
    reason: str


class JournalInUse(RenewalError):
    """Another window, or another program, is at this operation."""

    code = "J104"
    retriable = True
    file: str
