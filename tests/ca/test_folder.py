"""A CA's folder is read whole, or what is wrong with it is said."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.ca.made import NOW, key, keys, write_pem
from tokenmgr.ca import ceremony, folder
from tokenmgr.ca.about import PURPOSES, About, Held, about_text
from tokenmgr.ca.ceremony import Plan, Step
from tokenmgr.ca.folder import may_hold_a_token, open_folder
from tokenmgr.ca.profile import POLICIES_REHEARSED, POLICY_PC
from tokenmgr.ca.signing import CaSigner
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.errors import AuthorityDamaged, AuthorityMissing


class InMemory:
    """KeyMaker without a token: the ceremony does not know the difference."""

    def generate(self, purpose: str, kind: KeyKind, key_id: bytes) -> CaSigner:
        return key(kind, 20 + PURPOSES.index(purpose))

    def destroy(self, key_id: bytes) -> bool:
        return False


@pytest.fixture
def made(tmp_path: Path) -> Path:
    path = tmp_path / "ca"
    (path / folder.TOKEN).mkdir(parents=True)
    told: list[Step] = []
    plan = Plan("試験認証局", KeyKind.P256, "https://ca.example.jp", "http://ca.example.jp:8080", "", "", "4711")
    ceremony.make(plan, path, InMemory(), NOW, told.append)
    assert told == list(Step)[1:6]
    return path


def test_what_is_written_is_read(made: Path) -> None:
    found = open_folder(made)
    assert found.about.name == "試験認証局"
    assert found.database == f"sqlite:///{made / 'registry.sqlite'}"
    assert found.current.certificates["cmp"].name == "試験認証局 CMP"
    profile = found.profile
    assert profile.crl_url == "http://ca.example.jp:8080/ca.crl"
    assert profile.issuer_url == "http://ca.example.jp:8080/ca.cer"
    assert profile.ocsp_url == "http://ca.example.jp:8080/ocsp"
    assert made.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_was_moved_tells_softhsm_so(made: Path, tmp_path: Path) -> None:
    open_folder(made)
    elsewhere = tmp_path / "elsewhere"
    made.rename(elsewhere)
    found = open_folder(elsewhere)
    assert f"= {elsewhere / 'token'}\n" in found.configuration.read_text()
    before = found.configuration.stat().st_ino
    open_folder(elsewhere)
    assert found.configuration.stat().st_ino == before  # what is right is not written again


def write(name: str, text: str) -> Callable[[Path], object]:
    return lambda made: (made / name).write_text(text)


def replace(before: str, after: str) -> Callable[[Path], object]:
    def change(made: Path) -> None:
        file = made / "ca.toml"
        text = file.read_text(encoding="utf-8")
        assert before in text
        file.write_text(text.replace(before, after), encoding="utf-8")

    return change


@pytest.mark.parametrize(
    ("change", "file", "reason"),
    [
        (write("root.pem", "nothing"), "root.pem", "no-pem"),
        (write("cmp.pem", "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), "cmp.pem", "no-pem"),
        (lambda made: write_pem(made / "issuing.pem", keys().issuing.certificate), "issuing.pem", "other-issuer"),
        (lambda made: (made / "ocsp.pem").unlink(), "ocsp.pem", "No such file or directory"),
        (lambda made: (made / "ca.toml").unlink(), "ca.toml", "No such file or directory"),
        (lambda made: shutil.rmtree(made / "token"), "token", "no-token"),
        (write("ca.toml", "name = "), "ca.toml", "syntax"),
        (replace("version = 1", "version = 2"), "ca.toml", "other-version"),
        (replace("[[authorities]]", "[[others]]"), "ca.toml", "missing-or-wrong"),
        (replace('"cmp.pem"', '"../cmp.pem"'), "ca.toml", "missing-or-wrong"),
        (replace('"cmp.pem"', '"cmp"'), "ca.toml", "missing-or-wrong"),
        (replace('"http://ca', '"https://ca'), "ca.toml", "missing-or-wrong"),
        (replace("created = 2", 'created = "2"#'), "ca.toml", "missing-or-wrong"),
        (replace(f'pc = "{POLICY_PC}"', f'pc = "{POLICIES_REHEARSED[StoreKind.PC]}"'), "ca.toml", "missing-or-wrong"),
        (replace('serial = "4711"', "serial = 4711"), "ca.toml", "missing-or-wrong"),
    ],
)
def test_what_is_damaged_is_named(made: Path, change: Callable[[Path], object], file: str, reason: str) -> None:
    change(made)
    with pytest.raises(AuthorityDamaged) as refused:
        open_folder(made)
    assert Path(refused.value.file).name == file
    assert refused.value.reason == reason


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(AuthorityMissing):
        open_folder(tmp_path / "ca")


@given(st.text(st.characters(exclude_categories=["Cs"])), st.text(st.characters(exclude_categories=["Cs"])))
def test_any_name_is_read_back_from_its_toml(name: str, database: str) -> None:
    import tomllib

    held = dict.fromkeys(PURPOSES, Held(b"\1", "a.pem"))
    about = About(name, NOW, "http://a", "http://b", database, "", "1", "1.2", "1.3", (held,))
    if name.isprintable() and database.isprintable():  # others are not asked for (cli/ca_asked.py)
        assert tomllib.loads(about_text(about))["name"] == name


def test_softhsm_has_a_meaning_for_some_letters() -> None:
    assert may_hold_a_token(Path("/home/信 金/ca"))
    assert not any(may_hold_a_token(Path(f"/home/{wrong}/ca")) for wrong in ("#1", "a=b", "a\nb"))
