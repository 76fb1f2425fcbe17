"""The testbed: which simulated media are up, and how one comes and goes. `tokenmgr testbed`, and the pytest plugin."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from tokenmgr import clock
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import BusMissing, CompilerMissing, DayWrong, FolderWrong, NameTaken, NameWrong, SimulatedUnknown
from tokenmgr.testbed import claims, layer
from tokenmgr.testbed.building import LABEL, Order
from tokenmgr.testbed.scenario import scenarios
from tokenmgr.testbed.simulated import SimulatedMedium
from tokenmgr.testbed.store import Store
from tokenmgr.testbed.usb_bus import Stick, UsbBus, UsbBusUnavailable
from tokenmgr.testbed.usb_mirror import Mirror

NAME = "[a-z0-9][a-z0-9-]{0,31}"  # also its label, which has at most 32 bytes
EARLIEST, LATEST = date(1970, 1, 1), date(9900, 12, 31)  # certificates reach ten years around it

_ALIVE: dict[Path, claims.Claim] = {}  # the media that go with this process, and not with a Testbed of it


class Testbed:
    __test__ = False  # pytest: this is nobody's test

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        libraries: Path | None = None,
        store: Path | None = None,
        plain: bool = True,
    ) -> None:
        """`libraries`: where media are entered for `tokenmgr media`. `store`: what may be kept and shared.
        `plain`: whether a medium may come up as plain SoftHSM where there is no compiler."""
        self.folder = folder.absolute()  # each medium knows its own by that
        self._environment = environment
        self._libraries = libraries
        self.store = Store(store or folder / ".store")
        self._plain = plain

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
        label: str = "",
        own: Mapping[str, Any] | None = None,
        alive: bool = False,
    ) -> list[SimulatedMedium]:
        """One medium that is all of these scenarios, or as many as they say; `own` are scenarios beside those that come
        with tokenmgr (scenario.read). `alive`: it goes with this process."""
        if any(letter in str(self.folder) for letter in "#="):
            raise FolderWrong(folder=str(self.folder))  # they have a meaning in SoftHSM's configuration
        wanted = scenarios(names, own)
        name = name or (names[0] if names else "fresh")
        called = [name] if len(wanted) == 1 else [f"{name}-{number}" for number in range(1, len(wanted) + 1)]
        for one in called:
            if not re.fullmatch(NAME, one):
                raise NameWrong(name=one)
            if (self.folder / one).exists():
                raise NameTaken(name=one)
        day = day or clock.now().astimezone(clock.JAPAN).date()
        if not EARLIEST <= day <= LATEST:
            raise DayWrong(day=str(day))
        order = [
            Order(one, label or one, scenario, seed, day, kind) for one, scenario in zip(called, wanted, strict=True)
        ]
        return [self._make(one, alive) for one in order]

    def down(self, *names: str) -> list[str]:
        """These, or all. What uses them sees them pulled."""
        media = [self.medium(name) for name in dict.fromkeys(names)] if names else self.media()
        for medium in media:
            medium.remove(self._libraries)
            if claim := _ALIVE.pop(medium.folder, None):
                claim.drop()
        return [medium.name for medium in media]

    def sweep(self) -> list[str]:
        """Removes what killed runs, other versions and somebody's hand have left half, and says what."""

        def remove(folder: Path) -> None:
            SimulatedMedium(folder, self._environment).remove(self._libraries)

        def is_broken(folder: Path) -> bool:
            return SimulatedMedium(folder, self._environment).is_broken

        claims.sweep(self.store.folder, shutil.rmtree)
        return claims.sweep(self.folder, remove, is_broken) + self._stale_entries()

    def _stale_entries(self) -> list[str]:
        """Of media whose folder somebody has removed by hand. A file that names no such folder is the user's own."""
        gone = []
        for entry in sorted(self._libraries.glob("testbed-*.toml")) if self._libraries else ():
            name = entry.stem.removeprefix("testbed-")
            if not (self.folder / name).exists() and f"{self.folder / name}/" in entry.read_text(encoding="utf-8"):
                entry.unlink(missing_ok=True)
                gone.append(name)
        return gone

    def _make(self, order: Order, alive: bool) -> SimulatedMedium:
        """In a folder aside, which becomes the medium's when all is there."""
        target = self.folder / order.name
        with claims.aside(self.folder, ".making-") as claim:
            making = SimulatedMedium(claim.folder, self._environment, order.name)
            making.prepare(target)
            self._put_token(making, order)
            self._put_layer(making, order)
            making.write_about(order.about)
            try:
                claim.settle(target, alive)
            except OSError as error:
                raise NameTaken(name=order.name) from error
        if alive:
            _ALIVE[target] = claim
        made = self.medium(order.name)
        if not order.scenario.plugged:
            made.unplug()
        if self._libraries:
            made.register(self._libraries)
        return made

    def _put_token(self, medium: SimulatedMedium, order: Order) -> None:
        if order.scenario.blank:
            return
        kept = self.store.token(order, self._environment)
        shutil.copytree(kept / "tokens", medium.tokens, dirs_exist_ok=True)
        (object_,) = medium.tokens.glob("*/token.object")
        content = object_.read_bytes()
        old = (kept / "serial").read_bytes()
        for before, after in ((old, order.serial.encode()), (LABEL.encode(), order.label.encode().ljust(len(LABEL)))):
            if content.count(before) != 1:
                raise RuntimeError(f"{object_}: not a token as SoftHSM 2.6 keeps it")
            content = content.replace(before, after)
        object_.write_bytes(content)
        for name in ("ca.pem", "crl.pem"):
            shutil.copyfile(kept / name, medium.folder / name)

    def _put_layer(self, medium: SimulatedMedium, order: Order) -> None:
        try:
            library = layer.built(self.store.folder)
        except CompilerMissing:
            if order.scenario.needs_layer or not self._plain:
                raise
            return
        scenario, stick = order.scenario, order.scenario.stick
        control = medium.put_layer(library)
        for name, text in (("maker", stick.maker), ("model", stick.model), ("serial", order.serial)):
            control.set_text(name, text)
        control.set_text("reader", f"{stick.reader} {order.name}")
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
