"""OpenSSL's own programs, as a customer's PC has them."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificate

from tests.contract.services import require
from tests.interop.running import BANK, Authority, Ticket

MOST = 8  # messages of one side in one transaction
KINDS = {
    "rsa2048": ("RSA", "rsa_keygen_bits:2048"),
    "p256": ("EC", "ec_paramgen_curve:P-256"),
    "p384": ("EC", "ec_paramgen_curve:P-384"),
    "rsa1024": ("RSA", "rsa_keygen_bits:1024"),
    "rsa-pss": ("RSA-PSS", "rsa_keygen_bits:2048"),
    "p521": ("EC", "ec_paramgen_curve:P-521"),
    "secp256k1": ("EC", "ec_paramgen_curve:secp256k1"),
    "ed25519": ("ED25519", ""),
}


@dataclass(frozen=True)
class Said:
    """How a transaction of `openssl cmp` went."""

    text: str
    requests: list[Path]
    answers: list[Path]


@dataclass
class Client:
    """Somebody's key and certificate, as files or on a token."""

    user: str
    key: str
    certificate: Path
    options: tuple[str, ...] = ()

    @property
    def read(self) -> Certificate:
        return load_pem_x509_certificate(self.certificate.read_bytes())

    @property
    def signed(self) -> tuple[str, ...]:
        return ("-cert", str(self.certificate), "-key", self.key, *self.options)


@dataclass
class OpenSSL:
    folder: Path
    ca: Authority
    environment: Mapping[str, str] = field(default_factory=lambda: {**os.environ, "OPENSSL_CONF": "/dev/null"})
    bank: str = BANK
    _count: int = 0

    def __post_init__(self) -> None:
        require("openssl")

    def name(self, what: str) -> Path:
        self._count += 1
        return self.folder / f"{self._count}.{what}"

    def do(self, *line: str | Path, status: int = 0) -> str:
        done = subprocess.run(
            ["openssl", *line], env=self.environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=60
        )
        said = (done.stdout + done.stderr).decode(errors="replace")
        assert done.returncode == status, said
        return said

    def new_key(self, kind: str = "p256") -> str:
        algorithm, option = KINDS[kind]
        file = self.name("key")
        self.do("genpkey", "-algorithm", algorithm, "-out", file, *(("-pkeyopt", option) if option else ()))
        return str(file)

    def new_csr(self, key: str, *options: str) -> str:
        file = self.name("csr")
        self.do("req", "-new", "-config", "/dev/null", "-subj", "/CN=One", "-key", key, "-out", file, *options)
        return str(file)

    def new_root(self) -> tuple[str, str]:
        """Key and certificate of a CA that is not ours."""
        key, file = self.new_key(), str(self.name("pem"))
        self.do("req", "-x509", "-config", "/dev/null", "-subj", "/CN=Root", "-key", key, "-out", file)
        return key, file

    def cmp(self, command: str, *options: str | Path, path: str = "", status: int = 0) -> Said:
        """One transaction over HTTPS. `command` is that of -cmd, options are in the words of openssl-cmp(1)."""
        asked, told = ([self.name(what) for _ in range(MOST)] for what in ("asked", "told"))
        root = str(self.ca.root)
        line: list[str | Path] = ["cmp", "-config", "", "-cmd", command, "-server", f"127.0.0.1:{self.ca.port}"]
        line += ["-path", path or f".well-known/cmp/p/{self.bank}", "-tls_used", "-tls_trusted", root]
        line += ["-batch", "-verbosity", "7", "-reqout", _list(asked), "-rspout", _list(told), *options]
        text = self.do(*line, status=status)
        return Said(text, *([one for one in side if one.exists()] for side in (asked, told)))

    def with_secret(self, ticket: Ticket) -> tuple[str, ...]:
        """`-subject` is what the template asks for, in OpenSSL's words; the CA knows better and says so."""
        return (
            "-ref",
            ticket.reference,
            "-secret",
            f"pass:{ticket.secret}",
            "-recipient",
            "/CN=CA",
            "-subject",
            "/CN=One",
        )

    def acquire(self, *options: str, kind: str = "p256", key: str = "", ticket: Ticket | None = None) -> Client:
        """The first certificate of somebody new."""
        ticket = ticket or self.ca.ticket()
        made = Client(ticket.user, key or self.new_key(kind), self.name("pem"))
        trusted = ("-trusted", str(self.ca.root), "-out_trusted", str(self.ca.root))
        said = self.cmp(
            "ir", *self.with_secret(ticket), "-newkey", made.key, "-certout", made.certificate, *trusted, *options
        )
        assert "received PKICONF" in said.text
        return made

    def renew(self, old: Client, *options: str, kind: str = "p256", key: str = "", command: str = "kur") -> Client:
        made = Client(old.user, key or self.new_key(kind), self.name("pem"), old.options)
        said = self.cmp(command, *self.by(old), "-newkey", made.key, "-certout", made.certificate, *options)
        assert "received PKICONF" in said.text
        return made

    def by(self, who: Client) -> tuple[str, ...]:
        """Signed; and the CA's signature checked up to its root."""
        return (*who.signed, "-trusted", str(self.ca.root), "-out_trusted", str(self.ca.root))

    def verify(self, who: Client, *options: str | Path, status: int = 0) -> str:
        root, issuing = self.ca.root, self.ca.issuing
        return self.do("verify", "-CAfile", root, "-untrusted", issuing, *options, who.certificate, status=status)


def _list(files: list[Path]) -> str:
    return ",".join(map(str, files))
