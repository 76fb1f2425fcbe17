"""The login: whoever has a good certificate and the login PIN is let in, and everybody else told why not."""

from __future__ import annotations

from tests.portal.rig import Rig
from tokenmgr.domain.generation import State


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
