"""The tables as they are today. How they came to be is in migrations/; a test holds that both are the same.

Moments are whole microseconds since 1970, UTC; serial numbers are forty hex digits, so that they sort as numbers do.
What must never be twice is held by a unique index, not by looking first: several nodes write at the same time.
"""

from __future__ import annotations

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    FromClause,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
    event,
    literal_column,
    text,
)

from tokenmgr.domain.generation import State

METADATA = MetaData()
BIG = BigInteger().with_variant(Integer(), "sqlite")
TEXT = Text().with_variant(Text(collation="C"), "postgresql")  # compared as SQLite does it: by its bytes


def _index(name: str, *columns: str, where: str | None = None, unique: bool = False) -> Index:
    condition = text(where) if where else None
    return Index(name, *columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def _word(name: str, optional: bool = False) -> Column[str]:
    return Column(name, TEXT, nullable=optional)


def _moment(name: str, optional: bool = True) -> Column[int]:
    return Column(name, BIG, nullable=optional)


def _blob(name: str, optional: bool = False) -> Column[bytes]:
    return Column(name, LargeBinary, nullable=optional)


migration = Table(
    "migration",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    _word("name"),
    _moment("applied_at", optional=False),
)

bank = Table(
    "bank",
    METADATA,
    Column("code", TEXT, primary_key=True),
    _word("name"),
    _word("policy"),  # JSON: rows.py
    _word("service_name"),
    _word("contact"),
    _word("media_page"),
)

contract = Table(
    "contract",
    METADATA,
    Column("bank", TEXT, ForeignKey("bank.code"), primary_key=True),
    Column("number", TEXT, primary_key=True),
    _word("name"),
)

subscriber = Table(
    "subscriber",
    METADATA,
    Column("id", BIG, Identity(), primary_key=True),
    _word("bank"),
    _word("contract"),
    _word("user_id"),
    _word("role"),
    _word("email"),
    _word("login_hash"),
    _word("confirmation_hash"),
    _moment("open_until"),
    _moment("reissued_at"),  # and nothing acquired since
    _moment("changed_at"),  # when it was last re-issued, or its acquisition opened or closed
    ForeignKeyConstraint(["bank", "contract"], ["contract.bank", "contract.number"]),
    UniqueConstraint("bank", "contract", "user_id"),
)

_WAITS = "state IN ('recorded', 'pending')"

generation = Table(
    "generation",
    METADATA,
    Column("serial", TEXT, primary_key=True),
    Column("subscriber", BIG, ForeignKey("subscriber.id")),  # NULL: one of the CA's own
    _word("state"),
    _word("store", optional=True),
    _blob("key_hash"),
    _moment("not_before", optional=False),
    _moment("not_after", optional=False),
    _word("predecessor", optional=True),
    _moment("confirm_by"),
    _moment("confirmed_at"),
    _moment("revoked_at"),
    Column("reason", Integer),
    _blob("certificate"),
    _blob("draft"),
    Column("authority", Integer, nullable=False),
    Column("is_rehearsal", Integer, nullable=False, server_default=text("0")),
    CheckConstraint("is_rehearsal = 0 OR state NOT IN ('active', 'held', 'superseded')", name="generation_counts"),
    _index("generation_key", "key_hash", where="state <> 'void' AND subscriber IS NOT NULL", unique=True),
    _index("generation_waiting", "subscriber", where=f"{_WAITS} AND is_rehearsal = 0", unique=True),
    _index("generation_rehearsing", "subscriber", where=f"{_WAITS} AND is_rehearsal = 1", unique=True),
    _index("generation_active", "subscriber", where="state IN ('active', 'held')", unique=True),
    _index("generation_history", "subscriber", "confirmed_at"),
    _index("generation_confirm_by", "confirm_by", where=_WAITS),
    _index("generation_not_after", "not_after", where="state = 'active'"),
    _index("generation_confirmed", "confirmed_at", where="state = 'active'"),
    _index("generation_revoked", "authority", "serial", where="revoked_at IS NOT NULL"),
    _index("generation_own", "authority", "not_after", where="subscriber IS NULL"),
)

rehearsal = Table(  # of whom its bank has asked for one, and how the last one has ended
    "rehearsal",
    METADATA,
    Column("subscriber", BIG, ForeignKey("subscriber.id"), primary_key=True, autoincrement=False),
    _moment("asked_at"),
    _word("asked_by"),
    _moment("ended_at"),
    _word("store", optional=True),
    _word("code"),  # of the error; empty: it has passed
    _word("step"),
    _word("predecessor", optional=True),  # whose renewal it was
)

handover_key = Table(  # that a bank signs tickets with
    "handover_key",
    METADATA,
    Column("bank", TEXT, ForeignKey("bank.code"), primary_key=True),
    Column("kid", TEXT, primary_key=True),
    _blob("public_key"),
    _moment("added_at", optional=False),
)

handover = Table(  # tickets that were redeemed
    "handover",
    METADATA,
    Column("bank", TEXT, ForeignKey("bank.code"), primary_key=True),
    Column("jti", TEXT, primary_key=True),
    _word("origin"),
    _moment("expires_at", optional=False),
    _moment("redeemed_at", optional=False),
    _blob("secret_hash"),
    _word("state"),
    Column("step", Integer, nullable=False),
    _word("code"),  # of the error
    _index("handover_expires_at", "expires_at"),
)

notice = Table(  # mails about certificates: those that wait, those that were sent, those that never will be
    "notice",
    METADATA,
    Column("id", BIG, Identity(), primary_key=True),
    Column("bank", TEXT, ForeignKey("bank.code"), nullable=False),
    Column("serial", TEXT, ForeignKey("generation.serial"), nullable=False),
    Column("to_whom", BIG, ForeignKey("subscriber.id"), nullable=False),
    _word("kind"),
    Column("lead", Integer, nullable=False),
    _word("state"),
    _word("why"),  # it was skipped
    _word("address"),  # that it was last handed over for
    Column("tries", Integer, nullable=False),
    _word("told"),  # by the mail server, the last time
    _moment("due_at", optional=False),
    _moment("queued_at", optional=False),
    _moment("next_at", optional=False),  # when it may be tried
    _word("claimed_by"),
    _word("letter"),  # as it was handed over, until it is known what came of that (notices/letters.py)
    _moment("sent_at"),
    UniqueConstraint("serial", "to_whom", "kind", "lead"),
    _index("notice_next_at", "next_at", where="state IN ('waiting', 'sending')"),
    _index("notice_bank", "bank", "id"),
)

bank_look = Table(
    "bank_look",
    METADATA,
    Column("bank", TEXT, ForeignKey("bank.code"), primary_key=True),
    _word("look"),  # JSON: looks.py
    _blob("logo"),
)

session = Table(  # of somebody who is logged in at a bank's pages
    "session",
    METADATA,
    Column("token_hash", LargeBinary, primary_key=True),
    Column("bank", TEXT, ForeignKey("bank.code"), nullable=False),
    Column("subscriber", BIG, ForeignKey("subscriber.id"), nullable=False),
    Column("serial", TEXT, ForeignKey("generation.serial"), nullable=False),
    _moment("began_at", optional=False),
    _moment("seen_at", optional=False),
    _index("session_seen_at", "seen_at"),
    _index("session_subscriber", "subscriber"),
)

exchange = Table(
    "exchange",
    METADATA,
    Column("bank", TEXT, ForeignKey("bank.code"), primary_key=True),
    Column("transaction_id", LargeBinary, primary_key=True),
    _blob("request_digest"),
    Column("serial", TEXT, ForeignKey("generation.serial"), nullable=False),
    _word("credential"),
    _word("kind"),
    _blob("confirm_digest"),
    _index("exchange_serial", "serial"),
)

asked = Table(  # signed messages that were carried out: the same again does nothing
    "asked",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    _moment("at", optional=False),
    _index("asked_at", "at"),
)

ticket = Table(
    "ticket",
    METADATA,
    Column("reference", TEXT, primary_key=True),
    _blob("secret"),
    Column("bank", TEXT, ForeignKey("bank.code"), nullable=False),
    Column("subscriber", BIG, ForeignKey("subscriber.id"), nullable=False),
    _word("store"),
    _moment("until", optional=False),
    _word("serial", optional=True),
    Column("is_over", Integer, nullable=False),
    _index("ticket_subscriber", "subscriber"),
    _index("ticket_until", "until"),
)

tries = Table(
    "try",
    METADATA,
    Column("bank", TEXT, primary_key=True),
    Column("contract", TEXT, primary_key=True),
    Column("user_id", TEXT, primary_key=True),
    Column("spent", Integer, nullable=False),
    _moment("last_at", optional=False),
    _index("try_last_at", "last_at"),
)

secret = Table("secret", METADATA, Column("name", TEXT, primary_key=True), _blob("value"))

mark = Table("mark", METADATA, Column("name", TEXT, primary_key=True), _word("value"))  # what the whole CA has come to

crl = Table(
    "crl",
    METADATA,
    Column("authority", Integer, primary_key=True, autoincrement=False),
    Column("number", BIG, primary_key=True, autoincrement=False),
    _moment("issued_at"),
    _moment("next_update"),
    Column("covers", BIG),  # the last entry of the trail that it knows of
    Column("base", BIG),  # the number of the complete list that its delta is on; its own: it is one that deltas are on
    _blob("der", optional=True),
    _blob("delta", optional=True),
)

answer = Table(
    "answer",
    METADATA,
    Column("serial", TEXT, primary_key=True),
    _moment("made_at", optional=False),
    _moment("next_update", optional=False),
    _word("signer"),  # the serial number of the responder's certificate
    _blob("der"),
    _index("answer_next_update", "next_update"),
)

audit = Table(
    "audit",
    METADATA,
    Column("number", BIG, primary_key=True, autoincrement=False),
    _moment("at", optional=False),
    _word("actor_kind"),
    _word("actor"),
    _word("origin"),
    _word("action"),
    _word("bank"),
    _word("whom"),
    _word("serial"),
    _word("before"),
    _word("after"),
    _blob("hash"),
    Column("changes_status", Integer, nullable=False),
    _index("audit_status", "number", where="changes_status = 1"),
    _index("audit_whom", "whom", "number"),
    _index("audit_serial", "serial", "number"),
)

checkpoint = Table(
    "checkpoint",
    METADATA,
    Column("number", BIG, primary_key=True, autoincrement=False),
    _blob("hash"),
    _moment("at", optional=False),
    _word("serial"),
    _blob("signature"),
    _blob("chain"),  # certificates, DER: of the first that a key signs
)

node = Table(
    "node",
    METADATA,
    Column("name", TEXT, primary_key=True),
    _word("version"),
    _moment("started_at", optional=False),
    _moment("seen_at", optional=False),
)

job = Table("job", METADATA, Column("name", TEXT, primary_key=True), _moment("done_at", optional=False))

# --- what is written stays: audit and checkpoint are only ever added to ---

_REFUSE = """CREATE OR REPLACE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS
$$BEGIN RAISE EXCEPTION USING MESSAGE = 'it is only ever added to: ' || TG_TABLE_NAME; END$$"""
_GUARDS = {
    "postgresql": (
        _REFUSE,
        """CREATE TRIGGER {name}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {name}
FOR EACH STATEMENT EXECUTE FUNCTION append_only()""",
    ),
    "sqlite": (
        """CREATE TRIGGER {name}_no_update BEFORE UPDATE ON {name}
BEGIN SELECT RAISE(ABORT, 'it is only ever added to: {name}'); END""",
        """CREATE TRIGGER {name}_no_delete BEFORE DELETE ON {name}
BEGIN SELECT RAISE(ABORT, 'it is only ever added to: {name}'); END""",
    ),
}
for _table in (audit, checkpoint):
    for _dialect, _statements in _GUARDS.items():
        for _statement in _statements:
            _guard = DDL(_statement.format(name=_table.name))  # type: ignore[no-untyped-call]
            event.listen(_table, "after_create", _guard.execute_if(dialect=_dialect))

# --- conditions that the partial indexes above are found by: with the values in the statement, not beside it ---


def word(state: State) -> ColumnElement[str]:
    return literal_column(f"'{state.value}'")


def is_real(one: FromClause) -> ColumnElement[bool]:
    """Of generations: no rehearsal, which counts nowhere."""
    return one.c.is_rehearsal == literal_column("0")


WAITING = (word(State.RECORDED), word(State.PENDING))
STANDING = (word(State.ACTIVE), word(State.HELD))  # of which a subscriber has one at most
