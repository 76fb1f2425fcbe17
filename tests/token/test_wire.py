"""Frames between program and child: what goes in comes out, and nonsense is None, never an error."""

from __future__ import annotations

import io
import json
import os
import struct
import threading
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.log import Secret
from tokenmgr.token import wire

NAMES = st.text(max_size=12).filter(lambda name: name != "$")
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False)
    | st.text(max_size=20)
    | st.binary(max_size=60)
)
VALUES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=20
)
MESSAGES = st.dictionaries(NAMES, VALUES, max_size=5)


def framed(message: dict[str, Any]) -> bytes:
    stream = io.BytesIO()
    wire.write(stream, wire.pack(message))
    return stream.getvalue()


def with_head(head: bytes, body: bytes = b"") -> bytes:
    return struct.pack(">II", 8 + len(head) + len(body), len(head)) + head + body


@given(MESSAGES)
def test_what_is_written_is_what_is_read(message: dict[str, Any]) -> None:
    assert wire.read(io.BytesIO(framed(message))) == message


@given(st.lists(MESSAGES, max_size=4))
def test_frames_follow_each_other_and_then_there_is_nothing(messages: list[dict[str, Any]]) -> None:
    stream = io.BytesIO(b"".join(framed(message) for message in messages))
    assert [wire.read(stream) for _ in messages] == messages
    assert wire.read(stream) is None


@given(MESSAGES, st.data())
def test_a_frame_cut_anywhere_is_none(message: dict[str, Any], data: st.DataObject) -> None:
    frame = framed(message)
    assert wire.read(io.BytesIO(frame[: data.draw(st.integers(0, len(frame) - 1))])) is None


def read_all(data: bytes) -> None:
    """Whatever comes: messages, then None."""
    stream = io.BytesIO(data)
    while (message := wire.read(stream)) is not None:
        assert isinstance(message, dict)


@given(MESSAGES, st.data())
def test_a_garbled_frame_is_a_message_or_none_and_never_an_error(message: dict[str, Any], data: st.DataObject) -> None:
    frame = bytearray(framed(message))
    for _ in range(data.draw(st.integers(1, 6))):
        frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    read_all(bytes(frame))


@given(st.binary(max_size=300))
def test_noise_is_never_an_error(noise: bytes) -> None:
    read_all(noise)
    read_all(with_head(noise))


REFERENCES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["$", "a"]), inner, max_size=2),
    max_leaves=6,
)


@given(REFERENCES, st.binary(max_size=8))
def test_a_reference_to_nowhere_is_never_an_error(reference: object, body: bytes) -> None:
    read_all(with_head(json.dumps({"args": {"$": reference}}).encode(), body))


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"[" * 200_000, id="endlessly nested lists"),
        pytest.param(b'{"a":' * 200_000, id="endlessly nested objects"),
        pytest.param(b'{"a": %s}' % (b"9" * 10_000), id="an endless number"),
        pytest.param(b"\xff\xfe\x00", id="no text"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"$": [0, 1]}', id="bytes instead of a message"),
    ],
)
def test_a_head_that_is_no_message_is_none(head: bytes) -> None:
    assert wire.read(io.BytesIO(with_head(head, b"x"))) is None


def test_a_length_beyond_the_largest_is_refused_before_it_is_believed() -> None:
    assert wire.read(io.BytesIO(struct.pack(">II", wire.LARGEST + 1, 2) + b"{}")) is None
    assert wire.read(io.BytesIO(struct.pack(">II", 9, 2) + b"{}")) is None


class Dribble(io.RawIOBase):
    """A raw pipe takes and gives what it likes: here one to three bytes."""

    def __init__(self, data: bytes = b"") -> None:
        self.data = bytearray(data)

    def writable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def write(self, data: Any, /) -> int:
        taken = bytes(data)[: 1 + len(self.data) % 3]
        self.data += taken
        return len(taken)

    def readinto(self, buffer: Any, /) -> int:
        count = min(len(buffer), len(self.data), 1 + len(self.data) % 3)
        buffer[:count] = self.data[:count]
        del self.data[:count]
        return count


@given(MESSAGES)
def test_a_pipe_that_takes_and_gives_little_at_a_time_loses_nothing(message: dict[str, Any]) -> None:
    pipe = Dribble()
    wire.write(pipe, wire.pack(message))  # type: ignore[arg-type]  # a raw stream, as Popen's pipes without buffers are
    assert wire.read(pipe) == message  # type: ignore[arg-type]


def test_a_real_pipe_carries_a_message_larger_than_itself() -> None:
    message = {"data": os.urandom(300_000), "more": [os.urandom(70_000)]}
    reading, writing = os.pipe()

    def write() -> None:
        with os.fdopen(writing, "wb", buffering=0) as sink:  # closed whatever happens, or the reader would wait
            wire.write(sink, wire.pack(message))

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(reading, "rb", buffering=0) as source:
        assert wire.read(source) == message
    writer.join(10)
    assert not writer.is_alive()


def test_a_secret_arrives_as_bytes_that_can_be_overwritten() -> None:
    secret = Secret("暗証1234")
    received = wire.read(io.BytesIO(framed({"pin": secret})), bytearray)
    assert received == {"pin": bytearray("暗証1234".encode())}
    assert isinstance(received["pin"], bytearray)
    assert secret == Secret("暗証1234")


def test_nothing_is_left_of_what_was_sent() -> None:
    frame = wire.pack({"pin": Secret("7351")})
    assert b"7351" in frame
    wire.write(io.BytesIO(), frame)
    assert frame == bytes(len(frame))


def test_nothing_is_left_of_what_could_not_be_sent() -> None:
    frame = wire.pack({"pin": Secret("7351")})
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "wb", buffering=0) as broken, pytest.raises(BrokenPipeError):
        wire.write(broken, frame)
    assert frame == bytes(len(frame))


@pytest.mark.parametrize("value", [object(), {1, 2}, 1j, range(3)])
def test_what_cannot_be_said_is_refused_before_anything_is_sent(value: object) -> None:
    with pytest.raises(TypeError):
        wire.pack({"value": value})
