"""The value of a general message of our own: a UTF8String of JSON, an object with exactly the names that are known."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping

from tokenmgr.cmp.der import decode, wrap
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.cmp.values import Info

UTF8 = 0x0C


def made(oid: str, value: Mapping[str, object]) -> Info:
    return Info(oid, wrap(json.dumps(value, ensure_ascii=False).encode(), UTF8))


def read(info: Info, oid: str, names: Collection[str]) -> dict[str, object]:
    """Exactly these names, each once."""
    if info.oid != oid or info.value is None:
        raise wrong("another kind of message")
    try:
        pairs = json.loads(decode(str, info.value), object_pairs_hook=list)
        found = dict(pairs)
    except (ValueError, TypeError, RecursionError) as error:
        raise wrong("not JSON") from error
    if set(found) != set(names) or len(pairs) != len(names):
        raise wrong(f"an object with {' and '.join(sorted(names))}")
    return found


def wrong(text: str) -> ProtocolFault:
    return ProtocolFault(FailInfo.badDataFormat, text)
