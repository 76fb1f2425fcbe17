"""Why a subscriber is given a new certificate (再発行, R10), and what its old ones are taken back for."""

from __future__ import annotations

from enum import Enum

from tokenmgr.domain.generation import RevocationReason


class Cause(Enum):
    LOST = "lost"  # the medium, or the PC, is in somebody else's hands for all that is known
    BROKEN = "broken"  # nobody can use the key any more
    DELETED = "deleted"  # the same: the certificate or its key is gone
    EXPIRED = "expired"  # past the days in which an ID acquires by itself (R9)
    OTHER = "other"

    @property
    def reason(self) -> RevocationReason:
        """RFC 5280, 5.3.1. Only what somebody else may have is called compromised: whoever verifies an older signature
        asks for that."""
        return _REASONS.get(self, RevocationReason.SUPERSEDED)


_REASONS = {
    Cause.LOST: RevocationReason.KEY_COMPROMISE,
    Cause.BROKEN: RevocationReason.CESSATION,
    Cause.DELETED: RevocationReason.CESSATION,
}
