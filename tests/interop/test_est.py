"""EST by three clients that are not ours: curl, strongSwan's pki, BouncyCastle. Keys are in files and on a token."""

from __future__ import annotations

import base64
import dataclasses
import os
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import java
from tests.contract.services import require
from tests.interop.engine import configure
from tests.interop.openssl import Client, OpenSSL
from tests.interop.running import BANK, CONFIRMATION_PIN, CONTRACT, LOGIN_PIN, Authority
from tests.interop.test_keys_on_a_token import BY_ENGINE, new_key
from tests.token.test_remote import CLIENT, Server
from tokenmgr.domain.generation import State, StoreKind
from tokenmgr.testbed.simulated import PIN, SimulatedMedium, softhsm

PINS = f"{LOGIN_PIN}:{CONFIRMATION_PIN}"
REPLACED = [State.SUPERSEDED, State.ACTIVE]


@pytest.fixture(scope="module")
def offering(ca: Authority) -> Authority:
    ca.administration.change_bank(
        BANK, lambda bank: dataclasses.replace(bank, policy=dataclasses.replace(bank.policy, est=True))
    )
    return ca


@pytest.fixture
def token(tmp_path: Path) -> SimulatedMedium:
    require("pkcs11-tool")
    made = SimulatedMedium(tmp_path / "token", os.environ)
    made.create("Customer")
    return made


# --- curl -------------------------------------------------------------------------------------------------------------


@dataclass
class Curl:
    ca: Authority
    openssl: OpenSSL

    def __post_init__(self) -> None:
        require("curl")

    def get(self, operation: str, *options: str | Path, status: int = 0) -> str:
        """What it said last is the HTTP status."""
        line: list[str | Path] = ["curl", "--silent", "--show-error", "--noproxy", "*", "--cacert", self.ca.root]
        line += [
            *options,
            "--write-out",
            "\n%{http_code}",
            f"https://127.0.0.1:{self.ca.est_port}/.well-known/est/{BANK}/{operation}",
        ]
        done = subprocess.run(line, env=self.openssl.environment, capture_output=True, text=True, timeout=60)
        assert done.returncode == status, (done.returncode, done.stdout + done.stderr)
        return done.stdout

    def post(self, operation: str, csr: Path, *options: str | Path, status: int = 0) -> str:
        sent = ("--header", "Content-Type: application/pkcs10", "--data-binary", f"@{csr}")
        return self.get(operation, *sent, *options, status=status)

    def proof(self, user: str) -> tuple[str, Path]:
        """From a file: a command line is everybody's to read."""
        file = self.openssl.name("curlrc")
        file.write_text(f'user = "{CONTRACT}/{user}:{PINS}"\n')
        return "--config", file

    def csr(self, key: str, *options: str, subject: str = "/") -> Path:
        der, wrapped = self.openssl.name("csr"), self.openssl.name("b64")
        line: list[str | Path] = ["-subj", subject, "-key", key, *options, "-outform", "DER", "-out", der]
        self.openssl.do("req", "-new", "-config", "/dev/null", *line)
        self.openssl.do("base64", "-in", der, "-out", wrapped)
        return wrapped

    def brought(self, user: str, key: str, said: str, options: tuple[str, ...] = ()) -> Client:
        body, _, status = said.rpartition("\n")
        assert status == "200", said
        pkcs7 = self.openssl.name("p7")
        pkcs7.write_bytes(base64.b64decode(body))
        made = Client(user, key, self.openssl.name("pem"), options)
        self.openssl.do("pkcs7", "-inform", "DER", "-in", pkcs7, "-print_certs", "-out", made.certificate)
        assert self.openssl.verify(made, "-x509_strict").endswith(": OK\n")
        return made


def test_curl_acquires_and_renews(offering: Authority, openssl: OpenSSL) -> None:
    curl, user = Curl(offering, openssl), offering.enrol().user
    keys = openssl.new_key("rsa2048"), openssl.new_key("p256")
    asked = curl.csr(keys[0], subject="/CN=anybody")
    first = curl.brought(user, keys[0], curl.post("simpleenroll", asked, *curl.proof(user)))
    asked, tls = curl.csr(keys[1]), ("--cert", first.certificate, "--key", first.key)
    said = curl.post("simplereenroll", asked, *tls)
    second = curl.brought(user, keys[1], said)
    assert curl.post("simplereenroll", asked, *tls, "--tls-max", "1.2") == said
    assert first.read.subject == second.read.subject
    assert offering.states(user) == REPLACED
    assert [one.store for one in offering.generations(user)] == [StoreKind.PC] * 2


def test_curl_with_both_keys_on_a_token(
    offering: Authority, openssl: OpenSSL, token: SimulatedMedium, tmp_path: Path
) -> None:
    configuration = str(configure(tmp_path / "engine.cnf", softhsm(), PIN))
    openssl.environment = {**os.environ, **token.environment, "OPENSSL_CONF": configuration}
    curl, user = Curl(offering, openssl), offering.enrol().user
    policy = f"certificatePolicies={offering.policy_of(StoreKind.MEDIUM)}"
    keys = [new_key(token, kind, number) for kind, number in (("p256", "01"), ("rsa2048", "02"))]
    asked = [curl.csr(key, *BY_ENGINE, "-addext", policy) for key in keys]
    first = curl.brought(user, keys[0], curl.post("simpleenroll", asked[0], *curl.proof(user)))
    tls = ("--engine", "pkcs11", "--cert", first.certificate, "--key-type", "ENG", "--key", first.key)
    curl.brought(user, keys[1], curl.post("simplereenroll", asked[1], *tls))
    assert offering.states(user) == REPLACED
    assert [one.store for one in offering.generations(user)] == [StoreKind.MEDIUM] * 2


def test_curl_is_told_why_not(offering: Authority, openssl: OpenSSL) -> None:
    curl, holder = Curl(offering, openssl), openssl.acquire()
    asked, tls = curl.csr(openssl.new_key()), ("--cert", holder.certificate, "--key", holder.key)
    openssl.cmp("rr", *openssl.by(holder), "-oldcert", str(holder.certificate), "-revreason", "1")
    said = curl.post("simplereenroll", asked, *tls)
    assert 'R104 {"reason": "revoked"' in said
    assert said.endswith("\n403")
    assert curl.post("simplereenroll", asked).endswith("\nR132 {}\n\n403")
    assert curl.post("simpleenroll", asked) == "\n401"
    key, foreign = openssl.new_root()
    curl.get("cacerts", "--cert", foreign, "--key", key, "--tls-max", "1.2", status=35)  # TLS does not let it in
    assert curl.get("cacerts", "--cert", holder.certificate, "--key", holder.key).endswith("\n200")


def test_est_is_at_its_own_port_and_no_other_asks_for_a_certificate(offering: Authority, openssl: OpenSSL) -> None:
    curl = Curl(offering, openssl)
    assert curl.get("cacerts").endswith("\n200")
    main = dataclasses.replace(offering, est_port=offering.port)
    assert Curl(main, openssl).get("cacerts").endswith("\n404")
    for port, is_asked in ((offering.port, False), (offering.est_port, True)):
        told = openssl.do("s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", "-CAfile", offering.root)
        assert ("Client Certificate Types:" in told) is is_asked


# --- strongSwan -------------------------------------------------------------------------------------------------------


@dataclass
class Pki:
    """It knows no label, so the bank stands before the well-known part."""

    ca: Authority
    openssl: OpenSSL
    environment: Mapping[str, str]

    def __post_init__(self) -> None:
        require("pki", "/usr/lib/ipsec/plugins/libstrongswan-pkcs11.so")

    def do(self, *line: str | Path) -> bytes:
        """Without a terminal it takes the PIN from standard input."""
        done = subprocess.run(
            ["pki", *line],
            env=self.environment,
            input=f"{PIN}\n".encode(),
            capture_output=True,
            start_new_session=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")
        return done.stdout

    def csr(self, name: str, *key: str | Path) -> Path:
        file = self.openssl.name("req")
        file.write_bytes(self.do("--req", "--dn", name, *key))
        return file

    def est(self, user: str, csr: Path, *how: str | Path) -> Client:
        trusted = ("--cacert", self.ca.root, "--cacert", self.ca.issuing)
        made = Client(user, "", self.openssl.name("pem"))
        url = f"https://localhost:{self.ca.est_port}/banks/{BANK}"
        made.certificate.write_bytes(self.do("--est", "--url", url, "--in", csr, *trusted, *how, "--outform", "pem"))
        assert self.openssl.verify(made).endswith(": OK\n")
        return made

    def proof(self, user: str) -> tuple[str, Path]:
        file = self.openssl.name("options")
        file.write_text(f"--userpass {CONTRACT}/{user}:{PINS}\n")
        return "--options", file


def name_of(user: str) -> str:
    """As strongSwan writes it: with other string types than the CA."""
    return f"C=JP, O=みほん信用金庫, OU={BANK}-{CONTRACT}, CN={user}"


def test_strongswan_acquires_and_renews(offering: Authority, openssl: OpenSSL, tmp_path: Path) -> None:
    pki, user = Pki(offering, openssl, os.environ), offering.enrol().user
    url = f"https://localhost:{offering.est_port}/banks/{BANK}"
    pki.do("--estca", "--url", url, "--cacert", offering.root, "--caout", tmp_path / "ca.pem", "--outform", "pem")
    told = [(tmp_path / name).read_text() for name in ("ca.pem", "ca-1.pem")]
    assert [one.split() for one in told] == [file.read_text().split() for file in (offering.root, offering.issuing)]
    keys = openssl.new_key("rsa2048"), openssl.new_key("p256")
    first = pki.est(user, pki.csr("CN=anybody", "--in", keys[0]), *pki.proof(user))
    asked = pki.csr(name_of(user), "--in", keys[1], "--type", "ecdsa")
    second = pki.est(user, asked, "--cert", first.certificate, "--key", keys[0])
    assert first.read.subject == second.read.subject
    assert offering.states(user) == REPLACED


@pytest.fixture
def served(token: SimulatedMedium) -> Iterator[Server]:
    """The token behind another process: SoftHSM crashes where strongSwan ends, and what pki has made is lost."""
    if CLIENT is None:
        pytest.skip("p11-kit-client.so is not installed (p11-kit-modules)")
    with tempfile.TemporaryDirectory() as folder:
        made = Server(token, Path(folder))
        made.start()
        yield made
        made.stop()


def test_strongswan_with_both_keys_on_a_token(
    offering: Authority, openssl: OpenSSL, token: SimulatedMedium, served: Server, tmp_path: Path
) -> None:
    configuration = tmp_path / "strongswan.conf"
    configuration.write_text(
        f"libstrongswan {{ plugins {{ pkcs11 {{ modules {{ medium {{ path = {CLIENT} }} }} }} }} }}"
    )
    environment = {**os.environ, "STRONGSWAN_CONF": str(configuration), **served.environment}
    pki, user = Pki(offering, openssl, environment), offering.enrol().user
    for kind, number in (("p256", "01"), ("rsa2048", "02")):
        new_key(token, kind, number)
    first = pki.est(user, pki.csr("CN=anybody", "--keyid", "01"), *pki.proof(user))
    asked = pki.csr(name_of(user), "--keyid", "02")
    pki.est(user, asked, "--cert", first.certificate, "--keyid", "01")
    assert offering.states(user) == REPLACED


# --- BouncyCastle -----------------------------------------------------------------------------------------------------


def bouncy_castle(
    classes: str, ca: Authority, user: str, password: str, kind: str, medium: SimulatedMedium | None = None
) -> subprocess.CompletedProcess[str]:
    line = [*java.line(classes, "Est"), f"localhost:{ca.est_port}", BANK, str(ca.root)]
    line += [f"{CONTRACT}/{user}", kind, *([softhsm()] if medium else [])]
    environment = {**os.environ, **(medium.environment if medium else {})}
    return subprocess.run(
        line, input=f"{password}\n{PIN}\n", env=environment, capture_output=True, text=True, timeout=60
    )


def test_bouncy_castle_with_both_keys_on_a_token(offering: Authority, classes: str, token: SimulatedMedium) -> None:
    """Through SunPKCS11, in TLS too."""
    user = offering.enrol().user
    done = bouncy_castle(classes, offering, user, PINS, "p256", token)
    assert (done.returncode, done.stderr) == (0, "")
    first, second = offering.generations(user)
    assert done.stdout.splitlines() == [
        "cacerts 2",
        "csrattrs 1.2.840.10045.2.1 1.2.840.113549.1.1.1 1.2.840.113549.1.9.14",
        f"simpleenroll {first.serial:x}",
        f"simplereenroll {second.serial:x}",
    ]
    assert [first.state, second.state] == REPLACED


def test_bouncy_castle_with_a_wrong_pin(offering: Authority, classes: str) -> None:
    user = offering.enrol().user
    done = bouncy_castle(classes, offering, user, f"{LOGIN_PIN}:1", "p256")
    assert done.returncode == 2
    assert "401" in done.stderr
    assert not offering.generations(user)
