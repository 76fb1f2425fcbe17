"""H: what stands in the way of a hand-over from a bank's page. Shown in a window: no text of these names a command."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.errors.asked import InputError
from tokenmgr.errors.root import TokenmgrError


class HandoverError(TokenmgrError):
    """The root. Nothing was done, and what there was before still works."""


class HandoverUnreadable(HandoverError):
    """No ticket, or one that says what none says. `reason` names a text, or is for whoever makes tickets."""

    code = "H101"
    reason: str


class HandoverForged(HandoverError):
    """Signed by no key of this bank's, or altered since."""

    code = "H102"
    bank: str


class HandoverOver(HandoverError):
    code = "H103"
    until: datetime


class HandoverSpent(HandoverError):
    """Redeemed before, by another program or on another computer."""

    code = "H104"


class HandoverForeign(HandoverError):
    """R6: a site that is not the bank's gets nothing."""

    code = "H105"
    origin: str
    bank: str


class HandoverBankUnknown(HandoverError):
    """No file of this bank's is on this computer."""

    code = "H106"
    bank: str


class HandoverNotOffered(HandoverError):
    """The bank has no key to sign tickets with."""

    code = "H107"
    bank: str


class HandoverActUnknown(HandoverError):
    """What is asked for is nothing that this program does, or not what its address says."""

    code = "H108"
    act: str


class HandoverEarly(HandoverError):
    """Valid from a moment that has not come by this clock."""

    code = "H109"
    until: datetime


class HandoverAnothers(HandoverError):
    """To tell of a hand-over wants the secret of whoever has redeemed it."""

    code = "H110"


class SiteUnfit(HandoverError, InputError):
    """The extension is to run on a site that is none: https://HOST or https://HOST:PORT."""

    code = "H130"
    origin: str


class SitesMissing(HandoverError, InputError):
    """The extension is for the banks' sites, and none is known."""

    code = "H131"
