"""`tokenmgr` and `python -m tokenmgr`."""

from __future__ import annotations

import sys


def main() -> None:
    from tokenmgr.cli.libraries import begin

    begin(sys.argv[1:])
    from tokenmgr.cli.main import run

    sys.exit(run())


if __name__ == "__main__":
    main()
