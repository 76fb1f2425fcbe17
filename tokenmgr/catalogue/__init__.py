"""What is known of each family of tokens: the files of drivers/, and those of the user's own folder, which win."""

from __future__ import annotations

import functools
import glob
from collections.abc import Iterable
from pathlib import Path

from tokenmgr import data, system
from tokenmgr.catalogue import drivers
from tokenmgr.catalogue.drivers import Driver, Mistake
from tokenmgr.domain.device import UsbDevice
from tokenmgr.domain.family import UNKNOWN, Family
from tokenmgr.errors import DriverWrong, FamilyUnknown


class Catalogue:
    """Families in the order in which they are asked: the user's own first, general ones last."""

    def __init__(self, families: Iterable[Family], files: dict[str, Path]) -> None:
        self.files = files
        self.families = {family.name: family for family in sorted(families, key=lambda family: family.general)}

    def family(self, name: str) -> Family:
        """By its file's name. A family that is not known would change how keys are judged, without a word."""
        if name == UNKNOWN.name:
            return UNKNOWN
        if name not in self.families:
            raise FamilyUnknown(name=name, known=tuple(self.families))
        return self.families[name]

    def of_device(self, device: UsbDevice) -> Family | None:
        return next((family for family in self.families.values() if family.has_device(device)), None)

    def claims(self, usb_id: str) -> bool:
        """Whether some family has this USB id."""
        return any(usb_id in family.usb.ids for family in self.families.values())

    def of_library(self, path: str) -> tuple[Family, ...]:
        """By file name: the same library may stand in several places. The last is what its tokens are taken for that
        no family's rules claim: the general one, where there is one."""
        name = Path(path).name
        return tuple(f for f in self.families.values() if any(name == Path(p).name for p in libraries(f)))

    def installed(self) -> list[str]:
        """The libraries that are on this computer and need no settings: of each family the best that is here."""
        return sorted({path for f in self.families.values() if f.libraries.automatic and (path := library(f))})


def libraries(family: Family) -> tuple[str, ...]:
    """Where this system would have them."""
    paths: tuple[str, ...] = getattr(family.libraries, system.NAME)
    return paths


def library(family: Family) -> str | None:
    """The best that is on this computer. A `*` stands for a version in a folder's name: the last one counts."""
    found = (sorted(glob.glob(path)) if "*" in path else [path] * Path(path).exists() for path in libraries(family))  # noqa: PTH207
    return next((paths[-1] for paths in found if paths), None)


@functools.cache
def shipped() -> Catalogue:
    """What comes with tokenmgr."""
    return load()


def load(own: Path | None = None) -> Catalogue:
    """DriverWrong names the first mistake: a habit that is not honoured may cost a PIN or a key."""
    found = read(own)
    wrong = [mistake for driver in found.values() for mistake in driver.mistakes]
    if wrong:
        raise DriverWrong(**{name: getattr(wrong[0], name) for name in Mistake.__dataclass_fields__})
    families = (driver.family(*_bases(driver)) for driver in found.values())
    return Catalogue(families, {name: driver.path for name, driver in found.items()})


def read(own: Path | None = None) -> dict[str, Driver]:
    """Every file, with its mistakes, those that only show beside the others included."""
    ours = {path.stem: path for path in sorted(data.folder("drivers").glob("*.toml"))}
    theirs = {path.stem: path for path in sorted(own.glob("*.toml"))} if own else {}
    found = {
        name: drivers.read(path)
        for name, path in {**theirs, **{k: v for k, v in ours.items() if k not in theirs}}.items()
    }
    return {name: checked(driver, found) for name, driver in found.items()}


def checked(driver: Driver, others: dict[str, Driver]) -> Driver:
    """With the mistakes that are between files: a base that is not there, an id that another of the folder claims."""
    if driver.mistakes:
        return driver
    more = []
    base = driver.content.get("base", "")
    if base and not _bases(driver):
        more.append(driver.mistake("no-such-base", "base", base, tuple(sorted(_shipped_drivers()))))
    for other in others.values():
        if other.path.parent == driver.path.parent and other.name < driver.name:
            shared = sorted(_ids(driver) & _ids(other))
            more += [driver.mistake("claimed", "usb.ids", usb_id, (other.name,)) for usb_id in shared]
    return Driver(driver.path, driver.text, driver.content, tuple(more))


@functools.cache
def _shipped_drivers() -> dict[str, Driver]:
    return {path.stem: drivers.read(path) for path in sorted(data.folder("drivers").glob("*.toml"))}


def _bases(driver: Driver) -> tuple[Driver, ...]:
    """What it builds on, the nearest first: families that come with tokenmgr, so that nobody's file is in a circle. A
    file of the user's may build on ours of the same name, and says only what is otherwise."""
    found: list[Driver] = []
    while base := _shipped_drivers().get((found[-1] if found else driver).content.get("base", "")):
        found.append(base)
    return tuple(found)


def _ids(driver: Driver) -> set[str]:
    table = driver.content.get("usb")
    ids = table.get("ids") if isinstance(table, dict) else None
    return {item for item in ids if isinstance(item, str)} if isinstance(ids, list) else set()
