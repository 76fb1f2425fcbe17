"""ログイン: by the certificate whose key TLS has proven, and the login PIN (R11). The first login of a new generation
is the end of the one before, where the bank's policy says so (R12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tokenmgr.domain.entry import Barred, judge
from tokenmgr.domain.generation import Generation
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.policy import OldGeneration, Way
from tokenmgr.errors import LoginLocked, LoginPinWrong
from tokenmgr.log import Secret
from tokenmgr.ra import passcodes
from tokenmgr.ra.ports import BEYOND_SERIALS, Registry


@dataclass(frozen=True)
class Entrant:
    """Whoever is at the door. `barred`: why not let in, whatever the PIN."""

    found: Generation | None
    who: Subscriber | None
    barred: Barred | None


def look_at(registry: Registry, serial: int | None, certificate: bytes | None, bank: Bank, now: datetime) -> Entrant:
    """`serial` is that of `certificate`: it must be the very bytes that we have issued."""
    if serial is None or certificate is None:
        return Entrant(None, None, Barred.NO_CERTIFICATE)
    found = registry.generation(serial) if 0 < serial < BEYOND_SERIALS else None
    if found is None or found.subscriber is None or found.certificate != certificate:
        return Entrant(None, None, Barred.UNKNOWN)
    who = registry.standing(found.subscriber).subscriber
    return Entrant(found, who, judge(found, who, bank, now))


def log_in(registry: Registry, bank: Bank, who: Subscriber, pin: Secret, now: datetime) -> None:
    """The try is spent before the PIN is looked at: no crash and no crowd gets one for nothing."""
    policy, name = bank.policy, (who.bank, who.contract, who.user)
    tries = registry.spend_try(*name, policy.wrong_pins, policy.lock_contract, now)
    if tries.locked:
        raise _locked(who)
    enrolled = registry.enrolled(*name)
    if enrolled is None or not passcodes.is_login(pin, enrolled.login_hash):
        raise LoginPinWrong(tries_left=max(policy.wrong_pins - tries.spent, 0))
    registry.forgive_tries(*name)
    if tries.contract_locked:
        raise _locked(who)
    if policy.old_generation is not OldGeneration.AT_EXPIRY:
        registry.retire(who.id, now)


def _locked(who: Subscriber) -> LoginLocked:
    way = Way.ASK_ADMINISTRATOR if who.role is Role.USER else Way.VISIT_BRANCH
    return LoginLocked(way=way.value)
