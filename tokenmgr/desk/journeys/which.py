"""Which medium is meant, where the button does not say."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable

from tokenmgr.customer.profiles import Profile, profiles
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.actions import Chosen
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.offers import is_named
from tokenmgr.desk.pages.choice import ChoicePage, Option
from tokenmgr.desk.words import labelled
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import t


def medium(flow: Flow, chosen: Chosen, then: Callable[[Store], object]) -> None:
    """The chosen one, or the only one that is plugged in; else it is asked."""
    found = [chosen.store] if chosen.store else media(flow)
    if len(found) == 1:
        then(found[0])
    elif found:
        flow.show(lambda: ChoicePage(t("desk_which.heading"), "", [option(one, then) for one in found], flow.home))
    else:
        flow.show(lambda: ChoicePage(t("desk_which.none"), t("desk.nothing_plugged"), [], flow.home))


def media(flow: Flow) -> list[Store]:
    looked = flow.seen.looked if flow.seen else None
    return [one for one in looked.found.stores if is_named(one) and not one.look.is_on_pc] if looked else []


def option(store: Store, then: Callable[[Store], object]) -> Option:
    return Option(in_words(store), "", functools.partial(then, store))


def in_words(store: Store) -> str:
    return labelled(store.look.name, store.look.label)


def contacts(store: Store) -> list[tuple[str, str]]:
    """Of the banks whose certificates are on it; of every bank that this computer knows where there are none."""
    known = profiles(settings().bank_folder).known
    codes = {row.held.whose.bank for row in store.rows if row.held.whose}
    return told_of([one for one in known if one.code in codes] or known)


def told_of(banks: Iterable[Profile]) -> list[tuple[str, str]]:
    return [(one.name, one.contact or t("desk_which.your_branch")) for one in banks]
