"""The testbed: which simulated media are up, and how one comes and goes. `tokenmgr testbed`, and the pytest plugin.

A token that was made once lies in the store, by what it was made from, and is copied from then on: so the same seed and
day bring the same medium, keys included, in a few milliseconds.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import logging
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from pathlib import Path
from typing import IO

from tokenmgr import __version__, clock, system
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import BusMissing, CompilerMissing, NameTaken, NameWrong, SimulatedUnknown
from tokenmgr.testbed import layer
from tokenmgr.testbed.building import LABEL, build
from tokenmgr.testbed.scenario import Scenario, scenarios
from tokenmgr.testbed.simulated import About, SimulatedMedium
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.testbed.usb_bus import Stick, UsbBus, UsbBusUnavailable
from tokenmgr.testbed.usb_mirror import Mirror

log = logging.getLogger(__name__)

NAME = "[a-z0-9][a-z0-9-]{0,31}"  # also its label, which has at most 32 bytes
KEPT = 200  # tokens in the store


class Testbed:
    __test__ = False  # pytest: this is nobody's test

    def __init__(
        self, folder: Path, environment: Mapping[str, str], libraries: Path | None = None, store: Path | None = None
    ) -> None:
        """`libraries`: where media are entered for `tokenmgr media`. `store`: what may be kept and shared."""
        self.folder = folder
        self._environment = environment
        self._libraries = libraries
        self.store = store or folder / ".store"
        self._claims: dict[str, IO[bytes]] = {}  # on the media that go with this process

    # --- what is up ---

    def media(self) -> list[SimulatedMedium]:
        return [
            SimulatedMedium(path.parent, self._environment)
            for path in sorted(self.folder.glob("*/about.json"))
            if not path.parent.name.startswith(".")
        ]

    def medium(self, name: str) -> SimulatedMedium:
        found = [medium for medium in self.media() if medium.name == name]
        if not found:
            raise SimulatedUnknown(name=name, up=tuple(medium.name for medium in self.media()))
        return found[0]

    def sticks(self) -> dict[str, Stick]:
        """Those that are plugged in, as a USB bus shows them."""
        return {medium.name: medium.about.stick for medium in self.media() if medium.plugged}

    @contextlib.contextmanager
    def usb(self) -> Iterator[Mirror]:
        """A made-up USB bus, on which the media come and go as they do in their slots."""
        with contextlib.ExitStack() as stack:
            try:
                bus = stack.enter_context(UsbBus(self._environment))
            except UsbBusUnavailable as error:
                raise BusMissing(reason=str(error)) from error
            yield stack.enter_context(Mirror(bus, self.sticks))

    # --- up and down ---

    def up(
        self,
        *names: str,
        name: str = "",
        seed: int = 0,
        day: date | None = None,
        kind: KeyKind = KeyKind.P256,
        alive: bool = False,
    ) -> list[SimulatedMedium]:
        """One medium that is all of these scenarios, or as many as they say. `alive`: it goes with this process."""
        wanted = scenarios(names)
        name = name or (names[0] if names else "fresh")
        called = [name] if len(wanted) == 1 else [f"{name}-{number}" for number in range(1, len(wanted) + 1)]
        for one in called:
            if not re.fullmatch(NAME, one):
                raise NameWrong(name=one)
            if (self.folder / one).exists():
                raise NameTaken(name=one)
        day = day or clock.now().astimezone(clock.JAPAN).date()
        order = [Order(one, scenario, seed, day, kind) for one, scenario in zip(called, wanted, strict=True)]
        return [self._make(one, alive) for one in order]

    def down(self, *names: str) -> list[str]:
        """These, or all. What uses them sees them pulled."""
        media = [self.medium(name) for name in dict.fromkeys(names)] if names else self.media()
        for medium in media:
            medium.remove(self._libraries)
            if claim := self._claims.pop(medium.name, None):
                claim.close()
        return [medium.name for medium in media]

    def sweep(self) -> list[str]:
        """Removes what killed runs have left behind, and says what."""
        gone = []
        for mark in sorted([*self.folder.glob("*/alive"), *self.folder.glob(".*/alive")]):
            with contextlib.suppress(OSError), system.hold(mark):  # nobody lives who made it
                SimulatedMedium(mark.parent, self._environment).remove(self._libraries)
                gone.append(mark.parent.name)
        for entry in sorted(self._libraries.glob("testbed-*.toml")) if self._libraries else ():
            name = entry.stem.removeprefix("testbed-")
            if not (self.folder / name).exists():  # somebody removed the folder by hand
                entry.unlink(missing_ok=True)
                gone.append(name)
        return gone

    def _make(self, order: Order, alive: bool) -> SimulatedMedium:
        """In a folder aside, which becomes the medium's when all is there."""
        system.private_folder(self.folder)
        folder = Path(tempfile.mkdtemp(dir=self.folder, prefix=".making-"))
        making = SimulatedMedium(folder, self._environment, order.name)
        claim = system.hold(making.folder / "alive")
        try:
            making.prepare(self.folder / order.name)
            self._put_token(making, order)
            self._put_layer(making, order)
            about = json.dumps(dataclasses.asdict(order.about), indent=2)
            (making.folder / "about.json").write_text(about + "\n", encoding="utf-8")
            if not alive:
                (making.folder / "alive").unlink()
            making.folder.rename(self.folder / order.name)
        except BaseException as error:
            shutil.rmtree(making.folder, ignore_errors=True)
            claim.close()
            if isinstance(error, OSError) and (self.folder / order.name).exists():
                raise NameTaken(name=order.name) from error
            raise
        if alive:
            self._claims[order.name] = claim
        else:
            claim.close()
        made = self.medium(order.name)
        if not order.scenario.plugged:
            made.unplug()
        if self._libraries:
            made.register(self._libraries)
        return made

    def _put_token(self, medium: SimulatedMedium, order: Order) -> None:
        kept = self._kept(order)
        if order.scenario.blank:
            return
        shutil.copytree(kept / "tokens", medium.tokens, dirs_exist_ok=True)
        (object_,) = medium.tokens.glob("*/token.object")
        content = object_.read_bytes()
        old = (kept / "serial").read_bytes()
        for before, after in ((old, order.serial.encode()), (LABEL.encode(), order.name.encode().ljust(len(LABEL)))):
            if content.count(before) != 1:
                raise RuntimeError(f"{object_}: not a token as SoftHSM 2.6 keeps it")
            content = content.replace(before, after)
        object_.write_bytes(content)
        for name in ("ca.pem", "crl.pem"):
            shutil.copyfile(kept / name, medium.folder / name)

    def _kept(self, order: Order) -> Path:
        """The token as it was made once, of these contents."""
        kept = self.store / f"token-{order.digest}"
        if kept.exists():
            return kept
        self.store.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.store, prefix=".making-", ignore_cleanup_errors=True) as folder:
            making = SimulatedMedium(Path(folder) / "token", self._environment)
            making.prepare()
            built = build(making, order.scenario, order.day, order.authority, order.identity, order.kind)
            (making.folder / "serial").write_text(built.serial, encoding="ascii")
            (making.folder / "ca.pem").write_bytes(order.authority.chain_pem)
            (making.folder / "crl.pem").write_bytes(order.authority.revocations(built.revoked))
            with contextlib.suppress(OSError):  # another has just made the same
                making.folder.rename(kept)
        for old in sorted(self.store.glob("token-*"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            shutil.rmtree(old, ignore_errors=True)
        return kept

    def _put_layer(self, medium: SimulatedMedium, order: Order) -> None:
        try:
            library = layer.built(self.store)
        except CompilerMissing as error:
            if order.scenario.needs_layer:
                raise
            log.info("%s is plain SoftHSM: %s", order.name, error)
            return
        scenario, stick = order.scenario, order.scenario.stick
        control = medium.put_layer(library)
        for name, text in (("maker", stick.maker), ("model", stick.model), ("serial", order.serial)):
            control.set_text(name, text)
        control.set_text("reader", stick.reader)
        used = sum(path.stat().st_size for path in medium.tokens.rglob("*") if path.is_file())
        capacity = stick.memory if scenario.memory.free is None else used + scenario.memory.free
        for word, value in {
            "user_tries": stick.pin_tries,
            "so_tries": stick.officer_tries,
            "user_wrong": scenario.pin.wrong,
            "so_wrong": scenario.pin.officer_wrong,
            "to_be_changed": scenario.pin.to_be_changed,
            "flags_hidden": not scenario.pin.shown,
            "read_only": scenario.read_only,
            "capacity": capacity,
        }.items():
            control[word] = int(value)
        control.add(*scenario.faults)


@dataclasses.dataclass(frozen=True)
class Order:
    """What a medium is made from."""

    name: str
    scenario: Scenario
    seed: int
    day: date
    kind: KeyKind

    @property
    def identity(self) -> str:
        """No two media have the same keys: the seed's are different for each name."""
        return f"{self.seed}/{self.name}"

    @property
    def serial(self) -> str:
        return hashlib.sha256(self.identity.encode()).hexdigest()[:16]

    @property
    def authority(self) -> ThrowawayCA:
        """One for all media of a seed and a day."""
        return ThrowawayCA(datetime.combine(self.day, time(), clock.JAPAN), f"{self.seed}/ca")

    @property
    def digest(self) -> str:
        made_from: dict[str, object] = {
            "version": __version__,
            **self.scenario.contents,
            "ca": [self.seed, str(self.day)],
        }
        if self.scenario.put:
            made_from |= {"identity": self.identity, "kind": self.kind.value}
        return hashlib.sha256(json.dumps(made_from, sort_keys=True).encode()).hexdigest()[:24]

    @property
    def about(self) -> About:
        stick = self.scenario.stick
        return About(
            self.scenario.names,
            self.serial,
            self.seed,
            str(self.day),
            self.kind.value,
            stick.usb_vendor,
            stick.usb_product,
            stick.usb_maker,
            stick.usb_name,
        )
