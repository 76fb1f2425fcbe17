"""U: what was asked for is impossible. Nothing was touched."""

from __future__ import annotations

from tokenmgr.errors.root import TokenmgrError


class InputError(TokenmgrError):
    """What was asked for is impossible as asked."""


class SettingsWrong(InputError):
    code = "U101"
    file: str
    reason: str


class LabelWrong(InputError):
    code = "U102"
    reason: str
    longest: int = 0


class MediumNotNamed(InputError):
    """Several media are plugged in and the request would change one of them."""

    code = "U103"
    serials: tuple[str, ...]


class MediumNotRetyped(InputError):
    code = "U104"
    expected: str


class Cancelled(InputError):
    """At a prompt, or before anything was touched: nothing had begun."""

    code = "U105"


class Interrupted(InputError):
    """Ctrl-C while something was under way."""

    code = "U106"
    uncertain = True


class FileNotWritten(InputError):
    code = "U107"
    file: str
    reason: str


class FamilyUnknown(InputError):
    """No file of drivers/ has this name."""

    code = "U109"
    name: str
    known: tuple[str, ...]


class DriverWrong(InputError):
    """A file of drivers/, ours or the user's. `reason` names a text; `subject` and `allowed` fill it in."""

    code = "U108"
    file: str
    line: int
    reason: str
    subject: str = ""
    allowed: tuple[str, ...] = ()


class NotAgreed(InputError):
    """What cannot be undone wants a yes: typed, or said on the command line."""

    code = "U112"
    option: str


class RequestWrong(InputError):
    """What a certificate is to be asked for with: a name, an extension, a file of those. `reason` names a text."""

    code = "U113"
    reason: str
    subject: str = ""


class FileUnreadable(InputError):
    code = "U114"
    file: str
    reason: str


class SeveralToImport(InputError):
    """Of keys on one medium: nothing is written on a guess."""

    code = "U115"
    certificates: tuple[str, ...]


class CmpAsked(InputError):
    """Options for the CMP server of another CA that do not go together. `reason` names a text."""

    code = "U116"
    reason: str
    subject: str = ""


class SameStore(InputError):
    """The store to renew into is the one that has the certificate now."""

    code = "U117"
    serial: str


class DeskMissing(InputError):
    """Qt is not installed, for a server has no window; or a library of the system's that it needs is not."""

    code = "U118"
    reason: str


class PartMissing(InputError):
    """A command whose packages are not installed, or which the customer's program has not: the CA's side."""

    code = "U119"
    command: str
