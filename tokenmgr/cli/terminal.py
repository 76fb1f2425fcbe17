"""Who sits at the terminal, as wiring/person.py asks; or nobody, in a script."""

from __future__ import annotations

import time
from collections.abc import Callable

import click

from tokenmgr.cli import prompts
from tokenmgr.cli.output import tell_error
from tokenmgr.cli.progress import LOOKING, Progress
from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.wiring.person import Screen
from tokenmgr.wiring.places import TPM, Where, file_named
from tokenmgr.wiring.words import t


class Terminal:
    def __init__(self, as_json: bool = False, renews: bool = False) -> None:
        self._as_json, self._renews = as_json, renews

    def may_spend_final_try(self, facts: MediumFacts, family: Family, where: Where) -> bool:
        return prompts.final_try(facts, family, where.final_try)

    def pin(self, store: str, where: Where, facts: MediumFacts) -> Secret:
        who = TPM if store.startswith(TPM) else "user"
        return prompts.pin(t("pins.ask", serial=store), where.pin_fd, who, where.option)

    def passphrase(self, store: str, where: Where) -> Secret:
        question = t("pc.ask", store=store) if file_named(store) else t("pins.ask", serial=store)
        return prompts.passphrase(question, where.pin_fd, where.option)

    def waits(self, error: TokenmgrError, is_over: Callable[[], bool]) -> bool:
        if not prompts.sees_progress():
            return False
        tell_error(error)
        click.echo(t("steps.close"), err=True)
        while not is_over():
            time.sleep(LOOKING)
        return True

    def tell(self, error: TokenmgrError) -> None:
        tell_error(error)

    def pause(self, seconds: float) -> None:
        time.sleep(seconds)  # Ctrl-C ends it

    def screen(self, doing: Callable[[], str], is_back: Callable[[], bool]) -> Screen:
        return Progress(prompts.sees_progress() and not self._as_json, doing, is_back, self._renews)
