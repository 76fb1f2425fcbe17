"""An acquisition at the window, from home's button to the certificate; what the CA refuses, with the way it names."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.desk.going import begin, begun, fill, fill_secrets, meddle
from tests.desk.rig import PATIENCE, Hands
from tests.interop.customer import Customer
from tests.interop.running import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN, POLICY, Authority
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.journeys import which
from tokenmgr.desk.pages.applicant import ApplicantPage
from tokenmgr.desk.pages.choice import ChoicePage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.domain.generation import Generation, State, StoreKind
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.keystore import nss
from tokenmgr.testbed.simulated import PIN, SimulatedMedium


def test_a_first_certificate_by_the_keyboard_alone(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = pc.ca.enrol().user
    with begun(pc, qtbot, monkeypatch, Action.ACQUIRE) as hands:
        hands.until(ApplicantPage)
        assert "みほん信用金庫" in hands.words()
        assert stick.serial in hands.words()
        apply_as(hands, user, contract="００１２３４５")  # as a Japanese keyboard has it
        hands.until(PinPage)
        hands.type_pin(PIN)
        hands.until(DonePage)
        (made,) = pc.ca.generations(user)
        assert made.state is State.ACTIVE
        assert made.store is StoreKind.MEDIUM
        assert f"{made.serial:x}" in hands.words()

        _expire(pc.ca, made)
        choose_again(hands, stick)
        apply_again(hands)
        assert "R104" in hands.words(hands.until(TroublePage))
        assert "契約の管理者に、再発行" in hands.words()  # past the grace that this bank gives
        with _policy(pc.ca, grace_days=80):
            choose_again(hands, stick)
            apply_again(hands)
            hands.until(DonePage)
        assert pc.ca.states(user)[-1] is State.ACTIVE


def test_wrong_pins_are_told_with_the_tries_left_until_it_is_locked(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = pc.ca.enrol().user
    with begun(pc, qtbot, monkeypatch, Action.ACQUIRE) as hands, _policy(pc.ca, wrong_pins=2):
        apply_as(hands, "nobody")
        hands.type_pin(PIN)
        assert "R102" in hands.words(hands.until(TroublePage))
        hands.press("電子証明書を取得する")
        assert hands.until(ApplicantPage).user.text() == "nobody"
        for _ in range(2):
            apply_as(hands, user, LOGIN_PIN, "000000")
            hands.type_pin(PIN)
            hands.until(TroublePage)
            hands.bot.waitUntil(lambda: "専用USBの暗証番号 (PIN) とは別のものです" in hands.words())
            if "電子証明書を取得する" in hands.buttons():
                hands.press("電子証明書を取得する")
        assert "このIDはロックされました" in hands.words()
        begin(hands, Action.ACQUIRE)
        apply_as(hands, user)
        hands.type_pin(PIN)
        assert "R103" in hands.words(hands.until(TroublePage))
        assert "03-0000-0000" in hands.words()
        assert not pc.ca.generations(user)


def test_no_medium_is_plugged_in(
    pc: Customer, stick: SimulatedMedium, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    stick.unplug()
    page = "https://bank.example/media"
    pc.ca.administration.change_bank(BANK, lambda one: dataclasses.replace(one, media_page=page))
    with begun(pc, qtbot, monkeypatch, Action.ACQUIRE) as hands:
        hands.until(ChoicePage)
        assert "専用USBをお持ちでない方へ: お申し込みのご案内を開く" in hands.buttons()
        stick.plug()
        hands.bot.waitUntil(lambda: bool(which.media(hands.desk.flow)), timeout=PATIENCE)
        hands.press("差し込みました")
        assert stick.serial in hands.words(hands.until(ApplicantPage))


def test_two_profiles_of_one_browser_are_told_apart(
    pc: Customer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """R12; and what was chosen is named above the button."""
    folder = tmp_path / ".mozilla/firefox"
    for profile in folder / "one", folder / "two":
        profile.mkdir(parents=True)
        for file in nss.FILES:
            (profile / file).touch()
    listed = "[Profile0]\nName=経理\nPath=one\n\n[Profile1]\nName=usual\nPath=two\nDefault=1\n"
    (folder / "profiles.ini").write_text(listed, encoding="utf-8")
    monkeypatch.setenv("HOME", str(tmp_path))
    with begun(pc, qtbot, monkeypatch, Action.ACQUIRE) as hands:
        hands.until(ChoicePage)
        firefoxes = [one for one in hands.buttons() if "Firefox" in one]
        assert firefoxes == ["このパソコンの Firefox", "このパソコンの Firefox（経理）"]
        hands.press(firefoxes[1])
        assert firefoxes[1] in hands.words(hands.until(ApplicantPage))


# --- ways there ---


def apply_as(hands: Hands, user: str, *pins: str, contract: str = CONTRACT) -> None:
    page = hands.until(ApplicantPage)
    page.contract.clear()
    page.user.clear()
    fill([page.contract, page.user], contract, user)
    fill_secrets(page, *(pins or (LOGIN_PIN, CONFIRMATION_PIN)))


def choose_again(hands: Hands, stick: SimulatedMedium) -> None:
    """By its certificate, once that has been seen."""
    flow = hands.desk.flow
    hands.bot.waitUntil(lambda: any(one.rows for one in which.media(flow)), timeout=PATIENCE)
    (store,) = which.media(flow)
    flow.chosen(Chosen(Action.ACQUIRE, store, store.rows[0]))


def apply_again(hands: Hands) -> None:
    """Who it is, the certificate tells."""
    page = hands.until(ApplicantPage)
    assert page.contract.text() == CONTRACT
    fill_secrets(page, LOGIN_PIN, CONFIRMATION_PIN)
    hands.type_pin(PIN)


def _expire(ca: Authority, one: Generation) -> None:
    """As its CA will see it some weeks from now."""
    meddle(ca, one, "not_after = not_after - ?", int(timedelta(days=50).total_seconds() * 1_000_000))


@contextlib.contextmanager
def _policy(ca: Authority, **others: int) -> Iterator[None]:
    def have(policy: BankPolicy) -> None:
        ca.administration.change_bank(BANK, lambda one: dataclasses.replace(one, policy=policy))

    have(dataclasses.replace(POLICY, **others))  # type: ignore[arg-type]
    try:
        yield
    finally:
        have(POLICY)
