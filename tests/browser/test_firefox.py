"""Firefox ESR takes what `tokenmgr login` says that it takes, with the policy that it prints."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from tests.browser.pki import Authorities, issue, subscriber
from tests.browser.rig import FIREFOX_POLICY, BrowserHome, customer, host, policies, presented_by_firefox, verdict
from tests.contract.services import require

OLD, NEW = 0x40356A192B7913B04C54574D18C28D46E6395428, 0x6F583435DA1D120A20C6502294ADE80757888145


@pytest.fixture(scope="module")
def authorities() -> Authorities:
    for program in ("firefox-esr", "certutil", "pk12util", "openssl"):
        require(program)
    return Authorities()


def test_with_one_it_logs_in_by_the_printed_policy_and_of_two_it_takes_the_old_one(
    authorities: Authorities, tmp_path: Path
) -> None:
    """So it is told to choose by itself only where there is one."""
    user = BrowserHome(tmp_path / "user")
    user.create(authorities)
    old = subscriber()
    user.store("old", (old, issue(old, authorities.issuing, (-350, 15), OLD)))
    profile = user.folder / ".mozilla" / "firefox" / "a.default"
    shutil.copytree(user.database, profile)
    (profile.parent / "profiles.ini").write_text("[Profile0]\nName=default\nPath=a.default\nDefault=1\n")
    with host(tmp_path, authorities, [authorities.root_certificate]) as told:
        home = customer(tmp_path, user.folder, authorities, told.port)
        printed = home.run("login", "--policy", "firefox").out
        with policies(FIREFOX_POLICY) as file:
            file.write_text(printed)
            alone = verdict(home, "firefox")
            assert presented_by_firefox(profile, tmp_path, authorities) == OLD
            new = subscriber()
            user.database = profile
            user.store("new", (new, issue(new, authorities.issuing, (-1, 360), NEW)))
            both = verdict(home, "firefox")
            assert presented_by_firefox(profile, tmp_path, authorities) == OLD
    assert (alone["outcome"], both["outcome"], both["next"]) == ("without-asking", "takes-another", "policy")
    assert "Preferences" not in json.dumps(json.loads(home.run("login", "--json", "--offline").out)["policies"])
