"""Working certificates renewed ahead of time: when, for how long, and that there is the old or the new whole."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.ca.made import NOW, Token, ca_key, ca_keys, make_ca, pkilint
from tokenmgr.ca import changing, renewing, staging
from tokenmgr.ca.ceremony import Step
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.ca.own import LIVES
from tokenmgr.ca.renewing import EARLY, Due
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import CeremonyBusy, CertificateUnfit

DAY = timedelta(days=1)
CMP, OCSP = Due(1, "cmp"), Due(1, "ocsp")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[CaFolder, Token]:
    """Read only."""
    token = Token()
    return make_ca(tmp_path_factory.mktemp("home") / "ca", token), token


@pytest.fixture
def made(first: tuple[CaFolder, Token], tmp_path: Path) -> tuple[CaFolder, Token]:
    folder, token = first
    shutil.copytree(folder.path, tmp_path / "ca")
    copied = Token()
    copied.keys.update(token.keys)
    return open_folder(tmp_path / "ca"), copied


def test_due_by_the_day(first: tuple[CaFolder, Token]) -> None:
    folder, _token = first
    second = timedelta(seconds=1)
    ocsp_ends, cmp_ends = (folder.current.certificates[one].not_after for one in ("ocsp", "cmp"))
    assert ocsp_ends - NOW == 90 * DAY - second
    assert renewing.due(folder, ocsp_ends - 30 * DAY - second) == ()
    assert renewing.due(folder, ocsp_ends - 30 * DAY) == (OCSP,)
    assert renewing.due(folder, cmp_ends - 60 * DAY - second) == (OCSP,)
    assert renewing.due(folder, cmp_ends - 60 * DAY) == (CMP, OCSP)
    assert renewing.due(folder, cmp_ends + 1000 * DAY) == (CMP, OCSP)  # late is better than never
    assert renewing.due(folder, folder.current.certificates["issuing"].not_after + second) == ()


def test_what_is_due_is_renewed_for_the_same_keys_at_one_moment(made: tuple[CaFolder, Token]) -> None:
    folder, token = made
    now = folder.current.certificates["cmp"].not_after - 3 * DAY
    assert renewing.renew_due(folder.path, ca_keys(folder, token), NOW) == ()
    assert renewing.renew_due(folder.path, ca_keys(folder, token), now) == (CMP, OCSP)
    after = open_folder(folder.path)
    for purpose in EARLY:
        old, new = (one.current.certificates[purpose] for one in (folder, after))
        assert (new.subject, new.public_key, new.issuer) == (old.subject, old.public_key, old.issuer)
        assert new.serial != old.serial
        assert new.not_before == now - renewing.BEHIND
        assert new.not_after - new.not_before == LIVES[purpose] - timedelta(seconds=1)
    assert after.about.key_ids == folder.about.key_ids
    assert renewing.renew_due(folder.path, ca_keys(after, token), now) == ()
    assert {name: (folder.path / name).exists() for name in ("cmp.pem", "cmp.2.pem")} == {
        "cmp.pem": True,  # for whoever has just read the ca.toml before
        "cmp.2.pem": True,
    }
    later = now + 800 * DAY
    renewing.renew_due(folder.path, ca_keys(after, token), later)
    assert {file.name for file in folder.path.glob("cmp*.pem")} == {"cmp.2.pem", "cmp.3.pem"}


def test_never_beyond_its_issuer_and_then_no_more(made: tuple[CaFolder, Token]) -> None:
    """Else the service would make one after another in the last weeks of an issuing CA."""
    folder, token = made
    last = folder.current.certificates["issuing"].not_after
    assert renewing.renew_due(folder.path, ca_keys(folder, token), last - DAY) == (CMP, OCSP)
    after = open_folder(folder.path)
    assert {after.current.certificates[purpose].not_after for purpose in EARLY} == {last}
    assert renewing.due(after, last - DAY) == ()
    assert renewing.due(after, last) == ()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(steps=st.lists(st.integers(1, 400), min_size=1, max_size=8))
def test_whoever_looks_often_enough_never_has_an_expired_one(
    first: tuple[CaFolder, Token], tmp_path_factory: pytest.TempPathFactory, steps: list[int]
) -> None:
    """After each look everything is good for 30 days, until the issuing CA ends; and nothing is due any more."""
    folder, token = first
    path = tmp_path_factory.mktemp("law") / "ca"
    shutil.copytree(folder.path, path)
    now: datetime = NOW
    for step in steps:
        now += step * DAY
        found = open_folder(path)
        renewing.renew_due(path, ca_keys(found, token), now)
        found = open_folder(path)
        assert renewing.due(found, now) == ()
        last = found.current.certificates["issuing"].not_after
        for purpose in EARLY:
            assert found.current.certificates[purpose].not_after >= min(now + 30 * DAY, last)


def test_one_change_at_a_time(made: tuple[CaFolder, Token]) -> None:
    folder, token = made
    now = folder.current.certificates["ocsp"].not_after
    with changing.alone(folder.path):
        assert renewing.renew_due(folder.path, ca_keys(folder, token), now) == ()
        with pytest.raises(CeremonyBusy), changing.alone(folder.path):
            pass
    assert renewing.renew_due(folder.path, ca_keys(folder, token), now) == (OCSP,)


@pytest.mark.parametrize("lost", [True, False], ids=["lost", "doubtful"])
@pytest.mark.parametrize("what", [CMP, OCSP], ids=["cmp", "ocsp"])
def test_a_new_key_takes_the_place_of_one(made: tuple[CaFolder, Token], what: Due, lost: bool) -> None:
    folder, token = made
    old = folder.current.holdings[what.purpose].key_id
    issuing = ca_key(folder, token, 1, "issuing")
    told: list[Step] = []
    if lost:
        token.destroy(old)
    after = renewing.replace_key(folder, what, issuing, token, KeyKind.P384, NOW, told.append)
    assert told == list(Step)[1:]
    assert old not in token.keys
    assert set(token.keys) == after.about.key_ids
    assert after.current.certificates[what.purpose].subject == folder.current.certificates[what.purpose].subject
    assert ca_key(after, token, 1, what.purpose).facts == after.current.certificates[what.purpose]
    assert staging.read_record(folder.path) is None


def test_an_issuer_that_has_expired_renews_nothing(made: tuple[CaFolder, Token]) -> None:
    folder, token = made
    late = folder.current.certificates["issuing"].not_after + 2 * renewing.BEHIND
    before = (folder.path / "ca.toml").read_bytes()
    with pytest.raises(CertificateUnfit):
        renewing.renew(
            folder,
            OCSP,
            ca_key(folder, token, 1, "issuing"),
            Token().generate("", KeyKind.P256, b""),
            late,
            lambda _step: None,
        )
    assert (folder.path / "ca.toml").read_bytes() == before


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", list(Step)[1:], ids=lambda step: step.name)
def test_cut_short_after_a_step_there_is_the_old_or_the_new_whole(made: tuple[CaFolder, Token], step: Step) -> None:
    folder, token = made
    before = folder.about

    def tell(done: Step) -> None:
        if done is step:
            raise Killed

    with pytest.raises(Killed):
        renewing.replace_key(folder, CMP, ca_key(folder, token, 1, "issuing"), token, KeyKind.P256, NOW, tell)
    left = open_folder(folder.path)
    assert (left.about == before) == (step.value < Step.WRITTEN.value)
    ca_keys(left, token)  # each key is there, and its certificate's
    destroyed = changing.tidy(left, token.destroy)
    assert destroyed == (step not in (Step.WRITTEN_DOWN, Step.SETTLED))
    assert set(token.keys) == left.about.key_ids
    assert {file.name for file in folder.path.glob("*.pem")} == left.about.files
    assert changing.tidy(open_folder(folder.path), token.destroy) == 0


def test_what_is_not_the_cas_is_never_removed(made: tuple[CaFolder, Token]) -> None:
    folder, token = made
    others = ["bank.pem", "root.pem.old", "cmp.2.key", "my-cmp.2.pem", "issuing.txt"]
    for name in others:
        (folder.path / name).write_text("somebody's")
    halves = ["cmp.9.pem", "cmp.9.pem.4711.new", "ca.toml.4711.new", "root-9-by-8.pem", "ceremony.json.1.new"]
    for name in halves:
        (folder.path / name).write_text("left")
    changing.tidy(folder, token.destroy)
    assert [name for name in others if not (folder.path / name).exists()] == []
    assert [name for name in halves if (folder.path / name).exists()] == []


def test_pkilint_finds_nothing(made: tuple[CaFolder, Token]) -> None:
    folder, token = made
    renewing.renew_due(folder.path, ca_keys(folder, token), folder.current.certificates["cmp"].not_after)
    after = open_folder(folder.path)
    files = [folder.path / after.current.holdings[purpose].file for purpose in EARLY]
    assert [file.name for file in files] == ["cmp.2.pem", "ocsp.2.pem"]
    single = [("lint_pkix_cert", "lint", "-s", "NOTICE", file) for file in files]
    pairs = [
        ("lint_pkix_signer_signee_cert_chain", "lint", "-s", "NOTICE", folder.path / "issuing.pem", file)
        for file in files
    ]
    assert pkilint(*single, *pairs) == ""
