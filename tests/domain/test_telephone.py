"""What is read out on the telephone is what support reads, and a wrong letter is noticed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.test_messages import CODED
from tokenmgr import __version__
from tokenmgr.diagnostics import Probe, code
from tokenmgr.domain.telephone import ALPHABET, PROBES, STATES, Findings, Misheard, read, spell, worst

ELSEWHERE = "EN"  # errors of a bank's pages and mails: a customer's computer has none of them
versions = st.builds(lambda *parts: ".".join(map(str, parts)), st.integers(0, 3), st.integers(0, 20), st.integers(0, 9))
states = st.fixed_dictionaries({probe: st.sampled_from(STATES) for probe in PROBES})
findings = st.builds(
    Findings, versions, states, st.sampled_from(["", *(one for one in CODED if one[0] not in ELSEWHERE)])
)


@given(findings)
def test_what_was_spelt_is_read(found: Findings) -> None:
    assert read(spell(found)) == found


@given(findings, st.integers(0, 7), st.sampled_from(ALPHABET))
def test_one_wrong_letter_is_noticed(found: Findings, place: int, other: str) -> None:
    letters = list(spell(found).replace("-", ""))
    if letters[place] == other:
        return
    letters[place] = other
    with pytest.raises(Misheard):
        read("".join(letters))


@given(findings, st.integers(0, 6))
def test_two_letters_that_changed_places_are_noticed(found: Findings, place: int) -> None:
    letters = list(spell(found).replace("-", ""))
    if letters[place] == letters[place + 1]:
        return
    letters[place : place + 2] = reversed(letters[place : place + 2])
    with pytest.raises(Misheard):
        read("".join(letters))


@given(findings)
def test_it_is_read_however_it_is_written(found: Findings) -> None:
    said = spell(found)
    heard = said.lower().replace("0", "o").replace("1", "l").replace("-", " ")
    assert read(heard) == found


@given(st.text(max_size=12))
def test_anything_else_is_no_code(text: str) -> None:
    try:
        found = read(text)
    except Misheard:
        return
    assert read(spell(found)) == found


def test_a_later_version_than_a_code_can_say_is_said_so() -> None:
    assert read(spell(Findings("4.0.0"))).version == ""
    assert read(spell(Findings("1.21.0"))).version == ""


def test_this_version_has_a_place_of_its_own() -> None:
    assert read(spell(Findings(__version__))).version == __version__


def test_of_several_probes_of_one_name_the_worst_is_told() -> None:
    found = [Probe("library", "ok", ""), Probe("library", "problem", ""), Probe("library", "note", "")]
    assert read(code(found, "M104")).states["library"] == "problem" == worst(["ok", "problem", "note"])
    assert read(code(found, "M104")).error == "M104"


@pytest.mark.parametrize("letter", ELSEWHERE)
def test_what_happens_on_a_bank_s_computer_has_no_place_in_a_code(letter: str) -> None:
    assert read(spell(Findings("0.1.0", error=f"{letter}101"))).error == ""
