"""Entries and checkpoints as lines of JSON, each the one way to write it, so that whatever was edited shows."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from tokenmgr.domain.audit import Checkpoint, Entry, encoded

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO = timedelta(microseconds=1)
CHECKPOINT, END = '{"checkpoint":', '{"end":'  # how these lines of an export begin


def instant(micros: int) -> str:
    """2026-04-01T03:00:00.123456Z"""
    return f"{_EPOCH + timedelta(microseconds=micros):%Y-%m-%dT%H:%M:%S.%f}Z"


def _micros(text: str) -> int:
    return (datetime.fromisoformat(text) - _EPOCH) // _MICRO


def entry_value(one: Entry) -> dict[str, Any]:
    """`before` and `after` as values, for whoever reads them by a program."""
    return {**vars(one), "at": instant(one.at), "before": _value(one.before), "after": _value(one.after),
            "hash": one.hash.hex()}  # fmt: skip


def _value(text: str) -> Any:
    """What was written otherwise than encoded() does is not what this program wrote: it stays as it is."""
    try:
        value = json.loads(text)
    except ValueError:
        return text
    return value if isinstance(value, dict) and encoded(value) == text else text


def entry_line(one: Entry) -> str:
    return encoded(entry_value(one))


def entry_of_line(line: str) -> Entry:
    """ValueError where it is not what entry_line writes, to the byte."""
    try:
        value: dict[str, Any] = json.loads(line)
        texts = {name: value[name] for name in ("before", "after")}
        texts = {name: part if isinstance(part, str) else encoded(part) for name, part in texts.items()}
        one = Entry(**{**value, **texts, "at": _micros(value["at"]), "hash": bytes.fromhex(value["hash"])})
        is_so_written = entry_line(one) == line and type(one.number) is int
    except (TypeError, KeyError, OverflowError, RecursionError) as error:
        raise ValueError("entry") from error
    if not is_so_written:
        raise ValueError("entry")
    return one


def checkpoint_value(one: Checkpoint) -> dict[str, Any]:
    value = {
        "number": one.number,
        "hash": one.hash.hex(),
        "at": instant((one.at - _EPOCH) // _MICRO),
        "serial": f"{one.serial:040x}",
        "signature": base64.b64encode(one.signature).decode("ascii"),
    }
    return value | ({"chain": base64.b64encode(one.chain).decode("ascii")} if one.chain else {})


def checkpoint_line(one: Checkpoint) -> str:
    return encoded(checkpoint_value(one))


def exported_checkpoint_line(one: Checkpoint) -> str:
    return encoded({"checkpoint": checkpoint_value(one)})


def checkpoint_of_line(line: str) -> Checkpoint:
    """Of the file of checkpoints, or of an export. ValueError where it is not so written, to the byte."""
    try:
        whole = json.loads(line)
        is_exported = "checkpoint" in whole
        value: dict[str, Any] = whole["checkpoint"] if is_exported else whole
        one = Checkpoint(
            value["number"],
            bytes.fromhex(value["hash"]),
            _EPOCH + timedelta(microseconds=_micros(value["at"])),
            int(value["serial"], 16),
            base64.b64decode(value["signature"], validate=True),
            base64.b64decode(value.get("chain", ""), validate=True),
        )
        written = exported_checkpoint_line(one) if is_exported else checkpoint_line(one)
    except (TypeError, KeyError, OverflowError, RecursionError, AttributeError) as error:
        raise ValueError("checkpoint") from error
    if written != line or type(one.number) is not int:
        raise ValueError("checkpoint")
    return one


def end_line(entries: int, checkpoints: int) -> str:
    """The last of an export: without it, it was cut."""
    return encoded({"end": {"entries": entries, "checkpoints": checkpoints}})
