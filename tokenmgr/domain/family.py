"""A family of tokens as its file in drivers/ describes it: how it is recognised, and its habits.

The defaults are those of a token that behaves as the standard says, so a file names only what is otherwise. One class
is one table of the file, one field one key; docs/drivers.md explains each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tokenmgr.domain.device import UsbDevice


@dataclass(frozen=True)
class Usb:
    """How it shows itself on the bus, and in the names that the card reader service gives its reader."""

    ids: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Libraries:
    """Its PKCS#11 libraries, the best first."""

    linux: tuple[str, ...] = ()
    macos: tuple[str, ...] = ()
    windows: tuple[str, ...] = ()
    get: str = ""  # where it is to be had
    automatic: bool = True  # looked into wherever it is installed; else only when settings name it
    slots_are_readers: bool = False  # a slot's description is the PC/SC name of the reader that the card is in


@dataclass(frozen=True)
class Token:
    """How the library tells it: patterns, of which one of each list given must fit."""

    manufacturers: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    ignored_labels: tuple[str, ...] = ()  # a second token of the same card, or one that is no medium
    spare_slot: bool = False  # always shows one more, uninitialised token
    format: str = "always"  # whether C_InitToken may be asked: always, of a blank one, or never
    on_pc: bool = False  # it is a part of the PC, and no medium: meant only where it is named (S3)
    numbered: bool = True  # False: all tell the same serial number, and only the label tells two apart


@dataclass(frozen=True)
class Keys:
    by: str = "user"  # who generates keys and writes certificates: the user, the officer (PKCS#11: SO), or nobody
    places: tuple[str, ...] = ()  # the only CKA_IDs that there are, as hex; none: any ID is free to be chosen
    avoid: tuple[str, ...] = ()  # mechanisms that are listed and do not work
    untruthful: tuple[str, ...] = ()  # trust attributes reported False for good keys: proof of nothing (S1)
    omit: tuple[str, ...] = ()  # attributes that it refuses to be told of a new key; what came of it is judged (S1)
    exportable: bool = False  # a tool of its own takes them out, whatever their attributes say


@dataclass(frozen=True)
class Certificates:
    one_per_id: bool = False  # a second one of the same ID is refused, or takes the place of the first
    placeholder: bool = False  # a new key brings a certificate that nobody issued
    chain: bool = True  # takes the CA's certificates too, which belong to no key


@dataclass(frozen=True)
class Labels:
    kept: bool = True  # objects are called what they were told to be
    shared: bool = False  # renaming one renames the others of its ID


@dataclass(frozen=True)
class Pin:
    characters: str = "any"
    shortest: int = 0  # where the token tells its limits wrongly; 0: as it tells
    longest: int = 0
    never_shown: tuple[str, ...] = ()  # states that its flags never tell
    unblock: str = "officer"  # who gives a locked medium a PIN: officer: here; elsewhere; lockout: a TPM's; or nobody
    change_logged_in: bool = False  # a change wants a login before it, or only a login tells that the old PIN is wrong
    first: str = ""  # a formatted medium's, known to all, where the officer cannot set one: it is changed at once
    officer: str = "pin"  # what the officer logs in with: a PIN, or a key of hex digits
    officer_lengths: tuple[int, ...] = ()  # the only lengths that this has; another may be taken for the user's PIN


@dataclass(frozen=True)
class Space:
    full: tuple[str, ...] = ()  # answers by which it says that it is full, beside CKR_DEVICE_MEMORY
    total: int = 0  # bytes, where it does not tell itself
    untruthful: bool = False  # what it tells of its memory is not so


@dataclass(frozen=True)
class Time:
    """Seconds that it is known to need: a setting that is shorter gives way."""

    load: float = 0
    call: float = 0
    generate: float = 0
    format: float = 0


@dataclass(frozen=True)
class Family:
    name: str = "unknown"  # the file's name
    title: str = "PKCS#11"
    maker: str = ""
    base: str = ""  # the family that says what this file does not
    general: bool = False  # its library serves cards of many makers, and gives way to a card's own
    picture: str = ""
    usb: Usb = field(default_factory=Usb)
    libraries: Libraries = field(default_factory=Libraries)
    token: Token = field(default_factory=Token)
    keys: Keys = field(default_factory=Keys)
    certificates: Certificates = field(default_factory=Certificates)
    labels: Labels = field(default_factory=Labels)
    pin: Pin = field(default_factory=Pin)
    space: Space = field(default_factory=Space)
    time: Time = field(default_factory=Time)

    @property
    def by_officer(self) -> bool:
        return self.keys.by == "officer"

    def has_device(self, device: UsbDevice) -> bool:
        return device.usb_id in self.usb.ids

    def has_token(self, manufacturer: str, model: str, label: str) -> bool:
        """Whether a token that tells this is one of the family. A family without rules claims none."""
        rules = ((self.token.manufacturers, manufacturer), (self.token.models, model), (self.token.labels, label))
        given = [(patterns, text) for patterns, text in rules if patterns]
        return bool(given) and all(fits(patterns, text) for patterns, text in given)

    def has_reader(self, reader: str) -> bool:
        return fits(self.usb.readers, reader)


UNKNOWN = Family()


def fits(patterns: Iterable[str], text: str) -> bool:
    """`*` and `?` stand for anything, as in file names; capital and small letters are the same."""
    return any(fnmatchcase(text.casefold(), pattern.casefold().replace("[", "[[]")) for pattern in patterns)
