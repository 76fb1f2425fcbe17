"""What is due: a word for whoever sits at the terminal, or at the desktop."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from tokenmgr.clock import japan_time
from tokenmgr.customer.desktop import notify
from tokenmgr.customer.status import Status
from tokenmgr.domain.status import Verdict
from tokenmgr.errors import TokenmgrError
from tokenmgr.wiring.looked import left_in_words
from tokenmgr.wiring.words import chosen_language, t


def remind(found: Status, troubles: Sequence[TokenmgrError], on_desktop: bool, as_json: bool) -> None:
    """`found` is only what somebody has to do something about. R3's title where that is a renewal."""
    if not (found.verdict.is_pressing or troubles):
        if not as_json and sys.stdout is not None and sys.stdout.isatty():
            click.echo(t("seen.nothing_due"))
        return
    is_due = found.verdict is Verdict.DUE
    title = t("seen.title_due" if is_due else "seen.title_hand")
    if on_desktop and not notify(title, "\n".join([*_ends(found), t("seen.note_next")]), is_urgent=not is_due):
        click.echo(t("seen.not_notified"), err=True)


def _ends(found: Status) -> list[str]:
    """The nearest one."""
    ends = sorted(row.item.facts.not_after for seen in found.stores for row in seen.rows if row.item.facts)
    told = [(japan_time(end, chosen_language()), left_in_words(end, found.now)) for end in ends[:1]]
    return [t("seen.note_until", until=until, left=left) for until, left in told]
