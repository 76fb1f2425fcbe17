"""`tokenmgr bank notices …`: mails to customers about their certificates, as a timer sends them (docs/notices.md)."""

from __future__ import annotations

import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from functools import partial
from typing import Any

import click

from tokenmgr import clock, system
from tokenmgr.cli import options
from tokenmgr.cli.bank_registry import Open, open_registry
from tokenmgr.cli.help import Command, LazyGroup
from tokenmgr.cli.output import Exit, Output, error_as_json, table, tell_error
from tokenmgr.domain.notice import Skipped
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.notices import rounds, schedule, texts
from tokenmgr.notices.courier import Courier, Tally
from tokenmgr.notices.smtp import SmtpPost
from tokenmgr.sql.outbox import Outbox
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import t

COMMANDS = {
    "test": "tokenmgr.cli.bank_notices_trial:test",
    "preview": "tokenmgr.cli.bank_notices_seen:preview",
    "list": "tokenmgr.cli.bank_notices_seen:list_",
    "retry": "tokenmgr.cli.bank_notices_after:retry",
    "bounced": "tokenmgr.cli.bank_notices_after:bounced",
}


@click.group(cls=LazyGroup, lazy=COMMANDS, help=t("help.bank_notices"))
def notices() -> None:
    pass


def outbox_of(opened: Open) -> Outbox:
    """In this process's own name, which no other has."""
    return Outbox(opened.database, f"{system.computer()} {secrets.token_hex(8)}")


def policies_of(opened: Open) -> dict[str, BankPolicy]:
    return {one.code: one.policy for one in opened.administration.banks()}


@notices.command(cls=Command, help=t("help.bank_notices_run"))
@click.option("--bank", "code", metavar="CODE", help=t("help.o_notices_bank"))
@click.option("--dry-run", is_flag=True, help=t("help.o_notices_dry_run"))
@click.option("--after-pause", is_flag=True, help=t("help.o_notices_after_pause"))
@options.words
def run(code: str | None, dry_run: bool, after_pause: bool, as_json: bool) -> int:
    with open_registry() as opened:
        if code is not None:
            opened.bank(code)
        if dry_run:
            return _tell_plan(opened, code, as_json)
        at_present = clock.steady()  # one that is set while this runs would have mails skipped as too late
        now = at_present()
        schedule.require_same_clock(opened.database.now(), now)
        jobs = opened.administration.jobs_done()
        schedule.require_clock(rounds.last_of(jobs, code), now, after_pause)
        with closing(SmtpPost(settings().mail)) as post:
            opened.administration.keep_jobs_done(rounds.noted(jobs, code, now), now)
            write = partial(texts.write, return_path=settings().mail.return_path)
            key = opened.registry.nonce_key()
            courier = Courier(outbox_of(opened), post, write, key, at_present, time.sleep)
            planned = rounds.run(courier, policies_of(opened), code, _progress())
        left = courier.outbox.left(code)
    return _tell_round(planned, courier.tally, left, as_json)


def _tell_plan(opened: Open, code: str | None, as_json: bool) -> int:
    outbox, now = outbox_of(opened), clock.now()
    found = schedule.due(outbox, policies_of(opened), now, code)
    planned = Counter(one.skipped.value if one.skipped else "" for _, one in found)
    waiting = outbox.waiting(now, code)
    if as_json:
        Output().value({"due": planned[""], "skipped": _skipped(planned), "waiting": waiting})
    else:
        table([(t("notices.due_now"), str(planned[""])), (t("notices.waiting_now"), str(waiting)), *_why(planned)])
        click.echo(t("notices.nothing_sent"))
    return Exit.FINE


def _progress() -> Callable[[Tally], None]:
    """On a terminal alone, and on standard error."""
    if not sys.stderr.isatty():
        return lambda _: None

    def tell(tally: Tally) -> None:
        told = t("notices.progress", done=tally.count, all=max(tally.expected, tally.count), sent=tally.sent)
        click.echo(f"\r{told}\x1b[K", err=True, nl=False)

    return tell


def _tell_round(planned: Counter[str], tally: Tally, left: int, as_json: bool) -> int:
    """Skipped when it was planned or when it was to be sent: it is the same to whoever reads this."""
    if sys.stderr.isatty() and tally.count:
        click.echo(err=True)
    skipped = planned + Counter({why.value: count for why, count in tally.skipped.items()})
    if as_json:
        told: dict[str, Any] = {
            "sent": tally.sent,
            "refused": tally.refused,
            "postponed": tally.postponed,
            "skipped": _skipped(skipped),
            "left": left,
            "banks": {code: error_as_json(error) for code, error in tally.troubles.items()},
        }
        Output().value(told)
    else:
        counts = {"sent": tally.sent, "refused": tally.refused, "postponed": tally.postponed, "left": left}
        table([*((t(f"notices.{name}"), str(count)) for name, count in counts.items()), *_why(skipped)])
        for code, error in tally.troubles.items():
            click.echo(t("notices.of_bank", bank=code), err=True)
            tell_error(error)
    needs_a_hand = tally.refused or tally.troubles or skipped[Skipped.NO_ADDRESS.value]
    return Exit.FINDINGS if needs_a_hand else Exit.FINE


def _skipped(planned: Counter[str]) -> dict[str, int]:
    return {one.value: planned[one.value] for one in Skipped if planned[one.value]}


def _why(planned: Counter[str]) -> list[tuple[str, str]]:
    return [(t("notices.skipped", why=why_word(Skipped(why))), str(count)) for why, count in _skipped(planned).items()]


def why_word(why: Skipped) -> str:
    return t(f"notices.why_{why.value.replace('-', '_')}")
