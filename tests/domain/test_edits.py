"""One setting in somebody else's text: put in it is found, taken out everything else is as it was."""

from __future__ import annotations

import configparser
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.edits import (
    line_found,
    paragraph,
    paragraph_found,
    value_found,
    with_line,
    with_paragraph,
    with_value,
)

SECTION, KEY = "Default Applications", "x-scheme-handler/tokenmgr"
LINES = st.lists(
    st.sampled_from(
        ["", "# a note", f"[{SECTION}]", "[Added Associations]", "text/html=firefox.desktop", f"{KEY}-2=x", "a = b;c;"]
    )
)
ENDS = st.sampled_from(["\n", "\r\n"])
OWN = paragraph("tokenmgr-x", "/usr/lib/x.so")
OTHERS = ["library=\nname=NSS Internal PKCS #11 Module\nNSS=Flags=internal", "library=/a b.so\nname=tokenmgr-x2", "# x"]


def lines_of(text: str) -> list[str]:
    return [one for one in text.replace("\r\n", "\n").split("\n") if one]


@given(LINES, ENDS, st.booleans())
def test_a_line_that_is_put_in_is_found_and_taken_out_all_others_stay(
    lines: list[str], end: str, is_ended: bool
) -> None:
    text = end.join(lines) + end * is_ended
    made = with_line(text, SECTION, KEY, "tokenmgr.desktop")
    assert line_found(made, SECTION, KEY) == "tokenmgr.desktop"
    read = configparser.RawConfigParser(strict=False, delimiters="=", allow_no_value=True)
    read.read_string("[none]\n" + made)
    assert read[SECTION][KEY] == "tokenmgr.desktop"
    again = with_line(made, SECTION, KEY, "other.desktop")
    assert line_found(again, SECTION, KEY) == "other.desktop"
    after = with_line(again, SECTION, KEY, None)
    assert line_found(after, SECTION, KEY) is None
    head = [] if f"[{SECTION}]" in lines else [f"[{SECTION}]"]
    assert lines_of(after) == [*lines_of(text), *head]


@given(st.lists(st.sampled_from(OTHERS)), ENDS, st.integers(0, 3))
def test_a_paragraph_that_is_put_in_is_one_of_its_own_and_taken_out_all_others_stay(
    others: list[str], end: str, ends: int
) -> None:
    text = "\n\n".join(others).replace("\n", end) + end * ends
    made = with_paragraph(text, "tokenmgr-x", OWN)
    assert made.startswith(text)
    assert paragraph_found(made, "tokenmgr-x") == OWN
    assert OWN in [one.strip("\n") for one in made.replace("\r\n", "\n").split("\n\n")]
    after = with_paragraph(made, "tokenmgr-x", None)
    assert paragraph_found(after, "tokenmgr-x") is None
    assert lines_of(after) == lines_of(text)


def test_a_paragraph_of_the_same_name_is_replaced_where_it_stands() -> None:
    text = f"{OTHERS[0]}\n\nlibrary=/old.so\nname=tokenmgr-x\nNSS=trustOrder=1\n\n{OTHERS[1]}\n\n"
    made = with_paragraph(text, "tokenmgr-x", OWN)
    assert made == f"{OTHERS[0]}\n\n{OWN}\n\n{OTHERS[1]}\n\n"
    assert with_paragraph(made, "tokenmgr-x", paragraph_found(text, "tokenmgr-x")) == text


def test_a_value_below_names_comes_and_goes_with_what_holds_only_it() -> None:
    names = ("policies", "SecurityDevices", "Add", "tokenmgr-x")
    told = {"policies": {"DisableTelemetry": True, "SecurityDevices": {"Delete": ["old"]}}}
    made = with_value("\ufeff" + json.dumps(told), names, '"/usr/lib/x.so"')
    assert value_found(made, names) == '"/usr/lib/x.so"'
    assert json.loads(made)["policies"]["DisableTelemetry"] is True
    assert json.loads(with_value(made, names, None)) == told
    assert json.loads(with_value(with_value("", names, "1"), names, None)) == {}


@pytest.mark.parametrize("text", ["{", "[]", '{"policies": 3}'])
def test_what_is_no_such_json_is_not_written_into(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  json's own, and ours
        with_value(text, ("policies", "x"), "1")
