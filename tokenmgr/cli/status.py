"""`tokenmgr status`: whose certificates are here, until when, what is open today, the one next step. No PIN."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from tokenmgr import clock
from tokenmgr.cli import looking, places, wiring
from tokenmgr.cli.due import remind
from tokenmgr.cli.help import Command
from tokenmgr.cli.libraries import settings
from tokenmgr.cli.output import Exit, Output, exit_of, t, tell_error
from tokenmgr.cli.status_view import Words, tell, whole
from tokenmgr.customer import status as seeing
from tokenmgr.customer.due import pressing
from tokenmgr.customer.profiles import Profile, profiles
from tokenmgr.customer.standings import Early
from tokenmgr.domain.status import Verdict
from tokenmgr.errors import NoMedium, ProfileMissing, ProfileWrong, ReaderEmpty, TokenmgrError

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
@places.options
@click.option("--bank", metavar="CODE", help=t("help.o_status_bank"))
@click.option("--offline", is_flag=True, help=t("help.o_offline"))
@click.option("--due", is_flag=True, help=t("help.o_status_due"))
@click.option("--notify", is_flag=True, help=t("help.o_notify"))
@wiring.common
def status(
    bank: str | None, offline: bool, due: bool, notify: bool, as_json: bool, only: str | None, **named: Any
) -> int:
    if notify and not due:
        raise click.UsageError(t("seen.notify_with_due"))
    looked = look(places.where(named), only, bank, offline)
    if due:
        looked = looked.pressing()
    if as_json:
        Output().value(looked.as_json())
    else:
        looked.tell()
    if due:
        remind(looked.found, looked.troubles, notify, as_json)
    return looked.exit


@dataclass(frozen=True)
class Looked:
    """`why` there is no medium; `broken` are banks' files, and `unheard` where one of them may be of what is here."""

    found: seeing.Status
    words: Words
    why: TokenmgrError | None
    broken: Sequence[ProfileWrong]
    unheard: Sequence[ProfileWrong]

    @property
    def troubles(self) -> list[TokenmgrError]:
        return [*([self.why] if self.why else []), *self.broken]

    @property
    def exit(self) -> Exit:
        if self.why and self.found.verdict is Verdict.FINE:
            return exit_of(self.why)
        return exit_of(self.unheard[0]) if self.unheard else EXITS[self.found.verdict]

    def pressing(self, but: Collection[int] = ()) -> Looked:
        """Only what somebody has to do something about. A medium may be in the safe, and a CA be silent. `but`: without
        the certificates of these serial numbers."""
        why = None if isinstance(self.why, NoMedium | ReaderEmpty) else self.why
        return Looked(pressing(self.found, but), self.words, why, self.unheard, self.unheard)

    def as_json(self) -> dict[str, Any]:
        return whole(self.found, self.words, self.why, self.broken)

    def tell(self) -> None:
        if self.why:
            tell_error(self.why)
        tell(self.found, self.words)
        for error in self.broken:
            tell_error(error)


def look(where: places.Where, only: str | None, bank: str | None, offline: bool = False) -> Looked:
    banks = profiles(settings().bank_folder)
    known = [one for one in banks.known if bank in (None, one.code)]
    if bank and not offline:
        banks.named(bank)
    broken = banks.broken_of(bank)
    if bank and not known and not offline:
        raise ProfileMissing(bank=bank, folder=str(settings().bank_folder))
    folder, reach = settings().journal_folder, Early([] if offline else known, _reach)
    with looking.looks(where, only, folder) as (looks, why):
        name = looks[0].name if where.is_named else None
        found = seeing.status(looks, known, folder, reach, clock.now, bank, name, offline)
    unheard = broken if found.without_file and found.verdict is Verdict.UNSURE else []
    return Looked(found, Words(known, offline), None if found.stores else why, broken, unheard)


def _reach(profile: Profile) -> Authority:
    from tokenmgr.cli.glimpse import glimpse  # here: it takes longer to load than a medium to look at

    return glimpse(profile)
