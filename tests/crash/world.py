"""What one worker has for all its points: a CA, the wire to it, a door to log in at, media; and what each point has of
its own: a subscriber, a medium, a home.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from tests.crash import login, look, medium, node, proxy
from tests.crash.login import Door
from tests.crash.look import Looker, Thing
from tests.crash.medium import PIN, Stock
from tests.crash.node import CONFIRMATION_PIN, LOGIN_PIN, Node
from tests.crash.program import Ended, Running
from tests.crash.proxy import Wire
from tests.crash.shim import Disk
from tests.interop.running import BANK, CONTRACT
from tokenmgr.domain.generation import Generation, State
from tokenmgr.testbed.simulated import SimulatedMedium

SETTINGS = """catalogue = false
usb = false
[time_limits]
"""
PATIENT = "load = 120\ncall = 60\ngenerate = 240\nanswer = 120\n"  # a busy computer is no fault
HASTY = "call = 5\ngenerate = 15\n"  # for who is to be told of a hang
PROFILE = """code = "{bank}"
name = "みほん信用金庫"
address = "https://127.0.0.1:{port}"
roots = '''
{roots}'''
"""
CLAIM = {"--login-pin-fd": LOGIN_PIN, "--confirmation-pin-fd": CONFIRMATION_PIN}
SECRETS = (PIN, LOGIN_PIN, CONFIRMATION_PIN)


@dataclass
class World:
    folder: Path
    store: Path
    node: Node
    wire: Wire
    door: Door
    stock: Stock
    looker: Looker
    count: int = 0

    def scene(self, kind: str) -> Scene:
        """A medium as it comes from the bank, and somebody who may acquire."""
        self.count += 1
        folder = self.folder / f"{self.count}"
        folder.mkdir()
        return Scene(self, folder, kind, self.node.enrol(), self.stock.new(folder / "medium"))


@dataclass
class Scene:
    world: World
    folder: Path
    kind: str
    user: str
    medium: SimulatedMedium
    said: list[Ended] = field(default_factory=list)
    homes: int = 0

    def __post_init__(self) -> None:
        self.disk = Disk(self.folder / "disk", ".jsonl", self.world.store)
        self.move()

    def move(self) -> None:
        """To a PC that has never seen this medium."""
        self.homes += 1
        self.home = self.folder / f"home-{self.homes}"
        (self.home / "banks.d").mkdir(parents=True)
        self.limit(PATIENT)
        roots = self.world.node.authority.root.read_text()
        profile = PROFILE.format(bank=BANK, port=self.world.wire.port, roots=roots)
        (self.home / "banks.d" / f"{BANK}.toml").write_text(profile)
        self.medium.register(self.home / "libraries.d")

    def come_back(self) -> None:
        """To the first PC, which still has its journal."""
        self.home = self.folder / "home-1"

    def limit(self, seconds: str) -> None:
        """How long the program waits for a call, or an answer."""
        (self.home / "settings.toml").write_text(SETTINGS + seconds)

    # --- the program ---

    def start(self, *line: str, pins: Mapping[str, str] | None = None) -> Running:
        environment = {**node.environment(self.home), **self.disk.environment}
        return Running(self.folder, environment, line, {"--pin-fd": PIN, **(pins or {})})

    def begin(self, operation: str) -> Running:
        if operation == "acquire":
            who = ("--bank", BANK, "--contract", CONTRACT, "--user", self.user)
            return self.start("acquire", *who, "--kind", self.kind, "--json", pins=CLAIM)
        return self.start("renew", "--kind", self.kind, "--json")

    def resume(self) -> Running:
        return self.start("resume", "--json", pins=CLAIM)

    def clean(self) -> Ended:
        return self.ended(self.start("clean", "--json"))

    def ended(self, running: Running) -> Ended:
        told = running.ended()
        self.said.append(told)
        return told

    def repair(self) -> None:
        """Whatever was armed is over: the medium is plugged in, the wire whole, the CA up; there is room, and time."""
        self.limit(PATIENT)
        self.disk.arm()
        self.world.wire.arm()
        self.medium.control.remove()
        if not self.medium.plugged:
            self.medium.plug()
        self.world.node.ensure_up()

    # --- what there is ---

    def things(self) -> list[Thing]:
        return self.world.looker.look(self.medium.path, PIN)

    def generations(self) -> list[Generation]:
        return self.world.node.authority.generations(self.user)

    def active(self) -> list[Generation]:
        return [one for one in self.generations() if one.state is State.ACTIVE]

    def logs_in(self, certificate: bytes, things: list[Thing]) -> bool:
        """With any key beside which it lies."""
        beside = [one.key_id for one in things if one.value == certificate]
        return any(self.world.door.opens_for(certificate, key_id, self.medium.path, PIN) for key_id in beside)

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)  # a library's process may just be leaving


@contextlib.contextmanager
def opened(folder: Path, store: Path) -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        looker = stack.enter_context(look.looker())  # the first: what forks has no threads
        stock = Stock(folder, store)
        ca = stack.enter_context(node.opened(folder / "authority", store))
        tls = ca.authority.folder.path / "tls"
        wire = stack.enter_context(proxy.opened(ca.port, str(tls / "chain.pem"), str(tls / "key.pem")))
        door = stack.enter_context(login.opened(folder, ca.authority.root, ca.authority.issuing, tls))
        yield World(folder, store, ca, wire, door, stock, looker)


__all__ = ["PIN", "SECRETS", "Scene", "World", "medium", "opened"]
