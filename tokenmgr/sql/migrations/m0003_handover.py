"""Hand-overs from banks' pages: the keys that banks sign tickets with, and the tickets that were redeemed."""

from __future__ import annotations

STATEMENTS = (
    """CREATE TABLE handover_key (
        bank {text} NOT NULL REFERENCES bank (code),
        kid {text} NOT NULL,
        public_key {bytes} NOT NULL,
        added_at {big} NOT NULL,
        PRIMARY KEY (bank, kid)
    )""",
    """CREATE TABLE handover (
        bank {text} NOT NULL REFERENCES bank (code),
        jti {text} NOT NULL,
        origin {text} NOT NULL,
        expires_at {big} NOT NULL,
        redeemed_at {big} NOT NULL,
        secret_hash {bytes} NOT NULL,
        state {text} NOT NULL,
        step INTEGER NOT NULL,
        code {text} NOT NULL,
        PRIMARY KEY (bank, jti)
    )""",
    "CREATE INDEX handover_expires_at ON handover (expires_at)",
)
