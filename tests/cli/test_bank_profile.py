"""`tokenmgr bank profile`: what is read from it is what was registered, byte for byte, whatever the terminal speaks."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from tests.cli.bank_rig import BankHome, make_ca
from tests.cli.runner import PROGRAM
from tokenmgr.ca.folder import open_folder
from tokenmgr.cli.bank_profile import ROOTS, as_toml
from tokenmgr.customer.profiles import read_profile
from tokenmgr.pki import p256

NAME = "みほん\"信用金庫\"\\'''\U00029e3d"
TEXTS = {"service_name": '法人"IB" \\n', "contact": "0120-000-000", "media_page": "https://bank.example/?a=1&b='2'"}
FIELDS = ("code", "name", "service_name", "contact", "media_page", "address")


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ca(tmp_path_factory.mktemp("made"), "--url", "https://ca.example:8443")


@pytest.fixture
def home(tmp_path: Path, ca: Path) -> BankHome:
    made = BankHome(tmp_path / "home", ca)
    options = [part for name, text in TEXTS.items() for part in (f"--{name.replace('_', '-')}", text)]
    made.fine("add", "1234", "--name", NAME, *options)
    return made


def roots_of(home: BankHome) -> list[bytes]:
    return [one.certificates["root"].der for one in open_folder(home.folder / "ca").authorities]


def der_of(pem: str) -> list[bytes]:
    return [one.public_bytes(Encoding.DER) for one in x509.load_pem_x509_certificates(pem.encode())]


@pytest.mark.parametrize("encoding", ["utf-8", "ascii", "cp932"])
def test_it_is_a_file_for_banks_d(home: BankHome, encoding: str) -> None:
    environment = {**home.environment, "PYTHONIOENCODING": encoding}  # a process of its own: it is read at the start
    done = subprocess.run([PROGRAM, "bank", "profile", "1234"], env=environment, capture_output=True, check=True)
    said = done.stdout.decode(encoding)
    assert said.isascii() is (encoding != "utf-8")
    found = tomllib.loads(said)
    address = "https://ca.example:8443"
    assert {name: found[name] for name in FIELDS} == {"code": "1234", "name": NAME, **TEXTS, "address": address}
    assert der_of(found[ROOTS]) == roots_of(home)
    assert home.json("profile", "1234") == found


def test_after_a_rollover_it_has_both_roots_the_newest_first(home: BankHome) -> None:
    before = tomllib.loads(home.fine("profile", "1234"))[ROOTS]
    done = home.run("ca", "rollover", "--pin-fd", "0", typed="pin-12345678\n")
    assert done.status == 0, done.err
    first, second = roots_of(home)
    after = tomllib.loads(home.fine("profile", "1234"))[ROOTS]
    assert der_of(after) == [second, first]
    assert after.endswith(before)


def test_the_keys_of_hand_overs_are_in_it(home: BankHome, tmp_path: Path) -> None:
    for name in ("first", "second"):
        home.fine("handover", "key", "make", "1234", str(tmp_path / name))
    file = tmp_path / "1234.toml"
    file.write_text(home.fine("profile", "1234"), encoding="utf-8")
    made = [p256.spki_of(p256.read_private((tmp_path / name).read_bytes())) for name in ("first", "second")]
    assert list(read_profile(file).handover) == made


def test_of_a_bank_that_is_not_there(home: BankHome) -> None:
    done = home.bank("profile", "9999")
    assert (done.status, done.out, "R114" in done.err) == (4, "", True)


ANY = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.fixed_dictionaries(dict.fromkeys(FIELDS, ANY)), st.booleans())
def test_any_text_survives(texts: dict[str, str], only_ascii: bool) -> None:
    said = as_toml({**texts, ROOTS: "-----BEGIN\nabc\n"}, only_ascii)
    assert tomllib.loads(said) == {**texts, ROOTS: "-----BEGIN\nabc\n"}
    assert not only_ascii or said.isascii()
