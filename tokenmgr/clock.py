"""The clock: UTC inside, Japan time to the second at the edges (R2). The only caller of now()."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

JAPAN = timezone(timedelta(hours=9), "JST")  # Japan has had no summer time since 1951


def now() -> datetime:
    """What the rules are handed. They never ask by themselves."""
    return datetime.now(UTC)


def steady() -> Callable[[], datetime]:
    """The time as it goes on from now, whatever the clock is set to meanwhile."""
    began, since = now(), time.monotonic()
    return lambda: began + timedelta(seconds=time.monotonic() - since)


def japan_time(moment: datetime, language: str = "ja") -> str:
    """2007年03月03日 08時59分59秒, as the banks' pages write it."""
    local = moment.astimezone(JAPAN)
    if language != "ja":
        return f"{local:%Y-%m-%d %H:%M:%S} JST"
    # Piece by piece: strftime itself takes ASCII only on Windows.
    return f"{local:%Y}年{local:%m}月{local:%d}日 {local:%H}時{local:%M}分{local:%S}秒"


def japan_day(moment: datetime) -> str:
    return f"{moment.astimezone(JAPAN):%Y-%m-%d}"
