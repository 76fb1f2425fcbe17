"""What can be wrong with the registry, or with what was asked of it. Plain, and each says of what."""

from __future__ import annotations


class RegistryUnavailable(Exception):
    """The database cannot be reached, or cannot do its work. What was asked for may be asked for again: whatever had
    been done all the same shows itself as Stale or Taken."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RegistryNewer(Exception):
    """A later version of this program has changed the database; this one would not understand it."""

    def __init__(self, found: int, known: int) -> None:
        super().__init__(f"{found} > {known}")
        self.found = found
        self.known = known


class Taken(Exception):
    """There is one already. Nothing was changed."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name}")
        self.kind = kind
        self.name = name


class Missing(Exception):
    """There is none. Nothing was changed."""

    def __init__(self, kind: str, name: str) -> None:
        super().__init__(f"{kind} {name}")
        self.kind = kind
        self.name = name
