"""What `tokenmgr desk install` is to set up on this computer: from the settings, the catalogue, the texts and what
browsers there are, for the plan of domain/installation.py."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from tokenmgr import catalogue, data, system
from tokenmgr.catalogue import udev
from tokenmgr.customer import installing_files as files
from tokenmgr.customer.browser_modules import (
    devices_in_policy,
    handed_out,
    named_libraries,
    registrations,
    require_loadable,
)
from tokenmgr.customer.installing import Installer
from tokenmgr.domain.installation import Change, Places, Scope, Wanted, firefox_policy, plan, record_folder
from tokenmgr.domain.installed_texts import Words
from tokenmgr.messages import Texts
from tokenmgr.wiring.libraries import known, settings


def places() -> Places:
    here = settings()
    return Places(here.user_home, here.home, Path(here.home.anchor), here.environment)


def installer(scope: Scope) -> Installer:
    """The record of a whole machine has what every file of it shows to everybody."""
    return Installer(Path(record_folder(system.NAME, scope, places())), is_public=scope is Scope.MACHINE)


def changes(scope: Scope, named: Sequence[str] = (), at_login: bool = False) -> list[Change]:
    """`named` are libraries beside those that the catalogue finds here."""
    found = libraries(named)
    policy = firefox_policy(system.NAME, places())
    here = settings()
    of_user = scope is Scope.USER
    wanted = Wanted(
        program=system.program(),
        words=_words(),
        icon=(data.folder("drivers") / "pictures" / "stick.svg").read_text(encoding="utf-8"),
        udev=udev.rules(known().families.values()),
        registrations=registrations(here.user_home, found, here.environment.get("PATH")) if of_user else (),
        libraries={} if of_user else found,
        at_login=at_login,
        windowed=system.program(window=True),
        devices=devices_in_policy(Path(policy)) if policy else (),
    )
    return plan(system.NAME, scope, places(), wanted)


def require_administrators(named: Sequence[str]) -> None:
    """Of what a whole machine is to start: an administrator's libraries and program, and what that is made of."""
    programs = (system.program()[0], system.program(window=True)[0], sys.executable)
    for one in (*libraries(named).values(), *programs, str(Path(system.__file__).parent)):
        if (path := Path(one)).exists():  # a frozen program's modules may be in no folder
            files.require_administrators(path)


def libraries(named: Sequence[str]) -> dict[str, str]:
    """By the names that browsers are to call them: of the families that banks hand out what is here; then what is
    named."""
    own = [catalogue.library(family) for family in known().families.values() if handed_out(family)]
    found = [path for path in own if path and settings().catalogue]
    for one in named:
        require_loadable(path := str(Path(one).absolute()))
        found.append(path)
    return named_libraries((_family_of(path), path) for path in found)


def _family_of(library: str) -> str:
    """Of several that share it, the general one."""
    families = known().of_library(library)
    return families[-1].name if families else Path(library).stem


def _words() -> Words:
    """In both languages: a menu shows that of whoever looks."""
    english, japanese = Texts("en"), Texts("ja")
    name, comment = ((english(key), japanese(key)) for key in ("desk.title", "installing.comment"))
    return Words(name, comment)
