"""The passphrase of an encrypted file: no PIN, nothing counts its tries, and it may be in any letters."""

from __future__ import annotations

import functools
from pathlib import Path

from tokenmgr.desk.flow import Flow
from tokenmgr.desk.pages.new_pin import NewPinPage
from tokenmgr.desk.pages.said import SaidPage
from tokenmgr.desk.person import Answer, AtDesk, Leave
from tokenmgr.keystore import file, keyring
from tokenmgr.wiring.words import t


def begins(flow: Flow, path: Path) -> None:
    if file.is_by_keyring(path):
        flow.show(lambda: SaidPage(t("desk_pins.by_keyring"), t("desk_pins.by_keyring_about"), flow.home))
        return
    said = t("desk_pins.changed_passphrase"), t("desk_pins.changed_passphrase_of")
    then = functools.partial(_change, path)
    flow.run(then, t("desk_pins.changing"), lambda _: flow.show(SaidPage(*said, flow.home)), steps=())


def _change(path: Path, person: AtDesk) -> None:
    old, new = person.two_secrets(_page)
    with old, new:
        keyring.hand_over(path, old, new)


def _page(answer: Answer, leave: Leave) -> NewPinPage:
    names = ("heading", "lead", "old", "new", "again")
    words = {part: t(f"desk_pins.{part}_passphrase") for part in names}
    fits = {t("desk_pins.rule_passphrase", shortest=file.SHORTEST): lambda new: len(new.decode()) >= file.SHORTEST}
    return NewPinPage(words, fits, answer, leave)
