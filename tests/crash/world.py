"""What one worker has for all its points: a CA, the wire to it, a door to log in at, a stock of stores; and what each
point has of its own: a subscriber, one store or two, a home.
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_pem_x509_certificate

from tests import warm
from tests.crash import login, look, medium, node, proxy
from tests.crash.login import Door
from tests.crash.look import Thing
from tests.crash.medium import PIN
from tests.crash.node import CONFIRMATION_PIN, LOGIN_PIN, Node
from tests.crash.places import PINS, FileStores, Media, NssDatabases, OnMedium, Place, Stock
from tests.crash.program import Ended, Running
from tests.crash.proxy import Wire
from tests.crash.shim import Disk, beneath
from tests.interop.running import BANK, CONTRACT, OTHER_BANK, free_port
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
IN = "in-"  # before the name of a store's folder in a scene's
BANKS = (BANK, OTHER_BANK)
AGAIN = 3  # the status that says: try again when the next step is done
TIMES = 3  # so often a person does
CLAIM = {"--login-pin-fd": LOGIN_PIN, "--confirmation-pin-fd": CONFIRMATION_PIN}
SECRETS = (*PINS, LOGIN_PIN, CONFIRMATION_PIN)


@dataclass
class World:
    folder: Path
    store: Path
    node: Node
    wire: Wire
    door: Door
    server: warm.Server  # of programs
    disk: Disk  # below journals
    store_disk: Disk  # below stores on the PC
    stocks: Mapping[str, Stock]  # by the word that a subject has for a place
    count: int = 0
    bystanders: dict[str, tuple[Thing, ...]] = field(default_factory=dict)

    def scene(self, kind: str, bank: str = BANK, places: Sequence[str] = ("medium",)) -> Scene:
        """Places in which others have their certificates, and somebody who may acquire in the first."""
        for one in places:
            self._settle_bystanders(one)
        self.count += 1
        folder = self.folder / f"{self.count}"
        folder.mkdir()
        made = tuple(self.stocks[one].new(folder / f"{IN}{one}") for one in places)
        others = tuple(self.bystanders[one] for one in places)
        return Scene(self, folder, kind, bank, self.node.enrol(bank), made, others)

    def _settle_bystanders(self, place: str) -> None:
        """Somebody of the same bank, and somebody of another one, whom no operation here is about. The CA's own
        certificates go again: whoever acquires writes them."""
        if place in self.bystanders:
            return
        self.bystanders[place] = ()
        authorities = [
            load_pem_x509_certificate(one.read_bytes())
            for one in (self.node.authority.root, self.node.authority.issuing)
        ]
        for bank in BANKS:
            scene = self.scene("p256", bank, [place])
            scene.acquire()
            scene.target.lose([one.public_bytes(Encoding.DER) for one in authorities])
            self.stocks[place].take(scene.target)
            self.bystanders[place] = tuple(scene.things())
            scene.remove()


@dataclass
class Scene:
    """`places`: where it is, or from where to where it goes. `bystanders`: what others have in each of them."""

    world: World
    folder: Path
    kind: str
    bank: str
    user: str
    places: tuple[Place, ...]
    bystanders: tuple[tuple[Thing, ...], ...]
    said: list[Ended] = field(default_factory=list)
    homes: int = 0
    is_lost: bool = False  # what an operation had made

    def __post_init__(self) -> None:
        self.disk, self.store_disk = self.world.disk, self.world.store_disk
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
        for place in self.places:
            if isinstance(place, OnMedium):
                place.simulated.register(self.home / "libraries.d")

    def come_back(self) -> None:
        """To the first PC, which still has its journal."""
        self.home = self.every_home[0]

    def keep_target(self) -> None:
        shutil.copytree(self.target.files, self.folder / "kept")

    def restore_target(self) -> None:
        shutil.rmtree(self.target.files)
        shutil.copytree(self.folder / "kept", self.target.files)
        self.is_lost = True

    def beside(self, bank: str) -> Scene:
        """Somebody of that bank with the same medium at the same PC."""
        other = replace(self, bank=bank, user=self.world.node.enrol(bank), said=[])
        other.come_back()
        return other

    @contextlib.contextmanager
    def without_ca(self) -> Iterator[None]:
        """Nobody listens where this bank's CA is; other banks' are where they were."""
        file = self.home / "banks.d" / f"{self.bank}.toml"
        told = file.read_text()
        file.write_text(told.replace(f":{self.world.wire.port}", f":{free_port()}"))
        yield
        file.write_text(told)

    def limit(self, seconds: str) -> None:
        """How long the program waits for a call, or an answer."""
        (self.home / "settings.toml").write_text(SETTINGS + seconds)

    @property
    def keeps(self) -> bool:
        """The bank has the generation before stay until the new one has logged in."""
        return self.bank != OTHER_BANK

    @property
    def is_at_home(self) -> bool:
        return self.home == self.every_home[0]

    @property
    def every_home(self) -> list[Path]:
        return [self.folder / f"home-{number + 1}" for number in range(self.homes)]

    # --- the program ---

    def start(self, *line: str, pins: Mapping[str, str] | None = None) -> Running:
        environment = {**node.environment(self.home), **beneath(self.disk, self.store_disk)}
        return Running(self.world.server, self.folder, environment, line, pins or {})

    def begin(self, operation: str) -> Running:
        bank = ("--bank", self.bank, "--kind", self.kind, "--json")
        pins = {"--pin-fd": self.source.pin}
        if operation == "acquire":
            who = ("--contract", CONTRACT, "--user", self.user)
            return self.start("acquire", *_named(self.source), *bank, *who, pins=pins | CLAIM)
        to = _named(self.target, "to-") if self.moves else ()
        pins |= {"--to-pin-fd": self.target.pin} if self.moves else {}
        replaced = [f"--certificate={one.serial:x}" for one in self.active()]
        return self.start("renew", *_named(self.source), *to, *bank, *replaced, pins=pins)

    def resume(self) -> Running:
        """Where what is replaced is, the journal says; on another PC whoever sits there."""
        pins = {"--pin-fd": self.target.pin, **CLAIM} | ({"--from-pin-fd": self.source.pin} if self.moves else {})
        of = _named(self.source, "from-") if self.moves and not self.is_at_home else ()
        return self.start("resume", *_named(self.target), *of, "--bank", self.bank, "--json", pins=pins)

    def acquire(self) -> None:
        for _ in range(TIMES):  # four fields are sent once only, and the CA may just be replacing a worker
            told = self.ended(self.begin("acquire"))
            if told.status != AGAIN:
                break
        assert told.status == 0, told
        assert [one.state for one in self.generations()] == [State.ACTIVE]

    def clean(self, place: Place) -> Ended:
        to = _named(self.target, "to-") if self.moves and place is self.source else ()
        pins = {"--pin-fd": place.pin} | ({"--to-pin-fd": self.target.pin} if to else {})
        return self.ended(self.start("clean", *_named(place), *to, "--json", pins=pins))

    def ended(self, running: Running) -> Ended:
        told = running.ended()
        self.said.append(told)
        return told

    def repair(self) -> None:
        """Whatever was armed is over: the medium is plugged in, the wire whole, the CA up; there is room, and time."""
        self.limit(PATIENT)
        self.disk.arm()
        self.store_disk.disarm()
        self.world.wire.arm()
        for place in self.places:
            if isinstance(place, OnMedium):
                place.simulated.control.remove()
                if not place.simulated.plugged:
                    place.simulated.plug()
        self.world.node.ensure_up()

    # --- what there is ---

    @property
    def source(self) -> Place:
        return self.places[0]

    @property
    def target(self) -> Place:
        return self.places[-1]

    @property
    def moves(self) -> bool:
        return self.source is not self.target

    @property
    def medium(self) -> SimulatedMedium:
        (found,) = [one.simulated for one in self.places if isinstance(one, OnMedium)]
        return found

    def things(self) -> list[Thing]:
        return self.target.things()

    def generations(self) -> list[Generation]:
        return self.world.node.authority.generations(self.user, self.bank)

    def active(self) -> list[Generation]:
        return [one for one in self.generations() if one.state is State.ACTIVE]

    def remove(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)  # a library's process may just be leaving


def _named(place: Place, prefix: str = "") -> tuple[str, str]:
    return place.option.replace("--", f"--{prefix}"), place.name


@contextlib.contextmanager
def opened(folder: Path, store: Path) -> Iterator[World]:
    with contextlib.ExitStack() as stack:
        looker = stack.enter_context(look.looker())  # the first: what forks has no threads
        media = Media(medium.Stock(folder, store), looker)
        disk = Disk(folder / "disk", (".jsonl",), store)
        store_disk = Disk(folder / "store-disk", (f"/{IN}nss", f"/{IN}file"), store)
        server = stack.enter_context(warm.server({**node.environment(folder), **beneath(disk, store_disk)}))
        stocks: Mapping[str, Stock] = {
            "medium": media,
            "nss": NssDatabases(folder / "first nss"),
            "file": FileStores(folder / "first file", server),
        }
        ca = stack.enter_context(node.opened(folder / "authority", store))
        tls = ca.authority.folder.path / "tls"
        wire = stack.enter_context(proxy.opened(ca.port, str(tls / "chain.pem"), str(tls / "key.pem")))
        door = stack.enter_context(login.opened(folder, ca.authority.root, ca.authority.issuing, tls))
        yield World(folder, store, ca, wire, door, server, disk, store_disk, stocks)


__all__ = ["PIN", "SECRETS", "Scene", "World", "medium", "opened"]
