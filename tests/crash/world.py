"""What one worker has for all its points: a CA, the wire to it, a door to log in at, media; and what each point has of
its own: a subscriber, a medium, a home.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from tests.crash import login, look, medium, node, proxy
from tests.crash.login import Door
from tests.crash.look import Looker, Thing
from tests.crash.medium import PIN, Stock, remove_certificates
from tests.crash.node import CONFIRMATION_PIN, LOGIN_PIN, Node
from tests.crash.program import Ended, Running
from tests.crash.proxy import Wire
from tests.crash.shim import Disk
from tests.interop.running import BANK, CONTRACT, OTHER_BANK
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
BANKS = (BANK, OTHER_BANK)
AGAIN = 3  # the status that says: try again when the next step is done
TIMES = 3  # so often a person does
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
    bystanders: tuple[Thing, ...] = ()

    def scene(self, kind: str, bank: str = BANK) -> Scene:
        """A medium on which others have their certificates, and somebody who may acquire."""
        self.count += 1
        folder = self.folder / f"{self.count}"
        folder.mkdir()
        return Scene(self, folder, kind, bank, self.node.enrol(bank), self.stock.new(folder / "medium"))

    def settle_bystanders(self) -> None:
        """Somebody of the same bank, and somebody of another one, whom no operation here is about. The CA's own
        certificates go again: whoever acquires writes them."""
        authorities = [
            load_pem_x509_certificate(one.read_bytes())
            for one in (self.node.authority.root, self.node.authority.issuing)
        ]
        for bank in BANKS:
            scene = self.scene("p256", bank)
            scene.acquire()
            remove_certificates(scene.medium, [one.public_bytes(Encoding.DER) for one in authorities])
            self.stock.take(scene.medium)
            self.bystanders = tuple(scene.things())
            scene.remove()


@dataclass
class Scene:
    world: World
    folder: Path
    kind: str
    bank: str
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
        self.home = self.every_home[-1]
        (self.home / "banks.d").mkdir(parents=True)
        self.limit(PATIENT)
        roots = self.world.node.authority.root.read_text()
        for bank in BANKS:
            profile = PROFILE.format(bank=bank, port=self.world.wire.port, roots=roots)
            (self.home / "banks.d" / f"{bank}.toml").write_text(profile)
        self.medium.register(self.home / "libraries.d")

    def come_back(self) -> None:
        """To the first PC, which still has its journal."""
        self.home = self.every_home[0]

    def beside(self, bank: str) -> Scene:
        """Somebody of that bank with the same medium at the same PC."""
        other = replace(self, bank=bank, user=self.world.node.enrol(bank), said=[])
        other.come_back()
        return other

    def limit(self, seconds: str) -> None:
        """How long the program waits for a call, or an answer."""
        (self.home / "settings.toml").write_text(SETTINGS + seconds)

    @property
    def is_at_home(self) -> bool:
        return self.home == self.every_home[0]

    @property
    def every_home(self) -> list[Path]:
        return [self.folder / f"home-{number + 1}" for number in range(self.homes)]

    # --- the program ---

    def start(self, *line: str, pins: Mapping[str, str] | None = None) -> Running:
        environment = {**node.environment(self.home), **self.disk.environment}
        return Running(self.folder, environment, line, {"--pin-fd": PIN, **(pins or {})})

    def begin(self, operation: str) -> Running:
        bank = ("--bank", self.bank, "--kind", self.kind, "--json")
        if operation == "acquire":
            return self.start("acquire", *bank, "--contract", CONTRACT, "--user", self.user, pins=CLAIM)
        return self.start("renew", *bank, *(f"--certificate={one.serial:x}" for one in self.active()))

    def resume(self) -> Running:
        return self.start("resume", "--bank", self.bank, "--json", pins=CLAIM)

    def acquire(self) -> None:
        for _ in range(TIMES):  # four fields are sent once only, and the CA may just be replacing a worker
            told = self.ended(self.begin("acquire"))
            if told.status != AGAIN:
                break
        assert told.status == 0, told
        assert [one.state for one in self.generations()] == [State.ACTIVE]

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
        return self.world.node.authority.generations(self.user, self.bank)

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
        world = World(folder, store, ca, wire, door, stock, looker)
        world.settle_bystanders()
        yield world


__all__ = ["PIN", "SECRETS", "Scene", "World", "medium", "opened"]
