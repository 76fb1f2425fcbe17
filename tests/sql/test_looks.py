"""How a bank looks is kept whole, and in the trail with what has changed of it."""

from __future__ import annotations

import dataclasses
import json

import pytest
from sqlalchemy import select

from tests.sql.world import BANK, World
from tokenmgr.domain.look import Look, Reminder
from tokenmgr.errors import NotRegistered
from tokenmgr.sql.schema import audit

LOGO = b"\x89PNG\r\n\x1a\n\0\xff"
LOOK = Look(
    colour="#224466",
    logo=LOGO,
    reminder=Reminder.CHECKBOX,
    words={"ja": {"log_in": "ログオン"}, "en": {"bank": "our bank"}},
    site="https://ib.example/1234",
    program_page="https://ib.example/program",
    sender="ib@bank.example",
    sender_name="みほん信用金庫",
    languages=("ja", "en"),
    mails={"due.ja": "{{ bank.name }}より\n本文"},
)


def noted(world: World) -> list[tuple[dict[str, str], dict[str, str]]]:
    asked = select(audit.c.before, audit.c.after).where(audit.c.action == "bank.changed").order_by(audit.c.number)
    return [(json.loads(before), json.loads(after)) for before, after in world.database.read(asked)]


def test_what_was_said_is_there_again(world: World) -> None:
    administration = world.administration
    assert administration.look(BANK.code) == Look() == administration.look("9999")
    assert administration.looks() == {}
    assert administration.change_look(BANK.code, lambda _: LOOK) == LOOK
    assert administration.look(BANK.code) == LOOK
    assert administration.looks() == {BANK.code: LOOK}


def test_the_trail_says_what_has_changed(world: World) -> None:
    change = world.administration.change_look
    change(BANK.code, lambda _: LOOK)
    change(BANK.code, lambda now: now)
    change(BANK.code, lambda now: dataclasses.replace(now, colour="#000000", words={"en": {"bank": "we"}}, mails={}))
    first, second = noted(world)
    assert first[1]["look.words.ja.log_in"] == "ログオン"
    assert len(first[1]["look.logo"]) == len(first[1]["look.mails.due.ja"]) == 64
    assert second[1] == {
        "look.colour": "#000000",
        "look.words.en.bank": "we",
        "look.words.ja.log_in": None,
        "look.mails.due.ja": None,
    }
    assert second[0].keys() == second[1].keys()
    assert second[0]["look.words.en.bank"] == "our bank"


def test_of_no_bank(world: World) -> None:
    with pytest.raises(NotRegistered):
        world.administration.change_look("9999", lambda _: LOOK)
