"""An entry of the audit trail for a person: Japan time, words for who did what, and what has changed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import click

from tokenmgr.cli.output import pad, while_read, width
from tokenmgr.clock import japan_time
from tokenmgr.domain.audit import Entry, Value
from tokenmgr.domain.audit_check import Finding, What
from tokenmgr.domain.audit_lines import entry_value, instant
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.domain.reissue import Cause
from tokenmgr.wiring.words import chosen_language, t, texts

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOMENTS = {"open_until", "not_after", "until", "reissued_at"}
_POLICY = "policy."
COLUMNS = (("number", 6), ("at", 0), ("who", 16), ("origin", 16), ("action", 24), ("whom", 20), ("changed", 8))
EXPORTED = ("number", "at", "kind", "actor", "origin", "action", "bank", "whom", "serial", "before", "after", "hash")


def moment(at: int) -> str:
    return japan_time(_EPOCH + timedelta(microseconds=at), chosen_language())


def action_word(action: str) -> str:
    """What this version does not know is told as it stands."""
    return _word("do_" + action.replace(".", "_").replace("-", "_"), action)


def kind_word(kind: str) -> str:
    return _word(f"kind_{kind}", kind)


def _word(name: str, otherwise: str) -> str:
    return t(f"audit.{name}") if texts().has(f"audit.{name}") else otherwise


def serial(one: Entry) -> str:
    return one.serial.lstrip("0")


def fact_word(name: str) -> str:
    """A line of a bank's policy keeps the name by which it is set."""
    if name.startswith(_POLICY):
        return t("audit.its_policy", key=name.removeprefix(_POLICY))
    return _word(f"its_{name}", name)


def whom(one: Entry) -> str:
    return " ".join(part for part in (one.whom or one.bank, serial(one)) if part)


def changed(one: Entry) -> str:
    """email: old → new, each change by itself."""
    before, after = _values(one.before), _values(one.after)
    names = dict.fromkeys((*before, *after))
    return t("audit.separator").join(filter(None, (_change(name, before, after) for name in names)))


def _change(name: str, before: dict[str, Value], after: dict[str, Value]) -> str:
    was, now = (_said(name, values[name]) if name in values else "" for values in (before, after))
    if not was and not now:
        return ""
    told = t("audit.change", before=was, after=now or "–") if was else now
    return t("audit.changed_one", name=fact_word(name), what=told)


def _said(name: str, value: Value) -> str:
    if value is None:
        return t("words.none")
    if name in _MOMENTS and isinstance(value, int):
        return moment(value)
    if name == "made" and isinstance(value, str):
        return japan_time(datetime.fromisoformat(value), chosen_language())
    if name == "reason" and value in {one.value for one in RevocationReason}:
        return t(f"audit.reason_{value}")
    if name == "cause" and value in {one.value for one in Cause}:
        return t(f"bank.cause_{value}")
    if isinstance(value, bool):
        return t("words.yes" if value else "words.no")
    return _word(f"is_{value}", str(value)) if isinstance(value, str) else str(value)


def value(one: Entry) -> dict[str, object]:
    """For a program that reads and does not verify: moments are texts, not the microseconds that were hashed."""
    told = entry_value(one)
    return told | {side: _with_instants(told[side]) for side in ("before", "after")}


def _with_instants(facts: object) -> object:
    if not isinstance(facts, dict):
        return facts
    return {name: instant(at) if name in _MOMENTS and isinstance(at, int) else at for name, at in facts.items()}


def _values(text: str) -> dict[str, Value]:
    try:
        found = json.loads(text)
    except ValueError:
        return {"": text}
    return found if isinstance(found, dict) else {"": text}


def cells(one: Entry) -> tuple[str, ...]:
    who = t("audit.actor_of", kind=kind_word(one.actor_kind), name=one.actor)
    return str(one.number), moment(one.at), who, one.origin, action_word(one.action), whom(one), changed(one)


def exported(one: Entry) -> tuple[str, ...]:
    return (
        str(one.number),
        moment(one.at),
        kind_word(one.actor_kind),
        one.actor,
        one.origin,
        action_word(one.action),
        one.bank,
        one.whom,
        serial(one),
        _changes(one.before),
        _changes(one.after),
        one.hash.hex(),
    )


def _changes(text: str) -> str:
    values = _values(text)
    return t("audit.separator").join(
        t("audit.changed_one", name=fact_word(name), what=_said(name, value))
        for name, value in values.items()
        if value != ""
    )


def heading() -> tuple[str, ...]:
    return tuple(t(f"audit.{name}") for name, _ in COLUMNS)


def tell(rows: Iterable[Sequence[str]]) -> None:
    """A line each; a longer cell moves its own line only."""
    names = heading()
    least = dict(COLUMNS) | {"at": width(moment(0))}
    widths = [max(width(name), size) for name, size in zip(names, least.values(), strict=True)]
    click.secho(_line(names, widths), bold=True)
    for row in while_read(rows):
        click.echo(_line(row, widths))


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(pad(_safe(cell), size) for cell, size in zip(row, widths, strict=True)).rstrip()


def _safe(cell: str) -> str:
    """Nobody's name moves the cursor of whoever reads the trail."""
    return "".join(one if one.isprintable() else "?" for one in cell)


def finding_words(one: Finding, is_file: bool) -> str:
    numbers = str(one.first) if one.first == one.last else t("audit.range", first=one.first, last=one.last)
    name = "late" if one.what is What.MISPLACED and one.first == one.other else one.what.value
    said = t(f"audit.found_{name}", numbers=numbers, before=one.first - 1, other=one.other)
    where = "audit.on_line" if is_file else "audit.on_checkpoint_line"
    return t(where, line=one.line, what=said) if one.line else said
