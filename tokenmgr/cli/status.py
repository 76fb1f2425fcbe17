"""`tokenmgr status`: whose certificates are here, until when, what is open today, the one next step. No PIN."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tokenmgr import clock
from tokenmgr.cli import looking, stores, wiring
from tokenmgr.cli.help import Command
from tokenmgr.cli.libraries import settings
from tokenmgr.cli.output import Exit, Output, exit_of, t, tell_error
from tokenmgr.cli.status_view import Words, tell, whole
from tokenmgr.customer import status as seeing
from tokenmgr.customer.profiles import Profile, profiles
from tokenmgr.customer.standings import Early
from tokenmgr.domain.status import Verdict
from tokenmgr.errors import ProfileMissing

if TYPE_CHECKING:
    from tokenmgr.renewal.authority import Authority

EXITS = {
    Verdict.FINE: Exit.FINE,
    Verdict.UNSURE: Exit.RETRY,
    Verdict.DUE: Exit.DUE,
    Verdict.EXPIRED: Exit.EXPIRED,
    Verdict.HAND: Exit.FINDINGS,
}


@click.command(cls=Command, help=t("help.status"))
@stores.options
@click.option("--bank", metavar="CODE", help=t("help.o_status_bank"))
@click.option("--offline", is_flag=True, help=t("help.o_offline"))
@wiring.common
def status(bank: str | None, offline: bool, as_json: bool, only: str | None, **named: Any) -> int:
    banks = profiles(settings().bank_folder)
    known = [one for one in banks.known if bank in (None, one.code)]
    if bank and not offline:
        banks.named(bank)
    broken = banks.broken_of(bank)
    if bank and not known and not offline:
        raise ProfileMissing(bank=bank, folder=str(settings().bank_folder))
    where, folder = stores.where(named), settings().journal_folder
    reach = Early([] if offline else known, _reach)
    with looking.looks(where, only, folder) as (looks, why):
        name = looks[0].name if where.is_named else None
        found = seeing.status(looks, known, folder, reach, clock.now, bank, name, offline)
    why = None if found.stores else why
    words = Words(known, offline)
    if as_json:
        Output().value(whole(found, words, why, broken))
    else:
        if why:
            tell_error(why)
        tell(found, words)
        for error in broken:
            tell_error(error)
    if why and found.verdict is Verdict.FINE:
        return exit_of(why)
    if broken and found.without_file and found.verdict is Verdict.UNSURE:
        return exit_of(broken[0])  # it may be that bank's
    return EXITS[found.verdict]


def _reach(profile: Profile) -> Authority:
    from tokenmgr.cli.glimpse import glimpse  # here: it takes longer to load than a medium to look at

    return glimpse(profile)
