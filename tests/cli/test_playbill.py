"""Everybody of the cast is told of, by what becomes of their certificate today."""

from __future__ import annotations

import pytest

from tokenmgr.cli.cast import MIHON, SECOND, TONARI, TROUPES, Fate, Player, Troupe
from tokenmgr.cli.playbill import places, sees, who

EVERYBODY = [(troupe, player) for troupe in TROUPES for player in troupe.players]


@pytest.mark.parametrize(("troupe", "player"), EVERYBODY, ids=lambda one: getattr(one, "user", ""))
def test_everybody_has_a_line(troupe: Troupe, player: Player) -> None:
    for place in places(player):
        assert player.user in who(player, place)
        assert sees(troupe, player, place)


def of(troupe: Troupe, user: str) -> str:
    (player,) = (one for one in troupe.players if one.user == user)
    return sees(troupe, player, player.place)


def test_what_is_seen_is_by_age_bank_and_fate() -> None:
    assert of(MIHON, "sato") == of(TONARI, "keiri")
    assert of(MIHON, "tanaka") != of(TONARI, "yamada")  # one bank has notices, the other one buttons
    assert of(MIHON, "ito") != of(MIHON, "kato")  # within the days of grace, and after them
    assert of(MIHON, "kato") == of(TONARI, "kondo")
    assert len({of(troupe, player.user) for troupe, player in EVERYBODY}) == 11


def test_one_has_two_places() -> None:
    (moved,) = (player for _, player in EVERYBODY if player.fate is Fate.MOVED)
    assert places(moved) == ("pc", SECOND)
    assert who(moved, SECOND) != who(moved, "pc")
