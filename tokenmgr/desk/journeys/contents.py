"""What is in a certificate: one page."""

from __future__ import annotations

from tokenmgr.desk.actions import Chosen
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.pages.contents import ContentsPage


def begins(flow: Flow, chosen: Chosen) -> None:
    if chosen.store is not None and chosen.row is not None and chosen.row.item.facts is not None:
        flow.show(ContentsPage(chosen.row.item.facts, chosen.store.look.name, flow.home))
