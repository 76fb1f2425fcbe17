"""D11x: `tokenmgr desk install`. What was written is in its record, and is gone on with or taken back by that."""

from __future__ import annotations

from tokenmgr.errors.root import TokenmgrError


class InstallingError(TokenmgrError):
    pass


class InstallingBusy(InstallingError):
    """Another one is at it."""

    code = "D110"
    retriable = True
    file: str


class PlaceUnwritable(InstallingError):
    code = "D111"
    retriable = True
    place: str
    reason: str


class BrowserOpen(InstallingError):
    """It would not see what is changed in its database, and may write over it."""

    code = "D112"
    retriable = True
    place: str
    programs: tuple[str, ...]


class RecordUnfit(InstallingError):
    """The record of what was written cannot be read."""

    code = "D113"
    file: str
    reason: str


class ModuleUnfit(InstallingError):
    """No library that a browser can load: it is not there, is for another processor, or has a name NSS cannot keep."""

    code = "D114"
    library: str
    reason: str


class PlaceUnfit(InstallingError):
    """A file of somebody else's that is not what its name says, so nothing is put into it."""

    code = "D115"
    place: str
    reason: str
