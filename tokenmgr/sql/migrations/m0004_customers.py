"""What customers are written, and the pages that they log in to."""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE notice (
        id {id} NOT NULL PRIMARY KEY,
        bank {text} NOT NULL REFERENCES bank (code),
        serial {text} NOT NULL REFERENCES generation (serial),
        to_whom {big} NOT NULL REFERENCES subscriber (id),
        kind {text} NOT NULL,
        lead INTEGER NOT NULL,
        state {text} NOT NULL,
        why {text} NOT NULL,
        address {text} NOT NULL,
        tries INTEGER NOT NULL,
        told {text} NOT NULL,
        due_at {big} NOT NULL,
        queued_at {big} NOT NULL,
        next_at {big} NOT NULL,
        claimed_by {text} NOT NULL,
        letter {text} NOT NULL,
        sent_at {big},
        UNIQUE (serial, to_whom, kind, lead)
    )""",
    "CREATE INDEX notice_next_at ON notice (next_at) WHERE state IN ('waiting', 'sending')",
    "CREATE INDEX notice_bank ON notice (bank, id)",
    "CREATE INDEX generation_confirmed ON generation (confirmed_at) WHERE state = 'active'",
    """CREATE TABLE bank_look (
        bank {text} NOT NULL PRIMARY KEY REFERENCES bank (code),
        look {text} NOT NULL,
        logo {bytes} NOT NULL
    )""",
    """CREATE TABLE session (
        token_hash {bytes} NOT NULL PRIMARY KEY,
        bank {text} NOT NULL REFERENCES bank (code),
        subscriber {big} NOT NULL REFERENCES subscriber (id),
        serial {text} NOT NULL REFERENCES generation (serial),
        began_at {big} NOT NULL,
        seen_at {big} NOT NULL
    )""",
    "CREATE INDEX session_seen_at ON session (seen_at)",
    "CREATE INDEX session_subscriber ON session (subscriber)",
)
