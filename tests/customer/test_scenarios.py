"""What `status` and `clean` tell of the testbed's media, with no CA to ask."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.customer.looking import reach_nobody
from tests.customer.test_cleaning import everything_is_in_one
from tokenmgr.cli.status_view import OF_A_CERTIFICATE, whole
from tokenmgr.customer import status as seeing
from tokenmgr.customer.cleaning import listed
from tokenmgr.customer.looks import of_token
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.domain.status import Next, Verdict
from tokenmgr.log import Secret
from tokenmgr.renewal.cleanup import Kept
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN
from tokenmgr.wiring.looked import Words

DAY = date(2027, 4, 1)
NOON = datetime(2027, 4, 1, 3, tzinfo=UTC)  # in Japan

# Its verdict; which generation, and what of it, in their order; what `clean` says of each, but of the CA's own.
TOLD: dict[str, tuple[Verdict, list[str], list[str]]] = {
    "fresh": (Verdict.FINE, [], []),
    "valid": (Verdict.FINE, ["logs-in fine"], ["logs-in"]),
    "due-in-30-days": (Verdict.FINE, ["logs-in fine"], ["logs-in"]),
    "due-in-12-days": (Verdict.DUE, ["logs-in due"], ["logs-in"]),
    "due-today": (Verdict.DUE, ["logs-in due"], ["logs-in"]),
    "expired-yesterday": (Verdict.EXPIRED, ["the-last expired"], ["not-replaced"]),
    "not-yet-valid": (Verdict.HAND, ["the-last not-valid-yet"], ["not-replaced"]),
    "two-generations": (Verdict.FINE, ["logs-in fine", "the-one-before replaced"], ["logs-in", "the-one-before"]),
    "look-alike": (Verdict.FINE, ["logs-in fine", "the-one-before replaced"], ["expired-and-replaced", "logs-in"]),
    "administrator-and-user": (Verdict.DUE, ["logs-in fine", "logs-in due"], ["logs-in", "logs-in"]),
    "pending-key": (Verdict.HAND, ["the-next unfinished"], ["not-asked"]),
    "renewal-cut-before-request": (
        Verdict.HAND, ["the-next unfinished", "logs-in due"], ["logs-in", "not-asked"]
    ),
    "renewal-cut-before-confirmation": (
        Verdict.HAND, ["the-next unfinished", "logs-in due"], ["logs-in", "unfinished"]
    ),
    "renewal-left-over": (Verdict.FINE, ["logs-in fine", "left-over left-over"], ["logs-in", "not-asked"]),
    "certificate-without-key": (Verdict.FINE, ["logs-in fine"], ["without-key"]),
    "wrong-pairing": (Verdict.FINE, ["logs-in fine"], ["not-ours", "without-key"]),
    "damaged": (Verdict.HAND, ["unreadable damaged"], ["not-ours", "unreadable"]),
    "locked": (Verdict.HAND, [], []),
}  # fmt: skip


@pytest.mark.parametrize(("name", "told"), TOLD.items(), ids=TOLD)
def test_a_medium_is_told_as_it_is(
    bed: Testbed, tmp_path: Path, name: str, told: tuple[Verdict, list[str], list[str]]
) -> None:
    (medium,) = bed.up(name, day=DAY)
    with medium.library() as library:
        media = [of_token(library, facts) for facts in library.media()]
        found = seeing.status(media, [], tmp_path, reach_nobody, lambda: NOON, offline=True)
        rows = [f"{row.judged.place.value} {row.judged.why.value}" for row in found.stores[0].rows]
        cleaning: list[str] = []
        if name != "locked":
            with closing(MediumStore(library, media[0].name, Secret(PIN))) as store:
                everything = listed(store, [], tmp_path, reach_nobody, lambda: NOON)
                everything_is_in_one(everything)
                decided = [one.reason for one in everything.decided]
            cleaning = sorted(one.value for one in decided if one is not Kept.AUTHORITY)
        (seen,) = whole(found, Words([], offline=True), None)["media"]
    assert (found.verdict, rows, cleaning) == told
    assert all(one.keys() >= set(OF_A_CERTIFICATE) for one in seen["certificates"])  # of one that cannot be read, too
    steps = {row.judged.next for row in found.stores[0].rows}
    assert not steps & {Next.RENEW, Next.ACQUIRE}  # no bank's file is here
    if not any(one in ("left-over", "expired-and-replaced", "revoked-and-replaced") for one in cleaning):
        assert Next.CLEAN not in steps  # one truth
    if name != "locked":
        assert everything.is_unfinished == any("unfinished" in row for row in rows)
