"""What a bank's page asks for: its ticket proven and redeemed, whom it is for looked for among what is plugged in, and
from there the way that home's own button leads (R6). The page hears how far that is from the flow, and nothing else."""

from __future__ import annotations

import functools

from tokenmgr import clock
from tokenmgr.customer.handover import Errand as Asked
from tokenmgr.customer.handover import a_secret
from tokenmgr.customer.profiles import profiles
from tokenmgr.customer.status import Row
from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.handover import Taken, take
from tokenmgr.desk.handovers import Handovers
from tokenmgr.desk.pages.awaited import AwaitedPage
from tokenmgr.desk.person import AtDesk
from tokenmgr.desk.seeing import Seen
from tokenmgr.domain.handover import Act
from tokenmgr.domain.holding import Whose
from tokenmgr.domain.status import Next
from tokenmgr.log import Secret
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import t


def begins(flow: Flow, link: str) -> None:
    job = functools.partial(_take, flow, link, a_secret())
    flow.run(job, t("desk_handed.checking"), lambda taken: _taken(flow, taken), steps=())


def _take(flow: Flow, link: str, secret: Secret, person: AtDesk) -> Taken:
    from tokenmgr.wiring.counter import authority  # here: it takes longer to load than the window to open

    here = settings()
    reach = functools.partial(authority, pause=person.pause)
    taken = take(link, profiles(here.bank_folder), reach, Handovers(here.home), clock.now(), secret)
    flow.receive(taken)  # before anybody knows whether the customer has left meanwhile: the page hears that, too
    return taken


def _taken(flow: Flow, taken: object) -> None:
    assert isinstance(taken, Taken)  # noqa: S101  that is what the job returns
    asked = taken.errand
    if asked.act is Act.ACQUIRE:
        flow.chosen(Chosen(Action.ACQUIRE, origin=asked.origin, whose=_whose(asked)))
    elif not _leads_on(flow, asked, flow.seen):
        flow.show(lambda: _awaited(flow, asked))


def _awaited(flow: Flow, asked: Asked) -> AwaitedPage:
    told = [
        (t("desk_consent.bank"), asked.profile.name),
        (t("desk_consent.contract"), asked.contract),
        (t("desk_consent.user"), asked.user),
    ]
    return AwaitedPage(asked.origin, told, lambda seen: _leads_on(flow, asked, seen), flow.home)


def _leads_on(flow: Flow, asked: Asked, seen: Seen | None) -> bool:
    """Whether what is to be renewed is here: then its own page has come."""
    found = _find(asked, seen)
    if found is None:
        return False
    store, row = found
    action = Action.RESUME if row.judged.next is Next.RESUME else Action.RENEW
    flow.chosen(Chosen(action, store, row, asked.origin))
    return True


def _find(asked: Asked, seen: Seen | None) -> tuple[Store, Row] | None:
    """The certificate that is named, and no other in its place; where none is, what is to be done something about, else
    any of this ID's."""
    stores = seen.looked.found.stores if seen and seen.looked else []
    own = [(store, row) for store in stores for row in store.rows if row.held.whose == _whose(asked) and row.item.facts]
    named = [one for one in own if f"{one[1].number:x}" == asked.serial]
    pressing = [one for one in own if one[1].judged.next in (Next.RESUME, Next.RENEW)]
    return next(iter(named if asked.serial else [*pressing, *own]), None)


def _whose(asked: Asked) -> Whose:
    return Whose(asked.profile.code, asked.contract, asked.user)
