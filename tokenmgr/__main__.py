"""`tokenmgr` and `python -m tokenmgr`."""

from __future__ import annotations

import sys


def main() -> None:
    try:
        from tokenmgr import system

        system.end_in_order_when_told_to()
        from tokenmgr.wiring.libraries import begin

        begin(sys.argv[1:])
        from tokenmgr.cli.main import run

        status = run()
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
