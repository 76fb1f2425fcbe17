"""Every text that a page asks for is there, and none is left over."""

from __future__ import annotations

import re

import pytest

from tokenmgr.messages import Texts
from tokenmgr.portal import pages

AREAS = ("portal", "reminder", "renewal_page", "acquire_page", "keypad")
SOURCE = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted(pages.HERE.rglob("*")) if path.suffix in {".py", ".html"}
)
# By its whole name, or by how it begins where the rest is a state's, a store's or a step's.
ASKED = set(re.findall(r'\b(?:t\(|words\(|else)\s*"([a-z_]+\.[A-Za-z_]+)"', SOURCE))


@pytest.mark.parametrize("area", AREAS)
def test_every_text_of_the_pages_is_asked_for(area: str) -> None:
    names = {f"{area}.{name}" for name in Texts("ja")._entries[area]}
    begun = {one for one in ASKED if one.endswith("_")}
    left = {name for name in names - ASKED if not any(name.startswith(one) for one in begun)}
    assert not left


def test_every_text_that_a_page_asks_for_is_there() -> None:
    texts = Texts("ja")
    for one in ASKED:
        area, _, name = one.partition(".")
        assert any(key == name or (one.endswith("_") and key.startswith(name)) for key in texts._entries[area]), one
