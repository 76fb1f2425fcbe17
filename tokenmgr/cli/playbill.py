"""What `tokenmgr testbed bank` says of who plays (cast.py): whose certificate, how much of it is left, and what the
bank's pages will show them."""

from __future__ import annotations

from datetime import timedelta

from tokenmgr.cli.cast import DAY, PC, SECOND, Fate, Player, Troupe
from tokenmgr.cli.output import pad
from tokenmgr.domain.look import Reminder
from tokenmgr.domain.party import Role
from tokenmgr.testbed.simulated import PIN
from tokenmgr.wiring.words import t

ROLES = {Role.ADMINISTRATOR: "administrator", Role.USER: "user_role"}
FATES = {
    Fate.HELD: "pages_sees_held",
    Fate.LOCKED: "pages_sees_locked",
    Fate.REISSUED: "pages_sees_reissued",
    Fate.PENDING: "pages_sees_pending",
    Fate.MOVED: "pages_sees_moved",
}
REMINDERS = {Reminder.NOTICES: "pages_sees_notices", Reminder.BUTTONS: "pages_sees_buttons"}


def who(player: Player, place: str) -> str:
    """One that a renewal has put on the second medium is new."""
    age = t("shown.pages_new") if place != player.place else _age(player.left)
    role = t(f"bank.{ROLES[player.role]}")
    return f"{pad(player.user, 8)}{pad(role, 15)}{pad(_place(place), 27)}{age}"


def sees(troupe: Troupe, player: Player, place: str) -> str:
    if place == player.place and player.fate in FATES:
        return t(f"shown.{FATES[player.fate]}")
    if player.left < timedelta(0):
        within = -player.left <= troupe.bank.policy.grace_days * DAY
        return t("shown.pages_sees_expired" if within else "shown.pages_sees_over")
    if place != player.place or player.left > troupe.bank.policy.renewal_days * DAY:
        return t("shown.pages_sees_main")
    if player.left < DAY:
        return t("shown.pages_sees_last_day")
    return t(f"shown.{REMINDERS[troupe.look.reminder]}")


def places(player: Player) -> tuple[str, ...]:
    """Where this one has a certificate."""
    return (player.place, SECOND) if player.fate is Fate.MOVED else (player.place,)


def _place(place: str) -> str:
    return t("shown.pages_pc") if place == PC else t("shown.pages_medium", name=place, pin=PIN)


def _age(left: timedelta) -> str:
    if left < timedelta(0):
        return t("shown.pages_expired", days=-left.days)
    if left < DAY:
        return t("shown.pages_hours", hours=left // timedelta(hours=1))
    return t("shown.pages_left", days=left.days)
