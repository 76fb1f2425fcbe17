"""`python -m benchmarks [NAME …]`: prints figures beside their aims, and asserts none. The names are those of ALL."""

from __future__ import annotations

import sys

from benchmarks import (
    audit,
    calls,
    cmp_parse,
    cold,
    customer,
    desk,
    desk_live,
    handover,
    listing,
    login,
    look,
    notices,
    ocsp_http,
    plug,
    registry,
    renewals,
    status,
    testbed,
    throughput,
    trip,
)

ALL = {
    "cold": cold.run,
    "look": look.run,
    "desk": desk.run,
    "desk-live": desk_live.run,
    "handover": handover.run,
    "renewal": customer.run,
    "calls": calls.run,
    "trip": trip.run,
    "listing": listing.run,
    "login": login.run,
    "ocsp": ocsp_http.run,
    "plug": plug.run,
    "testbed": testbed.run,
    "cmp": cmp_parse.run,
    "registry": registry.run,
    "renewals": renewals.run,
    "status": status.run,
    "throughput": throughput.run,
    "audit": audit.run,
    "notices": notices.run,
}


def main(named: list[str]) -> str | None:
    """What was wrong with the command line, if anything was."""
    if unknown := set(named) - set(ALL):
        return f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(ALL)}"
    for name in named or ALL:
        ALL[name]()
    return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
