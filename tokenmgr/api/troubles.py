"""What the registry says of itself, as the errors that this side of the house knows (R115)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from tokenmgr.errors import RegistryUnavailable
from tokenmgr.sql import failures


@contextmanager
def told() -> Iterator[None]:
    try:
        yield
    except failures.RegistryUnavailable as error:
        raise RegistryUnavailable(reason=error.reason) from error
