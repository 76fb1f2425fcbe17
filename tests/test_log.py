"""A PIN cannot be printed, and nothing is logged that nobody asked for (S5)."""

from __future__ import annotations

import copy
import io
import json
import logging
import pickle
import pprint
import traceback
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr import log
from tokenmgr.log import MASK, Secret, mask_identifier

# Recognisable: no way of printing anything else would make these digits.
PINS = st.text(st.characters(codec="utf-8", categories=("L", "N")), min_size=1, max_size=20).map(lambda t: f"73{t}19")
PLAIN = "7351漢字19"


def by_traceback(secret: Secret) -> str:
    try:
        raise ValueError(secret)
    except ValueError as error:
        return "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def by_logging(secret: Secret) -> str:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "%s %r", (secret, secret), None)
    handler.emit(record)
    return stream.getvalue()


PRINTS: dict[str, Callable[[Secret], str]] = {
    "str": str,
    "repr": repr,
    "ascii": ascii,
    "format": format,
    "f-string": lambda secret: f"{secret} {secret!r} {secret!s} {secret!a} {secret:>40}",
    "%": lambda secret: "%s %r %a" % (secret, secret, secret),  # noqa: UP031
    "in a container": lambda secret: str([secret, {"pin": secret}, (secret,)]),
    "pprint": pprint.pformat,
    "exception": lambda secret: repr(ValueError(secret)) + str(ValueError(secret)),
    "traceback with locals": by_traceback,
    "logging": by_logging,
    "json with default=str": lambda secret: json.dumps({"pin": secret}, default=str, ensure_ascii=False),
    "dir and slots": lambda secret: str(dir(secret)) + str(getattr(secret, "__dict__", "")),
}


@pytest.mark.parametrize("printed", PRINTS.values(), ids=PRINTS)
@given(pin=PINS)
def test_no_way_of_printing_shows_a_pin(printed: Callable[[Secret], str], pin: str) -> None:
    shown = printed(Secret(pin))
    encoded = pin.encode()
    for telling in (pin, encoded.hex(), repr(encoded)[2:-1], ascii(pin)[1:-1]):
        assert telling not in shown


@pytest.mark.parametrize("name", ["str", "repr", "format", "f-string", "%"])
def test_what_is_shown_instead_does_not_tell_its_length(name: str) -> None:
    assert PRINTS[name](Secret("1234")) == PRINTS[name](Secret("1234567890"))
    assert MASK in PRINTS[name](Secret("1234"))


SERIALISERS: dict[str, Callable[[Secret], object]] = {
    **{f"pickle {p}": lambda s, p=p: pickle.dumps(s, p) for p in range(pickle.HIGHEST_PROTOCOL + 1)},  # type: ignore[misc]
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "deepcopy in a container": lambda secret: copy.deepcopy({"pin": [secret]}),
    "json": json.dumps,
    "json in a container": lambda secret: json.dumps({"pin": [secret]}),
    "bytes": lambda secret: bytes(secret),  # type: ignore[call-overload]
    "list": lambda secret: list(secret),  # type: ignore[call-overload]
    "hash": hash,
}


@pytest.mark.parametrize("serialise", SERIALISERS.values(), ids=SERIALISERS)
def test_a_pin_is_never_serialised_or_copied(serialise: Callable[[Secret], object]) -> None:
    with pytest.raises(TypeError) as raised:
        serialise(Secret(PLAIN))
    assert PLAIN not in "".join(traceback.format_exception(raised.value))


def test_two_pins_can_be_compared_and_nothing_else_equals_one() -> None:
    assert Secret("1234") == Secret(b"1234")
    assert Secret("1234") != Secret("1235")
    assert Secret("1234") != "1234"


def test_the_length_of_a_pin_is_in_bytes() -> None:
    assert len(Secret("暗証")) == 6


def test_a_wiped_pin_is_overwritten_where_it_was() -> None:
    secret = Secret(PLAIN)
    held = secret.reveal()
    copied = memoryview(bytearray(held))
    secret.wipe()
    assert len(secret) == 0
    assert held == b""
    assert bytes(copied).decode() == PLAIN


def test_the_end_of_a_with_wipes_it_even_after_an_error() -> None:
    secret = Secret("1234")
    with pytest.raises(ZeroDivisionError), secret:
        _ = 1 // 0
    assert len(secret) == 0


@pytest.mark.parametrize(("text", "masked"), [("", ""), ("a1b2c3d4", "…d4 (8)"), ("x", "…x (1)")])
def test_an_identifier_is_masked_to_what_tells_two_apart(text: str, masked: str) -> None:
    assert mask_identifier(text) == masked


@pytest.fixture
def restored() -> Iterator[logging.Logger]:
    root = logging.getLogger("tokenmgr")
    before = (root.handlers[:], root.level, root.propagate)
    yield root
    root.handlers[:], level, root.propagate = before
    root.setLevel(level)


@pytest.mark.parametrize(("verbosity", "shown"), [(0, []), (1, ["step"]), (2, ["step", "call"]), (9, ["step", "call"])])
def test_nothing_is_logged_unless_asked_for(
    restored: logging.Logger, capsys: pytest.CaptureFixture[str], verbosity: int, shown: list[str]
) -> None:
    log.setup(verbosity)
    logging.getLogger("tokenmgr.token.session").info("step")
    logging.getLogger("tokenmgr.token.worker").debug("call")
    out, err = capsys.readouterr()
    assert out == ""
    assert [line.split()[-1] for line in err.splitlines()] == shown
