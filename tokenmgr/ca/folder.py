"""A CA's folder: everything that makes it this CA but the secrets in its token.

ca.toml           what it is: name, where it is reached, its token, which key is which, its policies
root.pem …        a certificate a key: root, issuing, cmp, ocsp
token/            SoftHSM's files, where the CA has a token of its own; softhsm2.conf tells SoftHSM so
registry.sqlite   what the registration side remembers, unless ca.toml names another database
"""

from __future__ import annotations

import contextlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from tokenmgr import system
from tokenmgr.ca.certificate import Certificate, from_pem, read_certificate
from tokenmgr.ca.profile import Profile
from tokenmgr.errors import AuthorityDamaged, AuthorityMissing

ABOUT, CONFIGURATION, TOKEN, DATABASE = "ca.toml", "softhsm2.conf", "token", "registry.sqlite"
PURPOSES = ("root", "issuing", "cmp", "ocsp")
_ISSUERS = {"root": "root", "issuing": "root", "cmp": "issuing", "ocsp": "issuing"}
VERSION = 1
CRL_AT, CERTIFICATE_AT = "/ca.crl", "/ca.cer"  # of the url: written into every certificate (RFC 2585, 4)


@dataclass(frozen=True)
class About:
    """ca.toml. `library` and `database` are empty where the CA has its own in its folder."""

    name: str
    created: datetime
    url: str
    database: str
    library: str
    serial: str
    keys: Mapping[str, bytes]  # purpose -> CKA_ID
    policy_medium: str
    policy_pc: str


@dataclass(frozen=True)
class CaFolder:
    path: Path
    about: About
    certificates: Mapping[str, Certificate] = field(repr=False)

    @property
    def has_own_token(self) -> bool:
        return not self.about.library

    @property
    def configuration(self) -> Path:
        return self.path / CONFIGURATION

    @property
    def database(self) -> str:
        return self.about.database or f"sqlite:///{self.path / DATABASE}"

    @property
    def profile(self) -> Profile:
        """Where the CA's server has its list and its certificate. (No OCSP: a certificate that names a responder which
        is not there is refused by whoever asks it.)"""
        about, url = self.about, self.about.url
        return Profile(about.policy_medium, about.policy_pc, f"{url}{CRL_AT}", f"{url}{CERTIFICATE_AT}")


def open_folder(path: Path) -> CaFolder:
    """Read whole and checked: every certificate is there, and signed by the one above it."""
    if not path.is_dir():
        raise AuthorityMissing(folder=str(path))
    try:
        system.private_folder(path)
        about = _about(path / ABOUT)
        certificates = {purpose: _certificate(path / f"{purpose}.pem") for purpose in PURPOSES}
        for purpose, issuer in _ISSUERS.items():
            _require_signed(path / f"{purpose}.pem", certificates[purpose], certificates[issuer])
        if not about.library:
            _settle_token(path)
    except OSError as error:
        raise AuthorityDamaged(file=str(error.filename or path), reason=error.strerror or str(error)) from error
    return CaFolder(path, about, certificates)


def _certificate(file: Path) -> Certificate:
    try:
        return read_certificate(from_pem(file.read_text(encoding="ascii")))
    except ValueError as error:
        raise AuthorityDamaged(file=str(file), reason="no-pem") from error


def _require_signed(file: Path, certificate: Certificate, issuer: Certificate) -> None:
    try:
        x509.load_der_x509_certificate(certificate.der).verify_directly_issued_by(
            x509.load_der_x509_certificate(issuer.der)
        )
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError) as error:
        raise AuthorityDamaged(file=str(file), reason="other-issuer") from error


# --- ca.toml --------------------------------------------------------------------------------------------------------


def _about(file: Path) -> About:
    try:
        content = tomllib.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise AuthorityDamaged(file=str(file), reason="syntax", subject=str(error)) from error
    if content.get("version") != VERSION:
        raise AuthorityDamaged(file=str(file), reason="other-version", subject=str(content.get("version")))
    try:
        return About(
            name=_text(content, "name"),
            created=_moment(content),
            url=_address(content),
            database=_text(content, "database"),
            library=_text(content["token"], "library"),
            serial=_text(content["token"], "serial"),
            keys={purpose: bytes.fromhex(_text(content["keys"], purpose)) for purpose in PURPOSES},
            policy_medium=_text(content["policies"], "medium"),
            policy_pc=_text(content["policies"], "pc"),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise AuthorityDamaged(file=str(file), reason="missing-or-wrong", subject=str(error).strip("'")) from error


def _text(table: Mapping[str, Any], key: str) -> str:
    if not isinstance(table[key], str):
        raise TypeError(key)
    return str(table[key])


def _address(content: Mapping[str, Any]) -> str:
    parts = urlsplit(_text(content, "url"))
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:  # which raises where it is none
        raise ValueError("url")
    return _text(content, "url")


def _moment(content: Mapping[str, Any]) -> datetime:
    created = content["created"]
    if not isinstance(created, datetime) or created.tzinfo is None:
        raise TypeError("created")
    return created


def about_text(about: About) -> str:
    """A basic string of TOML is one of JSON: neither has control characters, and both write \\u for them."""

    def line(key: str, value: str) -> str:
        return f"{key} = {json.dumps(value, ensure_ascii=False)}"

    return "\n".join(
        (
            f"version = {VERSION}",
            line("name", about.name),
            f"created = {about.created:%Y-%m-%dT%H:%M:%SZ}",
            line("url", about.url),
            f"{line('database', about.database)}  # empty: {DATABASE} beside this file",
            "",
            "[token]",
            f"{line('library', about.library)}  # empty: SoftHSM's, in {TOKEN}/ beside this file",
            line("serial", about.serial),
            "",
            "[keys]",
            *(line(purpose, about.keys[purpose].hex()) for purpose in PURPOSES),
            "",
            "[policies]",
            line("medium", about.policy_medium),
            line("pc", about.policy_pc),
            "",
        )
    )


# --- files ----------------------------------------------------------------------------------------------------------


def _settle_token(path: Path) -> None:
    """SoftHSM wants full paths: a folder that was moved or restored elsewhere is told anew where it is."""
    if not (path / TOKEN).is_dir():
        raise AuthorityDamaged(file=str(path / TOKEN), reason="no-token")
    text = configuration_text(path)
    file = path / CONFIGURATION
    with contextlib.suppress(FileNotFoundError, ValueError):
        if file.read_text(encoding="utf-8") == text:
            return
    write_whole(file, text)


def configuration_text(path: Path) -> str:
    return "\n".join(
        (
            f"directories.tokendir = {path / TOKEN}",
            "objectstore.backend = file",
            "objectstore.umask = 0077",
            "log.level = ERROR",
            "slots.removable = false",
            "library.reset_on_fork = false",
            "",
        )
    )


def may_hold_a_token(path: Path) -> bool:
    """SoftHSM takes # for a comment and = for another key, in a path too; a line ends where it ends."""
    return str(path).isprintable() and not set("#=") & set(str(path))


def write_whole(file: Path, text: str) -> None:
    """On the disk, or not there at all."""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")  # several processes may settle a folder that was moved
    with new.open("w", encoding="utf-8", newline="\n") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)
