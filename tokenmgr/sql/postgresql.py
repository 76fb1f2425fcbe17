"""PostgreSQL as a node uses it: what is not answered in time is as if refused, and a node that is gone holds nothing.

A server that hangs, or is behind a network that swallows, refuses nothing. So nobody waits for longer than is bearable:
not the server for locks and statements (its settings below), nor the network for a peer (TCP's), nor, where neither
says anything, the connection for the server (`wait`).
"""

from __future__ import annotations

import time
from collections.abc import Container
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from sqlalchemy import Connection

CONNECT = 3  # seconds; libpq's least is 2
LOCK, STATEMENT, ANSWER = 4, 8, 10  # seconds; the server's own word comes first
LEISURE = 3600  # seconds for one step of what goes through a whole registry
SHUT = 2.0  # seconds without a further try, once one has waited CONNECT in vain
GONE_AFTER = {"idle": 10, "interval": 5, "count": 3}  # a peer that lost its power: 25 s
# For libpq (34.1.2).
_ARGUMENTS = {"connect_timeout": CONNECT, "tcp_user_timeout": ANSWER * 1000} | {
    f"keepalives_{name}": value for name, value in GONE_AFTER.items()
}
_SETTINGS = {"lock_timeout": LOCK * 1000, "statement_timeout": STATEMENT * 1000} | {
    f"tcp_keepalives_{name}": value for name, value in GONE_AFTER.items()
}
_SET = "; ".join(f"SET {name} = {value}" for name, value in _SETTINGS.items())
# Durable, even where the server's settings would rather be quick; what is stronger than that stays as it is.
_DURABLE = "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"


def arguments(said: Container[str]) -> dict[str, int]:
    """What the URL has said of them itself goes before."""
    return {name: value for name, value in _ARGUMENTS.items() if name not in said}


class Impatient(psycopg.Connection[Any]):
    """One that hangs is closed: nobody knows what it is in the middle of."""

    patience: float = ANSWER

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        try:
            return super().wait(gen, interval, self.patience if timeout is None else timeout)
        except psycopg.OperationalError as error:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:  # the server has said nothing
                self.close()
                raise psycopg.OperationalError(f"no answer for {self.patience:.0f} s") from error
            raise


class Door:
    """Where one has knocked in vain, the next ones need not: a crowd would else wait, one after the other."""

    def __init__(self) -> None:
        self._shut_until = float("-inf")

    def __call__(self, _dialect: object, _record: object, where: Any, how: Any) -> Any:
        if time.monotonic() < self._shut_until:
            raise psycopg.OperationalError("it has just not answered")
        try:
            return Impatient.connect(*where, **how)
        except psycopg.errors.ConnectionTimeout:
            self._shut_until = time.monotonic() + SHUT
            raise


def connected(connection: Impatient, _record: object) -> None:
    connection.execute(f"{_DURABLE}; {_SET}")


def take_leisure(connection: Connection) -> None:
    inner: object = connection.connection.dbapi_connection
    assert isinstance(inner, Impatient)  # noqa: S101  every connection of ours is
    inner.patience = LEISURE
    inner.execute("SET lock_timeout = 0; SET statement_timeout = 0")
