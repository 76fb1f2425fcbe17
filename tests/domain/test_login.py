"""R12: which certificates a browser offers, why not the others, and which of two look-alikes is the right one."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.domain.holding import MARK, Holding, Whose
from tokenmgr.domain.login import (
    Asked,
    Browser,
    Candidate,
    Hindrance,
    Judged,
    Kind,
    Outcome,
    Role,
    Step,
    issuers,
    judge,
)
from tokenmgr.domain.login_policy import AutoSelect, chromium, firefox, pattern_of, read_auto_select, registry

NOW = datetime(2026, 4, 1, 3, 0, 0, tzinfo=UTC)
TANAKA, SUZUKI = Whose("1234", "0012345", "tanaka"), Whose("1234", "0012345", "suzuki")
ROOT, ISSUING = b"root", b"issuing"
ORIGIN = "ib.example", 443
ASKED = Asked(frozenset({ROOT}), "1234")
STICK, STORE, OTHER = "5f0e", "nss:/a", "nss:/b"
SELECT = AutoSelect("https://ib.example", {"CN": "Bank CA"})


def certificate(name: bytes, issuer: bytes, number: int = 1, days: tuple[int, int] = (-10, 300)) -> CertificateFacts:
    starts, ends = (NOW + timedelta(days=one) for one in days)
    der = b"%d/%b/%b/%d/%d" % (number, name, issuer, *days)
    return CertificateFacts(der, "", "", number, starts, ends, b"", name == issuer, name, issuer, b"")


CHAIN = [(STICK, certificate(ISSUING, ROOT)), ("", certificate(ROOT, ROOT))]


def candidate(
    number: int = 1,
    days: tuple[int, int] = (-10, 300),
    issuer: bytes = ISSUING,
    place: str = STICK,
    for_login: bool = True,
    whose: Whose | None = TANAKA,
    **held: object,
) -> Candidate:
    facts = certificate(b"user", issuer, number, days)
    own = Holding(whose=whose, starts=facts.not_before, ends=facts.not_after)
    own = dataclasses.replace(own, **held)  # type: ignore[arg-type]
    subject = {"common_name": [whose.user if whose else "somebody"]}
    return Candidate(place, place == STICK, facts, own, for_login, subject, {"common_name": ["Bank CA"]})


def browser(kind: Kind = Kind.CHROMIUM, *reaches: str, **how: object) -> Browser:
    made = Browser(kind.value, kind, frozenset(reaches or {STICK}))
    return dataclasses.replace(made, **how)  # type: ignore[arg-type]


def judged(*candidates: Candidate, by: Browser | None = None, asked: Asked = ASKED) -> Judged:
    return judge(candidates, by or browser(), ORIGIN, asked, CHAIN, NOW)


@pytest.mark.parametrize(
    ("one", "why", "then"),
    [
        (candidate(place=STORE), Hindrance.ELSEWHERE, Step.OTHER_BROWSER),
        (candidate(has_key=False), Hindrance.NO_KEY, Step.STATUS),
        (candidate(days=(1, 300)), Hindrance.NOT_YET, Step.CLOCK),
        (candidate(days=(-400, -1)), Hindrance.EXPIRED, Step.STATUS),
        (candidate(for_login=False), Hindrance.PURPOSE, Step.ASK),
        (candidate(issuer=b"unseen"), Hindrance.CHAIN, Step.INTERMEDIATE),
        (candidate(issuer=b"unseen", whose=Whose("5678", "1", "a")), Hindrance.ISSUER, Step.ASK),
    ],
)
def test_why_it_is_not_offered_and_what_helps(one: Candidate, why: Hindrance, then: Step) -> None:
    found = judged(one)
    assert (found.rows[0].hindrance, found.outcome, found.step) == (why, Outcome.NOTHING, then)


def test_a_medium_whose_library_is_not_registered_does_not_reach_the_browser() -> None:
    found = judged(candidate(), by=browser(Kind.FIREFOX, STORE))
    assert (found.rows[0].hindrance, found.step) == (Hindrance.MODULE, Step.REGISTER)


def test_an_intermediate_helps_only_where_the_browser_looks() -> None:
    """On the token is enough, for a certificate in the browser's own store, too."""
    own = candidate(place=STORE)
    assert judged(own, by=browser(Kind.CHROMIUM, STORE, STICK)).outcome is Outcome.ASKS
    assert judged(own, by=browser(Kind.CHROMIUM, STORE)).rows[0].hindrance is Hindrance.CHAIN
    assert judged(own, by=browser(Kind.CHROMIUM, STORE), asked=Asked(frozenset({ISSUING}))).outcome is Outcome.ASKS


def test_where_nothing_is_here_the_medium_is_to_be_plugged_in() -> None:
    assert (judged().outcome, judged().step) == (Outcome.NOTHING, Step.PLUG)


OLD, NEW = candidate(1, (-350, 15)), candidate(2, (-1, 360))


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)])
def test_of_two_look_alikes_the_newer_one_is_to_be_chosen(order: tuple[Candidate, ...]) -> None:
    found = judged(*order)
    assert found.outcome is Outcome.ASKS
    assert [one.candidate for one in found.chosen] == [NEW]
    assert [one.role for one in found.rows if one.candidate is OLD] == [Role.OLDER]


@pytest.mark.parametrize("order", [(OLD, NEW), (NEW, OLD)])
def test_chromium_takes_the_one_that_ends_last_and_firefox_whichever_came_first(order: tuple[Candidate, ...]) -> None:
    silent = judged(*order, by=browser(selects=(SELECT,)))
    assert (silent.outcome, [one.candidate for one in silent.chosen]) == (Outcome.SILENT, [NEW])
    by_itself = browser(Kind.FIREFOX, takes_by_itself=True)
    assert judged(*order, by=by_itself).outcome is Outcome.TAKES_ANOTHER
    assert judged(*order, by=by_itself).step is Step.POLICY
    assert judged(NEW, by=by_itself).outcome is Outcome.SILENT


def test_one_that_is_not_confirmed_is_not_to_be_chosen_though_it_ends_last() -> None:
    unfinished = candidate(3, (-1, 364), label=MARK)
    found = judged(OLD, unfinished)
    assert [one.candidate for one in found.chosen] == [OLD]
    assert [one.role for one in found.rows] == [Role.RIGHT, Role.UNFINISHED]
    taken = judged(OLD, unfinished, by=browser(selects=(SELECT,)))
    assert (taken.outcome, taken.step) == (Outcome.TAKES_ANOTHER, Step.POLICY)


def test_what_logs_in_nowhere_is_not_to_be_chosen() -> None:
    found = judged(candidate(whose=None), candidate(days=(-400, -1)))
    assert (found.outcome, found.step) == (Outcome.OTHERS, Step.STATUS)


def test_the_same_certificate_in_two_places_is_right_in_both() -> None:
    found = judged(NEW, dataclasses.replace(NEW, place=STORE, on_medium=False), by=browser(Kind.CHROMIUM, STORE))
    assert [one.role for one in found.rows] == [Role.RIGHT, Role.RIGHT]
    assert [one.candidate.place for one in found.chosen] == []  # its issuer's certificate is on the stick alone
    assert found.step is Step.REGISTER


def test_where_it_cannot_be_looked_the_right_one_is_still_named() -> None:
    found = judged(OLD, NEW, by=browser(reaches=None))
    assert (found.outcome, [one.candidate for one in found.chosen]) == (Outcome.UNSEEN, [NEW])


def test_a_ring_of_cross_certificates_comes_to_an_end() -> None:
    ring = [certificate(b"a", b"b"), certificate(b"b", b"a"), certificate(b"a", b"c")]
    assert issuers(certificate(b"user", b"a"), ring) == [b"a", b"b", b"c"]


@st.composite
def any_candidate(draw: st.DrawFn) -> Candidate:
    return candidate(
        draw(st.integers(1, 9)),
        draw(st.sampled_from([(-400, -1), (-350, 15), (-1, 360), (1, 300)])),
        draw(st.sampled_from([ISSUING, ROOT, b"unseen"])),
        draw(st.sampled_from([STICK, STORE, OTHER])),
        draw(st.booleans()),
        draw(st.sampled_from([TANAKA, SUZUKI, None])),
        has_key=draw(st.booleans()),
        label=draw(st.sampled_from(["", MARK])),
    )


any_browser = st.builds(
    Browser,
    st.just("b"),
    st.sampled_from(Kind),
    st.frozensets(st.sampled_from([STICK, STORE, OTHER])) | st.none(),
    st.booleans(),
    st.sampled_from([(), (SELECT,), (AutoSelect("*"),), (AutoSelect("https://other.example"),)]),
)


@given(st.lists(any_candidate(), max_size=5), any_browser, st.sampled_from([ASKED, Asked(frozenset())]))
def test_nobody_is_told_to_take_what_does_not_log_in(candidates: list[Candidate], by: Browser, asked: Asked) -> None:
    found = judged(*candidates, by=by, asked=asked)
    if found.outcome in (Outcome.SILENT, Outcome.ASKS):
        assert found.chosen
        assert all(one.role is Role.RIGHT and one.is_offered for one in found.chosen)
    else:
        assert found.step is not Step.NOTHING
    if by.reaches is not None:
        assert (found.outcome is Outcome.NOTHING) == (not any(one.is_offered for one in found.rows))
    for one in found.rows:
        if one.role is Role.RIGHT:
            assert one.candidate.facts.is_valid(NOW)
        if not asked.names:
            assert one.hindrance not in (Hindrance.CHAIN, Hindrance.ISSUER)


# --- policies ---


@pytest.mark.parametrize(
    ("pattern", "fits"),
    [
        ("https://ib.example", True),
        ("https://ib.example:443", True),
        ("https://ib.example/", True),
        ("https://IB.example", True),
        ("*", True),
        ("[*.]example", True),
        ("https://[*.]ib.example:443", True),
        ("ib.example", True),
        ("https://ib.example:8443", False),
        ("https://[*.]other.example", False),
        ("https://b.example", False),
        ("http://ib.example", False),
        ("https://www.ib.example", False),
    ],
)
def test_which_host_a_pattern_means(pattern: str, fits: bool) -> None:
    assert AutoSelect(pattern).fits(*ORIGIN) is fits


def test_a_filter_names_what_has_all_of_its_parts() -> None:
    one = AutoSelect("*", {"CN": "Bank CA"}, {"OU": "1234-0012345", "CN": "tanaka"})
    subject = {"common_name": ["tanaka"], "organizational_unit_name": ["1234-0012345"]}
    assert one.names(subject, {"common_name": ["Bank CA"]})
    assert not one.names({"common_name": ["tanaka"]}, {"common_name": ["Bank CA"]})
    assert not one.names(subject, {"common_name": ["Other CA"]})
    assert AutoSelect("*").names({}, {})


texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1)


@given(st.builds(AutoSelect, texts, st.dictionaries(st.sampled_from(["CN", "O"]), texts)))
def test_what_is_written_is_what_is_read(one: AutoSelect) -> None:
    (text,) = json.loads(json.dumps(chromium([one])))["AutoSelectCertificateForUrls"]
    assert read_auto_select(text) == one


@pytest.mark.parametrize("text", ["", "[]", "1", "{}", '{"pattern": "*", "filter": 1}', '{"filter": {}}', "[" * 9999])
def test_what_is_no_entry_is_passed_over(text: str) -> None:
    assert read_auto_select(text) is None


def test_the_registry_has_both_browsers_and_its_texts_are_escaped() -> None:
    told = registry([AutoSelect(pattern_of("ib.example", 8443), {"CN": 'a"b\\c'})])
    assert told.count("AutoSelectCertificateForUrls]") == 2
    quoted = told.splitlines()[3].partition("=")[2]
    text = quoted[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    assert read_auto_select(text) == AutoSelect("https://ib.example:8443", {"CN": 'a"b\\c'})


def test_firefox_is_told_of_libraries_and_to_choose_only_where_that_is_wanted() -> None:
    assert firefox({"stick": "/a.so"}, by_itself=False) == {
        "policies": {"SecurityDevices": {"Add": {"stick": "/a.so"}}}
    }
    assert "security.default_personal_cert" in firefox({}, by_itself=True)["policies"]["Preferences"]
