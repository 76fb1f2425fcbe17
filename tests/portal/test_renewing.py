"""更新 from the page: a ticket for the program, how far it is, and how it ends, whatever is pressed meanwhile."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from tests.portal.customers import Customer, Program, address_in, customer
from tests.portal.rig import BANK, OTHER_BANK, SITE, Rig
from tokenmgr.domain.generation import Generation, RevocationReason, StoreKind
from tokenmgr.domain.handover import OPENED, Progress, State
from tokenmgr.domain.policy import OldGeneration
from tokenmgr.domain.renewal import Step
from tokenmgr.pki import handover as tickets


def begun(customer: Customer) -> dict[str, str]:
    """As the page's script begins it. The paths are as the browser asks for them."""
    customer.visitor.get("renew")
    told: dict[str, str] = customer.visitor.post("renew", {"script": "1"}).json()
    return told | {name: told[name].removeprefix(f"/{BANK}/") for name in ("page", "ask")}


def renewed(rig: Rig, customer: Customer, store: StoreKind = StoreKind.PC) -> Generation:
    return rig.certificate(customer.who, rig.now, predecessor=customer.held, store=store)


def test_the_ticket_names_site_act_certificate_and_whom_and_is_signed_by_the_banks_key(rig: Rig) -> None:
    logged_in = customer(rig)
    told = begun(logged_in)
    ticket = tickets.read(told["ticket"])
    ticket.check(rig.registry.handover_keys(BANK), "みほん信用金庫")
    claims = ticket.claims
    assert (claims.origin, claims.act, claims.whom) == (SITE, "renew", f"{BANK}/0012345/tanaka")
    assert claims.serial == f"{logged_in.held.serial:x}"
    assert claims.expires_at - claims.issued_at == timedelta(minutes=5)
    assert told["address"] == f"tokenmgr://renew?t={told['ticket']}"
    assert told["ticket"] not in told["page"] + told["ask"]


def test_each_press_is_a_ticket_of_its_own(rig: Rig) -> None:
    logged_in = customer(rig)
    one, other = begun(logged_in), begun(logged_in)
    assert tickets.read(one["ticket"]).claims.jti != tickets.read(other["ticket"]).claims.jti
    Program(rig, one["ticket"])
    assert logged_in.visitor.get(one["ask"]).json()["state"] == "open"
    assert logged_in.visitor.get(other["ask"]).json()["state"] == "waiting"


def test_a_form_without_the_sessions_mark_or_from_elsewhere_gets_no_ticket(rig: Rig) -> None:
    visitor = customer(rig).visitor
    visitor.get("main")
    assert visitor.post("renew", {"script": "1"}, origin="https://evil.example").status_code == 403
    visitor.mark = "0" * 64
    refused = visitor.post("renew", {"script": "1"})
    assert refused.status_code == 403
    assert "E113" in refused.text


def test_how_far_it_is_is_told_in_nine_steps(rig: Rig) -> None:
    logged_in = customer(rig)
    told = begun(logged_in)
    program = Program(rig, told["ticket"])
    for progress in (OPENED, *(Progress(State.WORKING, step.value) for step in Step)):
        program.tell(progress)
        seen = logged_in.visitor.get(told["ask"]).json()
        assert (seen["state"], seen["step"]) == (progress.state.value, progress.step)
        page = logged_in.visitor.get(told["page"]).text
        assert len(re.findall(r'aria-current="step"', page)) == (1 if progress.step else 0)
        assert len(re.findall(r'<li class="done"', page)) == max(progress.step - 1, 0)


def test_without_a_script_the_link_and_the_state_are_on_the_page(rig: Rig) -> None:
    logged_in = customer(rig)
    logged_in.visitor.get("renew")
    page = logged_in.visitor.post("renew").text
    program = Program(rig, address_in(page).partition("?t=")[2])
    again = html.unescape(re.findall(r'data-page="([^"]+)"', page)[0]).removeprefix(f"/{BANK}/")
    assert "いまの状況を見る" in page
    program.tell(Progress(State.WORKING, 6))
    assert "保存先に書き込んでいます" in logged_in.visitor.get(again).text


@pytest.mark.parametrize(
    ("end", "said"),
    [
        (
            Progress(State.FAILED, code="M104"),
            ("手続きが終わりませんでした", "抜かれました", "失われたものはありません", "M104"),
        ),
        (Progress(State.DECLINED), ("同意されなかった", "何も変わっていません")),
    ],
)
def test_an_end_that_is_none_says_what_happened_what_was_kept_and_the_next_step(
    rig: Rig, end: Progress, said: tuple[str, ...]
) -> None:
    logged_in = customer(rig)
    told = begun(logged_in)
    Program(rig, told["ticket"]).tell(end)
    assert logged_in.visitor.get(told["ask"]).json()["state"] == end.state.value
    page = logged_in.visitor.get(told["page"]).text
    for text in (*said, "もう一度ボタンを押", "<button>更新</button>"):
        assert text in page


def test_a_ticket_that_nobody_took_up_is_over_after_five_minutes(rig: Rig) -> None:
    logged_in = customer(rig)
    told = begun(logged_in)
    rig.now += timedelta(minutes=5)
    assert logged_in.visitor.get(told["ask"]).json()["state"] == "waiting"
    rig.now += timedelta(seconds=1)
    assert logged_in.visitor.get(told["ask"]).json()["state"] == "over"
    assert "5分が過ぎました" in logged_in.visitor.get(told["page"]).text


@pytest.mark.parametrize("store", StoreKind)
@pytest.mark.parametrize("is_told", [True, False])
def test_completion_shows_the_new_certificate_as_the_registry_has_it(rig: Rig, store: StoreKind, is_told: bool) -> None:
    """Also where the program could not tell any more: the CA knows."""
    logged_in = customer(rig)
    told = begun(logged_in)
    program = Program(rig, told["ticket"])
    new = renewed(rig, logged_in, store)
    if is_told:
        program.tell(Progress(State.DONE))
    visitor = logged_in.visitor
    assert visitor.get(told["ask"]).json()["state"] == "done"
    page = visitor.followed(visitor.get(told["page"]))
    where = {StoreKind.PC: "ほかのパソコンではログインできません", StoreKind.MEDIUM: "どのパソコンでもログインできます"}
    for text in (f"{new.serial:x}", "2027年03月12日 12時00分00秒", "2028年03月11日 12時00分00秒", where[store]):
        assert text in page.text
    assert "このウィンドウを閉じる" in page.text
    assert "$$" not in page.text


def test_the_session_ends_with_the_renewal_and_the_next_login_expects_the_new_generation(rig: Rig) -> None:
    logged_in = customer(rig)
    new = renewed(rig, logged_in)
    assert "E112" in logged_in.visitor.get("main").text
    assert "E106" in logged_in.visitor.get("main").text  # it is over for good
    assert logged_in.visitor.get("renewed").status_code == 200
    assert "E106" in logged_in.visitor.get().text
    next_time = rig.visitor(new)
    assert next_time.followed(next_time.log_in()).status_code == 200


def test_where_the_bank_revokes_the_old_one_at_once_completion_is_shown_too(rig: Rig) -> None:
    rig.change_policy(old_generation=OldGeneration.AT_CONFIRMATION)
    logged_in = customer(rig)
    told = begun(logged_in)
    new = renewed(rig, logged_in)
    page = logged_in.visitor.followed(logged_in.visitor.get(told["page"]))
    assert f"{new.serial:x}" in page.text


def test_whoever_has_a_certificate_that_was_taken_back_otherwise_learns_of_no_other(rig: Rig) -> None:
    logged_in = customer(rig)
    new = renewed(rig, logged_in)
    rig.registry.revoke(logged_in.held.serial, RevocationReason.KEY_COMPROMISE, rig.now)
    page = logged_in.visitor.get("renewed")
    assert page.status_code == 303
    assert f"{new.serial:x}" not in page.text


def test_of_what_another_bank_has_renewed_nothing_is_shown(rig: Rig) -> None:
    logged_in = customer(rig)
    renewed(rig, logged_in)
    elsewhere = rig.visitor(logged_in.held, OTHER_BANK)
    for page in ("renewed", "renew"):
        assert "E103" in elsewhere.followed(elsewhere.get(page)).text


def test_nobody_else_goes_by_the_name_of_an_attempt(rig: Rig) -> None:
    logged_in = customer(rig)
    told = begun(logged_in)
    other = customer(rig, "suzuki").visitor
    assert other.get(told["ask"]).status_code == 404
    assert rig.visitor().get(told["ask"]).status_code == 404
    for wrong in ("", "x", told["ask"].partition("=")[2][:-1] + "g", told["ask"].partition("=")[2] + "0"):
        assert logged_in.visitor.get(f"renewal?attempt={wrong}").status_code == 404
    assert "電子証明書更新開始" in other.get(told["page"]).text  # its own beginning


def test_back_reload_and_a_login_elsewhere_lose_nothing(rig: Rig) -> None:
    logged_in = customer(rig)
    told = begun(logged_in)
    Program(rig, told["ticket"]).tell(Progress(State.WORKING, 5))
    assert logged_in.visitor.get("main").status_code == 200
    assert logged_in.visitor.get(told["page"]).text == logged_in.visitor.get(told["page"]).text
    elsewhere = rig.visitor(logged_in.held)
    elsewhere.log_in()
    assert "E111" in logged_in.visitor.get("renew").text
    assert "届いた電子証明書を確かめています" in elsewhere.get(told["page"]).text


def test_a_bank_without_a_key_tells_how_to_renew_in_the_program(rig: Rig) -> None:
    visitor = customer(rig, bank=OTHER_BANK).visitor
    page = visitor.get("renew").text
    assert "お使いのパソコンで「電子証明書の管理」を開きます" in page
    assert "<button>更新</button>" not in page
    assert "専用USB" not in page  # it offers none (R5)
    assert visitor.post("renew", {"script": "1"}).headers["location"] == f"/{OTHER_BANK}/renew"


def test_what_a_medium_needs_beforehand_is_said_where_the_bank_offers_media(rig: Rig) -> None:
    page = customer(rig).visitor.get("renew").text
    for text in ("専用USBに保存する場合の事前準備", "専用USB利用申込", f'href="{SITE}/media"', "管理ソフト"):
        assert text in page


def test_before_it_opens_there_is_no_ticket(rig: Rig) -> None:
    visitor = customer(rig, left=timedelta(days=31)).visitor
    assert "から行えます" in visitor.get("renew").text
    assert visitor.post("renew", {"script": "1"}).status_code == 303
