"""A renewal at the window, with a stick of the testbed and a CA that runs."""

from __future__ import annotations

from tests.desk.rig import Hands
from tests.interop.customer import Customer
from tokenmgr.desk.pages.consent import ConsentPage
from tokenmgr.desk.pages.done import DonePage
from tokenmgr.domain.generation import State


def test_a_customer_renews(hands: Hands, customer: Customer) -> None:
    hands.press("更新する")
    assert customer.serial in hands.words(hands.until(ConsentPage))
    hands.press("同意して更新する")
    hands.type_pin(customer.stick.pin)
    hands.until(DonePage)
    new = customer.ca.generations(customer.user)[-1]
    assert new.state is State.ACTIVE
    assert f"{new.serial:x}" in hands.words()
