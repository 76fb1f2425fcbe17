"""A program that looks as the window does, and says what it is told, a line of JSON each, until its input ends."""

from __future__ import annotations

import json
import sys
import threading

from PySide6.QtCore import QCoreApplication

from tokenmgr.desk import seeing
from tokenmgr.desk.bench import Bench
from tokenmgr.wiring.libraries import cut


def say(seen: seeing.Seen) -> None:
    told = {
        "waking": [one.name for one in seen.waking],
        "broken": [why.code for _, why in seen.broken],
        "stores": [one.look.name for one in seen.looked.found.stores] if seen.looked else None,
    }
    sys.stdout.write(f"{json.dumps(told)}\n")
    sys.stdout.flush()


def main() -> None:
    seeing.WAKING = float(sys.argv[1])
    running = QCoreApplication([])
    seen = seeing.Seeing(Bench(lambda: cut(only_calls=True)))
    seen.seen.connect(say)
    seen.start()
    threading.Thread(target=lambda: (sys.stdin.read(), running.quit()), daemon=True).start()
    running.exec()
    seen.stop()


if __name__ == "__main__":
    main()
