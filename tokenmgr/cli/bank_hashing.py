"""PINs -> hashes, on several threads: each takes an eighth of a second and 64 MiB, and Python lets go meanwhile."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from tokenmgr.cli.bank_csv import Refused
from tokenmgr.cli.bank_rows import Wanted
from tokenmgr.ra import passcodes

THREADS = min(passcodes.AT_ONCE, os.cpu_count() or 1)
AHEAD = 2 * THREADS  # rows that are read and not written yet: memory does not grow with the file


@dataclass(frozen=True)
class Hashed:
    wanted: Wanted
    login_hash: str = field(repr=False)
    confirmation_hash: str = field(repr=False)


def hashed(rows: Iterable[Wanted | Refused]) -> Iterator[Hashed | Refused]:
    """In the same order. The PINs are wiped as soon as they are not needed."""
    waiting: deque[Future[Hashed] | Refused] = deque()
    pool = ThreadPoolExecutor(THREADS, thread_name_prefix="hashing")
    try:
        for row in rows:
            waiting.append(row if isinstance(row, Refused) else pool.submit(_hash, row))
            if len(waiting) > AHEAD:
                yield _result(waiting.popleft())
        while waiting:
            yield _result(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _hash(wanted: Wanted) -> Hashed:
    with wanted.login as login, wanted.confirmation as confirmation:
        return Hashed(wanted, passcodes.hashed(login), passcodes.hashed(confirmation))


def _result(one: Future[Hashed] | Refused) -> Hashed | Refused:
    return one if isinstance(one, Refused) else one.result()
