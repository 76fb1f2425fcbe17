"""A: the CA's side. What was not signed, and what is wrong with the CA itself."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.errors.asked import InputError
from tokenmgr.errors.root import TokenmgrError


class AuthorityError(TokenmgrError):
    """The root of what a CA's operator is told."""


class AuthorityMissing(AuthorityError, InputError):
    code = "A101"
    folder: str


class AuthorityExists(AuthorityError, InputError):
    """A ceremony never goes over a CA that is there."""

    code = "A102"
    folder: str


class AuthorityDamaged(AuthorityError):
    """`reason` names a text, or is the system's own word; `subject` fills it in."""

    code = "A103"
    file: str
    reason: str
    subject: str = ""


class CeremonyBusy(AuthorityError):
    """Another key ceremony is under way in this folder."""

    code = "A104"
    retriable = True
    folder: str


class CertificateUnfit(AuthorityError):
    """Not signed: `findings` names every rule that it breaks, each with where the rule is from."""

    code = "A105"
    findings: tuple[str, ...]


class KeyUnfit(AuthorityError):
    """Not certified. `reason` names a text."""

    code = "A106"
    reason: str


class DraftSpent(AuthorityError):
    """A draft permits one signature, by the issuer that made it."""

    code = "A107"


class SignatureUnfit(AuthorityError):
    """The CA's key made a signature that its own certificate does not verify. It was handed to nobody."""

    code = "A108"
    key: str


class ListUnfit(AuthorityError):
    """A revocation list that would be wrong. `reason` names a text."""

    code = "A109"
    reason: str


class LeftoversElsewhere(AuthorityError, InputError):
    """A ceremony that was cut short has left keys on another token than the one that is named now."""

    code = "A110"
    folder: str
    library: str
    serial: str


class CeremonyAsked(AuthorityError, InputError):
    """What was asked of a ceremony is impossible. `reason` names a text; `subject` fills it in."""

    code = "A111"
    reason: str
    subject: str


class AuthorityPinWrong(AuthorityError):
    """The PIN of the token that has the CA's keys. It was tried once."""

    code = "A112"
    name: str


class RolledOverBefore(AuthorityError, InputError):
    """A CA key rollover soon after another one, without being told that it is meant."""

    code = "A113"
    number: int
    since: datetime


class KeysNotMoved(AuthorityError):
    """Keys of the CA that another token has not, or has another one in the place of."""

    code = "A114"
    serial: str
    missing: tuple[str, ...]
    wrong: tuple[str, ...]


class AuthorityMoved(AuthorityError):
    """The CA has moved to another token since it began to serve: the PIN that is held is not that one's."""

    code = "A115"
    serial: str


class AuthorityKeyLost(AuthorityError):
    """A key of the CA's is not on its token; `key` is called as its certificate's file is."""

    code = "A116"
    key: str
    serial: str


class TrailBroken(AuthorityError):
    """The audit trail, its checkpoints or a file of them are not as they were written: `findings` names places."""

    code = "A117"
    findings: tuple[str, ...]
    count: int
