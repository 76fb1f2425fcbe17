"""How soon a simulated medium is up, and what its layer adds to each call of PKCS#11."""

from __future__ import annotations

import functools
import os
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import peers
from benchmarks.bench import Measured, in_turns, ratio, spread, table, timed
from benchmarks.media import MEMORY, medium_with
from tokenmgr.testbed import layer
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.faults import Rule
from tokenmgr.testbed.simulated import PIN, SO_PIN, SimulatedMedium

TURNS = 10
SCENARIO = "two-generations"
OPERATIONS = {"open": ("open a session, close it", 2), "token": ("token information", 1), "sign-p256": ("sign", 2)}
ROUNDS = 200  # of an operation, in each turn


def run() -> None:
    _up()
    _hundred()
    _calls()


# --- coming up ---


def _up() -> None:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        here = Path(folder)
        bed = Testbed(here / "testbed", os.environ)
        (sample,) = bed.up(SCENARIO, name="sample")
        contenders: dict[str, Callable[[], list[float]]] = {
            "fresh": functools.partial(_again, bed, "fresh"),
            "scenario": functools.partial(_again, bed, SCENARIO),
            "first": functools.partial(_first, here),
            "copy": functools.partial(_copy, sample, here / "copy"),
            "softhsm": functools.partial(_initialised, here / "peer"),
        }
        taken = in_turns(TURNS, contenders)
    rows = [
        ["fresh, made before", str(taken["fresh"]), ratio(taken["fresh"], taken["copy"]), "≤ 50 ms"],
        [f"{SCENARIO}, made before", str(taken["scenario"]), ratio(taken["scenario"], taken["copy"]), "≤ 100 ms"],
        [f"{SCENARIO}, for the first time", str(taken["first"]), ratio(taken["first"], taken["copy"]), ""],
        ["the limit: its files copied", str(taken["copy"]), "1", ""],
        ["a peer: softhsm2-util --init-token, which makes it fresh", str(taken["softhsm"]),
         ratio(taken["softhsm"], taken["copy"]), ""],
    ]  # fmt: skip
    table("Up: median and quartiles; ratios within each turn", ("a medium", "after", "to the limit", "aim"), rows)


def _again(bed: Testbed, scenario: str) -> list[float]:
    return timed(lambda: bed.up(scenario, name="again"), 5, lambda _: bed.down("again"))


def _first(folder: Path) -> list[float]:
    """With the layer compiled, and no token in the store."""
    beds = [Testbed(folder / f"first-{number}", os.environ) for number in range(3)]
    for bed in beds:
        layer.built(bed.store.folder)
    waiting = iter(beds)
    taken = timed(lambda: next(waiting).up(SCENARIO), len(beds) - 1)
    for bed in beds:
        shutil.rmtree(bed.folder)
    return taken


def _copy(sample: SimulatedMedium, target: Path) -> list[float]:
    return timed(lambda: shutil.copytree(sample.folder, target), 5, lambda _: shutil.rmtree(target))


def _initialised(folder: Path) -> list[float]:
    (folder / "tokens").mkdir(parents=True, exist_ok=True)
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
    command = ["softhsm2-util", "--init-token", "--free", "--label", "peer", "--so-pin", SO_PIN, "--pin", PIN]
    environment = {**os.environ, "SOFTHSM2_CONF": str(folder / "softhsm2.conf")}
    act = functools.partial(subprocess.run, command, env=environment, check=True, capture_output=True)

    def clear(_made: object) -> None:
        for token in (folder / "tokens").iterdir():
            shutil.rmtree(token)

    return timed(act, 3, clear)


def _hundred() -> None:
    with TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        bed = Testbed(Path(folder) / "testbed", os.environ)
        bed.up("fresh", name="first")

        def hundred() -> None:
            for number in range(100):
                bed.up("fresh", name=f"stick-{number}")

        (taken,) = timed(hundred, 1, lambda _: bed.down())
    table("A hundred", ("media", "after"), [["100 fresh ones, one after the other", f"{taken / 1e3:.0f} ms"]])


# --- what a call costs ---


def _calls() -> None:
    with ExitStack() as open_:
        plain, _ = open_.enter_context(medium_with(1))
        contenders = {"plain": open_.enter_context(peers.c(plain))}
        for name in ("layer", "unlogged", "rules"):
            medium, _ = open_.enter_context(medium_with(1))
            control = medium.put_layer(layer.built(medium.folder))
            control["log"] = int(name != "unlogged")
            if name == "rules":
                control.add(*[Rule.read("C_Digest", "answer", "CKR_DEVICE_ERROR")] * 50)
            contenders[name] = open_.enter_context(peers.c(medium))
        taken = {
            operation: in_turns(
                TURNS, {who: functools.partial(peer.measure, operation, ROUNDS) for who, peer in contenders.items()}
            )
            for operation in OPERATIONS
        }
    headings = ("operation", "SoftHSM alone", "behind the layer", "ratio", "added a call, µs", "without the log, µs",
                "with 50 rules, µs")  # fmt: skip
    rows = [[OPERATIONS[name][0], *_row(OPERATIONS[name][1], times)] for name, times in taken.items()]
    table("The layer, in C: median and quartiles; differences within each turn", headings, rows)


def _row(calls: int, taken: dict[str, Measured]) -> list[str]:
    plain, whole = taken["plain"], taken["layer"]

    def added(who: str) -> str:
        return spread(taken[who].by_turn(plain, lambda a, b: (a - b) / calls))

    return [str(plain), str(whole), ratio(whole, plain), added("layer"), added("unlogged"), added("rules")]
