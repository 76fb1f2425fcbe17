"""`tokenmgr status` in words and as JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import click

from tokenmgr.cli.output import error_as_json, table, tell_error
from tokenmgr.clock import japan_time
from tokenmgr.customer.status import Row, Seen, Status
from tokenmgr.domain.holding import Whose
from tokenmgr.domain.standing import Open, Standing
from tokenmgr.domain.status import Next, Place, Verdict, Why, worst
from tokenmgr.errors import ProfileWrong, TokenmgrError
from tokenmgr.renewal.journal import Begun
from tokenmgr.wiring import places
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.looked import Words, left_in_words, open_in_words
from tokenmgr.wiring.words import chosen_language, t, texts

SECOND = timedelta(seconds=1)
OF_A_CERTIFICATE = (  # null of one that cannot be read
    "subject",
    "serial_number",
    "not_before",
    "not_after",
    "japan_time",
    "days_left",
    "seconds_left",
    "fingerprint",
)
COLOURS = {
    Verdict.FINE: "green",
    Verdict.UNSURE: "yellow",
    Verdict.DUE: "yellow",
    Verdict.EXPIRED: "red",
    Verdict.HAND: "red",
}


# --- in words ---


def tell(found: Status, words: Words) -> None:
    for number, seen in enumerate(found.stores):
        click.echo("\n" * bool(number), nl=False)
        click.secho(t("seen.store", serial=seen.look.name or t("media.blank"), label=seen.look.label), bold=True)
        _tell_store(seen, found, words)
    for asked in found.asked:
        if asked.error:
            tell_error(asked.error)
    for begun in found.begun:
        _tell_begun(begun, found)


def _tell_store(seen: Seen, found: Status, words: Words) -> None:
    if seen.error:
        tell_error(seen.error)
        return
    if seen.is_locked:
        step = t("seen_next.unblock", serial=seen.look.name)
        click.secho(f"  {t('seen.pin_locked', step=step)}", fg="red")
    elif not seen.rows:
        click.echo(f"  {t('seen.empty', serial=seen.look.name)}")
    whose: Whose | None = None
    for row in seen.rows:
        if row.held.whose and row.held.whose != whose:
            whose = row.held.whose
            _tell_holder(row, whose, seen, words)
        click.secho(f"    {t(f'seen_place.{row.judged.place.value}')}", fg=COLOURS[row.judged.verdict])
        table([*_rows(row, seen, found.now, words)], indent="      ")


def _tell_holder(row: Row, whose: Whose, seen: Seen, words: Words) -> None:
    own = [one for one in seen.rows if one.held.whose == whose]
    role = next((one.held.standing.role for one in own if one.held.standing and one.held.standing.role), "untold")
    bank = t("seen.bank", name=words.bank(row), code=whose.bank)
    click.secho(f"  {t(f'seen.holder_{role}', bank=bank, contract=whose.contract, user=whose.user)}", bold=True)
    if not_asked := next(filter(None, map(words.not_asked, own)), ""):
        click.echo(f"    {t(f'seen.{not_asked}')}")


def _rows(row: Row, seen: Seen, now: datetime, words: Words) -> Iterator[tuple[str, str]]:
    facts, standing, judged = row.item.facts, row.held.standing, row.judged
    if facts:
        if not row.held.whose:
            yield t("labels.subject"), facts.subject
        yield t("labels.serial_number"), f"{facts.serial_number:x}"
        until = japan_time(facts.not_after, chosen_language())
        left = "" if judged.why is Why.CLOCK else left_in_words(facts.not_after, now)
        yield t("labels.valid_until"), f"{until}{left}"
    else:
        yield t("seen.key"), row.item.key_id
    yield t("labels.state"), t(f"seen_why.{judged.why.value}")
    if standing and judged.place.value in ("logs-in", "the-last"):
        yield t("bank.renewal"), open_in_words(standing.renewal)
        if not standing.renewal.is_open and judged.why is not Why.FINE:
            yield t("bank.acquisition"), open_in_words(standing.acquisition)
    if standing and standing.rehearsal_wanted and judged.place is Place.CURRENT and not seen.is_locked:
        yield t("bank.rehearsal"), t("seen.rehearsal_wanted", serial=seen.look.name)
    if (step := _step(row, seen, now, words)) and judged.next is not Next.UNBLOCK:  # of the store, and said there
        yield t("seen.next"), step


def _step(row: Row, seen: Seen, now: datetime, words: Words) -> str:
    """A command, or whom to ask."""
    which, whose = row.judged.next, row.held.whose
    if which is Next.NOTHING:
        return ""
    if which is Next.WAY:
        way = _way(row.held.standing, row.held.is_over(now))
        return t(f"facts.{way}") if texts().has(f"facts.{way}") else t("seen_next.ask")
    if which is Next.BANK_FILE and (wrong := words.wrong(row)):
        step = texts().error(wrong)["next"]
        return t("seen.put_right", file=wrong.file, code=wrong.code, step=step)
    named = whose or Whose("CODE", "NUMBER", "ID")
    told = {"bank": named.bank, "contract": named.contract, "user": named.user, "folder": settings().bank_folder}
    step = t(f"seen_next.{which.value}", serial=seen.look.name, **told)
    return step + _which(row, seen) if which in (Next.RENEW, Next.RESUME) else step


def _which(row: Row, seen: Seen) -> str:
    """What the command has to name: the bank, where certificates or keys of several are on the store; the certificate,
    where several IDs of that bank are."""
    whose, named = row.held.whose, ""
    if whose is None:
        return named
    if any(one.bank != whose.bank for one in seen.holders):
        named += f" --bank {whose.bank}"
    is_alone = all(one == whose for one in seen.holders if one.bank == whose.bank)
    if row.judged.next is Next.RENEW and row.number is not None and not is_alone:
        named += f" --certificate {row.number:x}"
    return named


def _way(told: Standing | None, is_over: bool) -> str:
    if told is None:
        return ""
    return told.acquisition.way if is_over or told.renewal.way == Next.ACQUIRE.value else told.renewal.way


def _tell_begun(begun: Begun, found: Status) -> None:
    if begun.trouble:
        tell_error(begun.trouble)
        return
    named = "rehearsal" if begun.is_rehearsal else begun.operation
    operation = t(f"seen.{named}") if texts().has(f"seen.{named}") else named
    at = japan_time(begun.at, chosen_language()) if begun.at else ""
    click.secho(t("seen.begun", operation=operation, serial=begun.store, at=at), fg="red")
    if begun.last:
        click.echo(f"  {t('seen.last', step=t(f'steps.{begun.last.name}_done'), number=begun.last.value)}")
    here = next((one for one in found.stores if one.look.name == begun.store), None)
    if here and not here.is_locked:  # of a locked one it is said what comes first
        is_alone = all(one.bank == begun.bank for one in found.begun if one.store == begun.store)
        bank = "" if is_alone or not begun.bank else f" --bank {begun.bank}"
        click.echo(f"  {t('seen.go_on', serial=begun.store)}{bank}")
    elif not here:
        click.echo(f"  {t('seen.insert_and_go_on', serial=begun.store, file=begun.path)}")


# --- as JSON (docs/renewal.md) ---


def whole(
    found: Status, words: Words, why: TokenmgrError | None, broken: Sequence[ProfileWrong] = ()
) -> dict[str, Any]:
    told = {"error": error_as_json(why)} if why else {}
    return told | {
        "at": found.now.isoformat(timespec="seconds"),
        "verdict": (worst([found.verdict, Verdict.UNSURE]) if why else found.verdict).value,
        "media": [_store(one, found.now, words) for one in found.stores if not one.look.is_on_pc],
        "pc": [_store(one, found.now, words) for one in found.stores if one.look.is_on_pc],
        "unfinished": [_begun(one, found) for one in found.begun],
        "banks": [
            {
                "code": one.profile.code,
                "name": one.profile.name,
                "address": one.profile.address,
                "error": error_as_json(one.error) if one.error else None,
            }
            for one in found.asked
        ]
        + [{"code": one.bank or None, "name": None, "address": None, "error": error_as_json(one)} for one in broken],
    }


def _store(seen: Seen, now: datetime, words: Words) -> dict[str, Any]:
    return {
        "name" if seen.look.is_on_pc else "serial": seen.look.name,
        "label": seen.look.label,
        "pin": seen.look.pin.value,
        "verdict": seen.verdict.value,
        "error": error_as_json(seen.error) if seen.error else None,
        "certificates": [_certificate(row, seen, now, words) for row in seen.rows if row.item.certificates],
        "keys": [_key(row, seen, now, words) for row in seen.rows if not row.item.certificates],
    }


def _certificate(row: Row, seen: Seen, now: datetime, words: Words) -> dict[str, Any]:
    facts, whose, standing = row.item.facts, row.held.whose, row.held.standing
    told: dict[str, Any] = {
        "bank": whose.bank if whose else None,
        "bank_name": words.bank(row) if whose else None,
        "contract": whose.contract if whose else None,
        "user": whose.user if whose else None,
        "role": standing.role or None if standing else None,
    } | dict.fromkeys(OF_A_CERTIFICATE)
    if facts:
        ends = facts.not_after
        told |= {
            "subject": facts.subject,
            "serial_number": f"{facts.serial_number:x}",
            "not_before": facts.not_before.isoformat(),
            "not_after": ends.isoformat(),
            "japan_time": japan_time(ends, chosen_language()),
            "days_left": (ends - now).days,
            "seconds_left": (ends - now) // SECOND,
            "fingerprint": facts.fingerprint,
        }
    return told | _key(row, seen, now, words)


def _key(row: Row, seen: Seen, now: datetime, words: Words) -> dict[str, Any]:
    return {
        "id": row.item.key_id,
        "label": row.item.label,
        "key": row.item.fingerprint,
        "generation": row.judged.place.value,
        "verdict": row.judged.verdict.value,
        "why": row.judged.why.value,
        "next": row.judged.next.value,
        "next_text": _step(row, seen, now, words),
        "authority": _standing(row.held.standing),
        "not_asked": words.not_asked(row) or None,
    }


def _standing(told: Standing | None) -> dict[str, Any] | None:
    if told is None:
        return None
    plain = dataclasses.asdict(told)
    opened = {name: _open_as_json(getattr(told, name)) for name in ("renewal", "acquisition")}
    return plain | {name: _moment(plain[name]) for name in ("not_after", "confirm_by")} | opened


def _open_as_json(told: Open) -> dict[str, Any]:
    return {"open": told.is_open, "until": _moment(told.until), "reason": told.reason, "way": told.way}


def _moment(value: datetime | None) -> str | None:
    return value.isoformat() if value else None


def _begun(one: Begun, found: Status) -> dict[str, Any]:
    return {
        "journal": str(one.path),
        "store": one.store or None,
        "from": one.source or None,
        "medium": None if places.is_on_pc(one.store) else one.store or None,
        "plugged": found.is_here(one),
        "operation": one.operation or None,
        "rehearsal": one.is_rehearsal,
        "bank": one.bank or None,
        "begun": _moment(one.at),
        "last_step": one.last.name if one.last else None,
        "error": error_as_json(one.trouble) if one.trouble else None,
    }
