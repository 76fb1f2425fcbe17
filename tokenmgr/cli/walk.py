"""The walk that `tokenmgr testbed bank` takes: everybody of the cast goes to their bank's door, in Chromium, with the
certificate that they have, and what they come to is held against what they should. Then one renews, on a medium."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager, closing

import click

from tokenmgr import clock
from tokenmgr.cli.cast import FIRST, MIHON, PC, Fate, Player, Troupe
from tokenmgr.cli.output import tell_error
from tokenmgr.cli.playbill import places, who
from tokenmgr.cli.stage import Stage
from tokenmgr.cli.story import Screen, line
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.customer.operations import Counter
from tokenmgr.domain.holding import Whose
from tokenmgr.domain.look import Reminder
from tokenmgr.domain.party import Role
from tokenmgr.errors import (
    CertificateNotOffered,
    CertificateOnHold,
    CertificateRevoked,
    CertificateSuperseded,
    CertificateUnconfirmed,
    LoginLocked,
    ShownOtherwise,
    TokenmgrError,
)
from tokenmgr.log import Secret
from tokenmgr.testbed.chromium import Walker, Window
from tokenmgr.testbed.simulated import PIN
from tokenmgr.wiring.counter import authority
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import t

# Where things are on the banks' pages (portal/pages).
PIN_FIELD, LOG_IN, CODE, CLOCK = "#login_pin", "main form button:not([type=button])", "main .code", "[data-left]"
NOTICE, TO_MAIN, TO_CONTRACT = ".notices a", "main a[href$='/main']", "main a[href$='/contract']"
TO_ACQUIRE = "main a[href$='/acquire']"
BARRED: dict[Fate, type[TokenmgrError]] = {
    Fate.HELD: CertificateOnHold,
    Fate.REISSUED: CertificateRevoked,
    Fate.PENDING: CertificateUnconfirmed,  # of the two that are there it ends last
    Fate.MOVED: CertificateSuperseded,
}


class Walk:
    def __init__(self, stage: Stage, walker: Walker) -> None:
        self._stage, self._walker = stage, walker
        self.pages = 0  # that were as they should be

    def visit(self, troupe: Troupe) -> None:
        for player in troupe.players:
            for place in places(player):
                line(who(player, place))
                with self._browser(troupe, player, place) as window:
                    self._visit(window, troupe, player, place)

    def renew(self) -> None:
        """R12: a browser that is still open with the old certificate is turned away once the new one has logged in."""
        administrator = MIHON.players[0]
        line(who(administrator, FIRST))
        with self._browser(MIHON, administrator, FIRST) as before:
            self._log_in(before, MIHON)
            self._is(before, "/reminder")
            self._stage.ask_for_pins(True)
            self._renew()
            self._stage.ask_for_pins(False)
            line(t("shown.pages_with_new"))
            with self._browser(MIHON, administrator, FIRST) as after:
                self._log_in(after, MIHON)
                self._is(after, "/main")
            line(t("shown.pages_old"))
            before.go(f"{self._stage.site(MIHON)}main")
            self._is_refused(before, CertificateSuperseded)

    def _visit(self, window: Window, troupe: Troupe, player: Player, place: str) -> None:
        if player.left.days < 0:
            window.go(self._stage.site(troupe))
            self._is_refused(window, CertificateNotOffered)
            window.press(TO_ACQUIRE)
            self._is(window, "/acquire")
            return
        if place == player.place and player.fate in BARRED:
            window.go(self._stage.site(troupe))
            self._is_refused(window, BARRED[player.fate])
            return
        self._log_in(window, troupe)
        if player.fate is Fate.LOCKED:
            self._is_refused(window, LoginLocked)
            return
        if player.left.days < troupe.bank.policy.renewal_days and place == player.place:
            self._remind(window, troupe, player)
        self._is(window, "/main")
        if player.role is Role.ADMINISTRATOR:
            window.press(TO_CONTRACT)
            self._is(window, "/contract")

    def _remind(self, window: Window, troupe: Troupe, player: Player) -> None:
        self._is(window, "/reminder")
        if player.left.days < 1 and not window.text(CLOCK):
            self._otherwise(window, CLOCK)
        if troupe.look.reminder is Reminder.NOTICES:
            window.press(NOTICE)
            self._is(window, "/notice")
        window.press(TO_MAIN)

    def _log_in(self, window: Window, troupe: Troupe) -> None:
        window.go(self._stage.site(troupe))
        self._is(window, "/")
        window.fill(PIN_FIELD, self._stage.pins.login)
        window.press(LOG_IN)

    def _renew(self) -> None:
        """At the customer's own program, by the nine steps."""
        medium = self._stage.media[FIRST]
        profile = self._stage.profile(MIHON)
        with (
            medium.library(settings().time_limits) as library,
            Secret(PIN) as pin,
            closing(MediumStore(library, medium.serial, pin)) as store,
            authority(profile, time.sleep) as reached,
        ):
            screen = Screen(medium, None)
            Counter(profile, store, reached, self._stage.journals, screen, clock.now, tell_error).renew()

    # --- what is there ---

    def _browser(self, troupe: Troupe, player: Player, place: str) -> AbstractContextManager[Window]:
        label = Whose(troupe.bank.code, troupe.contract, player.user).label
        return self._walker.browser(label, () if place == PC else (self._stage.media[place],))

    def _is(self, window: Window, path: str) -> None:
        if not window.path.endswith(path) or window.text(CODE):
            self._otherwise(window, path)
        self._seen(window)

    def _is_refused(self, window: Window, error: type[TokenmgrError]) -> None:
        if error.code not in window.text(CODE):
            self._otherwise(window, error.code)
        self._seen(window, error.code)

    def _seen(self, window: Window, code: str = "") -> None:
        self.pages += 1
        title = window.title.rpartition(" — ")[0] or window.title
        line(f"  {click.style('✓', fg='green')} {title}{f'  {code}' if code else ''}")

    def _otherwise(self, window: Window, expected: str) -> None:
        raise ShownOtherwise(visit=window.path, expected=expected, found=f"{window.title} {window.text(CODE)}")
