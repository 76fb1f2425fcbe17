"""Mutated CMP messages against the whole front, for as long as one likes.

    python -m benchmarks.fuzz_cmp --seconds 60 [--seed N] [--start ROUND] [--url postgresql://…]
    python -m benchmarks.fuzz_cmp --hex FILE          one message again

The seed is printed: with it, and with `--start`, the same mutations are drawn again from that round on. Ends at the
first message that breaks something, with its bytes in hex.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import tempfile
import time
from pathlib import Path

from tests.api.fuzzing import Broken, Fuzzer

EVERY = 10.0  # seconds between two lines


def asked(words: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz_cmp")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(10**9))
    parser.add_argument("--start", type=int, default=0, help="the round to begin with")
    parser.add_argument("--url", default="", help="a registry of its own; else one in a folder that goes away")
    parser.add_argument("--hex", type=Path, help="a file with one message in hex, which is sent once")
    return parser.parse_args(words)


def tell(fuzzer: Fuzzer, number: int, started: float) -> None:
    seconds = time.monotonic() - started
    total = sum(fuzzer.counts.values())
    counts = "  ".join(f"{name} {count}" for name, count in sorted(fuzzer.counts.items()))
    print(f"round {number}, {total} messages in {seconds:.0f} s, {total / seconds:.0f} a second: {counts}", flush=True)


def fuzz(fuzzer: Fuzzer, start: int, seconds: float) -> None:
    started = told = time.monotonic()
    number = start
    while time.monotonic() < started + seconds:
        fuzzer.round(number)
        number += 1
        if time.monotonic() > told + EVERY:
            told = time.monotonic()
            tell(fuzzer, number, started)
    fuzzer.look()
    tell(fuzzer, number, started)


def main(words: list[str]) -> str | None:
    """What broke, if anything did."""
    said = asked(words)
    with tempfile.TemporaryDirectory(prefix="tokenmgr-fuzz-") as folder:
        fuzzer = Fuzzer(said.url or f"sqlite:///{folder}/registry.db", said.seed)
        print(f"seed {said.seed}", flush=True)
        try:
            if said.hex:
                fuzzer.send(bytes.fromhex(said.hex.read_text()))
            else:
                fuzz(fuzzer, said.start, said.seconds)
        except Broken as broken:
            return f"seed {said.seed}: {broken}"
        finally:
            fuzzer.rig.close()
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
