"""Everything that can go wrong, drawn. A class is a stable code, facts, and whether trying again can help.

    TokenmgrError
    ├── InputError            U  what was asked for is impossible; nothing was touched
    │   ├── SettingsWrong     U101   ├── LabelWrong         U102   ├── MediumNotNamed    U103
    │   ├── MediumNotRetyped  U104   ├── Cancelled          U105   ├── Interrupted        U106
    │   └── FileNotWritten    U107
    ├── LibraryError          L  the token's PKCS#11 library
    │   ├── LibraryMissing    L101   ├── LibraryUnusable    L102
    │   ├── LibraryHung       L103 r └── LibraryCrashed     L104 r
    ├── MediumError           M  the medium itself
    │   ├── MediumNotFound    M101 r ├── MediumChanged      M102 r ├── ConnectionLost    M103 r
    │   ├── MediumGone        M104 r ├── MediumTroubled     M105 r ├── MediumBusy        M106 r
    │   ├── MediumFull        M107   ├── MediumReadOnly     M108   ├── MediumUnknown     M109
    │   ├── NotSupported      M110   ├── NotPermitted       M111   ├── ObjectMissing     M112 r
    │   ├── RequestRejected   M113   ├── AnswerUnknown      M114   ├── MediumBlank       M115
    │   ├── MediumAmbiguous   M116   ├── NoMedium          M117 r └── FormatUnfinished  M118
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

from typing import ClassVar, dataclass_transform


@dataclass_transform(kw_only_default=True)
class TokenmgrError(Exception):
    """The root. Facts are the annotated attributes of a class, given by name; none of them is ever a PIN.

    Not dataclasses, though type checkers see them so: fifty of those take 8 ms to build, at every start.
    """

    code: ClassVar[str] = "X000"
    retriable: ClassVar[bool] = False
    uncertain = False  # cut short while changing something: whether it was done is not known

    def __init__(self, **facts: object) -> None:
        super().__init__()
        names = self._names()
        missing = [name for name in names if name not in facts and not hasattr(self, name)]
        if missing or not facts.keys() <= set(names):
            raise TypeError(f"{type(self).__name__} takes {names}, not {list(facts)}")
        vars(self).update(facts)

    @classmethod
    def _names(cls) -> list[str]:
        declared = (vars(base).get("__annotations__", {}) for base in reversed(cls.__mro__))
        return [name for one in declared for name, kind in one.items() if not kind.startswith("ClassVar")]

    @property
    def facts(self) -> dict[str, object]:
        return {name: getattr(self, name) for name in self._names()}

    def __str__(self) -> str:
        return " ".join([self.code, type(self).__name__, *(f"{k}={v!r}" for k, v in self.facts.items() if v != "")])


# --- U: what was asked for ---------------------------------------------------------------------------------------


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
    """At a prompt: nothing had begun."""

    code = "U105"


class Interrupted(InputError):
    """Ctrl-C while something was under way."""

    code = "U106"
    uncertain = True


class FileNotWritten(InputError):
    code = "U107"
    file: str
    reason: str


# --- L: the library ----------------------------------------------------------------------------------------------


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


# --- M: the medium -----------------------------------------------------------------------------------------------


class MediumError(TokenmgrError):
    """`call` and `answer` are the PKCS#11 function and its CKR_* where the error began as one."""

    call: str = ""
    answer: str = ""
    serial: str = ""


class MediumNotFound(MediumError):
    code = "M101"
    retriable = True
    seen: tuple[str, ...] = ()


class NoMedium(MediumError):
    """No medium at all, and none was named."""

    code = "M117"
    retriable = True


class FormatUnfinished(MediumError):
    """Cut short while erasing, or after it: there may be nothing on the medium, and perhaps no PIN yet."""

    code = "M118"


class MediumChanged(MediumError):
    """Another medium answers where the one we began with was (S4)."""

    code = "M102"
    retriable = True
    seen: str = ""


class ConnectionLost(MediumError):
    """The session is dead (unplugged, or the library was restarted); a new one may be opened."""

    code = "M103"
    retriable = True


class MediumGone(MediumError):
    code = "M104"
    retriable = True


class MediumTroubled(MediumError):
    """A general failure. Real modules say this, not DEVICE_REMOVED, when a medium is pulled in the middle."""

    code = "M105"
    retriable = True


class MediumBusy(MediumError):
    code = "M106"
    retriable = True


class MediumFull(MediumError):
    code = "M107"


class MediumReadOnly(MediumError):
    code = "M108"


class MediumUnknown(MediumError):
    """The library does not recognise what is in the slot."""

    code = "M109"


class NotSupported(MediumError):
    code = "M110"
    wanted: str = ""


class NotPermitted(MediumError):
    code = "M111"


class ObjectMissing(MediumError):
    code = "M112"
    retriable = True


class RequestRejected(MediumError):
    """The token did not take our request or its data: a fault of this program or a habit of this family."""

    code = "M113"


class AnswerUnknown(MediumError):
    """An answer outside the standard (vendor defined), kept as its number."""

    code = "M114"


class MediumBlank(MediumError):
    """There is a medium, and it has not been initialised."""

    code = "M115"


class MediumAmbiguous(MediumError):
    """Two tokens carry this serial number; which one is meant cannot be told."""

    code = "M116"
    places: tuple[str, ...] = ()


# --- P: the PIN of the medium ------------------------------------------------------------------------------------


class PinError(MediumError):
    """`who` is "user" or "so" (the security officer, whose PIN unblocks)."""

    who: str = "user"


class PinWrong(PinError):
    """`state` is the PinState that the medium shows after this try, as its name."""

    code = "P101"
    state: str = ""


class PinLocked(PinError):
    code = "P102"


class PinNotSet(PinError):
    code = "P103"


class PinToBeChanged(PinError):
    code = "P104"


class PinFinalTry(PinError):
    """One try is left, and nobody said yes to spending it (S5)."""

    code = "P105"


class PinUnacceptable(PinError):
    """Refused before or by the token for its form, so that no try was spent. `rule` is length, characters or token."""

    code = "P106"
    rule: str = "token"
    shortest: int = 0
    longest: int = 0


class PinMissing(PinError):
    """No PIN was given and nobody is there to ask."""

    code = "P107"


# --- K: keys -----------------------------------------------------------------------------------------------------


class KeyPairError(MediumError):
    key_id: str = ""


class KeyRefused(KeyPairError):
    """The key is not what S1 promises; `findings` names every point at once."""

    code = "K101"
    findings: tuple[str, ...] = ()


class KeyIdTaken(KeyPairError):
    code = "K102"


class KeyMissing(KeyPairError):
    code = "K103"


class SignatureWrong(KeyPairError):
    """The key made a signature that its own public key or certificate does not verify."""

    code = "K104"


class KeyIdWrong(KeyPairError):
    code = "K105"


# --- C: certificates ---------------------------------------------------------------------------------------------


class CertificateError(MediumError):
    pass


class NotACertificate(CertificateError):
    code = "C101"
    reason: str = ""


class CertificateForNoKey(CertificateError):
    """No key on this medium, or not the key of that CKA_ID, belongs to the certificate."""

    code = "C102"
    subject: str = ""


class WrittenDifferently(CertificateError):
    """What was read back is not what was written."""

    code = "C103"
    retriable = True
    subject: str = ""


# --- D: deletion -------------------------------------------------------------------------------------------------


class DeletionRefused(MediumError):
    code = "D101"
    reason: str = ""
