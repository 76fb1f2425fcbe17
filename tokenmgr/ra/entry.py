"""ログイン: by the certificate whose key TLS has proven, and the login PIN (R11). The first login of a new generation
is the end of the one before, where the bank's policy says so (R12)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tokenmgr.domain.entry import Barred, Lock, judge
from tokenmgr.domain.generation import Generation
from tokenmgr.domain.party import Bank, Role, Subscriber
from tokenmgr.domain.policy import OldGeneration, whom_to_ask
from tokenmgr.errors import LoginLocked, LoginPinWrong
from tokenmgr.log import Secret
from tokenmgr.ra import passcodes
from tokenmgr.ra.ports import Registry


@dataclass(frozen=True)
class Entrant:
    """Whoever is at the door. `barred`: why not let in, whatever the PIN."""

    found: Generation | None
    who: Subscriber | None
    barred: Barred | None


def look_at(
    certificate: bytes | None, found: Generation | None, who: Subscriber | None, bank: Bank, now: datetime
) -> Entrant:
    """`found` is what the registry has under the serial number of `certificate`, and `who` its subscriber: it must be
    the very bytes that we have issued."""
    if certificate is None:
        return Entrant(None, None, Barred.NO_CERTIFICATE)
    if found is None or who is None or found.certificate != certificate:
        return Entrant(None, None, Barred.UNKNOWN)
    return Entrant(found, who, judge(found, who, bank, now))


def log_in(registry: Registry, bank: Bank, who: Subscriber, serial: int, pin: Secret, now: datetime) -> None:
    """With the certificate `serial`. The try is spent before the PIN is looked at: no crash and no crowd gets one for
    nothing. They are the same tries that an acquisition spends (R9): guessing here and there does not double them."""
    policy, name = bank.policy, (who.bank, who.contract, who.user)
    tries = registry.spend_try(*name, policy.wrong_pins, policy.lock_contract, now)
    if tries.locked:
        raise locked(who)
    enrolled = registry.enrolled(*name)
    if enrolled is None or not passcodes.is_login(pin, enrolled.login_hash):
        if tries.spent >= policy.wrong_pins:
            raise locked(who)
        raise LoginPinWrong(left=policy.wrong_pins - tries.spent)
    registry.forgive_tries(*name)
    if tries.contract_locked:  # told only to whoever knows the PIN
        raise locked(who, Lock.CONTRACT)
    if policy.old_generation is not OldGeneration.AT_EXPIRY:
        registry.retire(who.id, serial, now)


def locked(who: Subscriber, lock: Lock = Lock.OWN) -> LoginLocked:
    if lock is Lock.CONTRACT:
        return LoginLocked(way="unlock-contract")
    return LoginLocked(way=f"unlock-{whom_to_ask(who.role is Role.USER).value}")
