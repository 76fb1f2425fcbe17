"""What is in a certificate: one page."""

from __future__ import annotations

from tokenmgr.desk.actions import Chosen
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.pages.contents import ContentsPage


def begins(flow: Flow, chosen: Chosen) -> None:
    store, facts = chosen.store, chosen.row.item.facts if chosen.row else None
    if store is not None and facts is not None:
        flow.show(lambda: ContentsPage(facts, store.look.name, flow.home))
