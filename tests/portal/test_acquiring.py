"""電子証明書取得: two IDs and no PIN on the page, and nothing told of who there is (R9)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.portal.customers import Program, address_in
from tests.portal.rig import BANK, CONTRACT, LOGIN_PIN, OTHER_BANK, SITE, Rig
from tokenmgr.domain.handover import Progress, State
from tokenmgr.pki import handover as tickets

IDS = {"contract": CONTRACT, "user": "tanaka"}
SCRIPT = {"script": "1"}


def test_a_ticket_to_acquire_names_the_two_ids_and_no_certificate(rig: Rig) -> None:
    told = rig.visitor().post("acquire", IDS | SCRIPT).json()
    claims = tickets.read(told["ticket"]).claims
    assert (claims.act, claims.whom, claims.serial) == ("acquire", f"{BANK}/{CONTRACT}/tanaka", "")
    assert claims.origin == SITE
    assert told["address"].startswith("tokenmgr://acquire?t=")


def test_ids_that_there_are_and_others_are_answered_alike(rig: Rig) -> None:
    rig.enrol("tanaka")
    known, unknown = (rig.visitor().post("acquire", IDS | {"user": user}) for user in ("tanaka", "nobody"))
    assert (known.status_code, len(known.text)) == (unknown.status_code, len(unknown.text))
    assert "tanaka" not in known.text.replace(address_in(known.text), "")


def test_no_pin_is_asked_for_and_one_that_is_sent_goes_nowhere(rig: Rig) -> None:
    page = rig.visitor().get("acquire").text
    assert 'type="password"' not in page
    assert "利用者確認暗証番号は、どのホームページにも入力しないでください" in page
    told = rig.visitor().post("acquire", IDS | SCRIPT | {"login_pin": LOGIN_PIN})
    assert LOGIN_PIN not in told.text
    assert LOGIN_PIN not in str(tickets.read(told.json()["ticket"]).claims)


@pytest.mark.parametrize("wrong", ["", "a b", "x" * 33, "<script>", "田中", "\x00"])
def test_what_is_no_id_is_said_at_its_field_and_makes_no_ticket(rig: Rig, wrong: str) -> None:
    answer = rig.visitor().post("acquire", {"contract": CONTRACT, "user": wrong} | SCRIPT)
    assert answer.status_code == 400
    assert 'aria-describedby="user-wrong"' in answer.text
    assert "contract-wrong" not in answer.text
    assert "<script>" not in answer.text
    assert "tokenmgr://" not in answer.text


def test_how_far_it_is_is_told_to_whoever_began_and_the_end_names_no_certificate(rig: Rig) -> None:
    visitor = rig.visitor()
    told = visitor.post("acquire", IDS | SCRIPT).json()
    program = Program(rig, told["ticket"])
    ask, page = (told[name].removeprefix(f"/{BANK}/") for name in ("ask", "page"))
    program.tell(Progress(State.WORKING, 2))
    assert visitor.get(ask).json() == {"state": "working", "step": 2, "code": ""}
    assert visitor.get(ask.replace("acquisition", "renewal")).status_code == 404
    program.tell(Progress(State.DONE))
    assert "電子証明書を取得しました" in visitor.get(page).text


def test_a_failure_says_its_own_next_step_or_points_to_the_window_that_does(rig: Rig) -> None:
    visitor = rig.visitor()
    for code, said in (("R103", "解除をご依頼ください"), ("M104", "「電子証明書の管理」の画面に表示されて")):
        told = visitor.post("acquire", IDS | SCRIPT).json()
        Program(rig, told["ticket"]).tell(Progress(State.FAILED, code=code))
        ended = visitor.get(told["page"].removeprefix(f"/{BANK}/")).text
        assert said in ended.partition('class="next"')[2].partition("</p>")[0]


def test_what_the_bank_lets_an_expired_id_do_is_said_before_it_is_tried(rig: Rig) -> None:
    assert "90日以内の方" in rig.visitor().get("acquire").text
    rig.change_policy(grace_days=0, acquisition_days=40)
    page = rig.visitor().get("acquire").text
    assert "再発行（初期化）を受けてから取得してください" in page
    assert "40日以内" in page


def test_a_bank_without_a_key_tells_how_to_acquire_in_the_program(rig: Rig) -> None:
    page = rig.visitor(bank=OTHER_BANK).get("acquire").text
    assert "「電子証明書を取得する」を押し" in page
    assert "<form" not in page
    assert "tokenmgr://" not in rig.visitor(bank=OTHER_BANK).post("acquire", IDS).text


def test_a_crowd_at_one_address_is_told_to_wait_and_the_next_minute_forgets_it(rig: Rig) -> None:
    answers = [rig.visitor().post("acquire", IDS | SCRIPT).status_code for _ in range(21)]
    assert answers == [200] * 20 + [503]
    rig.now += timedelta(minutes=1)
    assert rig.visitor().post("acquire", IDS | SCRIPT).status_code == 200


def test_from_another_site_there_is_no_ticket(rig: Rig) -> None:
    assert rig.visitor().post("acquire", IDS | SCRIPT, origin="https://evil.example").status_code == 403
