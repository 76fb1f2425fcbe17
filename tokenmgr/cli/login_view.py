"""`tokenmgr login` in words and as JSON (docs/login.md)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import click

from tokenmgr import system
from tokenmgr.cli.output import error_as_json, table, tell_error
from tokenmgr.clock import japan_time
from tokenmgr.customer.login import Heard, Login, Place, Seen
from tokenmgr.customer.login_policies import auto_selects, firefox_may_choose
from tokenmgr.domain import login_policy
from tokenmgr.domain.login import Judged, Kind, Outcome, Role, Row, Step
from tokenmgr.errors import TokenmgrError
from tokenmgr.pki.login import one_line_of
from tokenmgr.wiring.words import chosen_language, t, texts

MANY = 3  # names of CAs
_GOOD = (Outcome.SILENT, Outcome.ASKS)


def is_fine(told: Login) -> bool:
    """Every host has a browser that will log in, and none takes the wrong one without asking."""
    return all(
        any(one.outcome in _GOOD for one in heard.judged)
        and all(one.outcome is not Outcome.TAKES_ANOTHER for one in heard.judged)
        for heard in told.hosts
    )


# --- in words ---


def tell(told: Login, command: str, registers: str) -> None:
    """`command` is the one that was run, for whoever runs it again; `registers` the one for the media's libraries."""
    for place in told.places:
        if place.error:
            tell_error(place.error)
    for number, heard in enumerate(told.hosts):
        click.echo("\n" * bool(number), nl=False)
        _tell_host(heard)
        for judged, seen in zip(heard.judged, told.browsers, strict=True):
            _tell_browser(judged, seen, told.places)
    _tell_setup(told, command, registers)
    click.echo(f"\n{t('login.note')}")
    for seen in told.browsers:
        if seen.programs:
            programs = t("words.and").join(seen.programs)
            click.secho(f"  {t('login.open', browser=_title(seen), programs=programs)}", fg="yellow")


def _tell_host(heard: Heard) -> None:
    pattern = login_policy.pattern_of(*heard.host.origin)
    bank = heard.host.bank
    name = t("seen.bank", name=bank.name, code=bank.code) + "  " if bank else ""
    click.secho(f"{name}{pattern}", bold=True)
    names = [one_line_of(one) for one in sorted(heard.asked.names)]
    if len(names) > MANY:  # some servers name all that they trust
        names = [*names[:MANY], t("login.more", count=len(names) - MANY)]
    asks = t("words.and").join(names) if names else t("login.any_authority")
    click.echo(f"  {t(f'login.asked_{heard.source}', names=asks)}")
    if heard.error:
        reason = heard.error.reason
        reason = t(f"facts.{reason}") if texts().has(f"facts.{reason}") else reason
        click.secho(f"  {t('login.silent', reason=reason)}", fg="yellow")


def _title(seen: Seen) -> str:
    return t(f"login.{seen.browser.kind.value}", name=seen.browser.name)


def _tell_browser(judged: Judged, seen: Seen, places: Sequence[Place]) -> None:
    colour = "green" if judged.outcome in _GOOD else "yellow" if judged.outcome is Outcome.UNSEEN else "red"
    click.secho(f"  {_title(seen)}", bold=True)
    click.secho(f"    {t(f'login_outcome.{judged.outcome.value}')}", fg=colour)
    for row in judged.chosen:
        table([*_rows(row, judged, places)], indent="      ")
    if judged.outcome is Outcome.TAKES_ANOTHER and seen.policy:
        click.echo(f"      {t('login.policy_file', file=seen.policy)}")
    if judged.step not in (Step.NOTHING, Step.CHOOSE):
        click.echo(f"    {t('login.next')}  {t(f'login_step.{judged.step.value}')}")
    others = _others(judged)
    if others:
        click.echo(f"    {t('login.others')}")
    for row in others:
        click.echo(f"      {_other(row, judged)}")


def _others(judged: Judged) -> list[Row]:
    """What the dialog shows comes first. One that is in several places is told once."""
    found: dict[bytes, Row] = {row.candidate.facts.der: row for row in judged.chosen}
    for row in sorted(judged.rows, key=lambda one: not one.is_offered):
        found.setdefault(row.candidate.facts.der, row)
    return [row for row in found.values() if row not in judged.chosen]


def _other(row: Row, judged: Judged) -> str:
    number, shown = serial_number(row, judged.browser.kind), t("login.shown" if row.is_offered else "login.not_shown")
    return t("login.other", serial=number, until=_until(row), shown=shown, why=_why(row))


def _rows(row: Row, judged: Judged, places: Sequence[Place]) -> Iterator[tuple[str, str]]:
    facts, whose = row.candidate.facts, row.candidate.held.whose
    yield t("labels.serial_number"), serial_number(row, judged.browser.kind)
    yield t("login.valid"), t("login.from_to", start=japan_time(facts.not_before, chosen_language()), end=_until(row))
    yield t("labels.subject"), t("login.holder", contract=whose.contract, user=whose.user) if whose else facts.subject
    yield t("login.place"), _place(row, places)
    if row.role is not Role.RIGHT:
        yield t("labels.state"), _why(row)


def serial_number(row: Row, kind: Kind) -> str:
    """As the browser's own dialog has it."""
    number = row.candidate.facts.serial_number
    digits = number.to_bytes(max((number.bit_length() + 7) // 8, 1), "big").hex().upper()
    pairs = [digits[at : at + 2] for at in range(0, len(digits), 2)]
    return (":" if kind is Kind.FIREFOX else "").join(pairs)


def _until(row: Row) -> str:
    return japan_time(row.candidate.facts.not_after, chosen_language())


def _why(row: Row) -> str:
    """Why it is not the one: what it is comes before why the browser keeps it to itself."""
    if row.hindrance is None or row.role in (Role.OLDER, Role.UNFINISHED):
        return t(f"login_role.{row.role.value}", serial=row.candidate.place)
    why = t(f"login_hindrance.{row.hindrance.value}")
    return t("login.right_but", why=why) if row.role is Role.RIGHT else why


def _place(row: Row, places: Sequence[Place]) -> str:
    place = next(one for one in places if one.name == row.candidate.place)
    return t("seen.store", serial=place.name, label=place.label)


def _tell_setup(told: Login, command: str, registers: str) -> None:
    """Exact for this PC, for whoever administers it."""
    if not any(judged.rows for heard in told.hosts for judged in heard.judged):
        return
    click.secho(f"\n{t('login.setup')}", bold=True)
    if any(one.browser.kind is Kind.CHROMIUM for one in told.browsers):
        _tell_chromium(told, command)
    if told.libraries or firefox_may_choose(told):
        click.echo(f"  {t('login.setup_firefox', file=login_policy.FIREFOX_PLACES[system.NAME])}")
        click.echo(f"    {command} --policy firefox")
    if registers:
        click.echo(f"  {t('login.setup_module')}")
        click.echo(f"    {registers}")


def _tell_chromium(told: Login, command: str) -> None:
    more = ""
    try:
        auto_selects(told)
    except TokenmgrError as error:
        if "certificates" not in error.facts:
            return
        more = " --certificate SERIALNUMBER"
    click.echo(f"  {t(f'login.setup_chromium_{system.NAME}')}")
    for name, place in login_policy.CHROMIUM_PLACES[system.NAME].items():
        shown = f"{place}/{login_policy.FILE}" if system.NAME == "linux" else place
        click.echo(f"    {name}: {shown}")
    click.echo(f"    {command} --policy chromium{more}")
    other = next((one.policy for one in told.browsers if one.browser.kind is Kind.CHROMIUM and one.policy), None)
    if other is not None and other.name != login_policy.FILE:
        click.secho(f"    {t('login.other_file', file=other)}", fg="yellow")


# --- as JSON (docs/login.md) ---


def whole(told: Login, why: TokenmgrError | None, certificate: int | None) -> dict[str, Any]:
    shown = {"error": error_as_json(why)} if why else {}
    return shown | {
        "hosts": [_host(one) for one in told.hosts],
        "browsers": [_browser(one) for one in told.browsers],
        "places": [
            {
                "name": one.name,
                "medium": one.medium is not None,
                "error": error_as_json(one.error) if one.error else None,
            }
            for one in told.places
        ],
        "policies": {
            "chromium": _chromium(told, certificate),
            "firefox": login_policy.firefox(told.libraries, firefox_may_choose(told)),
        },
    }


def _chromium(told: Login, certificate: int | None) -> dict[str, Any]:
    try:
        return login_policy.chromium(auto_selects(told, certificate))
    except TokenmgrError as error:
        return {"error": error_as_json(error)}


def _host(heard: Heard) -> dict[str, Any]:
    return {
        "host": heard.host.name,
        "port": heard.host.port,
        "bank": heard.host.bank.code if heard.host.bank else None,
        "asked": [one_line_of(one) for one in sorted(heard.asked.names)],
        "asked_by": heard.source,
        "error": error_as_json(heard.error) if heard.error else None,
        "browsers": [_judged(one) for one in heard.judged],
    }


def _judged(judged: Judged) -> dict[str, Any]:
    return {
        "browser": judged.browser.name,
        "outcome": judged.outcome.value,
        "chosen": [f"{one.candidate.facts.serial_number:x}" for one in judged.chosen],
        "next": judged.step.value,
        "certificates": [_certificate(row, judged) for row in judged.rows],
    }


def _certificate(row: Row, judged: Judged) -> dict[str, Any]:
    facts, whose = row.candidate.facts, row.candidate.held.whose
    return {
        "serial_number": f"{facts.serial_number:x}",
        "shown_as": serial_number(row, judged.browser.kind),
        "subject": facts.subject,
        "issuer": facts.issuer,
        "bank": whose.bank if whose else None,
        "contract": whose.contract if whose else None,
        "user": whose.user if whose else None,
        "not_before": facts.not_before.isoformat(),
        "not_after": facts.not_after.isoformat(),
        "place": row.candidate.place,
        "offered": row.is_offered,
        "role": row.role.value,
        "hindrance": row.hindrance.value if row.hindrance else None,
    }


def _browser(seen: Seen) -> dict[str, Any]:
    return {
        "name": seen.browser.name,
        "kind": seen.browser.kind.value,
        "database": str(seen.database.path) if seen.database else None,
        "modules": [{"name": one.name, "path": one.path} for one in seen.modules],
        "policy": str(seen.policy) if seen.policy else None,
        "programs": list(seen.programs),
    }
