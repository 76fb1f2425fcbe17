"""A rule as a person writes it: what it becomes, and what is said where it is wrong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.errors import FaultWrong, RuleFileWrong
from tokenmgr.testbed.faults import ACTIONS, ALL, LIARS, TORN, Rule, answer_name, nearest, of_table, read_file
from tokenmgr.testbed.functions import FUNCTIONS
from tokenmgr.testbed.page import SETTABLE, WORDS
from tokenmgr.token.answers import ANSWERS

COUNTS = st.integers(0, 2**63 - 1)
WORD = st.integers(0, 2**32 - 1)
VALUES = {
    "answer": COUNTS | st.sampled_from([0, *ANSWERS]),
    "seconds": COUNTS,
    "status": st.integers(0, 255),
    "word": st.builds(lambda word, number: WORDS.index(word) << 32 | number, st.sampled_from(SETTABLE), WORD),
    "": st.just(0),
}


@st.composite
def rules(draw: Callable[[st.SearchStrategy[Any]], Any]) -> Rule:
    """Any that can be said."""
    action = draw(st.sampled_from(sorted(ACTIONS)))
    function = draw(st.sampled_from({"torn": TORN, "lie": LIARS}.get(action, (*FUNCTIONS, ALL))))
    after = draw(st.booleans()) and action not in ("torn", "lie")
    return Rule(function, action, draw(VALUES[ACTIONS[action]]), after, draw(COUNTS), draw(COUNTS))


def typed(words: str) -> Rule:
    """As the command line takes it apart."""
    parts: list[Any] = words.split()
    given: dict[str, Any] = {"after": "--after" in parts}
    for option in ("--skip", "--times"):
        if option in parts:
            given[option[2:]] = int(parts[parts.index(option) + 1])
    plain = parts[: next((place for place, part in enumerate(parts) if part.startswith("--")), len(parts))]
    return Rule.read(*plain, **given)


# --- laws ---


@given(rules())
def test_a_rule_is_read_back_from_its_line(rule: Rule) -> None:
    assert Rule.of_line(rule.line) == rule


@given(rules())
def test_a_rule_is_read_back_from_the_words_that_show_it(rule: Rule) -> None:
    assert typed(rule.shown) == rule


@given(
    st.text(max_size=20) | st.sampled_from(FUNCTIONS).map(lambda name: name[3:]), st.sets(st.sampled_from(FUNCTIONS))
)
def test_what_is_offered_is_known(word: str, known: set[str]) -> None:
    offered = nearest(word, tuple(known))
    assert set(offered) <= known
    assert len(set(offered)) == len(offered) <= 5


@given(st.sampled_from(FUNCTIONS), st.integers(2, 30))
def test_a_letter_too_few_is_understood(name: str, place: int) -> None:
    assert name in nearest(name[: place % len(name)] + name[place % len(name) + 1 :], FUNCTIONS)


@given(st.text(max_size=12), st.text(max_size=12), st.none() | st.text(max_size=12) | st.integers() | st.floats())
def test_whatever_is_typed_is_a_rule_or_a_mistake_that_is_said(function: str, action: str, value: object) -> None:
    for known_function, known_action in ((function, action), ("C_Sign", action), (ALL, "answer"), (ALL, "delay")):
        try:
            rule = Rule.read(known_function, known_action, value)
        except FaultWrong:
            continue
        assert 0 <= rule.value < 2**63


# --- what is typed ---


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("C_Sign answer CKR_DEVICE_ERROR", Rule("C_Sign", "answer", 0x30)),
        ("C_Sign answer DEVICE_ERROR --after", Rule("C_Sign", "answer", 0x30, after=True)),
        ("C_Sign answer CKR_OK", Rule("C_Sign", "answer", 0)),
        ("C_Sign answer 0x80000001", Rule("C_Sign", "answer", 0x80000001)),
        ("all delay 1.001", Rule("all", "delay", 1001)),
        ("all delay 0.29", Rule("all", "delay", 290)),
        ("C_Sign hang --skip 1 --times 1", Rule("C_Sign", "hang", skip=1, times=1)),
        ("C_Sign exit 255", Rule("C_Sign", "exit", 255)),
        ("C_Sign set user_wrong=0x3", Rule("C_Sign", "set", WORDS.index("user_wrong") << 32 | 3)),
        ("C_CreateObject torn", Rule("C_CreateObject", "torn", 0x30)),
        ("C_CreateObject torn CKR_DEVICE_MEMORY", Rule("C_CreateObject", "torn", 0x31)),
    ],
)
def test_what_is_typed_becomes_a_rule(words: str, rule: Rule) -> None:
    assert typed(words) == rule


@pytest.mark.parametrize(
    ("words", "reason", "subject", "near"),
    [
        ("C_Sgn hang", "unknown-function", "C_Sgn", "C_Sign"),
        ("sign hang", "unknown-function", "sign", "C_Sign"),
        ("c_generatekeypair hang", "unknown-function", "c_generatekeypair", "C_GenerateKeyPair"),
        ("C_Sign hnag", "unknown-action", "hnag", "hang"),
        ("C_Sign answer CKR_DEVICE_EROR", "unknown-answer", "CKR_DEVICE_EROR", "CKR_DEVICE_ERROR"),
        ("C_Sign answer device", "unknown-answer", "device", "CKR_DEVICE_ERROR"),
        ("C_Verify lie", "not-with", "C_Verify lie", "C_Sign"),
        ("C_Sign torn", "not-with", "C_Sign torn", "C_CreateObject"),
        ("all lie", "not-with", "all lie", "C_Login"),
        ("C_Sign lie --after", "not-after", "lie", ""),
        ("C_CreateObject torn --after", "not-after", "torn", ""),
        ("C_Sign hang 3", "takes-nothing", "hang 3", ""),
        ("C_Sign answer", "takes-answer", "answer", ""),
        ("C_Sign answer 5.5", "takes-answer", "answer 5.5", ""),
        ("C_Sign answer 0xZZ", "takes-answer", "answer 0xZZ", ""),
        ("C_Sign answer 9223372036854775808", "takes-answer", "answer 9223372036854775808", ""),
        ("C_Sign delay", "takes-seconds", "delay", ""),
        ("C_Sign delay soon", "takes-seconds", "delay soon", ""),
        ("C_Sign delay -1", "takes-seconds", "delay -1", ""),
        ("C_Sign delay -0.0001", "takes-seconds", "delay -0.0001", ""),
        ("C_Sign delay nan", "takes-seconds", "delay nan", ""),
        ("C_Sign delay inf", "takes-seconds", "delay inf", ""),
        ("C_Sign delay 1e999999999", "takes-seconds", "delay 1e999999999", ""),
        ("C_Sign exit 256", "takes-status", "exit 256", ""),
        ("C_Sign exit -1", "takes-status", "exit -1", ""),
        ("C_Sign exit 1.5", "takes-status", "exit 1.5", ""),
        ("C_Sign CKR_DEVICE_ERROR", "unknown-action", "CKR_DEVICE_ERROR", "answer"),
        ("C_Sign set user_wrong", "takes-word", "user_wrong", ""),
        ("C_Sign set user_wrong=-1", "takes-word", "user_wrong=-1", ""),
        ("C_Sign set user_wrong=4294967296", "takes-word", "user_wrong=4294967296", ""),
        ("C_Sign set user_wrog=1", "unknown-word", "user_wrog", "user_wrong"),
        ("C_Sign set plugged=0", "unknown-word", "plugged", "capacity"),
        ("C_Sign hang --skip -1", "not-a-count", "-1", ""),
        ("C_Sign hang --times 9223372036854775808", "not-a-count", "9223372036854775808", ""),
    ],
)
def test_a_mistake_is_said_with_what_is_near(words: str, reason: str, subject: str, near: str) -> None:
    with pytest.raises(FaultWrong) as raised:
        typed(words)
    assert (raised.value.reason, raised.value.subject, raised.value.place) == (reason, subject, "")
    assert near in raised.value.nearest if near else raised.value.nearest == ()


@pytest.mark.parametrize(("number", "name"), [(0, "CKR_OK"), (0x30, "CKR_DEVICE_ERROR"), (0x80000001, "0x80000001")])
def test_an_answer_has_its_name_where_there_is_one(number: int, name: str) -> None:
    assert answer_name(number) == name


# --- rule files ---


def test_a_rule_file_is_a_table_a_rule(tmp_path: Path) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[rule]]\nfunction = "C_Sign"\naction = "answer"\nvalue = "CKR_DEVICE_ERROR"\nafter = true\n'
        '[[rule]]\nfunction = "all"\naction = "delay"\nvalue = 0.5\nskip = 1\ntimes = 2\n'
        '[[rule]]\nfunction = "C_Sign"\naction = "answer"\nvalue = 0x31\n',
        encoding="utf-8",
    )
    assert read_file(path) == [
        Rule("C_Sign", "answer", 0x30, after=True),
        Rule("all", "delay", 500, skip=1, times=2),
        Rule("C_Sign", "answer", 0x31),
    ]
    path.write_text("rule = []\n", encoding="utf-8")
    assert read_file(path) == []


RIGHT = '[[rule]]\nfunction = "C_Sign"\naction = "hang"\n'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "only-rules"),
        ("rule = 1", "only-rules"),
        ('[rule]\nfunction = "C_Sign"\naction = "hang"', "only-rules"),
        ("rule = [1]", "only-rules"),
        (RIGHT + "[other]\n", "only-rules"),
        ("[[rule]\n", "line 1"),
        (RIGHT + "skip = \n", "line 4"),
        (RIGHT + f"skip = {'9' * 5000}\n", "5000 digits"),
        (b"\xff\xfe", "utf-8"),
    ],
)
def test_what_is_no_rule_file_is_said_with_its_name(tmp_path: Path, text: str | bytes, reason: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(RuleFileWrong) as raised:
        read_file(path)
    assert raised.value.file == str(path)
    assert reason in raised.value.reason


def test_a_missing_file_and_a_folder_are_said(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none.toml", "No such file"), (tmp_path, "directory")):
        with pytest.raises(RuleFileWrong) as raised:
            read_file(path)
        assert reason in raised.value.reason


@pytest.mark.parametrize(
    ("table", "reason", "subject"),
    [
        ('action = "hang"', "missing", "function"),
        ('function = "C_Sign"', "missing", "action"),
        ('function = "C_Sgn"\naction = "hang"', "unknown-function", "C_Sgn"),
        ('function = "C_Sign"\naction = "hang"\nskp = 1', "unknown-rule-key", "skp"),
        ('function = "C_Sign"\naction = "hang"\nskip = "1"', "not-a-value", "skip = '1'"),
        ('function = "C_Sign"\naction = "hang"\nskip = true', "not-a-value", "skip = True"),
        ('function = "C_Sign"\naction = "hang"\nskip = 1.5', "not-a-value", "skip = 1.5"),
        ('function = "C_Sign"\naction = "hang"\nafter = 1', "not-a-value", "after = 1"),
        ('function = 1\naction = "hang"', "not-a-value", "function = 1"),
        ('function = "C_Sign"\naction = "exit"\nvalue = true', "not-a-value", "value = True"),
        ('function = "C_Sign"\naction = "exit"\nvalue = [1]', "not-a-value", "value = [1]"),
    ],
)
def test_a_mistake_in_a_rule_file_is_said_with_its_place(tmp_path: Path, table: str, reason: str, subject: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(f"{RIGHT}[[rule]]\n{table}\n", encoding="utf-8")
    with pytest.raises(FaultWrong) as raised:
        read_file(path)
    assert (raised.value.reason, raised.value.subject) == (reason, subject)
    assert raised.value.place == f"{path}, rule 2: "


def test_a_wrong_key_has_the_nearest_right_one_beside_it() -> None:
    with pytest.raises(FaultWrong) as raised:
        of_table({"function": "C_Sign", "action": "hang", "time": 1})
    assert raised.value.nearest == ("times",)
