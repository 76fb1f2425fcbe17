"""The story that `tokenmgr testbed renewal` tells: each chapter is done, then said; what it promises is looked for."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeVar

import click

from tokenmgr import clock
from tokenmgr.cli.bed import PROFILE_OF
from tokenmgr.cli.output import Exit, pad, tell_error
from tokenmgr.clock import japan_time
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.customer.operations import Applicant, Counter, Outcome
from tokenmgr.customer.profiles import STRAIGHT, Profile, read_profile
from tokenmgr.domain.credential import CertificateFacts, Credential
from tokenmgr.domain.generation import State
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import MediumError, TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.renewal.authority import Authority
from tokenmgr.system import private_folder
from tokenmgr.testbed.own_ca import Commands, OwnCA, drawn_pin
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.token.session import Session
from tokenmgr.wiring.counter import authority
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import chosen_language, t, texts

BANK_NAME, CONTRACT, CONTRACT_NAME, USER = "みほん信用金庫", "1234567", "みほん商店", "0001"
SHORT, LONG = 13, 365  # days: of the certificate that is soon due, and of every later one (R1)
INDENT = "     "
T = TypeVar("T")


class Screen:
    """The engine's (renewal/ports.py): a line for each step that is done; and the hand at the plug, as `pulled_at`
    begins. Nobody waits for the medium: whoever pulls it here is gone."""

    def __init__(self, medium: SimulatedMedium, pulled_at: Step | None) -> None:
        self._medium, self._pulled_at = medium, pulled_at
        self._started = 0.0

    def begins(self, step: Step) -> None:
        self._started = time.perf_counter()
        if step is self._pulled_at:
            self._medium.unplug()
            line(click.style(f"✗ {step.value}/{len(Step)}  {t('shown.pulled')}", fg="red"))

    def ends(self, step: Step) -> None:
        mark, text = click.style("✓", fg="green"), pad(t(f"steps.{step.name}_done"), 46)
        line(f"{mark} {step.value}/{len(Step)}  {text}  {dim(time.perf_counter() - self._started)}")

    def waits(self, seconds: int) -> None:
        time.sleep(seconds)

    def waits_for_store(self, error: MediumError) -> bool:
        return False


class Story:
    def __init__(self, medium: SimulatedMedium, ca: OwnCA, customer: Commands, code: str, profile: Path) -> None:
        """`profile`: where the bank's file goes."""
        self.medium, self.ca, self._customer, self.code, self._profile = medium, ca, customer, code, profile
        self.pins = drawn_pin(), drawn_pin()  # the login PIN and the confirmation PIN of everybody here
        self._chapters = 0

    def run(self) -> None:
        self._chapter("medium")
        line(t("shown.medium_made", serial=self.medium.serial, pin=PIN, folder=self.medium.folder))
        profile = self._open_ca()
        with authority(profile, time.sleep) as reached:
            self._acquire(profile, reached)
            self._become_due(reached)
            self._renew_and_pull(profile, reached)
            self._look_at_old(reached)
            self._resume(profile, reached)
        self._chapter("now")
        self._status(Exit.FINE)

    # --- the CA, and the bank ---

    def _open_ca(self) -> Profile:
        self._chapter("ca")
        line(t("shown.ca_home", home=self.ca.home))
        self._timed("ca init", self.ca.make)
        policy = ("--set", f"validity_days={SHORT}", "--set", "notice_days=10")
        self._command("bank", "add", self.code, "--name", BANK_NAME, *policy)
        line(t("shown.short", days=SHORT))
        self._command("bank", "contract", "add", self.code, CONTRACT, "--name", CONTRACT_NAME)
        self.enrol(USER, "administrator")
        self._timed(f"ca serve   {self.ca.url}", self.ca.serve)
        return self._hand_over(self._command("bank", "profile", self.code))

    def enrol(self, user: str, role: str) -> None:
        words = ("bank", "subscriber", "add", self.code, CONTRACT, user, "--role", role)
        read = ("--login-pin-fd", "0", "--confirmation-pin-fd", "0")
        typed = "".join(f"{pin}\n" for pin in self.pins)
        self._timed(shlex.join(words), lambda: self.ca.command(*words, *read, typed=typed))

    def _hand_over(self, text: str) -> Profile:
        """With a first line by which it is known should it be left behind, and past any proxy."""
        private_folder(self._profile.parent)
        self._profile.write_text(f'{PROFILE_OF}{self.ca.home}\nproxy = "{STRAIGHT}"\n{text}', encoding="utf-8")
        line(t("shown.handed", file=self._profile))
        return read_profile(self._profile)

    # --- the customer ---

    def _acquire(self, profile: Profile, reached: Authority) -> None:
        self._chapter("acquisition")
        with self._counter(profile, reached) as at:
            outcome = at.acquire(self._applicant(CONTRACT, USER))
        line(self._of(outcome))

    def _become_due(self, reached: Authority) -> None:
        self._chapter("due")
        self._command("bank", "change", self.code, "--set", f"validity_days={LONG}")
        line(t("shown.year"))
        self._status(Exit.DUE)

    def _renew_and_pull(self, profile: Profile, reached: Authority) -> None:
        self._chapter("renewal")
        try:
            with self._counter(profile, reached, pulled_at=Step.WRITTEN) as at:
                at.renew()
        except TokenmgrError as error:
            if self.medium.plugged:
                raise
            words = texts().error(error)
            line(click.style(f"{t('words.error', code=error.code)}  {words['what']}", fg="red"))
            line(f"  {t('words.kept', text=words['kept'])}")
            line(f"  {t('words.next', text=words['next'])}")
        _require(not self.medium.plugged, "the medium was not pulled")

    def _look_at_old(self, reached: Authority) -> None:
        self.medium.plug()
        self._chapter("still")
        with (
            self.medium.library(settings().time_limits) as library,
            Session.open(library, self.medium.serial) as session,
            Secret(PIN) as pin,
        ):
            session.login(pin)
            found = session.contents().credentials
            old, begun = sorted(found, key=lambda one: one.certificate is None)
            session.prove(old.key, _facts(old).public_key)
        line(t("shown.signs", serial=f"{_facts(old).serial_number:x}"))
        _require_state(reached, old, State.ACTIVE)
        _require_state(reached, begun, State.PENDING)
        line(t("shown.active"))

    def _resume(self, profile: Profile, reached: Authority) -> None:
        self._chapter("resumed")
        with self._counter(profile, reached) as at:
            outcome = at.resume(self._applicant)
        line(t("shown.not_again"))
        line(self._of(outcome))

    def _status(self, expected: Exit) -> None:
        """As the customer asks for it, without a PIN."""
        words = ("status", "--medium", self.medium.serial)
        for told in self._timed(shlex.join(words), lambda: self._customer.run(*words, fine=(expected,))).splitlines():
            line(f"  {told}")

    @contextmanager
    def _counter(self, profile: Profile, reached: Authority, pulled_at: Step | None = None) -> Iterator[Counter]:
        """As a command of its own has it: a library that is loaded anew, and a PIN that is given anew."""
        screen, journals = Screen(self.medium, pulled_at), self.medium.folder / "journal"  # which go with it
        with (
            self.medium.library(settings().time_limits) as library,
            Secret(PIN) as pin,
            closing(MediumStore(library, self.medium.serial, pin)) as store,
        ):
            yield Counter(profile, store, reached, journals, screen, clock.now, tell_error)

    def _applicant(self, contract: str, user: str) -> Applicant:
        return Applicant(contract, user, lambda: (Secret(self.pins[0]), Secret(self.pins[1])))

    # --- how it is told ---

    def _chapter(self, name: str) -> None:
        self._chapters += 1
        click.secho(f"\n  {self._chapters}  {t(f'shown.{name}')}", bold=True)

    def _command(self, *words: str) -> str:
        return self._timed(shlex.join(words), lambda: self.ca.command(*words))

    def _timed(self, told: str, act: Callable[[], T]) -> T:
        started = time.perf_counter()
        result = act()
        line(f"$ tokenmgr {told}   {dim(time.perf_counter() - started)}")
        return result

    def _of(self, outcome: Outcome) -> str:
        facts = outcome.certificate
        left = t("bank.days", days=(facts.not_after - clock.now()).days)  # whole days (R2)
        until = japan_time(facts.not_after, chosen_language())
        return t("shown.certificate", serial=f"{facts.serial_number:x}", until=until, left=left)


def line(text: str) -> None:
    click.echo(f"{INDENT}{text}")


def dim(seconds: float) -> str:
    return click.style(f"{seconds:.1f} s", dim=True)


def _require(is_so: bool, otherwise: str) -> None:
    """A demonstration that shows anything else is a fault of ours."""
    if not is_so:
        raise RuntimeError(otherwise)


def _require_state(reached: Authority, one: Credential, state: State) -> None:
    found = reached.standing(one.key.fingerprint).state
    _require(found == state.value, f"the CA says {found} and not {state.value}")


def _facts(one: Credential) -> CertificateFacts:
    assert one.facts is not None  # noqa: S101  only those with a certificate are looked at
    return one.facts
