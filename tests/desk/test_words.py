"""Every word that a journey asks for by a name of the domain's is there, and none of them names a command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tokenmgr.domain.family import Family
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.domain.telephone import PROBES
from tokenmgr.messages import Texts
from tokenmgr.renewal.cleanup import Kept, Removable
from tokenmgr.token.pins import rules

JA = Texts("ja")
AREAS = ("desk", "desk_next", "desk_which", "desk_acquire", "desk_pin", "desk_unblock", "desk_clean", "desk_doctor")


def test_every_reason_to_go_or_to_stay_is_said() -> None:
    for reason in (*Removable, *Kept):
        if reason is not Kept.AUTHORITY:  # which is not shown
            assert JA.has(f"desk_clean.{reason.value.replace('-', '_')}"), reason


def test_every_question_of_the_doctors_has_a_name() -> None:
    assert all(JA.has(f"desk_doctor.{probe}") for probe in PROBES)


@pytest.mark.parametrize("unblock", ["officer", "elsewhere", "nobody", "lockout"])
def test_every_way_of_unblocking_is_said(unblock: str) -> None:
    assert all(JA.has(f"desk_unblock.{part}_{unblock}") for part in ("who", "needed", "stays"))


def test_every_rule_of_a_pins_form_is_said() -> None:
    states = PinState.FINE, PinState.FINE, 4, 8, None, None
    facts = MediumFacts("1", "", "", "", "", "", "", "", 0, "", True, False, *states)
    usual = Family().pin
    for habits in (
        replace(usual, characters="digits"),
        replace(usual, characters="ascii", officer="key", officer_lengths=(48,)),
    ):
        for who in ("user", "so"):
            assert all(JA.has(f"desk_pins.rule_{name}") for name in rules(facts, Family(pin=habits), who))


def test_no_text_of_the_window_names_a_command() -> None:
    for area in (*AREAS, "desk_doctor_next", "desk_check"):
        for name, text in JA._entries[area].items():
            assert "tokenmgr" not in text, name
