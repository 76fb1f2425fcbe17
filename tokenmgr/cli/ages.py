"""Everybody of the cast (cast.py) acquires at their time of the CA's past (past.py), and what became of it happens in
the last hour. Each by its own room's verb: nothing is written into the registry or a store by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from tokenmgr.cli.cast import DAY, HOUR, PC, SECOND, TROUPES, YEAR, Fate, Player, Troupe
from tokenmgr.cli.past import Near, Past
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.customer.operations import Applicant, Counter
from tokenmgr.customer.pc_store import PcStore
from tokenmgr.customer.profiles import Profile
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.holding import Whose
from tokenmgr.domain.party import Subscriber
from tokenmgr.domain.reissue import Cause
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import LoginLocked, LoginPinWrong, MediumError, RenewalError
from tokenmgr.log import Secret
from tokenmgr.ra import entry, holding, passcodes, reissue
from tokenmgr.renewal.ports import StorePort
from tokenmgr.renewal.recovery import whose
from tokenmgr.sql.parties import Contract, Enrolment
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.places import token_named

BEGAN = YEAR + 135 * DAY  # ago: the CA, before its first certificate
KIND = KeyKind.P256  # the quickest
Made = Callable[[Troupe, Player], None]  # told of each whose certificate is there


@dataclass(frozen=True)
class Pins:
    login: str
    confirmation: str


class BrokenOff(Exception):
    """Whoever looks on closes the window."""


class Screen:
    """Nobody looks on, but for the one who breaks it off as `stops_at` begins."""

    def __init__(self, stops_at: Step | None = None) -> None:
        self._stops_at = stops_at

    def begins(self, step: Step) -> None:
        if step is self._stops_at:
            raise BrokenOff

    def ends(self, step: Step) -> None:
        pass

    def waits(self, seconds: int) -> None:
        pass

    def waits_for_store(self, error: MediumError) -> bool:
        return False


@contextmanager
def stores(database: Path, media: Mapping[str, SimulatedMedium]) -> Iterator[dict[str, StorePort]]:
    """By place (Player.place)."""
    with ExitStack() as stack:
        token = stack.enter_context(token_named(f"nss:{database}", write=True))
        found: dict[str, StorePort] = {PC: PcStore(token.library, token.facts.serial, None, token.name)}
        for name, medium in media.items():
            library = stack.enter_context(medium.library(settings().time_limits))
            found[name] = MediumStore(library, medium.serial, stack.enter_context(Secret(PIN)))
        for store in found.values():
            stack.enter_context(closing(store))
        yield found


class Ages:
    def __init__(self, past: Past, places: Mapping[str, StorePort], journals: Path, pins: Pins, address: str) -> None:
        self._past, self._places, self._journals, self._pins = past, places, journals, pins
        self._hashes = passcodes.hashed(Secret(pins.login)), passcodes.hashed(Secret(pins.confirmation))
        self._address = address

    def open(self, troupe: Troupe, site: str) -> None:
        """`site`: where its customers log in."""
        administration = self._past.administration
        administration.add_bank(troupe.bank)
        administration.change_look(troupe.bank.code, lambda _: replace(troupe.look, site=site))
        administration.add_contract(Contract(troupe.bank.code, troupe.contract, troupe.contract_name))

    def live(self, today: datetime, made: Made) -> None:
        """From the oldest certificate to this moment."""
        everybody = [(troupe, player) for troupe in TROUPES for player in troupe.players]
        for troupe, player in sorted(everybody, key=lambda one: one[1].left):
            self._past.comes(today + player.left - YEAR)
            self._acquire(troupe, player)
            made(troupe, player)
        self._past.comes(today - HOUR / 2)
        for troupe, player in everybody:
            self._happens(troupe, player)

    def _acquire(self, troupe: Troupe, player: Player) -> None:
        until = self._past.now.replace(microsecond=0) + timedelta(days=troupe.bank.policy.acquisition_days)
        named = (troupe.bank.code, troupe.contract, player.user)
        email = f"{player.user}@{troupe.look.sender.partition('@')[2]}"
        self._past.administration.enrol(Enrolment(*named, player.role, email, *self._hashes, until))
        pins = lambda: (Secret(self._pins.login), Secret(self._pins.confirmation))  # noqa: E731
        self._counter(troupe, self._places[player.place]).acquire(Applicant(troupe.contract, player.user, pins), KIND)

    def _happens(self, troupe: Troupe, player: Player) -> None:
        registry, now = self._past.registry, self._past.now
        who = self._past.administration.find(troupe.bank.code, troupe.contract, player.user)
        match player.fate:
            case Fate.HELD:
                holding.hold(registry, who.id, now)
            case Fate.LOCKED:
                self._lock(troupe, who)
            case Fate.REISSUED:
                reissue.reissue(registry, who.id, Cause.LOST, now)
            case Fate.PENDING:
                with suppress(BrokenOff):
                    self._renew(troupe, player, self._places[player.place], Screen(Step.CONFIRMED))
            case Fate.MOVED:
                self._renew(troupe, player, self._places[SECOND])
                self._log_in(troupe, who, self._pins.login)

    def _renew(self, troupe: Troupe, player: Player, to: StorePort, screen: Screen | None = None) -> None:
        source = self._places[player.place]
        (old,) = (
            f"{one.facts.serial_number:x}"
            for one in source.credentials()
            if one.facts and whose(one) == Whose(troupe.bank.code, troupe.contract, player.user)
        )
        self._counter(troupe, to, source if source is not to else None, screen).renew(old, KIND)

    def _lock(self, troupe: Troupe, who: Subscriber) -> None:
        wrong = self._pins.login[::-1] + "0"
        with suppress(LoginLocked):
            while True:
                with suppress(LoginPinWrong):
                    self._log_in(troupe, who, wrong)

    def _log_in(self, troupe: Troupe, who: Subscriber, typed: str) -> None:
        registry = self._past.registry
        last = registry.standing(who.id).last
        assert last is not None  # noqa: S101  for mypy: everybody has acquired one
        with Secret(typed) as pin:
            entry.log_in(registry, troupe.bank, who, last.serial, pin, self._past.now)

    def _counter(
        self, troupe: Troupe, store: StorePort, source: StorePort | None = None, screen: Screen | None = None
    ) -> Counter:
        roots = (self._past.service.keys.root,)
        profile = Profile(troupe.bank.code, troupe.bank.name, self._address, roots, "", None)
        near = Near(self._past, troupe.bank, self._address)
        parts = near, self._journals, screen or Screen(), lambda: self._past.now, _raised
        return Counter(profile, store, *parts, source=source)


def _raised(error: RenewalError) -> None:
    raise error
