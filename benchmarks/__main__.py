"""`python -m benchmarks [cold|calls|listing]`: prints figures, and asserts none."""

from __future__ import annotations

import sys

from benchmarks import calls, cold, listing

ALL = {"cold": cold.run, "calls": calls.run, "listing": listing.run}

for name in sys.argv[1:] or ALL:
    ALL[name]()
