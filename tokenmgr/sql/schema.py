"""The tables as they are today. How they came to be is in migrations/; a test holds that both are the same.

Moments are whole microseconds since 1970, UTC; serial numbers are forty hex digits, so that they sort as numbers do.
What must never be twice is held by a unique index, not by looking first: several nodes write at the same time.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    ForeignKey,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
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
    ForeignKeyConstraint(["bank", "contract"], ["contract.bank", "contract.number"]),
    UniqueConstraint("bank", "contract", "user_id"),
)

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
    _index("generation_key", "key_hash", where="state <> 'void'", unique=True),
    _index("generation_waiting", "subscriber", where="state IN ('recorded', 'pending')", unique=True),
    _index("generation_active", "subscriber", where="state = 'active'", unique=True),
    _index("generation_history", "subscriber", "confirmed_at"),
    _index("generation_confirm_by", "confirm_by", where="state IN ('recorded', 'pending')"),
    _index("generation_not_after", "not_after", where="state = 'active'"),
    _index("generation_revoked", "serial", where="revoked_at IS NOT NULL"),
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

crl = Table(
    "crl",
    METADATA,
    Column("number", BIG, primary_key=True, autoincrement=False),
    _moment("issued_at"),
    _moment("next_update"),
    Column("covers", BIG),
    _blob("der", optional=True),
)

# --- conditions that the partial indexes above are found by: with the values in the statement, not beside it ---


def word(state: State) -> ColumnElement[str]:
    return literal_column(f"'{state.value}'")


WAITING = (word(State.RECORDED), word(State.PENDING))
