"""Who writes about a subscriber has its row first, on every node: one order, and so no two that wait for each other."""

from __future__ import annotations

from sqlalchemy import Connection, bindparam, select

from tokenmgr.sql.schema import generation, subscriber

# FOR NO KEY UPDATE: whoever only refers to the row need not wait. SQLite has one writer, and leaves this out.
_BY_ID = select(subscriber.c.id).where(subscriber.c.id == bindparam("who")).with_for_update(key_share=True)
_BY_SERIAL = (
    select(subscriber.c.id)
    .where(
        subscriber.c.id
        == select(generation.c.subscriber).where(generation.c.serial == bindparam("serial")).scalar_subquery()
    )
    .with_for_update(key_share=True)
)


def lock_subscriber(connection: Connection, number: int | None) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(_BY_ID, {"who": number})


def lock_holder(connection: Connection, serial: str) -> int | None:
    """Of this generation; None where there is no such one, or it is one of the CA's own."""
    return connection.execute(_BY_SERIAL, {"serial": serial}).scalar()
