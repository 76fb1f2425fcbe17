"""What an administrator gives the browsers of this PC, so that they offer the right certificate: as values, and as the
command that registers a medium's library."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator

from tokenmgr.customer.login import Heard, Login
from tokenmgr.domain.login import Candidate, Hindrance, Kind, Role, Row, Step
from tokenmgr.domain.login_policy import SHORT, AutoSelect, Parts, pattern_of
from tokenmgr.errors import LoginAmbiguous, NothingForPolicy

_CURABLE = (None, Hindrance.MODULE)  # offered, or offered once the medium's library is registered


def auto_selects(told: Login, serial_number: int | None = None) -> list[AutoSelect]:
    """An entry for each host: certificates of the CA that has issued the right one, which renewals do not change. Of
    several subscribers Chromium would take one without asking, so the one that is meant is named, by its subject."""
    found = list(filter(None, (_auto_select(heard, serial_number) for heard in told.hosts)))
    if not found:
        raise NothingForPolicy(browser="Chromium")
    return found


def _auto_select(heard: Heard, serial_number: int | None) -> AutoSelect | None:
    pattern = pattern_of(*heard.host.origin)
    right = {row.candidate.held.whose: row.candidate for row in _right(heard)}
    if serial_number is not None:
        right = {whose: one for whose, one in right.items() if one.facts.serial_number == serial_number}
    if len(right) > 1:
        numbers = tuple(f"{one.facts.serial_number:x}" for one in right.values())
        raise LoginAmbiguous(host=heard.host.name, certificates=numbers)
    for one in right.values():
        subject = _of(one.subject, "OU", "CN") if serial_number is not None else {}
        return AutoSelect(pattern, _issuer(one), subject)
    return None


def _right(heard: Heard) -> Iterator[Row]:
    for judged in heard.judged:
        for row in judged.rows:
            whose = row.candidate.held.whose
            is_its = heard.host.bank is None or (whose is not None and whose.bank == heard.host.bank.code)
            if row.role is Role.RIGHT and is_its and row.hindrance is not Hindrance.ISSUER:
                yield row


def _issuer(one: Candidate) -> dict[str, str]:
    return next((told for kind in ("CN", "O", "OU") if (told := _of(one.issuer, kind))), {})


def _of(name: Parts, *kinds: str) -> dict[str, str]:
    return {kind: name[SHORT[kind]][0] for kind in kinds if name.get(SHORT[kind])}


def firefox_may_choose(told: Login) -> bool:
    """Firefox takes whichever of several it has stored first, which after a renewal is the old one: so it may choose
    only where there is one."""
    every = [judged for heard in told.hosts for judged in heard.judged if judged.browser.kind is Kind.FIREFOX]
    return bool(every) and all(
        len({row.candidate.facts.der for row in judged.rows if row.hindrance in _CURABLE}) == 1
        and all(row.role is Role.RIGHT for row in judged.rows if row.hindrance in _CURABLE)
        for judged in every
    )


def installation(told: Login, by_itself: Collection[str]) -> str:
    """The command that registers the libraries of the media in this user's browsers; empty where none needs it.
    `by_itself`: the libraries that it takes unnamed."""
    needed = any(
        row.hindrance is Hindrance.MODULE
        for heard in told.hosts
        for judged in heard.judged
        if judged.step is Step.REGISTER
        for row in judged.rows
    )
    named = [f"--module {shlex.quote(path)}" for path in told.libraries.values() if path not in by_itself]
    return " ".join(["tokenmgr desk install", *named]) if needed else ""
