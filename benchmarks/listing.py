"""Everything on a medium in one pass: is it linear in the number of objects, and what is it to python-pkcs11 alone."""

from __future__ import annotations

import functools
from collections.abc import Callable
from contextlib import ExitStack

from benchmarks import peers
from benchmarks.bench import Measured, in_turns, ratio, spread, table, timed
from benchmarks.media import certificate_templates, medium
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import PIN
from tokenmgr.token.session import Session

COUNTS = (50, 100, 200, 500)
TURNS = 10
ROUNDS = 2  # in each turn


def run() -> None:
    """A medium for each count, all of them in every turn: else a noisy second would bend the line."""
    with ExitStack() as open_:
        contenders: dict[str, Callable[[], list[float]]] = {}
        for count in COUNTS:
            contenders |= _contenders(open_, count)
        taken = in_turns(TURNS, contenders)
    rows = []
    for count in COUNTS:
        ours, python = taken[f"ours {count}"], taken[f"python {count}"]
        each = [f"{times.median / count:.0f}" for times in (ours, python)]
        rows.append([str(count), str(ours), each[0], str(python), each[1], ratio(ours, python)])
    headings = ("certificates", "Session.contents()", "each, µs", "python-pkcs11 in process", "each, µs", "ours is")
    table("Listing: median and quartiles; ratios within each turn", headings, rows)
    linear = [[who, _bend(taken, name)] for name, who in (("ours", headings[1]), ("python", headings[3]))]
    table(f"Each of {COUNTS[-1]} to each of {COUNTS[0]} (linear: 1 ×)", ("listing", "an object takes"), linear)


def _bend(taken: dict[str, Measured], who: str) -> str:
    few, many = COUNTS[0], COUNTS[-1]
    return spread(taken[f"{who} {many}"].by_turn(taken[f"{who} {few}"], lambda a, b: (a / many) / (b / few))) + " ×"


def _contenders(open_: ExitStack, count: int) -> dict[str, Callable[[], list[float]]]:
    one, serial = open_.enter_context(medium())
    library = open_.enter_context(one.library())
    session = open_.enter_context(Session.open(library, serial, write=True))
    with Secret(PIN) as pin:
        session.login(pin)
    for template in certificate_templates(0, count):
        library.worker.call("create", session=session._handle, template=template)
    if len(session.contents().certificates) != count:
        raise RuntimeError(f"the medium does not show {count} certificates")
    python = open_.enter_context(peers.python(one))
    return {
        f"ours {count}": functools.partial(timed, session.contents, ROUNDS),
        f"python {count}": functools.partial(python.measure, "list", ROUNDS),
    }
