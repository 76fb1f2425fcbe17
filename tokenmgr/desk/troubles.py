"""What a customer does about an error (R14): its words, and the one button that the next step is. No Qt."""

from __future__ import annotations

from enum import Enum

from tokenmgr import errors
from tokenmgr.desk.actions import Action
from tokenmgr.desk.words import named
from tokenmgr.domain.policy import Way
from tokenmgr.errors import TokenmgrError
from tokenmgr.wiring.places import is_on_pc
from tokenmgr.wiring.words import t, texts


class Again(Enum):
    """The same job, as before: what was begun is found, and goes on. The two differ in the word on the button."""

    GO_ON = "again"
    ANEW = "anew"


Remedy = Again | Action | None  # None: nothing here helps, or home has what does

# The next steps of tokenmgr/messages (next_desk) name the button that stands here (tests hold this). What is not here
# goes on where it is retriable.
REMEDIES: dict[type[TokenmgrError], Remedy] = {
    TokenmgrError: Action.DIAGNOSE,  # nobody knows this one
    errors.JournalDamaged: Again.GO_ON,  # the store and the CA are asked instead of it
    errors.ProxyRefused: Again.GO_ON,
    errors.UndoneHere: None,  # what went on is over: it begins at home
    errors.RehearsalUntold: None,
    errors.UnfinishedFirst: Action.RESUME,
    errors.AnotherIsPending: Action.RESUME,
    errors.ClaimNotAccepted: Action.ACQUIRE,  # login PINs are typed anew, and never sent twice (S5)
    errors.TicketSpent: Action.ACQUIRE,
    errors.PinNotSet: Action.UNBLOCK,
    errors.PinLocked: Action.UNBLOCK,
    errors.PinToBeChanged: Action.PIN,
    **dict.fromkeys(
        (
            errors.CertificateForNoKey,
            errors.FamilyUnknown,
            errors.KeyIdTaken,
            errors.KeyIdWrong,
            errors.KeyMissing,
            errors.NotACertificate,
            errors.RequestRejected,
            errors.TokenUnclaimed,
        ),
        Action.DIAGNOSE,
    ),
    **dict.fromkeys(
        (
            errors.AnswerUnknown,
            errors.FileNotWritten,
            errors.HookRefused,
            errors.HookUntrusted,
            errors.LibraryForeign,
            errors.LibraryMissing,
            errors.LibraryNotInstalled,
            errors.LibraryUnusable,
            errors.MediumAmbiguous,
            errors.MediumNotNamed,
            errors.MediumUnknown,
            errors.NotPermitted,
            errors.PassphraseUnfit,
            errors.PassphraseWrong,
            errors.PcStoreDamaged,
            errors.PcStoreMissing,
            errors.PcStoreSoftware,
            errors.PinFinalTry,
            errors.PinUnacceptable,
            errors.PinWrong,
            errors.ProfileMissing,
            errors.ProfileTwice,
            errors.ProfileWrong,
            errors.RehearsalTakenBack,
            errors.SignatureWrong,
        ),
        Again.ANEW,
    ),
}
BY_WAY = {Way.RENEW: Action.RENEW, Way.RESUME: Action.RESUME, Way.ACQUIRE: Action.ACQUIRE}

# By code or letter: what a window never meets, and why. Were it to meet one, it would say that it is unexpected.
NEVER = {
    "A": "the CA's own, told to its operator",
    "E": "told by a bank's pages",
    "N": "of mails, told to the bank's staff",
    "T": "the testbed's",
    **dict.fromkeys((f"D11{number}" for number in range(6)), "the desk is installed by a command"),
    "H110": "told to a program that has not redeemed the hand-over",
    "H130": "the extension's sites are named to a command",
    "H131": "the extension's sites are named to a command",
    "C104": "a certificate of another CA is brought by a command",
    "C105": "a certificate of another CA is brought by a command",
    "C106": "a certificate of another CA is brought by a command",
    "C107": "a certificate of another CA is brought by a command",
    "C108": "a certificate of another CA is brought by a command",
    "J150": "what a bank's site asks for at a login is looked at by a command",
    "J151": "what a bank's site asks for at a login is looked at by a command",
    "J152": "browsers' policies are written by a command",
    "J153": "browsers' policies are written by a command",
    "M118": "media are erased by a command",
    "P107": "of a command that nobody sits at",
    "R114": "told to the bank's staff",
    "R116": "told to the CA's operator",
    "R117": "told to the bank's staff",
    "R118": "told to the CA's operator",
    "R119": "told to the bank's staff",
    "R120": "told to the CA's operator",
    "R121": "told to the CA's operator",
    "R125": "told to the bank's staff",
    "R126": "told to the bank's staff",
    "R127": "told to the bank's staff",
    "R131": "told to other people's clients of EST",
    "R132": "told to other people's clients of EST",
    "R133": "told to other people's clients of EST",
    "R134": "told to other people's clients of EST",
    "S113": "a certificate is taken out of a file by a command",
    "U102": "media are named when they are erased, by a command",
    "U104": "media are erased by a command",
    "U105": "at the prompt of a command",
    "U106": "Ctrl-C, at a command",
    "U112": "at the prompt of a command",
    "U113": "a request for another CA is made by a command",
    "U114": "a file that is named to a command",
    "U115": "a certificate of another CA is brought by a command",
    "U116": "options of a command",
    "U118": "there is no window then",
    "U119": "a command that is not installed",
}
FROM_THE_CA = {"A105", "A106"}  # that it did not sign: the one thing of its own that it tells a customer


def is_met(code: str) -> bool:
    return code in FROM_THE_CA or not {code, code[:1]} & NEVER.keys()


def said(error: TokenmgrError) -> dict[str, str]:
    """what, kept, next: without a command, which no window has."""
    return texts().error(error if is_met(error.code) else TokenmgrError(), at_desk=True)


def details(error: TokenmgrError) -> str:
    """For whoever is asked for help: names of files, calls and answers, where the page spares a person them."""
    code, whole = t("words.error", code=error.code), texts().error(error)["what"]
    return f"{code}  {whole}" if whole != said(error)["what"] else code


def remedy(error: TokenmgrError) -> Remedy:
    """What the button of its page does."""
    if isinstance(error, errors.NotPermittedNow):
        return next((action for way, action in BY_WAY.items() if way.value == error.way), None)
    if not is_met(error.code):
        return Action.DIAGNOSE
    found = REMEDIES.get(type(error), Again.GO_ON if error.retriable else None)
    return found if _is_possible(error, found) else None


def _is_possible(error: TokenmgrError, remedy: Remedy) -> bool:
    """A lock that the bank alone undoes, a login that is locked, and a store whose PIN another program sets."""
    if isinstance(error, errors.ClaimNotAccepted):
        return error.tries_left > 0
    if remedy in (Action.UNBLOCK, Action.PIN) and isinstance(error, errors.PinError):
        return not is_on_pc(error.serial) and getattr(error, "unblock", "officer") == "officer"
    return True


def label(remedy: Again | Action) -> str:
    return named(remedy) if isinstance(remedy, Action) else t(f"desk.{remedy.value}")
