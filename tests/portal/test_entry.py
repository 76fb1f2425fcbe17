"""The login: whoever has a good certificate and the login PIN is let in, and everybody else told why not."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.portal.rig import BANK, CONTRACT, Rig
from tokenmgr.domain.generation import State
from tokenmgr.domain.party import Role


def test_a_good_certificate_and_the_login_pin_open_the_main_page(rig: Rig) -> None:
    visitor = rig.visitor(rig.certificate(rig.enrol("tanaka")))
    assert "利用者ログイン（電子証明書方式）" in visitor.get().text
    page = visitor.followed(visitor.log_in())
    assert page.status_code == 200
    assert "メイン画面" in page.text


def test_the_first_login_of_a_new_certificate_ends_the_old_one(rig: Rig) -> None:
    who = rig.enrol("tanaka")
    old = rig.certificate(who)
    new = rig.certificate(who, rig.now, predecessor=old)
    assert rig.found(old).state is State.SUPERSEDED
    refused = rig.visitor(old).get()
    assert refused.status_code == 403
    assert "E106" in refused.text
    visitor = rig.visitor(new)
    assert visitor.followed(visitor.log_in()).status_code == 200
    assert rig.found(old).state is State.REVOKED


@pytest.mark.parametrize("whose", ["kanri", "kanri2"])
def test_a_lock_ends_what_was_begun_before_it(rig: Rig, whose: str) -> None:
    """R11: its own, or another administrator's where that locks the whole contract."""
    rig.change_policy(lock_contract=whose == "kanri2")
    held = [rig.certificate(rig.enrol(user, Role.ADMINISTRATOR)) for user in ("kanri", "kanri2")]
    user = rig.certificate(rig.enrol("tanaka"))
    visitor = rig.visitor(held[0])
    visitor.followed(visitor.log_in())
    form = re.findall(r'name="once" value="([^"]+)"', visitor.get("contract/tanaka/reissue").text)
    for _ in range(5):
        rig.registry.spend_try(BANK, CONTRACT, whose, 5, False, rig.now)
    answer = visitor.post("contract/tanaka/reissue", {"once": form[0], "cause": "lost"})
    assert (answer.status_code, "E110" in answer.text) == (403, True)
    assert rig.found(user).state is State.ACTIVE
    rig.registry.forgive_tries(BANK, CONTRACT, whose)
    assert "E111" in visitor.get("main").text


def test_of_one_certificate_there_are_so_many_comparisons_in_a_minute(rig: Rig) -> None:
    one, other = (rig.certificate(rig.enrol(user)) for user in ("tanaka", "sato"))
    for _ in range(20):
        rig.portal.guessers.take(str(one.subscriber), rig.now)
    assert rig.visitor(one).log_in().status_code == 503
    assert rig.visitor(other).log_in().status_code == 303
    rig.now += timedelta(minutes=1)
    assert rig.visitor(one).log_in().status_code == 303
