"""docs/tokens.md says what each token was seen doing; each is seen doing it again. `--write-tokens` writes it anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract import rigs
from tests.contract.observe import observe
from tests.contract.test_contract import KINDS
from tokenmgr import catalogue
from tokenmgr.testbed.throwaway_ca import ThrowawayCA

PAGE = Path(__file__).parent.parent.parent / "docs" / "tokens.md"


def section(name: str, seen: dict[str, str]) -> str:
    title = catalogue.shipped().family(name).title
    rows = "".join(f"| {question} | {answer} |\n" for question, answer in seen.items())
    return f"<!-- seen: {name} -->\n## {title}\n\n| | seen |\n|---|---|\n{rows}<!-- end: {name} -->\n"


@pytest.mark.parametrize("name", KINDS)
def test_the_page_says_what_is_seen(
    name: str, tmp_path: Path, authority: ThrowawayCA, request: pytest.FixtureRequest
) -> None:
    with rigs.start(name, tmp_path / "rig") as rig:
        made = section(name, observe(rig, authority))
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(f"<!-- seen: {name} -->\n")
    there, _, after = rest.partition(f"<!-- end: {name} -->\n")
    if request.config.getoption("--write-tokens"):
        PAGE.write_text(f"{before}{made}{after}", encoding="utf-8")
        return
    assert f"<!-- seen: {name} -->\n{there}<!-- end: {name} -->\n" == made
