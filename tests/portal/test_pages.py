"""What pages load."""

from __future__ import annotations

import tracemalloc

from tokenmgr.portal import pages


def test_names_that_are_none_cost_no_memory_however_many_are_asked_for() -> None:
    assert pages.static("style.css") is not None
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    for number in range(300):
        assert pages.static(f"{number:010000}") is None
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert after - before < 100_000  # bytes: a thirtieth of the names
