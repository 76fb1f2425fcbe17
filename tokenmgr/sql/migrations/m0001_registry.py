"""The registry as it began."""

from __future__ import annotations

PARTIES = (
    """CREATE TABLE bank (
        code {text} NOT NULL PRIMARY KEY,
        name {text} NOT NULL,
        policy {text} NOT NULL,
        service_name {text} NOT NULL,
        contact {text} NOT NULL,
        media_page {text} NOT NULL
    )""",
    """CREATE TABLE contract (
        bank {text} NOT NULL REFERENCES bank (code),
        number {text} NOT NULL,
        name {text} NOT NULL,
        PRIMARY KEY (bank, number)
    )""",
    """CREATE TABLE subscriber (
        id {id} NOT NULL PRIMARY KEY,
        bank {text} NOT NULL,
        contract {text} NOT NULL,
        user_id {text} NOT NULL,
        role {text} NOT NULL,
        email {text} NOT NULL,
        login_hash {text} NOT NULL,
        confirmation_hash {text} NOT NULL,
        open_until {big},
        reissued_at {big},
        changed_at {big},
        FOREIGN KEY (bank, contract) REFERENCES contract (bank, number),
        UNIQUE (bank, contract, user_id)
    )""",
)
GENERATIONS = (
    """CREATE TABLE generation (
        serial {text} NOT NULL PRIMARY KEY,
        subscriber {big} REFERENCES subscriber (id),
        state {text} NOT NULL,
        store {text},
        key_hash {bytes} NOT NULL,
        not_before {big} NOT NULL,
        not_after {big} NOT NULL,
        predecessor {text},
        confirm_by {big},
        confirmed_at {big},
        revoked_at {big},
        reason INTEGER,
        certificate {bytes} NOT NULL,
        draft {bytes} NOT NULL,
        authority INTEGER NOT NULL
    )""",
    "CREATE UNIQUE INDEX generation_key ON generation (key_hash) WHERE state <> 'void' AND subscriber IS NOT NULL",
    "CREATE UNIQUE INDEX generation_waiting ON generation (subscriber) WHERE state IN ('recorded', 'pending')",
    "CREATE UNIQUE INDEX generation_active ON generation (subscriber) WHERE state IN ('active', 'held')",
    "CREATE INDEX generation_history ON generation (subscriber, confirmed_at)",
    "CREATE INDEX generation_confirm_by ON generation (confirm_by) WHERE state IN ('recorded', 'pending')",
    "CREATE INDEX generation_not_after ON generation (not_after) WHERE state = 'active'",
    "CREATE INDEX generation_revoked ON generation (authority, serial) WHERE revoked_at IS NOT NULL",
    "CREATE INDEX generation_own ON generation (authority, not_after) WHERE subscriber IS NULL",
    """CREATE TABLE exchange (
        bank {text} NOT NULL REFERENCES bank (code),
        transaction_id {bytes} NOT NULL,
        request_digest {bytes} NOT NULL,
        serial {text} NOT NULL REFERENCES generation (serial),
        credential {text} NOT NULL,
        kind {text} NOT NULL,
        confirm_digest {bytes} NOT NULL,
        PRIMARY KEY (bank, transaction_id)
    )""",
    """CREATE TABLE crl (
        authority INTEGER NOT NULL,
        number {big} NOT NULL,
        issued_at {big},
        next_update {big},
        covers {big},
        base {big},
        der {bytes},
        delta {bytes},
        PRIMARY KEY (authority, number)
    )""",
    """CREATE TABLE answer (
        serial {text} NOT NULL PRIMARY KEY,
        made_at {big} NOT NULL,
        next_update {big} NOT NULL,
        signer {text} NOT NULL,
        der {bytes} NOT NULL
    )""",
    "CREATE INDEX answer_next_update ON answer (next_update)",
)
TRAIL = (
    """CREATE TABLE audit (
        number {big} NOT NULL PRIMARY KEY,
        at {big} NOT NULL,
        actor_kind {text} NOT NULL,
        actor {text} NOT NULL,
        origin {text} NOT NULL,
        action {text} NOT NULL,
        bank {text} NOT NULL,
        whom {text} NOT NULL,
        serial {text} NOT NULL,
        before {text} NOT NULL,
        after {text} NOT NULL,
        hash {bytes} NOT NULL,
        changes_status INTEGER NOT NULL
    )""",
    "CREATE INDEX audit_status ON audit (number) WHERE changes_status = 1",
    "CREATE INDEX audit_whom ON audit (whom, number)",
    "CREATE INDEX audit_serial ON audit (serial, number)",
    """CREATE TABLE checkpoint (
        number {big} NOT NULL PRIMARY KEY,
        hash {bytes} NOT NULL,
        at {big} NOT NULL,
        serial {text} NOT NULL,
        signature {bytes} NOT NULL,
        chain {bytes} NOT NULL
    )""",
    """CREATE TABLE node (
        name {text} NOT NULL PRIMARY KEY,
        version {text} NOT NULL,
        started_at {big} NOT NULL,
        seen_at {big} NOT NULL
    )""",
    "CREATE TABLE job (name {text} NOT NULL PRIMARY KEY, done_at {big} NOT NULL)",
)
CLAIMS = (
    """CREATE TABLE asked (
        digest {bytes} NOT NULL PRIMARY KEY,
        at {big} NOT NULL
    )""",
    "CREATE INDEX asked_at ON asked (at)",
    """CREATE TABLE ticket (
        reference {text} NOT NULL PRIMARY KEY,
        secret {bytes} NOT NULL,
        bank {text} NOT NULL REFERENCES bank (code),
        subscriber {big} NOT NULL REFERENCES subscriber (id),
        store {text} NOT NULL,
        until {big} NOT NULL,
        serial {text},
        is_over INTEGER NOT NULL
    )""",
    "CREATE INDEX ticket_subscriber ON ticket (subscriber)",
    "CREATE INDEX ticket_until ON ticket (until)",
    """CREATE TABLE try (
        bank {text} NOT NULL,
        contract {text} NOT NULL,
        user_id {text} NOT NULL,
        spent INTEGER NOT NULL,
        last_at {big} NOT NULL,
        PRIMARY KEY (bank, contract, user_id)
    )""",
    "CREATE INDEX try_last_at ON try (last_at)",
    "CREATE TABLE secret (name {text} NOT NULL PRIMARY KEY, value {bytes} NOT NULL)",
    "CREATE TABLE mark (name {text} NOT NULL PRIMARY KEY, value {text} NOT NULL)",
)

GUARDS = {
    "sqlite": (
        """CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'it is only ever added to: audit'); END""",
        """CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'it is only ever added to: audit'); END""",
        """CREATE TRIGGER checkpoint_no_update BEFORE UPDATE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'it is only ever added to: checkpoint'); END""",
        """CREATE TRIGGER checkpoint_no_delete BEFORE DELETE ON checkpoint
BEGIN SELECT RAISE(ABORT, 'it is only ever added to: checkpoint'); END""",
    ),
    "postgresql": (
        """CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION USING MESSAGE = 'it is only ever added to: ' || TG_TABLE_NAME; END$$""",
        """CREATE TRIGGER audit_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION append_only()""",
        """CREATE TRIGGER checkpoint_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON checkpoint
FOR EACH STATEMENT EXECUTE FUNCTION append_only()""",
    ),
}

STATEMENTS = (*PARTIES, *GENERATIONS, *CLAIMS, *TRAIL)
