"""`tokenmgr` and `python -m tokenmgr`."""

from __future__ import annotations

import sys

CHILD = ["-m", "tokenmgr.token.child"]  # as system.how_to_start has it


def main() -> None:
    if sys.argv[1:3] == CHILD:  # of a frozen program, which no other Python can run for
        from tokenmgr.token import child

        del sys.argv[1:3]
        child.main()
        return
    try:
        from tokenmgr import system

        system.end_in_order_when_told_to()
        # A browser starts one for each message, and waits: so without click.
        if sys.argv[1:2] == ["native-host"] and not {"-h", "--help"} & set(sys.argv):
            from tokenmgr.desk.native_host import main as answer

            sys.exit(answer(sys.argv[2:]))
        from tokenmgr.wiring.libraries import begin

        begin(sys.argv[1:])
        from tokenmgr.cli.main import run

        status = run()
    except KeyboardInterrupt:
        status = 130
    sys.exit(status)


if __name__ == "__main__":
    main()
