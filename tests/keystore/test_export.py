"""PKCS#12, as the programs read it that browsers are made of."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.keystore.kept import authority, filled, made
from tokenmgr import errors
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.keystore import export
from tokenmgr.keystore.file import FileStore
from tokenmgr.log import Secret

PASSWORD = "another one 12"


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return made(tmp_path / "store")


def exported(store: FileStore, one: Credential, target: Path, password: str = PASSWORD) -> Path:
    export.write(target, export.as_pkcs12(store, one, Secret(password)))
    (target.parent / "password").write_text(password, encoding="utf-8")
    return target


def said(*command: object) -> str:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384, KeyKind.ED25519])
def test_openssl_reads_key_certificate_and_the_ca_between(store: FileStore, tmp_path: Path, kind: KeyKind) -> None:
    one = filled(store, kind=kind)
    assert one.certificate is not None
    target = exported(store, one, tmp_path / "out.p12")
    assert target.stat().st_mode & 0o777 == 0o600
    common = ("openssl", "pkcs12", "-in", target, "-passin", f"file:{tmp_path / 'password'}")
    about = said(*common, "-info", "-noout")
    assert about.count("PBES2, PBKDF2, AES-256-CBC") == 2
    assert f"MAC: sha256, Iteration {export.ROUNDS}" in about
    said(*common, "-nocerts", "-noenc", "-out", tmp_path / "key.pem")
    said(*common, "-clcerts", "-nokeys", "-out", tmp_path / "own.pem")
    said(*common, "-cacerts", "-nokeys", "-out", tmp_path / "others.pem")
    (tmp_path / "all.pem").write_bytes(authority().chain_pem)
    assert said("openssl", "x509", "-in", tmp_path / "own.pem", "-noout", "-pubkey") == said(
        "openssl", "pkey", "-in", tmp_path / "key.pem", "-pubout"
    )
    assert (tmp_path / "others.pem").read_text().count("BEGIN CERTIFICATE") == 1
    root = tmp_path / "root.pem"
    root.write_bytes(b"-----BEGIN" + authority().chain_pem.split(b"-----BEGIN")[2])
    said("openssl", "verify", "-no_check_time", "-CAfile", root, "-untrusted", tmp_path / "others.pem",
         tmp_path / "own.pem")  # fmt: skip


@pytest.mark.parametrize("password", [PASSWORD, "正しい馬の電池1"])
@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.P256])
def test_nss_takes_it_in(store: FileStore, tmp_path: Path, kind: KeyKind, password: str) -> None:
    """What Firefox and Chromium have beneath them."""
    one = filled(store, kind=kind)
    target = exported(store, one, tmp_path / "out.p12", password)
    database = tmp_path / "nss"
    database.mkdir()
    said("certutil", "-N", "-d", f"sql:{database}", "--empty-password")
    said("pk12util", "-i", target, "-d", f"sql:{database}", "-w", tmp_path / "password", "-K", "")
    assert "鍵 1" in said("certutil", "-K", "-d", f"sql:{database}")
    listed = said("certutil", "-L", "-d", f"sql:{database}")
    assert "u,u,u" in listed
    assert "Throw-away Issuing CA" in listed


def test_nothing_is_written_over(store: FileStore, tmp_path: Path) -> None:
    one = filled(store)
    target = tmp_path / "out.p12"
    target.write_text("mine")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for place in (target, tmp_path / "link", tmp_path, tmp_path / "no" / "folder"):
        with pytest.raises(errors.FileNotWritten):
            exported(store, one, place)
    assert target.read_text() == "mine"
    assert not (tmp_path / "nowhere").exists()


def test_which_one_is_meant(store: FileStore) -> None:
    with pytest.raises(errors.ExportUnclear):
        export.chosen(store)
    first = filled(store, 1)
    assert export.chosen(store) == first
    second = filled(store, 2)
    assert first.facts is not None
    with pytest.raises(errors.ExportUnclear) as told:
        export.chosen(store)
    assert len(told.value.certificates) == 2
    assert export.chosen(store, f"00{first.facts.serial_number:X}") == first
    with pytest.raises(errors.ExportUnclear):
        export.chosen(store, "abc")
    store.rename(second.key.key_id, "tokenmgr pending 1234-0012345 user01")
    assert export.chosen(store).key.key_id == first.key.key_id  # what is not confirmed logs in nowhere


def test_a_short_password_is_refused(store: FileStore) -> None:
    with pytest.raises(errors.PassphraseUnfit):
        export.as_pkcs12(store, filled(store), Secret("1234567"))
