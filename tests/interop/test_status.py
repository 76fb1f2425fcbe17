"""A CA that runs, asked about its certificates by other programs, at the addresses that stand in them."""

from __future__ import annotations

import base64
import os
import re
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import load_der_x509_crl, load_pem_x509_certificate, ocsp

from tests import java
from tests.actors import TESTER
from tests.contract.services import require
from tests.interop import running
from tests.interop.openssl import Client, OpenSSL
from tests.interop.running import PATIENCE, Authority
from tokenmgr import clock
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry

PROMPT = 4.0  # seconds in which OCSP must know, on a computer that is busy with other tests; two are promised


@dataclass
class People:
    good: Client
    revoked: Client
    held: Client


def registry(ca: Authority) -> SqlRegistry:
    return SqlRegistry(Database.open(ca.folder.database), TESTER)


def serial(who: Client) -> int:
    return who.read.serial_number


@pytest.fixture
def people(ca: Authority, openssl: OpenSSL) -> People:
    made = People(openssl.acquire(), openssl.acquire(), openssl.acquire())
    own = registry(ca)
    own.revoke(serial(made.revoked), RevocationReason.KEY_COMPROMISE, clock.now())
    own.hold(serial(made.held), clock.now())
    until(lambda: "revoked" in asked(ca, openssl, made.held) and "revoked" in asked(ca, openssl, made.revoked))
    return made


def until(holds: Callable[[], bool], patience: float = PATIENCE) -> None:
    ends = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.1)


def asked(ca: Authority, openssl: OpenSSL, who: Client, *options: str) -> str:
    """What `openssl ocsp` prints; whatever it does not believe it says so."""
    url = openssl.do("x509", "-in", who.certificate, "-noout", "-ocsp_uri").strip()
    line: list[str | Path] = ["openssl", "ocsp", "-issuer", ca.issuing, "-cert", who.certificate, "-url", url, *options]
    line += ["-CAfile", ca.root, "-verify_other", ca.issuing]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert "Response verify OK" in done.stderr, done.stdout + done.stderr
    assert "WARNING" not in done.stdout + done.stderr or "-nonce" not in options
    return done.stdout


@pytest.mark.parametrize("nonce", ["-nonce", "-no_nonce"])
def test_openssl_asks(ca: Authority, openssl: OpenSSL, people: People, nonce: str) -> None:
    assert ": good" in asked(ca, openssl, people.good, nonce)
    said = asked(ca, openssl, people.revoked, nonce)
    assert ": revoked" in said
    assert "keyCompromise" in said
    assert "certificateHold" in asked(ca, openssl, people.held, nonce)


def test_what_its_client_has_not_confirmed_is_on_hold(ca: Authority, openssl: OpenSSL) -> None:
    ticket = ca.ticket()
    waiting = Client(ticket.user, openssl.new_key("p256"), openssl.name("pem"))
    files = ("-newkey", waiting.key, "-certout", waiting.certificate, "-trusted", str(ca.root))
    openssl.cmp("ir", *openssl.with_secret(ticket), *files, "-disable_confirm")
    assert ca.states(ticket.user) == [State.PENDING]
    said = asked(ca, openssl, waiting, "-nonce")
    assert ": revoked" in said
    assert "certificateHold" in said


def test_openssl_asks_about_the_cas_own(ca: Authority, openssl: OpenSSL) -> None:
    for file in (ca.folder.path / "cmp.pem", ca.folder.path / "ocsp.pem", ca.folder.path / "tls" / "chain.pem"):
        said = subprocess.run(
            ["openssl", "ocsp", "-issuer", ca.issuing, "-cert", file, "-url", f"{ca.status_url}/ocsp",
             "-CAfile", ca.root, "-verify_other", ca.issuing], capture_output=True, text=True, timeout=60,
        )  # fmt: skip
        assert ": good" in said.stdout, said.stdout + said.stderr


def test_unknown(ca: Authority) -> None:
    line: list[str | Path] = [
        "openssl",
        "ocsp",
        "-issuer",
        ca.issuing,
        "-serial",
        "4711",
        "-url",
        f"{ca.status_url}/ocsp",
    ]
    done = subprocess.run([*line, "-CAfile", ca.root, "-verify_other", ca.issuing], capture_output=True, text=True)
    assert "4711: unknown" in done.stdout


def test_a_revocation_is_known_on_every_node_at_once(ca: Authority, openssl: OpenSSL, holder: Client) -> None:
    with running.node(ca, workers=1) as (_port, other):
        request = path_of(ca, holder)

        def at(port: int) -> str:
            return ocsp.load_der_ocsp_response(curl_bytes(f"http://127.0.0.1:{port}{request}")).certificate_status.name

        ports = (ca.status_port, other)
        for port in ports * 3:
            assert at(port) == "GOOD"
        registry(ca).revoke(serial(holder), RevocationReason.SUPERSEDED, clock.now())
        until(lambda: [at(port) for port in ports * 4] == ["REVOKED"] * 8, PROMPT)


def path_of(ca: Authority, who: Client) -> str:
    issuing = load_pem_x509_certificate(ca.issuing.read_bytes())
    made = ocsp.OCSPRequestBuilder().add_certificate(who.read, issuing, SHA1()).build()  # noqa: S303
    return "/ocsp/" + quote(base64.b64encode(made.public_bytes(Encoding.DER)).decode("ascii"), safe="")


def curl(*line: str | Path) -> str:
    return curl_bytes(*line).decode("latin-1")


def curl_bytes(*line: str | Path) -> bytes:
    require("curl")
    done = subprocess.run(
        ["curl", "--silent", "--show-error", "--noproxy", "*", *line], capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


def test_curl_gets_and_gets_no_second_time(ca: Authority, holder: Client, tmp_path: Path) -> None:
    for path in (path_of(ca, holder), "/ca.crl", "/ca.cer", "/root.cer"):
        url, etag, body = f"{ca.status_url}{path}", tmp_path / "etag", tmp_path / "body"
        told = ("--write-out", "%{http_code}", "--output", body)

        def twice(url: str = url, etag: Path = etag, told: tuple[str | Path, ...] = told) -> tuple[str, str]:
            return curl("--etag-save", etag, *told, url), curl("--etag-compare", etag, *told, url)

        until(lambda: twice() == ("200", "304"))  # the other worker may have signed another one just now
        assert body.stat().st_size
        head = curl("--head", url)
        assert re.search(r"(?i)cache-control: max-age=\d+, public, no-transform, must-revalidate", head)
        moment = re.findall(r"(?i)last-modified: (.*)\r", head)[0]
        by_date = curl("--header", f"If-Modified-Since: {moment}", *told, url)  # --time-cond makes a 304 up by itself
        assert by_date == ("304" if path.endswith(".cer") else "200")  # a date is too coarse for what may change


def test_lists_and_what_is_newer_in_a_delta(ca: Authority, openssl: OpenSSL, people: People, tmp_path: Path) -> None:
    """A round later the revoked one is on both; OpenSSL believes each, and the base with the delta."""
    complete, delta = tmp_path / "ca.crl", tmp_path / "delta.crl"

    def fetched() -> bool:
        for file, path in ((complete, "/ca.crl"), (delta, "/ca-delta.crl")):
            curl("--output", file, f"{ca.status_url}{path}")
        return all(
            load_der_x509_crl(file.read_bytes()).get_revoked_certificate_by_serial_number(serial(people.revoked))
            for file in (complete, delta)
        )

    until(fetched)
    pems = [openssl.name("pem") for _ in range(2)]
    for file, pem in zip((complete, delta), pems, strict=True):
        openssl.do("crl", "-inform", "DER", "-in", file, "-out", pem, "-verify", "-CAfile", ca.issuing)
    assert openssl.verify(people.good, "-crl_check", "-CRLfile", pems[0]).endswith(": OK\n")
    assert "certificate revoked" in openssl.verify(people.revoked, "-crl_check", "-CRLfile", pems[0], status=2)
    both = tmp_path / "both.pem"
    both.write_bytes(pems[0].read_bytes() + pems[1].read_bytes())
    with_delta = ("-crl_check", "-use_deltas", "-extended_crl", "-CRLfile", both)
    assert openssl.verify(people.good, *with_delta).endswith(": OK\n")
    assert "certificate revoked" in openssl.verify(people.held, *with_delta, status=2)


def test_gnutls_asks(ca: Authority, openssl: OpenSSL, people: People, tmp_path: Path) -> None:
    require("ocsptool")
    for who, word in ((people.good, "good"), (people.revoked, "revoked"), (people.held, "revoked")):
        line: list[str | Path] = [
            "ocsptool",
            "--ask",
            "--load-cert",
            who.certificate,
            "--load-issuer",
            ca.issuing,
            "--nonce",
        ]
        done = subprocess.run([*line, "--load-trust", ca.root], capture_output=True, text=True, timeout=60)
        assert f"Certificate Status: {word}" in done.stdout, done.stdout + done.stderr


def test_java_checks_at_the_addresses_in_the_certificates(ca: Authority, people: People, classes: str) -> None:
    until(lambda: all(_is_listed(ca, people.held) for _ in range(16)))  # whichever of the two workers is asked
    line = [*java.line(classes, "Checked", "-Dcom.sun.security.enableCRLDP=true"), str(ca.issuing)]
    files = [str(who.certificate) for who in (people.good, people.revoked, people.held)]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run([*line, *files], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split("\n") == ["valid valid", "REVOKED REVOKED", "REVOKED REVOKED", ""], done.stderr


def _is_listed(ca: Authority, who: Client) -> bool:
    data = curl_bytes(f"{ca.status_url}/ca.crl")
    return load_der_x509_crl(data).get_revoked_certificate_by_serial_number(serial(who)) is not None


def test_a_node_that_serves_is_in_the_registry(ca: Authority) -> None:
    with running.node(ca, workers=1):
        until(lambda: len(ca.administration.nodes()) == 2)
    until(lambda: len(ca.administration.nodes()) == 1)
    (one,) = ca.administration.nodes()
    seen = one.seen_at
    until(lambda: ca.administration.nodes()[0].seen_at > seen)
