"""A130 and on: what a CA's operator is told by the day's work: copies of the CA, and its end."""

from __future__ import annotations

from tokenmgr.errors.asked import InputError
from tokenmgr.errors.authority import AuthorityError
from tokenmgr.errors.registration import RegistrationError


class BackupExists(AuthorityError, InputError):
    """A backup never goes over a file that is there."""

    code = "A130"
    file: str


class BackupUnfit(AuthorityError):
    """Not a backup, or not whole, or not as it was written. `reason` names a text; `subject` fills it in."""

    code = "A131"
    file: str
    reason: str
    subject: str = ""


class RegistryNotEmpty(AuthorityError, InputError):
    """A restore never mixes two registries."""

    code = "A132"
    database: str


class CloseNotConfirmed(AuthorityError, InputError):
    """Closing wants the CA's name, typed."""

    code = "A133"
    name: str


class BackupBusy(AuthorityError):
    """Another backup is being written to the same file."""

    code = "A134"
    retriable = True
    file: str


class NothingToServe(AuthorityError):
    """The CA has been closed: it has no keys, and what is left of it is files that any web server serves."""

    code = "A135"
    folder: str


class AuthorityOver(AuthorityError):
    """The CA has been closed: none of its keys and certificates is changed any more."""

    code = "A136"
    folder: str


class KeysLeftBehind(AuthorityError):
    """A change that was killed has left keys on the token that the CA is to move from."""

    code = "A137"
    serial: str


class AuthorityClosed(RegistrationError):
    """The CA has been closed for good: it certifies nothing any more."""

    code = "R130"
