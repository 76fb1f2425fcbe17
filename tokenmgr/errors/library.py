"""L: the token's PKCS#11 library."""

from __future__ import annotations

from tokenmgr.errors.root import TokenmgrError


class LibraryError(TokenmgrError):
    library: str


class LibraryMissing(LibraryError):
    code = "L101"


class LibraryUnusable(LibraryError):
    """The file is there and is not a PKCS#11 library that loads here."""

    code = "L102"
    reason: str


class LibraryHung(LibraryError):
    """No answer within the time limit. Its process was ended; what the call had done by then is unknown."""

    code = "L103"
    retriable = True
    call: str
    seconds: float


class LibraryCrashed(LibraryError):
    """The library took its process down with it. What the call had done by then is unknown."""

    code = "L104"
    retriable = True
    call: str
    status: int


class LibraryNotInstalled(LibraryError):
    """A medium of a known family is plugged in, and none of its libraries is on this computer."""

    code = "L105"
    device: str
    get: str = ""


class LibraryForeign(LibraryError):
    """Made for another kind of processor than the one this program runs as."""

    code = "L106"
    built_for: tuple[str, ...]
    needed: str


class LibraryNotReady(LibraryError):
    """It loads, and does not tell what is plugged in: its service does not run, or it has lost its readers."""

    code = "L107"
    retriable = True
    call: str
    answer: str
