"""Real TLS in front of the pages: whose certificate comes through the handshake, whose does not, and what is told to
those whom a bare handshake would have turned away without a word."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from cryptography.x509 import load_der_x509_certificate

from tests.actors import TESTER
from tests.cli.runner import Home
from tests.interop.engine import configure
from tests.interop.openssl import Client, OpenSSL
from tests.interop.running import BANK, CONTRACT, PIN, Authority
from tests.interop.test_keys_on_a_token import BY_ENGINE, new_key, token
from tests.portal.served import HANDSHAKE_REFUSED, Browser, Pages, serving
from tokenmgr import clock
from tokenmgr.ca.certificate import read_certificate
from tokenmgr.ca.issuer import Issuer
from tokenmgr.ca.own import serial_number
from tokenmgr.ca.profile import Order
from tokenmgr.cli.authority import open_authority
from tokenmgr.domain.generation import Generation, State, StoreKind
from tokenmgr.log import Secret
from tokenmgr.pki import p256
from tokenmgr.ra.ports import Exchange
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.testbed.simulated import SimulatedMedium, softhsm

__all__ = ["token"]
VERSIONS = [("--tls-max", "1.2"), ("--tlsv1.3",)]


@pytest.fixture(scope="module")
def pages(ca: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with serving(ca, tmp_path_factory.mktemp("pages")) as served:
        yield served


@pytest.fixture(scope="module")
def openssl(ca: Authority, tmp_path_factory: pytest.TempPathFactory) -> OpenSSL:
    return OpenSSL(tmp_path_factory.mktemp("openssl"), ca)


@pytest.fixture(scope="module")
def holder(openssl: OpenSSL) -> Client:
    return openssl.acquire()


@pytest.fixture(scope="module")
def expired(ca: Authority, openssl: OpenSSL, holder: Client) -> Client:
    """Of this very CA, good for the first second of its life."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKENMGR_HOME", str(ca.folder.path.parent))
        with open_authority(ca.folder, Secret(PIN), ca.folder.path.parent) as keys:
            issuer, key = Issuer(keys, ca.folder.profile), ec.generate_private_key(ec.SECP256R1())
            begins = read_certificate(keys.issuing.certificate).not_before
            number = serial_number()
            public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
            subject = read_certificate(holder.read.public_bytes(Encoding.DER)).subject
            ends = begins + timedelta(seconds=1)
            made = issuer.sign(issuer.draft(Order(number, subject, public, begins, ends, StoreKind.PC)))
    who = ca.enrol()
    row = Generation(number, who.id, State.RECORDED, StoreKind.PC, number.to_bytes(32, "big"), begins, ends, None,
                     clock.now() + timedelta(days=1), draft=b"draft")  # fmt: skip
    asked = Exchange(BANK, row.key_hash[:16], row.key_hash, number, f"claim:{CONTRACT}/{who.user}", "ir")
    database = Database.open(ca.folder.database)
    registry = SqlRegistry(database, TESTER)
    registry.record(row, asked, None, begins)
    registry.sign_off(number, made)
    registry.confirm(asked, b"digest", begins, False)
    database.close()
    return _written(openssl, who.user, key, made)


def _written(openssl: OpenSSL, user: str, key: ec.EllipticCurvePrivateKey, made: bytes) -> Client:
    file, certificate = openssl.name("key"), openssl.name("pem")
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    certificate.write_bytes(load_der_x509_certificate(made).public_bytes(Encoding.PEM))
    return Client(user, str(file), certificate)


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
def test_a_good_one_logs_in_and_whoever_has_none_or_an_old_one_is_told(
    pages: Pages, holder: Client, expired: Client, tmp_path: Path, version: tuple[str, ...]
) -> None:
    visitor = Browser(tmp_path, holder, version)
    assert holder.user in visitor.get(pages).text
    assert "メイン画面" in visitor.log_in(pages).text
    assert visitor.get(pages, "main").status == 200
    assert "E101" in Browser(tmp_path, None, version).get(pages).text
    assert "E104" in Browser(tmp_path, expired, version).get(pages).text  # TLS does not mind: the page says why


@pytest.mark.parametrize("version", VERSIONS, ids=["1.2", "1.3"])
def test_anybody_elses_certificate_gets_no_further_than_the_handshake(
    pages: Pages, openssl: OpenSSL, holder: Client, tmp_path: Path, version: tuple[str, ...]
) -> None:
    key, root = openssl.new_root()
    anothers_key = Client(holder.user, openssl.new_key(), holder.certificate)
    foreign = Browser(tmp_path, Client("x", key, Path(root)), version).run(pages, "")
    assert foreign.returncode in HANDSHAKE_REFUSED
    assert not foreign.stdout.strip("\n0")
    assert Browser(tmp_path, anothers_key, version).run(pages, "").returncode != 0


def test_a_resumed_connection_is_judged_anew(pages: Pages, openssl: OpenSSL, tmp_path: Path) -> None:
    """What was shown once comes with the ticket, to the worker that has given it; what has become of it since is looked
    up each time."""
    who, kept = openssl.acquire(), tmp_path / "session"
    shown = ("-cert", str(who.certificate), "-key", who.key)
    with serving(pages.ca, tmp_path, workers=1) as node:
        assert who.user in spoken(openssl, node, *shown, "-sess_out", str(kept))
        again = spoken(openssl, node, "-sess_in", str(kept))
        registry = Database.open(pages.ca.folder.database)
        SqlRegistry(registry, TESTER).hold(pages.ca.generations(who.user)[-1].serial, clock.now())
        registry.close()
        held = spoken(openssl, node, "-sess_in", str(kept))
    assert ("Reused, " in again, who.user in again) == (True, True)
    assert ("Reused, " in held, who.user in held, "E107" in held) == (True, False, True)


def spoken(openssl: OpenSSL, pages: Pages, *options: str) -> str:
    asked = f"GET /{BANK}/ HTTP/1.1\r\nHost: localhost:{pages.port}\r\nConnection: close\r\n\r\n"
    line = ["openssl", "s_client", "-connect", f"localhost:{pages.port}", "-CAfile", str(pages.ca.root), "-ign_eof"]
    done = subprocess.run(
        [*line, *options], env=openssl.environment, input=asked.encode(), capture_output=True, timeout=60
    )
    return done.stdout.decode(errors="replace")


def test_two_nodes_share_their_sessions_and_lose_nobody_when_their_workers_are_replaced(
    pages: Pages, holder: Client, tmp_path: Path
) -> None:
    """The second one has its own TLS certificate, which is renewed meanwhile; and then a bank's key is made."""
    own = tmp_path / "tls"
    shutil.copytree(pages.ca.folder.path / "tls", own)
    chain, key, keys = own / "chain.pem", own / "key.pem", tmp_path / "keys"
    keys.mkdir()
    with serving(pages.ca, tmp_path, "--tls-certificate", chain, "--tls-key", key, "--keys", keys, workers=1) as other:
        visitor = Browser(tmp_path, holder)
        visitor.log_in(pages)
        for file, content in (
            (chain, chain.read_bytes() + b"\n"),
            (keys / f"{BANK}.pem", p256.private_pem(p256.new_key())),
        ):
            before = other.workers
            file.write_bytes(content)
            while other.workers & before:
                assert [visitor.get(node, "main").status for node in (other, pages)] == [200, 200]
        visitor.log_in(other)
        assert visitor.get(pages, "main").status == 200


def test_a_key_on_a_medium_logs_in(
    ca: Authority,
    pages: Pages,
    token: SimulatedMedium,
    tmp_path: Path,
) -> None:
    configuration = str(configure(tmp_path / "engine.cnf", softhsm()))
    environment = {**os.environ, **token.environment, "OPENSSL_CONF": configuration}
    on_token = OpenSSL(tmp_path, ca, environment)
    who = on_token.acquire(*BY_ENGINE, key=new_key(token, "rsa2048", "01"))
    said = spoken(on_token, pages, *BY_ENGINE, "-cert", str(who.certificate), "-key", who.key)
    assert who.user in said


def test_without_a_tls_certificate_it_says_how_one_is_made(ca: Authority, tmp_path: Path) -> None:
    shutil.copytree(ca.folder.path, tmp_path / "home" / "ca", ignore=shutil.ignore_patterns("tls", "*.lock"))
    home = Home(tmp_path / "home")
    done = home.run("bank", "serve", "--listen", "127.0.0.1:0")
    assert done.status != 0
    assert "tokenmgr ca serve" in done.err
