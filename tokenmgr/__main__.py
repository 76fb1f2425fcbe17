"""`tokenmgr` and `python -m tokenmgr`."""

from __future__ import annotations

import gc
import sys
from pathlib import PurePath

CHILD = ["-m", "tokenmgr.token.child"]  # as system.how_to_start has it
WINDOW = "tokenmgr-desk"  # the program that has no console (deploy/tokenmgr.spec)
FEW_COLLECTIONS = 50_000, 20, 100  # a start makes as many objects, and none of them is garbage


def meant(program: str, arguments: list[str]) -> list[str]:
    """The window's own program needs no word for it: by a double click, or with a bank's link."""
    is_window = PurePath(program).stem.lower() == WINDOW
    is_bare = not arguments or arguments[0].lower().startswith("tokenmgr:")
    return ["desk", *arguments] if is_window and is_bare else arguments


def main() -> None:
    if sys.argv[1:3] == CHILD:  # of a frozen program, which no other Python can run for
        from tokenmgr.token import child

        del sys.argv[1:3]
        child.main()
        return
    sys.argv[1:] = meant(sys.argv[0], sys.argv[1:])
    gc.set_threshold(*FEW_COLLECTIONS)
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
    gc.freeze()  # or the interpreter looks through all of them when it ends: a tenth of a small command
    sys.exit(status)


if __name__ == "__main__":
    main()
