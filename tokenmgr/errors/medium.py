"""M, P, K, C, D: the medium, its PIN, and the keys and certificates on it."""

from __future__ import annotations

from tokenmgr.errors.root import TokenmgrError


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


class MediumUnseen(MediumError):
    """It is on the USB bus, and its library has no slot for it."""

    code = "M119"
    retriable = True
    device: str
    library: str


class ReaderEmpty(MediumError):
    """It is on the USB bus and its library has a slot for it; no token answers in that slot."""

    code = "M120"
    retriable = True
    device: str
    reader: str


class ReaderHeld(MediumError):
    """As before, and another program has hold of the reader."""

    code = "M121"
    retriable = True
    device: str
    programs: tuple[str, ...]


class ReaderServiceStopped(MediumError):
    """It is on the USB bus and is spoken to through the system's card reader service, which does not run."""

    code = "M125"
    retriable = True
    device: str


class TokenUnclaimed(MediumError):
    """It is on the USB bus; its library shows a token, and no rule of its family's file fits that token."""

    code = "M126"
    device: str
    family: str
    tokens: tuple[str, ...]


class NoPlace(MediumError):
    """Every place that this medium has for a key is taken."""

    code = "M122"
    places: tuple[str, ...] = ()


class CertificateInWay(MediumError):
    """This medium keeps one certificate for a key, and another is there: writing would destroy it."""

    code = "M123"
    subject: str = ""


class OfficerNeeded(MediumError):
    """This medium lets only its officer make keys and write certificates. `officer` is "pin" or "key"."""

    code = "M124"
    officer: str = "pin"


# --- P: the PIN of the medium ------------------------------------------------------------------------------------


class PinError(MediumError):
    """`who` is "user" or "so" (the security officer, whose PIN unblocks)."""

    who: str = "user"


class PinWrong(PinError):
    """`state` is the PinState that the medium shows after this try, as its name."""

    code = "P101"
    state: str = ""


class PinLocked(PinError):
    """`unblock` says who can undo it: the officer, a tool elsewhere, or nobody."""

    code = "P102"
    unblock: str = "officer"


class PinNotSet(PinError):
    code = "P103"


class PinToBeChanged(PinError):
    code = "P104"


class PinFinalTry(PinError):
    """One try is left, and nobody said yes to spending it (S5). `way`: what helps a script, or whoever has said no."""

    code = "P105"
    way: str = "say-final-try"


class PinUnacceptable(PinError):
    """Refused before or by the token for its form, so that no try was spent. `rule` is length, characters or token."""

    code = "P106"
    rule: str = "token"
    shortest: int = 0
    longest: int = 0
    lengths: tuple[str, ...] = ()


class PinMissing(PinError):
    """No PIN was given and nobody is there to ask. `option` is the one that names a descriptor for it."""

    code = "P107"
    option: str = "--pin-fd"


class PinWantedAgain(PinError):
    """This key wants the PIN for each signature, and nobody is there to give it."""

    code = "P108"


class PinNotUnblockable(PinError):
    """This medium's PIN cannot be set anew with PKCS#11: `unblock` is elsewhere or nobody."""

    code = "P109"
    unblock: str


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
    """No ID that this medium takes; `places` are the only ones where it has fixed places."""

    code = "K105"
    places: tuple[str, ...] = ()


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


class ImportUnfit(CertificateError):
    """Not to be written beside its key: every reason at once."""

    code = "C104"
    subject: str
    findings: tuple[str, ...]


class PrivateKeyInside(CertificateError):
    """PKCS#12 and the like: a key that was outside of a medium is none that this is for."""

    code = "C105"
    file: str = ""


class BundleUnfit(CertificateError):
    """No certificate is found in the file, or it is damaged. `reason` names a text."""

    code = "C106"
    file: str = ""
    reason: str = ""


class AuthorityAlone(CertificateError):
    """Certificates of CAs, and none of a holder."""

    code = "C107"
    subject: str = ""


class KeyAtWork(CertificateError):
    """The key is one of an operation of our own, which goes before."""

    code = "C108"
    key_id: str = ""


# --- D: deletion -------------------------------------------------------------------------------------------------


class DeletionRefused(MediumError):
    code = "D101"
    reason: str = ""
