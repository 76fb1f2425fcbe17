"""Renewals that are rehearsed: generations that never count, who was asked for one, and how the last one has ended."""

from __future__ import annotations

STATEMENTS = (
    # The condition also stops a node of the version before, which would make one active.
    """ALTER TABLE generation ADD COLUMN is_rehearsal INTEGER NOT NULL DEFAULT 0
        CONSTRAINT generation_counts CHECK (is_rehearsal = 0 OR state NOT IN ('active', 'held', 'superseded'))""",
    "DROP INDEX generation_waiting",
    """CREATE UNIQUE INDEX generation_waiting ON generation (subscriber)
        WHERE state IN ('recorded', 'pending') AND is_rehearsal = 0""",
    """CREATE UNIQUE INDEX generation_rehearsing ON generation (subscriber)
        WHERE state IN ('recorded', 'pending') AND is_rehearsal = 1""",
    """CREATE TABLE rehearsal (
        subscriber {big} NOT NULL PRIMARY KEY REFERENCES subscriber (id),
        asked_at {big},
        asked_by {text} NOT NULL,
        ended_at {big},
        store {text},
        code {text} NOT NULL,
        step {text} NOT NULL,
        predecessor {text}
    )""",
    "CREATE INDEX exchange_serial ON exchange (serial)",
)
