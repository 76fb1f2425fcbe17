"""S: a store on the PC. `serial` is its name."""

from __future__ import annotations

from tokenmgr.errors.medium import MediumError


class PcStoreError(MediumError):
    """The root. The engine takes it as it takes a medium's trouble: what is not there may come back."""


class PcStoreUnknown(PcStoreError):
    """No store on a PC is called so. `known` are those that are here."""

    code = "S101"
    known: tuple[str, ...] = ()


class PcStoreMissing(PcStoreError):
    """It would be there, and is not."""

    code = "S102"
    place: str


class PcStoreInUse(PcStoreError):
    """A browser has it open, and would not see what is changed."""

    code = "S103"
    retriable = True
    programs: tuple[str, ...]


class PassphraseWrong(PcStoreError):
    """Of a file, or of NSS: neither counts tries; a program still tries none twice (S5)."""

    code = "S104"


class PcStoreDamaged(PcStoreError):
    """`reason` names a text; `subject` is the entry that it is about."""

    code = "S105"
    place: str
    reason: str
    subject: str = ""


class PcStoreNewer(PcStoreError):
    """Written by a later version of this program."""

    code = "S106"
    place: str
    version: str


class PcStoreUnwritable(PcStoreError):
    code = "S107"
    retriable = True
    place: str
    reason: str


class PcStoreBusy(PcStoreError):
    """Another window, or another program, is writing to it."""

    code = "S108"
    retriable = True
    place: str


class KeyringUnavailable(PcStoreError):
    """The system keeps no secrets for us, or not this one."""

    code = "S109"
    retriable = True
    reason: str


class PcStoreExists(PcStoreError):
    code = "S110"
    place: str


class PassphraseUnfit(PcStoreError):
    code = "S111"
    shortest: int


class ExportUnclear(PcStoreError):
    """Which certificate is to be taken out: none is there, several are, or not the one that was named."""

    code = "S113"
    certificates: tuple[str, ...] = ()


class PcStoreSoftware(PcStoreError):
    """What reaches it is not installed."""

    code = "S112"
    software: str
    get: str
