"""What anybody may fetch, by curl and gnutls-cli; and what the certificates say where it is."""

from __future__ import annotations

import json
import re
import subprocess

import pytest

from tests.contract.services import require
from tests.interop.openssl import OpenSSL
from tests.interop.running import BANK, Authority


def curl(ca: Authority, path: str, *options: str) -> tuple[str, bytes]:
    require("curl")
    line = ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", str(ca.root), *options]
    told = "\n%{http_code} %{content_type}"
    done = subprocess.run([*line, "--write-out", told, f"{ca.url}{path}"], capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()
    body, _, said = done.stdout.rpartition(b"\n")
    return said.decode(), body


@pytest.mark.parametrize("how", ["--http1.0", "--http1.1", "--tlsv1.3", "--tls-max=1.2"])
def test_it_lives(ca: Authority, how: str) -> None:
    said, body = curl(ca, "/healthz", *how.split("="))
    assert said.startswith("200 application/json")
    assert json.loads(body) == {"healthy": True}


def test_it_is_ready(ca: Authority) -> None:
    assert curl(ca, "/readyz") == ("200 application/json", b'{"ready": true}')


def test_a_bank_and_one_that_there_is_not(ca: Authority) -> None:
    said, body = curl(ca, f"/banks/{BANK}")
    assert said == "200 application/json"
    assert json.loads(body)["name"] == "みほん信用金庫"
    assert curl(ca, "/banks/9999")[0] == "404 application/json"


@pytest.mark.parametrize(("path", "purpose"), [("/root.cer", "root"), ("/ca.cer", "issuing")])
def test_the_certificates(ca: Authority, openssl: OpenSSL, path: str, purpose: str) -> None:
    said, body = curl(ca, path)
    assert said == "200 application/pkix-cert"
    file = openssl.name("cer")
    file.write_bytes(body)
    pem = openssl.do("x509", "-inform", "DER", "-in", file)
    assert pem.strip() == (ca.folder.path / f"{purpose}.pem").read_text().strip()


def test_the_list(ca: Authority, openssl: OpenSSL) -> None:
    said, body = curl(ca, "/ca.crl")
    assert said == "200 application/pkix-crl"
    file = openssl.name("crl")
    file.write_bytes(body)
    assert "verify OK" in openssl.do("crl", "-inform", "DER", "-in", file, "-noout", "-CAfile", ca.issuing)


def test_certificates_name_addresses_that_there_are(ca: Authority, openssl: OpenSSL) -> None:
    """The list's, the issuing CA's and the responder's (RFC 5280, 4.2.1.13 and 4.2.2.1)."""
    text = openssl.do("x509", "-in", openssl.acquire().certificate, "-noout", "-text")
    found = re.findall(rf"URI:{ca.folder.about.status_url}(/\S+)", text)
    assert found == ["/ca.crl", "/ca.cer", "/ocsp"]
    kinds = [curl(ca, path)[0] for path in found[:2]]
    assert kinds == ["200 application/pkix-crl", "200 application/pkix-cert"]


def test_gnutls_trusts_the_server(ca: Authority) -> None:
    require("gnutls-cli")
    line = ["gnutls-cli", "--x509cafile", str(ca.root), "--port", str(ca.port), "localhost"]
    with subprocess.Popen(line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdin
        assert running.stdout
        running.stdin.write("GET /healthz HTTP/1.0\r\n\r\n")
        running.stdin.flush()  # and left open: at its end gnutls-cli closes before it is answered
        said = running.stdout.read()
    assert running.returncode == 0
    assert "The certificate is trusted" in said
    assert '{"healthy": true}' in said


def test_gnutls_trusts_nobody_else(ca: Authority, openssl: OpenSSL) -> None:
    require("gnutls-cli")
    _key, other = openssl.new_root()
    line = ["gnutls-cli", "--x509cafile", other, "--port", str(ca.port), "localhost"]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "NOT trusted" in done.stdout
