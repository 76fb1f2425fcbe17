"""The page that all processes share, the rules beside it, and the calls as they are read back."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.errors import MediumOutdated
from tokenmgr.testbed.control import Applied, Call, Control, call_of
from tokenmgr.testbed.faults import Rule
from tokenmgr.testbed.layer import source
from tokenmgr.testbed.page import MAGIC, OF_THE_STICK, RULES, SIZE, TEXTS, WORDS

HANG = Rule("C_Sign", "hang")


@pytest.fixture
def page(tmp_path: Path) -> Control:
    return Control.create(tmp_path, "/usr/lib/softhsm/libsofthsm2.so")


def test_words_and_texts_lie_where_the_layer_looks_for_them(tmp_path: Path, page: Control) -> None:
    """Read back by a C program with the layer's own structure."""
    for number, word in enumerate(WORDS[1:], 1):
        page[word] = 2**63 + number
    for name in TEXTS:
        page.set_text(name, name.upper())
    page.add(*[HANG] * 3)
    structure = source()[source().index("typedef struct { W magic") :].split(" State;")[0] + " State;"
    fields = [*(f'printf("%lu\\n", state->{word});' for word in WORDS if word not in ("rules", "next_rule")),
              *(f'printf("%.{size}s\\n", state->{name});' for name, size in TEXTS.items())]  # fmt: skip
    program = tmp_path / "page.c"
    program.write_text(
        "#include <stdio.h>\n#include <fcntl.h>\n#include <sys/mman.h>\ntypedef unsigned long W;\n"
        f"enum {{ RULES = {RULES} }};\n{structure}\n"
        f'int main(void) {{ int file = open("{tmp_path}/state", O_RDONLY);'
        "State *state = mmap(0, sizeof *state, PROT_READ, MAP_SHARED, file, 0);"
        f'{" ".join(fields)} printf("%lu\\n", sizeof *state); return 0; }}\n'
    )
    subprocess.run(["gcc", "-o", tmp_path / "page", program], check=True)
    told = subprocess.run([tmp_path / "page"], capture_output=True, text=True, check=True).stdout.split()
    numbers = [str(2**63 + WORDS.index(word)) for word in WORDS[1:] if word not in ("rules", "next_rule")]
    assert told == [str(MAGIC), *numbers, *(name.upper() for name in TEXTS), str(SIZE)]


@given(st.sampled_from(WORDS[1:]), st.integers(0, 2**64 - 1))
def test_a_word_is_what_it_was_set_to(tmp_path_factory: pytest.TempPathFactory, word: str, value: int) -> None:
    folder = tmp_path_factory.mktemp("page")
    page = Control.create(folder, "library")
    before = {other: page[other] for other in WORDS if other != word}
    page[word] = value
    assert Control(folder)[word] == value
    assert {other: page[other] for other in before} == before


def test_a_text_has_blanks_behind_it_and_fits(page: Control) -> None:
    page.set_text("model", "あいうえお")
    assert page.text("model") == "あいうえお"
    page.set_text("model", "x")
    assert page.text("model") == "x"
    page.set_text("model", "")
    assert page.text("model") == ""
    with pytest.raises(ValueError, match="16 bytes"):
        page.set_text("model", "あいうえおか")
    assert page.text("softhsm") == "/usr/lib/softhsm/libsofthsm2.so"


def test_what_belongs_to_a_stick_goes_with_it(tmp_path: Path, page: Control) -> None:
    (tmp_path / "other").mkdir()
    other = Control.create(tmp_path / "other", "library")
    for one, base in ((page, 100), (other, 200)):
        for number, word in enumerate(WORDS[1:]):
            one[word] = base + number
        for name in ("maker", "model", "serial", "reader"):
            one.set_text(name, f"{base}")
    page.swap(other)
    for number, word in enumerate(WORDS[1:]):
        goes = word in OF_THE_STICK
        assert (page[word], other[word]) == ((200 + number, 100 + number) if goes else (100 + number, 200 + number))
    assert [page.text(name) for name in ("maker", "model", "serial", "reader")] == ["200", "200", "200", "100"]
    assert not {"plugged", "plugging", "rules", "next_rule", "log", "magic"} & set(OF_THE_STICK)


def test_a_page_of_another_layout_is_refused(tmp_path: Path, page: Control) -> None:
    page["magic"] = MAGIC + 1
    with pytest.raises(MediumOutdated):
        Control(tmp_path)
    page["magic"] = MAGIC
    assert Control(tmp_path)["plugged"] == 1
    with (tmp_path / "state").open("ab") as file:
        file.write(b"more")
    with pytest.raises(MediumOutdated):
        Control(tmp_path)


# --- rules ---


def test_a_number_comes_back_late(page: Control) -> None:
    assert page.add(HANG, HANG) == [0, 1]
    page.remove(0)
    assert page.add(HANG) == [2]
    assert [one.number for one in page.rules()] == [1, 2]
    for _ in range(RULES - 3):
        page.remove(*page.add(HANG))
    assert page.add(HANG, HANG) == [0, 3], "1 and 2 stand"
    page.remove()
    assert page.rules() == []


def test_none_added_are_none(page: Control) -> None:
    before = page["next_rule"]
    assert page.add() == []
    assert (page.rules(), page["next_rule"]) == ([], before)


@pytest.mark.parametrize(
    ("asked", "skip", "times", "hits"),
    [(0, 0, 0, 0), (5, 0, 0, 5), (5, 3, 0, 2), (2, 3, 0, 0), (5, 0, 3, 3), (5, 3, 1, 1), (4, 3, 2, 1)],
)
def test_it_has_held_as_often_as_it_was_asked_between_skip_and_times(
    asked: int, skip: int, times: int, hits: int
) -> None:
    assert Applied(0, Rule("C_Sign", "hang", skip=skip, times=times), asked).hits == hits


# --- calls ---


def test_a_call_is_read_from_its_line() -> None:
    assert call_of("12 C_Sign 0x30 1.250 3") == Call(12, "C_Sign", "CKR_DEVICE_ERROR", 1.25, 3)
    assert call_of("12 C_Sign 0x0 0.000 -1") == Call(12, "C_Sign", "CKR_OK", 0, None)
    assert call_of("12 C_Sign 0x80000001 0.000 -1").answer == "0x80000001"
    assert call_of("12 C_Sign crash 0.000 0") == Call(12, "C_Sign", "crash", 0, 0)


def test_a_line_that_is_still_being_written_is_left_for_later(tmp_path: Path, page: Control) -> None:
    assert list(page.calls()) == []
    calls = tmp_path / "calls"
    calls.write_text("12 C_Sign 0x0 0.000 -1\n12 C_Si", encoding="ascii")
    assert [call.function for call in page.calls()] == ["C_Sign"]
    with calls.open("a", encoding="ascii") as file:
        file.write("gn 0x0 0.000 -1\n")
    assert len(list(page.calls())) == 2
