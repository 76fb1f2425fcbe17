"""`tokenmgr login`: what the browsers of this PC will offer a bank's host, which one to take, and what to set up so
that they offer the right one. No PIN."""

from __future__ import annotations

from pathlib import PurePath

import click

from tokenmgr import clock, system
from tokenmgr.cli import options
from tokenmgr.cli.help import Command
from tokenmgr.cli.login_view import is_fine, tell, whole
from tokenmgr.cli.output import Exit, Output, exit_of, tell_error
from tokenmgr.customer import login as seeing
from tokenmgr.customer.host import Host
from tokenmgr.customer.login_policies import auto_selects, firefox_may_choose, installation
from tokenmgr.customer.profiles import Banks, host_of, profiles
from tokenmgr.domain import login_policy
from tokenmgr.domain.login import Kind
from tokenmgr.errors import LoginHostMissing, NothingForPolicy, ProfileMissing, TokenmgrError
from tokenmgr.wiring import around
from tokenmgr.wiring.installing import libraries
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.looking import files
from tokenmgr.wiring.words import t


class SerialNumber(click.ParamType[int]):
    """As `status` or a browser's dialog tells it."""

    name = "serial number"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        try:
            return int(str(value).replace(":", "").replace(" ", ""), 16)
        except ValueError:
            self.fail(str(value), param, ctx)


@click.command(cls=Command, help=t("help.login"))
@click.argument("host", required=False)
@click.option("--bank", metavar="CODE", help=t("help.o_login_bank"))
@options.medium_option
@click.option("--offline", is_flag=True, help=t("help.o_login_offline"))
@click.option("--policy", type=click.Choice([one.value for one in Kind]), help=t("help.o_login_policy"))
@click.option("--certificate", metavar="SERIALNUMBER", type=SerialNumber(), help=t("help.o_login_certificate"))
@options.common
def login(
    host: str | None,
    bank: str | None,
    serial: str | None,
    offline: bool,
    policy: str | None,
    certificate: int | None,
    as_json: bool,
    only: str | None,
) -> int:
    banks = profiles(settings().bank_folder)
    hosts = _hosts(host, bank, banks)
    why: TokenmgrError | None = None
    with around.surroundings(only) as seen:
        chosen = seen.choose(serial)[1] if serial else None
        media = [(library, card) for (library, _), card in zip(seen.media, seen.cards, strict=True)]
        media = [one for one in media if chosen in (None, one[1].medium)]
        if not media:
            why = seen.why_none()
        here = settings()
        told = seeing.login(
            media, hosts, here.user_home, here.journal_folder, clock.now(), offline, files(here.journal_folder)
        )
    if policy:
        return _policy(Kind(policy), told, certificate)
    has_any = any(judged.rows for heard in told.hosts for judged in heard.judged)
    if as_json:
        Output().value(whole(told, None if has_any else why, certificate))
    else:
        if why and not has_any:
            tell_error(why)
        again = [host or "", f"--bank {bank}" if bank else "", f"--medium {serial}" if serial else ""]
        registers = installation(told, libraries(()).values())
        tell(told, " ".join(["tokenmgr login", *filter(None, again)]), registers)
        for error in banks.broken_of(bank):
            tell_error(error)
    if why and not has_any:
        return exit_of(why)
    return Exit.FINE if is_fine(told) else Exit.FINDINGS


def _hosts(named: str | None, bank: str | None, banks: Banks) -> list[Host]:
    """The one that is named, or those of the banks' files."""
    known = banks.named(bank)
    if bank and not known:
        raise ProfileMissing(bank=bank, folder=str(settings().bank_folder))
    if named is None:
        found = [Host(name, port, one) for one in known for name, port in one.login]
        if not found:
            raise LoginHostMissing(folder=str(settings().bank_folder))
        return found
    origin = host_of(named if "://" in named else f"https://{named}")
    if origin is None:
        raise click.BadParameter(named, param_hint="HOST")
    own = next((one for one in known if origin in one.login), known[0] if len(known) == 1 else None)
    return [Host(*origin, own)]


def _policy(kind: Kind, told: seeing.Login, certificate: int | None) -> int:
    """Just what goes into the file; where that is, `tokenmgr login` says."""
    if kind is Kind.CHROMIUM:
        entries = auto_selects(told, certificate)
        if system.NAME == "windows":
            click.echo(login_policy.registry(entries), nl=False)
        else:
            Output().value(login_policy.chromium(entries))
        return Exit.FINE
    by_itself = firefox_may_choose(told)
    if not told.libraries and not by_itself:
        raise NothingForPolicy(browser="Firefox")
    Output().value(login_policy.firefox({n: str(PurePath(p)) for n, p in told.libraries.items()}, by_itself))
    return Exit.FINE
