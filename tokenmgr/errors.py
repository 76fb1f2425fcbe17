"""Everything that can go wrong, drawn. A class is a stable code, facts, and whether trying again can help.

    TokenmgrError
    ├── InputError            U  what was asked for is impossible; nothing was touched
    │   ├── SettingsWrong     U101   ├── LabelWrong         U102   ├── MediumNotNamed    U103
    │   ├── MediumNotRetyped  U104   └── Cancelled          U105
    ├── LibraryError          L  the token's PKCS#11 library
    │   ├── LibraryMissing    L101   ├── LibraryUnusable    L102
    │   ├── LibraryHung       L103 r └── LibraryCrashed     L104 r
    ├── MediumError           M  the medium itself
    │   ├── MediumNotFound    M101 r ├── MediumChanged      M102 r ├── ConnectionLost    M103 r
    │   ├── MediumGone        M104 r ├── MediumTroubled     M105 r ├── MediumBusy        M106 r
    │   ├── MediumFull        M107   ├── MediumReadOnly     M108   ├── MediumUnknown     M109
    │   ├── NotSupported      M110   ├── NotPermitted       M111   ├── ObjectMissing     M112 r
    │   ├── RequestRejected   M113   ├── AnswerUnknown      M114   ├── MediumBlank       M115
    │   ├── MediumAmbiguous   M116   └── NoMedium          M117 r
    ├── PinError              P  the PIN of the medium (never the login PIN, R11)
    │   ├── PinWrong          P101   ├── PinLocked          P102   ├── PinNotSet         P103
    │   ├── PinToBeChanged    P104   ├── PinFinalTry        P105   ├── PinUnacceptable   P106
    │   └── PinMissing        P107
    ├── KeyPairError          K  a key pair
    │   ├── KeyRefused        K101   ├── KeyIdTaken         K102   ├── KeyMissing        K103
    │   ├── SignatureWrong    K104   └── KeyIdWrong         K105
    ├── CertificateError      C  a certificate
    │   ├── NotACertificate   C101   ├── CertificateForNoKey C102  └── WrittenDifferently C103 r
    └── DeletionRefused       D101

    r = retriable: the same request may succeed once its `next` (tokenmgr/messages) is done. The others are final.

Words for people are in tokenmgr/messages, one entry a code; a program reads `code` and `facts`.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar


@dataclass(eq=False, kw_only=True)
class TokenmgrError(Exception):
    """The root. Facts are the fields of the class; none of them is ever a PIN."""

    code: ClassVar[str] = "X000"
    retriable: ClassVar[bool] = False

    @property
    def facts(self) -> dict[str, object]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def __str__(self) -> str:
        return " ".join([self.code, type(self).__name__, *(f"{k}={v!r}" for k, v in self.facts.items() if v != "")])


# --- U: what was asked for ---------------------------------------------------------------------------------------


@dataclass(eq=False, kw_only=True)
class InputError(TokenmgrError):
    """What was asked for is impossible as asked."""


@dataclass(eq=False, kw_only=True)
class SettingsWrong(InputError):
    code = "U101"
    file: str
    reason: str


@dataclass(eq=False, kw_only=True)
class LabelWrong(InputError):
    code = "U102"
    reason: str


@dataclass(eq=False, kw_only=True)
class MediumNotNamed(InputError):
    """Several media are plugged in and the request would change one of them."""

    code = "U103"
    serials: tuple[str, ...]


@dataclass(eq=False, kw_only=True)
class MediumNotRetyped(InputError):
    code = "U104"
    expected: str


@dataclass(eq=False, kw_only=True)
class Cancelled(InputError):
    code = "U105"


# --- L: the library ----------------------------------------------------------------------------------------------


@dataclass(eq=False, kw_only=True)
class LibraryError(TokenmgrError):
    library: str


@dataclass(eq=False, kw_only=True)
class LibraryMissing(LibraryError):
    code = "L101"


@dataclass(eq=False, kw_only=True)
class LibraryUnusable(LibraryError):
    """The file is there and is not a PKCS#11 library that loads here."""

    code = "L102"
    reason: str


@dataclass(eq=False, kw_only=True)
class LibraryHung(LibraryError):
    """No answer within the time limit. Its process was ended; what the call had done by then is unknown."""

    code = "L103"
    retriable = True
    call: str
    seconds: float


@dataclass(eq=False, kw_only=True)
class LibraryCrashed(LibraryError):
    """The library took its process down with it. What the call had done by then is unknown."""

    code = "L104"
    retriable = True
    call: str
    status: int


# --- M: the medium -----------------------------------------------------------------------------------------------


@dataclass(eq=False, kw_only=True)
class MediumError(TokenmgrError):
    """`call` and `answer` are the PKCS#11 function and its CKR_* where the error began as one."""

    call: str = ""
    answer: str = ""
    serial: str = ""


@dataclass(eq=False, kw_only=True)
class MediumNotFound(MediumError):
    code = "M101"
    retriable = True
    seen: tuple[str, ...] = ()


@dataclass(eq=False, kw_only=True)
class NoMedium(MediumError):
    """No medium at all, and none was named."""

    code = "M117"
    retriable = True


@dataclass(eq=False, kw_only=True)
class MediumChanged(MediumError):
    """Another medium answers where the one we began with was (S4)."""

    code = "M102"
    retriable = True
    seen: str = ""


@dataclass(eq=False, kw_only=True)
class ConnectionLost(MediumError):
    """The session is dead (unplugged, or the library was restarted); a new one may be opened."""

    code = "M103"
    retriable = True


@dataclass(eq=False, kw_only=True)
class MediumGone(MediumError):
    code = "M104"
    retriable = True


@dataclass(eq=False, kw_only=True)
class MediumTroubled(MediumError):
    """A general failure. Real modules say this, not DEVICE_REMOVED, when a medium is pulled in the middle."""

    code = "M105"
    retriable = True


@dataclass(eq=False, kw_only=True)
class MediumBusy(MediumError):
    code = "M106"
    retriable = True


@dataclass(eq=False, kw_only=True)
class MediumFull(MediumError):
    code = "M107"


@dataclass(eq=False, kw_only=True)
class MediumReadOnly(MediumError):
    code = "M108"


@dataclass(eq=False, kw_only=True)
class MediumUnknown(MediumError):
    """The library does not recognise what is in the slot."""

    code = "M109"


@dataclass(eq=False, kw_only=True)
class NotSupported(MediumError):
    code = "M110"
    wanted: str = ""


@dataclass(eq=False, kw_only=True)
class NotPermitted(MediumError):
    code = "M111"


@dataclass(eq=False, kw_only=True)
class ObjectMissing(MediumError):
    code = "M112"
    retriable = True


@dataclass(eq=False, kw_only=True)
class RequestRejected(MediumError):
    """The token did not take our request or its data: a fault of this program or a habit of this family."""

    code = "M113"


@dataclass(eq=False, kw_only=True)
class AnswerUnknown(MediumError):
    """An answer outside the standard (vendor defined), kept as its number."""

    code = "M114"


@dataclass(eq=False, kw_only=True)
class MediumBlank(MediumError):
    """There is a medium, and it has not been initialised."""

    code = "M115"


@dataclass(eq=False, kw_only=True)
class MediumAmbiguous(MediumError):
    """Two tokens carry this serial number; which one is meant cannot be told."""

    code = "M116"
    places: tuple[str, ...] = ()


# --- P: the PIN of the medium ------------------------------------------------------------------------------------


@dataclass(eq=False, kw_only=True)
class PinError(MediumError):
    """`who` is "user" or "so" (the security officer, whose PIN unblocks)."""

    who: str = "user"


@dataclass(eq=False, kw_only=True)
class PinWrong(PinError):
    """`state` is the PinState that the medium shows after this try, as its name."""

    code = "P101"
    state: str = ""


@dataclass(eq=False, kw_only=True)
class PinLocked(PinError):
    code = "P102"


@dataclass(eq=False, kw_only=True)
class PinNotSet(PinError):
    code = "P103"


@dataclass(eq=False, kw_only=True)
class PinToBeChanged(PinError):
    code = "P104"


@dataclass(eq=False, kw_only=True)
class PinFinalTry(PinError):
    """One try is left, and nobody said yes to spending it (S5)."""

    code = "P105"


@dataclass(eq=False, kw_only=True)
class PinUnacceptable(PinError):
    """Refused before or by the token for its form, so that no try was spent. `rule` is length, characters or token."""

    code = "P106"
    rule: str = "token"
    shortest: int = 0
    longest: int = 0


@dataclass(eq=False, kw_only=True)
class PinMissing(PinError):
    """No PIN was given and nobody is there to ask."""

    code = "P107"


# --- K: keys -----------------------------------------------------------------------------------------------------


@dataclass(eq=False, kw_only=True)
class KeyPairError(MediumError):
    key_id: str = ""


@dataclass(eq=False, kw_only=True)
class KeyRefused(KeyPairError):
    """The key is not what S1 promises; `findings` names every point at once."""

    code = "K101"
    findings: tuple[str, ...] = ()


@dataclass(eq=False, kw_only=True)
class KeyIdTaken(KeyPairError):
    code = "K102"


@dataclass(eq=False, kw_only=True)
class KeyMissing(KeyPairError):
    code = "K103"


@dataclass(eq=False, kw_only=True)
class SignatureWrong(KeyPairError):
    """The key made a signature that its own public key or certificate does not verify."""

    code = "K104"


@dataclass(eq=False, kw_only=True)
class KeyIdWrong(KeyPairError):
    code = "K105"


# --- C: certificates ---------------------------------------------------------------------------------------------


@dataclass(eq=False, kw_only=True)
class CertificateError(MediumError):
    pass


@dataclass(eq=False, kw_only=True)
class NotACertificate(CertificateError):
    code = "C101"
    reason: str = ""


@dataclass(eq=False, kw_only=True)
class CertificateForNoKey(CertificateError):
    """No key on this medium, or not the key of that CKA_ID, belongs to the certificate."""

    code = "C102"
    subject: str = ""


@dataclass(eq=False, kw_only=True)
class WrittenDifferently(CertificateError):
    """What was read back is not what was written."""

    code = "C103"
    retriable = True
    subject: str = ""


# --- D: deletion -------------------------------------------------------------------------------------------------


@dataclass(eq=False, kw_only=True)
class DeletionRefused(MediumError):
    code = "D101"
    reason: str = ""
