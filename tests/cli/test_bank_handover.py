"""`tokenmgr bank handover`: keys that are made or brought, and a ticket that the CA takes."""

from __future__ import annotations

import json
import stat
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.actors import TESTER
from tests.cli.bank_rig import BANK, BankHome, make_ca, now
from tests.cli.runner import Result
from tokenmgr.domain.handover import State
from tokenmgr.pki import handover, p256
from tokenmgr.sql import marks

WHO = ("--bank", BANK, "--origin", "https://ib.example", "--contract", "C-1", "--user", "tanaka")


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = BankHome(tmp_path_factory.mktemp("founded") / "home", make_ca(tmp_path_factory.mktemp("made"))).founded()
    return home.folder / "ca"


@pytest.fixture
def home(tmp_path: Path, founded: Path) -> BankHome:
    return BankHome(tmp_path / "home", founded)


def handed(home: BankHome, *arguments: str) -> Result:
    return home.bank("handover", *arguments)


def test_a_key_is_made_listed_used_and_withdrawn(home: BankHome) -> None:
    file = home.folder / "page.key"
    assert handed(home, "key", "list", BANK).out == "There is no hand-over key.\n"
    made = handed(home, "key", "make", BANK, str(file))
    assert made.status == 0, made.err
    spki = p256.spki_of(p256.read_private(file.read_bytes()))
    kid = p256.kid_of(spki)
    assert kid in made.out
    assert f"tokenmgr bank profile {BANK}" in made.out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    again = handed(home, "key", "make", BANK, str(file))
    assert (again.status, "U107" in again.err) == (2, True)
    assert p256.spki_of(p256.read_private(file.read_bytes())) == spki
    (listed,) = home.json("handover", "key", "list", BANK)
    assert (listed["kid"], p256.public_keys_in(listed["key"])) == (kid, (spki,))
    assert kid in handed(home, "key", "list", BANK).out

    told = home.json("handover", "ticket", "--key", str(file), *WHO, "--serial", "00AB", "--minutes", "10")
    ticket = handover.read(told["ticket"])
    ticket.check([spki], "みほん信用金庫")
    ticket.judge(BANK, "みほん信用金庫", {("ib.example", 443)}, now())
    assert (ticket.claims.serial, ticket.claims.jti, ticket.claims.act) == ("ab", told["jti"], "renew")
    assert ticket.claims.expires_at - ticket.claims.issued_at == timedelta(minutes=10)
    url = handed(home, "ticket", "--key", str(file), *WHO, "--act", "acquire", "--scheme").out.strip()
    assert url.startswith("tokenmgr://acquire?t=")
    assert handover.read(url.partition("t=")[2]).claims.act == "acquire"

    assert handed(home, "key", "withdraw", BANK, kid).status == 0
    gone = handed(home, "key", "withdraw", BANK, kid)
    assert (gone.status, "R114" in gone.err) == (4, True)
    trail = home.run("ca", "audit", "list", "--action", "handover-key.").out
    assert "hand-over key registered" in trail
    assert "hand-over key withdrawn" in trail


def test_a_key_that_cannot_be_registered_leaves_no_file(home: BankHome) -> None:
    with home.database() as database:
        marks.close(database, TESTER, now())
    done = handed(home, "key", "make", BANK, str(home.folder / "a.key"))
    assert (done.status, "R130" in done.err) == (4, True)
    assert not (home.folder / "a.key").exists()


def test_a_key_of_the_banks_own_making(home: BankHome) -> None:
    """As docs/bank.md says, with OpenSSL."""
    key, public = home.folder / "own.key", home.folder / "own.pem"
    line = ["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", str(key)]
    subprocess.run(line, check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", str(key), "-pubout", "-out", str(public)], check=True)
    added = home.json("handover", "key", "add", BANK, str(public))
    assert added == {"bank": BANK, "kid": p256.kid_of(p256.spki_of(p256.read_private(key.read_bytes())))}
    again = handed(home, "key", "add", BANK, str(public))
    assert (again.status, "R117" in again.err) == (4, True)
    for wrong in (str(key), str(home.folder / "settings.toml")):  # the private one is nobody's to hand over
        refused = handed(home, "key", "add", BANK, wrong)
        assert (refused.status, "R119" in refused.err) == (4, True)
    assert handed(home, "ticket", "--key", str(key), *WHO).status == 0


@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (("key", "make", "9999", "{}/a.key"), "R114", 4),
        (("key", "list", "9999"), "R114", 4),
        (("key", "make", BANK, "{}/none/a.key"), "U107", 2),
        (("key", "add", BANK, "{}/none"), "U114", 2),
        (("ticket", "--key", "{}/none", *WHO), "U114", 2),
        (("ticket", "--key", "{}/settings.toml", *WHO), "R119", 4),
        (("ticket", "--key", "x", *WHO, "--origin", "https://ib.example/"), "R119", 4),
        (("ticket", "--key", "x", *WHO, "--user", "a b"), "R119", 4),
        (("ticket", "--key", "x", *WHO, "--serial", "xyz"), "R119", 4),
    ],
)
def test_what_cannot_be(home: BankHome, arguments: tuple[str, ...], code: str, status: int) -> None:
    done = handed(home, *(one.format(home.folder) for one in arguments), "--json")
    assert (done.status, json.loads(done.out)["error"]["code"]) == (status, code)
    assert not (home.folder / "a.key").exists()


PAGE = (Path(__file__).parents[2] / "docs" / "bank.md").read_text(encoding="utf-8")


def test_its_claims_stand_in_the_docs(home: BankHome) -> None:
    assert handed(home, "key", "make", BANK, str(home.folder / "k")).status == 0
    text = handed(home, "ticket", "--key", str(home.folder / "k"), *WHO, "--serial", "1f").out.strip()
    (payload,) = {handover.read(text)._signed.payload}
    for name in json.loads(payload):
        assert f"| `{name}` |" in PAGE
    for state in State:
        assert f"| `{state.value}` |" in PAGE


def test_what_the_docs_tell_a_bank_to_write_makes_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = p256.new_key()
    (tmp_path / "page.key").write_bytes(p256.private_pem(key))
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {}
    exec(PAGE.partition("```python\n")[2].partition("```")[0], made)  # noqa: S102
    text, jti = made["ticket"]("C-1", "tanaka")
    ticket = handover.read(text)
    ticket.check([p256.spki_of(key)], "みほん信用金庫")
    ticket.judge("1234", "みほん信用金庫", {("ib.example", 443)}, now())
    assert ticket.claims.jti == jti
