"""A simulated medium: SoftHSM with a folder of its own, which nothing else sees, and in front of it the layer.

    NAME.so          the library by which any program sees it, and nothing else (c/)
    softhsm2.conf    SoftHSM's configuration; tokens/ its files, moved to unplugged/ while the medium is pulled
    state, rules     what it is and does (control.py); calls: who called what
    *.lock           held while the rules or the plug are changed
    about.json       how it was made (bed.py)

Without the layer, where there is no compiler, it is plain SoftHSM, and its library wants SOFTHSM2_CONF.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path

from tokenmgr import catalogue, data, system
from tokenmgr.config import TimeLimits
from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import LayerMissing, LibraryMissing, MediumOutdated, SwapWithItself
from tokenmgr.log import Secret
from tokenmgr.testbed import claims
from tokenmgr.testbed.control import Control
from tokenmgr.testbed.faults import Rule
from tokenmgr.testbed.usb_bus import Stick
from tokenmgr.token.module import Library

SO_PIN = "12345678"  # of simulated media only; a bank's media have their own
PIN = "1234"


@dataclass(frozen=True)
class About:
    """How a medium was made."""

    scenarios: tuple[str, ...]
    label: str
    serial: str
    seed: int
    day: str
    kind: str
    usb_vendor: int
    usb_product: int
    usb_maker: str
    usb_name: str

    @property
    def stick(self) -> Stick:
        return Stick(self.usb_vendor, self.usb_product, self.usb_maker, self.usb_name, self.serial)


BETWEEN = "between"  # what is on its way from one place to the other
OF_THE_STICK = ("about.json", "ca.pem", "crl.pem")  # and not of the place where it is plugged in


class SimulatedMedium:
    def __init__(self, folder: Path, environment: Mapping[str, str], name: str = "") -> None:
        self.folder = folder
        self.name = name or folder.name
        self.configuration = folder / "softhsm2.conf"
        self.tokens = folder / "tokens"
        self.module = folder / f"{self.name}.so"  # Firefox takes two of one file name for the same
        self._unplugged = folder / "unplugged"
        self._environment = environment

    def prepare(self, final: Path | None = None) -> None:
        """Its folders and SoftHSM's configuration, and no token yet. `final`: where the folder will be."""
        for folder in (self.folder, self.tokens, self._unplugged):
            system.private_folder(folder)
        template = (data.folder("softhsm_config") / "softhsm2.conf").read_text(encoding="utf-8")
        self.configuration.write_text(
            template.replace("{tokens}", str((final or self.folder) / "tokens")), encoding="utf-8"
        )

    def create(self, label: str = "Shinkin IB", pin: str = PIN, so_pin: str = SO_PIN) -> MediumFacts:
        """Initialised by SoftHSM itself, with its first PIN."""
        self.prepare()
        with self.library() as library:
            return library.format("", Secret(so_pin), Secret(pin), label)

    def put_layer(self, layer: Path) -> Control:
        """From now on it has a library of its own."""
        control = Control.create(self.folder, softhsm())
        # A copy: what knows the medium by its own path may not be one file for several.
        shutil.copyfile(layer, self.module)
        return control

    @functools.cached_property
    def control(self) -> Control:
        if not self.has_layer:
            raise LayerMissing(name=self.name)
        return Control(self.folder)

    @property
    def has_layer(self) -> bool:
        return self.module.exists()

    @property
    def is_broken(self) -> bool:
        """Something of it is not as it was made: by another version of tokenmgr, by a swap that was killed, or by
        somebody's hand. Other folders are none of ours, and what may not be read is not known to be broken."""
        if not any((self.folder / name).exists() for name in ("about.json", "state")):
            return False
        try:
            if self.has_layer != (self.folder / "state").exists() or (self.folder / BETWEEN).exists():
                return True
            if self.about.serial != (Control(self.folder).text("serial") if self.has_layer else self.about.serial):
                return True
        except (MediumOutdated, FileNotFoundError, ValueError, TypeError):
            return True
        except OSError:
            return False
        return not (self.tokens.is_dir() and self._unplugged.is_dir())

    @property
    def about(self) -> About:
        told = json.loads((self.folder / "about.json").read_text(encoding="utf-8"))
        return About(**{**told, "scenarios": tuple(told["scenarios"])})

    def write_about(self, about: About) -> None:
        text = json.dumps(asdict(about), indent=2, ensure_ascii=False)
        (self.folder / "about.json").write_text(text + "\n", encoding="utf-8")

    @property
    def serial(self) -> str:
        return self.about.serial

    # --- as programs see it ---

    pin, so_pin = PIN, SO_PIN

    @property
    def path(self) -> str:
        """The PKCS#11 library to be given to a program."""
        return str(self.module) if self.has_layer else softhsm()

    @property
    def environment(self) -> dict[str, str]:
        """What such a program must find in its environment: nothing, but for plain SoftHSM."""
        return {} if self.has_layer else {"SOFTHSM2_CONF": str(self.configuration)}

    @property
    def entry(self) -> dict[str, object]:
        """A file of libraries.d in the settings (config.py)."""
        entry: dict[str, object] = {"path": self.path, "family": "simulated" if self.has_layer else "softhsm"}
        return entry | ({"environment": self.environment} if self.environment else {})

    def library(self, limits: TimeLimits | None = None, family: Family | None = None) -> Library:
        """`family`: another one's habits, on this medium."""
        family = family or catalogue.shipped().family(str(self.entry["family"]))
        return Library(self.path, {**self._environment, **self.environment}, family, limits)

    def register(self, libraries: Path) -> None:
        """Let `tokenmgr media` see it, by an entry among the settings."""
        system.private_folder(libraries)
        entry = self.entry
        lines = [f"{key} = {_toml(entry[key])}" for key in ("path", "family")]
        if self.environment:
            lines += ["[environment]", *(f"{name} = {_toml(value)}" for name, value in self.environment.items())]
        new = self.folder / "entry.toml"  # where it goes with the medium, if this is cut short
        new.write_text("\n".join(lines) + "\n", encoding="utf-8")
        os.replace(new, libraries / f"testbed-{self.name}.toml")  # noqa: PTH105  whole, for whoever reads the settings now

    # --- the hand at the plug ---

    @property
    def plugged(self) -> bool:
        return bool(self.control["plugged"]) if self.has_layer else not any(self._unplugged.glob("*"))

    def unplug(self) -> None:
        """Under whatever call is running: that one fails, and every session is dead."""
        with self._hand():
            self._out()

    def plug(self) -> None:
        with self._hand():
            self._in()

    def _hand(self) -> AbstractContextManager[None]:
        """One at a time: a rule may just be pulling it (c/)."""
        return system.locked(self.folder / "plug.lock")

    def _out(self) -> None:
        if self.has_layer and self.plugged:
            self.control["plugged"] = 0
            self.control["plugging"] += 1
        _move(self.tokens, self._unplugged)

    def _in(self) -> None:
        _move(self._unplugged, self.tokens)
        if self.has_layer and not self.plugged:
            self.control["plugging"] += 1
            self.control["plugged"] = 1

    def swap(self, other: SimulatedMedium) -> None:
        """Two sticks change places, with all that is theirs. A place that is empty stays so."""
        if self.folder == other.folder:
            raise SwapWithItself(name=self.name)
        mine, theirs = self.control, other.control  # both have one, or nothing is touched
        with contextlib.ExitStack() as alone:
            alone.enter_context(claims.alone(self.folder.parent))
            for medium in sorted((self, other), key=lambda one: one.folder):
                alone.enter_context(medium._hand())
            plugged = [medium for medium in (self, other) if medium.plugged]
            for medium in plugged:
                medium._out()
                alone.callback(medium._in)
            for name in ("unplugged", *OF_THE_STICK):
                _exchange(self.folder / name, other.folder / name)
            mine.swap(theirs)

    def fault(
        self, function: str, action: str, value: object = None, after: bool = False, skip: int = 0, times: int = 0
    ) -> int:
        """A rule from now on: see faults.py. Returns its number, by which `control.remove` takes it away."""
        (number,) = self.control.add(Rule.read(function, action, value, after, skip, times))
        return number

    @contextlib.contextmanager
    def held(self, function: str, after: bool = False, skip: int = 0) -> Iterator[Held]:
        """The next such call stands still in the middle, of whatever program; it goes on when the `with` ends. What is
        done to the medium meanwhile is done at exactly that moment."""
        number = self.fault(function, "hang", after=after, skip=skip, times=1)
        try:
            yield Held(self.control, number)
        finally:
            with contextlib.suppress(FileNotFoundError):  # it is down
                self.control.remove(number)

    def remove(self, libraries: Path | None = None) -> None:
        """Programs that use it see it pulled, and those that hang go on. What is gone already is no trouble."""
        if libraries is not None:
            (libraries / f"testbed-{self.name}.toml").unlink(missing_ok=True)
        for act in (self.unplug, lambda: self.control.remove()):
            with contextlib.suppress(OSError, LayerMissing, MediumOutdated):
                act()
        claims.discard(self.folder)


class Held:
    def __init__(self, control: Control, rule: int) -> None:
        self._control, self._rule = control, rule

    def wait(self, timeout: float = 60.0) -> None:
        """Until a program stands in the call; TimeoutError if none comes."""
        end = time.monotonic() + timeout
        while not any(one.number == self._rule and one.hits for one in self._control.rules()):
            if time.monotonic() > end:
                raise TimeoutError("no program has come to the call")
            time.sleep(0.005)


def _exchange(one: Path, other: Path) -> None:
    between = one.with_name(BETWEEN)
    for here, there in ((one, between), (other, one), (between, other)):
        if here.exists():
            here.rename(there)


def _toml(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)  # a basic string; TOML has no surrogate pairs


def _move(here: Path, there: Path) -> None:
    there.mkdir(exist_ok=True)
    for token in here.iterdir():
        token.rename(there / token.name)


def softhsm() -> str:
    found = catalogue.library(catalogue.shipped().family("softhsm"))
    if found is None:
        raise LibraryMissing(library="SoftHSM")
    return found
