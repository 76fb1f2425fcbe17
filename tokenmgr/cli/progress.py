"""How an operation goes on, for whoever sits at the terminal: the step, the time so far, what the medium is doing.

Nothing where nobody sits there. On standard error, so that what is asked for stays alone on standard output.
"""

from __future__ import annotations

import itertools
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

from tokenmgr.cli.output import pad, tell_error, width
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import JournalDamaged, MediumError, TokenmgrError
from tokenmgr.wiring import around
from tokenmgr.wiring.words import t

TICK = 0.1
CLEAR = "\x1b[K"  # the rest of the line
TURNS = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
LOOKING = 0.5  # seconds between two looks for the medium that was pulled
OTHERS = 4  # of these looks, one is for what is plugged in instead (S4): that asks every medium there is


class Progress:
    """The engine's screen (renewal/ports.py)."""

    def __init__(
        self, is_live: bool, doing: Callable[[], str], is_back: Callable[[], bool], renews: bool = False
    ) -> None:
        """`doing`: the call that the medium is at. `is_back`: whether it is plugged in again. `renews`: what is done
        replaces one that works, and goes on doing so."""
        self._is_live, self._doing, self._is_back, self._renews = is_live, doing, is_back, renews
        self._step: Step | None = None
        self._started = 0.0
        self._quiet = threading.Event()
        self._quiet.set()

    # --- what the engine tells ---

    def begins(self, step: Step) -> None:
        """Told a second time, it goes on: CHECKED has begun while the store is read and the CA is asked."""
        if self._is_live:
            if step is not self._step:
                self._step, self._started = step, time.perf_counter()
            self._resume()

    def ends(self, step: Step) -> None:
        if self._is_live:
            self.stop()
            self._step, seconds = None, time.perf_counter() - self._started
            _write(
                self._line(click.style("✓", fg="green"), step, t(f"steps.{step.name}_done"), f"{seconds:.1f} s"), "\n"
            )

    def waits(self, seconds: int) -> None:
        time.sleep(seconds)

    def waits_for_store(self, error: MediumError) -> bool:
        """Until it is back, or Ctrl-C: then `tokenmgr resume` goes on."""
        self.stop()
        self._step = None
        if not self._is_live:
            return False
        serial = str(error.facts.get("serial") or "")
        kept, following = t("steps.kept_renewing" if self._renews else "steps.kept"), t("steps.insert", serial=serial)
        tell_error(error, {"kept": kept, "next": following})  # it waits: the same command again is not what helps
        told = error.facts.get("seen") or ()
        for look in itertools.count():
            if self._is_back():
                break
            if look % OTHERS == 0 and (seen := around.beside(serial)) != told:
                if seen:
                    click.echo(t("desk_progress.other", serial=serial, seen=t("words.and").join(seen)), err=True)
                told = seen
            time.sleep(LOOKING)
        return True

    # --- for the command ---

    def tell(self, error: TokenmgrError) -> None:
        with self.aside():
            if isinstance(error, JournalDamaged):  # its next step is what is being done
                click.echo(t("renewing.set_aside", file=error.facts["file"]), err=True)
            else:
                tell_error(error)

    @contextmanager
    def aside(self) -> Iterator[None]:
        """While somebody is asked something."""
        was_running = not self._quiet.is_set()
        self.stop()
        yield
        if was_running:
            self._resume()

    def stop(self) -> None:
        if not self._quiet.is_set():
            self._quiet.set()
            self._ticker.join()
            _write("\r", CLEAR)

    def _resume(self) -> None:
        self.stop()
        self._quiet.clear()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._ticker.start()

    def _tick(self) -> None:
        turn = 0
        while not self._quiet.wait(TICK):
            if self._step is not None:
                verb, seconds = self._doing(), time.perf_counter() - self._started
                doing = t(f"doing.{verb}") if verb else ""
                mark, text = TURNS[turn % len(TURNS)], t(f"steps.{self._step.name}")
                _write("\r", self._line(mark, self._step, text, f"{seconds:.1f} s", doing), CLEAR)
            turn += 1

    def _line(self, mark: str, step: Step, text: str, seconds: str, doing: str = "") -> str:
        room = shutil.get_terminal_size().columns - len("  x 9/9  ") - 1
        told = f"{pad(text, 36)} {seconds:>7}  {doing}".rstrip()
        while width(told) > room:
            told = told[:-1]
        return f"  {mark} {step.value}/{len(Step)}  {told}"


def _write(*parts: str) -> None:
    """By click, which makes of colours and clearings what a console of Windows takes."""
    click.echo("".join(parts), nl=False, err=True)
