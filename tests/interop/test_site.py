"""A bank's site takes our certificates, until they are on the list; and what others make of that list."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.contract.services import require
from tests.interop import running
from tests.interop.openssl import Client, OpenSSL
from tests.interop.running import Authority
from tests.interop.site import Site, opened


@pytest.fixture(scope="module")
def revoked(ca: Authority, tmp_path_factory: pytest.TempPathFactory) -> Client:
    """Taken back, and on the list. That is made anew every 20 seconds, and when a node starts: so a second one does."""
    openssl = OpenSSL(tmp_path_factory.mktemp("revoked"), ca)
    client = openssl.acquire()
    openssl.cmp("rr", *openssl.by(client), "-oldcert", str(client.certificate), "-revreason", "1")
    with running.serving(ca, workers=1):
        return client


def crl(ca: Authority, openssl: OpenSSL) -> Path:
    fetched, file = openssl.name("crl"), openssl.name("pem")
    fetched.write_bytes(ca.fetch("/ca.crl"))
    openssl.do("crl", "-inform", "DER", "-in", fetched, "-out", file, "-verify", "-CAfile", ca.issuing)
    return file


def test_the_list_as_openssl_reads_it(ca: Authority, openssl: OpenSSL, revoked: Client) -> None:
    good = openssl.acquire()
    file = crl(ca, openssl)
    assert openssl.verify(good, "-crl_check", "-CRLfile", file, "-x509_strict").endswith(": OK\n")
    assert "certificate revoked" in openssl.verify(revoked, "-crl_check", "-CRLfile", file, status=2)
    said = openssl.do("crl", "-in", file, "-noout", "-text")
    assert f"{revoked.read.serial_number:X}" in said
    assert "Key Compromise" in said
    assert "X509v3 CRL Number" in said


def test_the_site_lets_in_who_is_valid(openssl: OpenSSL, revoked: Client, tmp_path: Path, ca: Authority) -> None:
    require("curl")
    good = openssl.acquire(kind="rsa2048")
    with opened(ca, tmp_path) as site:
        page = site.curl("--cert", good.certificate, "--key", good.key)
        assert good.certificate.read_text().strip() in page
        assert "certificate required" in site.curl(status=56)
        refused = site.curl("--cert", revoked.certificate, "--key", revoked.key, status=56)
        assert "certificate revoked" in refused


def test_gnutls_knows_both_ends(ca: Authority, site: Site, openssl: OpenSSL) -> None:
    """certtool takes the chain, and gnutls-cli logs in."""
    require("gnutls-cli", "certtool")
    client = openssl.acquire()
    chain = openssl.name("pem")
    chain.write_bytes(client.certificate.read_bytes() + ca.issuing.read_bytes())
    files: list[str | Path] = ["--x509cafile", ca.root, "--x509certfile", chain, "--x509keyfile", client.key]
    said = gnutls(["gnutls-cli", *files, "--port", str(site.port), "localhost"], "GET / HTTP/1.0\r\n\r\n")
    assert "The certificate is trusted" in said
    assert client.certificate.read_text().strip() in said
    said = gnutls(["certtool", "--verify", "--load-ca-certificate", ca.root, "--infile", chain])
    assert "Chain verification output: Verified" in said


def gnutls(line: list[str | Path], typed: str = "") -> str:
    done = subprocess.run(line, input=typed, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
