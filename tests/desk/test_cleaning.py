"""Clean-up at the window: listed, agreed to, and gone from a real stick; what logs in stays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from pytestqt.qtbot import QtBot

from tests.desk.going import begin, meddle
from tests.desk.rig import PATIENCE, Hands, at_desk
from tests.interop.customer import Customer
from tokenmgr import clock
from tokenmgr.customer.status import Seen
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.offers import more_of_store
from tokenmgr.desk.pages.lists import ListPage
from tokenmgr.desk.pages.pin import PinPage
from tokenmgr.domain.generation import State
from tokenmgr.domain.status import Why
from tokenmgr.log import Secret
from tokenmgr.token.session import Session


def test_a_superseded_generation_goes_after_one_consent(hands: Hands, customer: Customer) -> None:
    _renewed(customer)
    _says_so_where_the_ca_is_silent(hands, customer)
    _tells_what_the_store_refuses(hands, customer)
    _look(hands, customer)
    assert "失効しています。新しい電子証明書が使えます。" in hands.words()
    assert "ログインに使う電子証明書です。" in hands.words()
    hands.press("戻る")
    assert len(customer.holdings()) == 2  # nothing goes without a yes
    _look(hands, customer)
    hands.press("取り除く")
    page = hands.until(ListPage, lambda one: one.heading.text() == "整理が完了しました")
    assert "取り除いたもの" in hands.words(page)
    (left,) = customer.holdings()
    assert left.facts
    assert left.facts.serial_number == customer.ca.generations(customer.user)[-1].serial


def test_what_another_store_that_is_here_replaces_goes_once_both_are_open(
    customer: Customer, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = customer.plugged("other")
    into = ("--medium", customer.serial, "--pin-fd", "0", "--to-medium", other.serial, "--to-pin-fd", "0")
    assert customer.run("renew", *into, typed=f"{customer.stick.pin}\n{other.pin}\n").status == 0
    _revoke_the_old(customer)
    with at_desk(customer.folder, qtbot, monkeypatch) as hands:
        hands.bot.waitUntil(lambda: bool(_moved(hands)), timeout=PATIENCE)
        (store,) = _moved(hands)
        assert Action.CLEAN in [one.action for one in more_of_store(store)]
        hands.desk.flow.chosen(Chosen(Action.CLEAN, store))
        for one in (customer.stick, other):
            hands.until(PinPage, lambda page, one=one: one.serial in hands.words(page))  # type: ignore[misc]
            hands.type_pin(one.pin)
        hands.until(ListPage)
        assert "失効しています。新しい電子証明書が使えます。" in hands.words()
        hands.press("取り除く")
        hands.until(ListPage, lambda one: one.heading.text() == "整理が完了しました")
    assert not customer.holdings()


def _moved(hands: Hands) -> list[Seen]:
    return [one for one in hands.stores() if any(row.judged.why is Why.MOVED for row in one.rows)]


def _look(hands: Hands, customer: Customer) -> None:
    begin(hands, Action.CLEAN)
    hands.type_pin(customer.stick.pin)
    hands.until(ListPage)


def _says_so_where_the_ca_is_silent(hands: Hands, customer: Customer) -> None:
    text = customer.profile.read_text(encoding="utf-8")
    customer.profile.write_text(text.replace(customer.ca.url, "https://127.0.0.1:9"), encoding="utf-8")
    _look(hands, customer)
    assert "取り除くものはありません" in hands.words()
    assert "みほん信用金庫に確かめられなかったため" in hands.words()
    customer.profile.write_text(text, encoding="utf-8")


def _tells_what_the_store_refuses(hands: Hands, customer: Customer) -> None:
    """The chain of what is to stay has gone while the page was read (S2)."""
    _look(hands, customer)
    with _opened(customer) as session:
        found = session.contents()
        for one in found.certificates:
            if one.facts and one.facts.is_authority:
                session._destroy(one.handle)
    hands.press("取り除く")
    page = hands.until(ListPage, lambda one: one.heading.text() == "取り除けませんでした")
    assert "認証局の証明書が揃っていません" in hands.words(page)
    assert len(customer.holdings()) == 2
    with _opened(customer) as session:
        chain = [one.der for one in found.certificates if one.facts and one.facts.is_authority]
        newest = max(found.credentials, key=lambda one: one.facts.not_after if one.facts else clock.now())
        assert newest.certificate
        session.put_certificate(newest.certificate.der, newest.key.key_id, newest.certificate.label, chain)


@contextmanager
def _opened(customer: Customer) -> Iterator[Session]:
    with customer.stick.library() as library, Session.open(library, customer.serial, write=True) as session:
        session.login(Secret(customer.stick.pin))
        yield session


def _renewed(customer: Customer) -> None:
    """And logged in with the new one, upon which this bank revokes the one before (R12)."""
    assert customer.renew().status == 0
    _revoke_the_old(customer)


def _revoke_the_old(customer: Customer) -> None:
    old = customer.ca.generations(customer.user)[0]
    now = int(clock.now().timestamp() * 1_000_000)
    meddle(customer.ca, old, "state = 'revoked', reason = 4, revoked_at = ?", now)
    assert customer.ca.states(customer.user) == [State.REVOKED, State.ACTIVE]
