"""`tokenmgr testbed fault|calls`: what a simulated medium does wrong, and who has called it."""

from __future__ import annotations

import collections
import dataclasses
from pathlib import Path

import click

from tokenmgr.cli import options
from tokenmgr.cli.bed import bed, medium_argument
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, columns
from tokenmgr.errors import FaultWrong
from tokenmgr.testbed.control import Applied
from tokenmgr.testbed.faults import ACTIONS, ALL, Rule, read_file, setting
from tokenmgr.testbed.functions import FUNCTIONS
from tokenmgr.testbed.page import RULES, SETTABLE
from tokenmgr.wiring.words import t


def _functions(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [name for name in (*FUNCTIONS, ALL) if name.startswith(incomplete)]


def _words(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[str]:
    return [f"{word}=" for word in SETTABLE if word.startswith(incomplete)]


@click.command(cls=Command, help=t("help.testbed_fault"))
@medium_argument
@click.argument("function", required=False, shell_complete=_functions)
@click.argument("action", required=False, shell_complete=lambda *_: list(ACTIONS))
@click.argument("value", required=False)
@click.option("--after", is_flag=True, help=t("help.o_after"))
@click.option("--skip", type=click.IntRange(min=0), default=0, metavar="N", help=t("help.o_skip"))
@click.option("--times", type=click.IntRange(min=0), default=0, metavar="N", help=t("help.o_times"))
@click.option("--file", "path", type=click.Path(path_type=Path), help=t("help.o_rules"))
@click.option("--remove", type=int, multiple=True, metavar="RULE", help=t("help.o_remove"))
@click.option("--clear", is_flag=True, help=t("help.o_clear"))
@options.words
def fault(
    name: str,
    function: str | None,
    action: str | None,
    value: str | None,
    after: bool,
    skip: int,
    times: int,
    path: Path | None,
    remove: tuple[int, ...],
    clear: bool,
    as_json: bool,
) -> int:
    control = bed().medium(name).control
    new = read_file(path) if path else []
    if function is not None:
        if action is None:
            raise FaultWrong(reason="only-with-value", subject=function)
        new.append(Rule.read(function, action, value, after, skip, times))
    before = control.rules()
    for number in remove:
        if number not in {one.number for one in before}:
            raise FaultWrong(reason="no-such-rule", subject=str(number))
    if len(new) > RULES:  # before any is taken away for them
        raise FaultWrong(reason="too-many", subject=str(RULES))
    if clear or remove:
        control.remove(*([] if clear else remove))
    numbers = control.add(*new) if new else []
    standing = control.rules()
    if as_json:
        Output().value([rule_value(one) for one in standing])
        return Exit.FINE
    if clear or remove:
        click.echo(t("testbed.rules_removed", count=len(before) - len(standing) + len(new)))
    for one in standing:
        if not new or one.number in numbers:
            click.echo(rule_line(one))
    if not standing:
        click.echo(t("testbed.no_rules", name=name))
    return Exit.FINE


@click.command(cls=Command, help=t("help.testbed_set"))
@medium_argument
@click.argument("settings", metavar="WORD=NUMBER...", nargs=-1, required=True, shell_complete=_words)
@options.words
def set_(name: str, settings: tuple[str, ...], as_json: bool) -> int:
    control = bed().medium(name).control
    wanted = dict(setting(text) for text in settings)  # all are right before the first is set
    for word, number in wanted.items():
        control[word] = number
    if as_json:
        Output().value(wanted)
    else:
        for word, number in wanted.items():
            click.echo(f"{word} = {number}")
    return Exit.FINE


def rule_line(one: Applied) -> str:
    told = f"  ({t('testbed.hits', count=one.hits)})" if one.asked else ""
    return t("testbed.rule_set", number=one.number, rule=one.rule.shown) + told


def rule_value(one: Applied) -> dict[str, object]:
    return {"number": one.number, "rule": one.rule.shown, "asked": one.asked, "hits": one.hits}


@click.command(cls=Command, help=t("help.testbed_calls"))
@medium_argument
@click.option("--last", type=click.IntRange(min=1), metavar="N", help=t("help.o_last"))
@options.words
def calls(name: str, last: int | None, as_json: bool) -> int:
    found = list(collections.deque(bed().medium(name).control.calls(), last))
    if as_json:
        Output().value([dataclasses.asdict(call) for call in found])
    elif found:
        heading = [t(f"labels.{label}") for label in ("process", "function", "answer", "ms", "rule")]
        rows = [
            [str(c.process), c.function, c.answer, f"{c.milliseconds:.1f}", "" if c.rule is None else str(c.rule)]
            for c in found
        ]
        columns([heading, *rows])
    else:
        click.echo(t("testbed.no_calls", name=name))
    return Exit.FINE
