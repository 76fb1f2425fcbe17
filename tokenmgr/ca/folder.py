"""A CA's folder: everything that makes it this CA but the secrets in its token.

ca.toml           what it is: name, where it is reached, its token, which key and certificate is which, its policies
root.pem …        a certificate a key: root, issuing, cmp, ocsp; root-2.pem … of the second authority
root-2-by-1.pem   the second root's key certified by the first; root-1-by-2.pem the other way (RFC 4210, 4.4)
token/            SoftHSM's files, where the CA has a token of its own; softhsm2.conf tells SoftHSM so
registry.sqlite   what the registration side remembers, unless ca.toml names another database
audit-checkpoints.jsonl  what has been signed of its audit trail (checkpoints.py)
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from tokenmgr import system
from tokenmgr.ca.about import PURPOSES, About, Holdings, crossing_files, read_about
from tokenmgr.ca.certificate import Certificate, from_pem, read_certificate
from tokenmgr.ca.profile import Profile
from tokenmgr.errors import AuthorityDamaged, AuthorityMissing

ABOUT, CONFIGURATION, TOKEN, DATABASE = "ca.toml", "softhsm2.conf", "token", "registry.sqlite"
_ISSUERS = {"root": "root", "issuing": "root", "cmp": "issuing", "ocsp": "issuing"}

# Of the status_url: written into every certificate (RFC 2585, 4; RFC 6960, A.1). Of the first authority, and below of
# each: an issuing key has a list and a certificate of its own; one address answers for all, by each one's responder.
CRL_AT, DELTA_AT, CERTIFICATE_AT, OCSP_AT = "/ca.crl", "/ca-delta.crl", "/ca.cer", "/ocsp"


def crl_at(number: int) -> str:
    return CRL_AT if number == 1 else f"/ca-{number}.crl"


def delta_at(number: int) -> str:
    return DELTA_AT if number == 1 else f"/ca-{number}-delta.crl"


def certificate_at(number: int) -> str:
    return CERTIFICATE_AT if number == 1 else f"/ca-{number}.cer"


def root_at(number: int) -> str:
    return "/root.cer" if number == 1 else f"/root-{number}.cer"


def addressed(policy_medium: str, policy_pc: str, status_url: str, number: int) -> Profile:
    """What stands in every certificate of this authority's."""
    crl, certificate = f"{status_url}{crl_at(number)}", f"{status_url}{certificate_at(number)}"
    return Profile(policy_medium, policy_pc, crl, certificate, f"{status_url}{OCSP_AT}")


@dataclass(frozen=True)
class AuthorityFacts:
    """One root with all that is below it. They are numbered from 1, and issuer names never mean two keys."""

    number: int
    holdings: Holdings
    certificates: Mapping[str, Certificate] = field(repr=False)
    new_with_old: Certificate | None = field(default=None, repr=False)
    old_with_new: Certificate | None = field(default=None, repr=False)


@dataclass(frozen=True)
class CaFolder:
    path: Path
    about: About
    authorities: tuple[AuthorityFacts, ...]  # the oldest first

    @property
    def current(self) -> AuthorityFacts:
        """The one that issues."""
        return self.authorities[-1]

    @property
    def files(self) -> Mapping[str, Certificate]:
        """Every certificate that ca.toml names, by its file."""
        found: dict[str, Certificate] = {}
        for one in self.authorities:
            found |= {held.file: one.certificates[purpose] for purpose, held in one.holdings.items()}
            if one.new_with_old and one.old_with_new:
                found |= zip(crossing_files(one.number), (one.new_with_old, one.old_with_new), strict=True)
        return found

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
        return self.profile_of(self.current.number)

    def profile_of(self, number: int) -> Profile:
        about = self.about
        return addressed(about.policy_medium, about.policy_pc, about.status_url, number)


def open_folder(path: Path) -> CaFolder:
    """Read whole and checked: every certificate is there, and signed by the one above it."""
    if not path.is_dir():
        raise AuthorityMissing(folder=str(path))
    try:
        system.private_folder(path)
        about = read_about(path / ABOUT)
        authorities: list[AuthorityFacts] = []
        for holdings in about.authorities:
            authorities.append(_authority(path, holdings, authorities))
        if not about.library:
            _settle_token(path)
    except OSError as error:
        raise AuthorityDamaged(file=str(error.filename or path), reason=error.strerror or str(error)) from error
    return CaFolder(path, about, tuple(authorities))


def _authority(path: Path, holdings: Holdings, before: list[AuthorityFacts]) -> AuthorityFacts:
    certificates = {purpose: _certificate(path / holdings[purpose].file) for purpose in PURPOSES}
    for purpose, issuer in _ISSUERS.items():
        _require_signed(path / holdings[purpose].file, certificates[purpose], certificates[issuer])
    if not before:
        return AuthorityFacts(1, holdings, certificates)
    number, old, new = len(before) + 1, before[-1].certificates["root"], certificates["root"]
    new_with_old, old_with_new = (path / file for file in crossing_files(number))
    return AuthorityFacts(
        number, holdings, certificates, _crossing(new_with_old, new, old), _crossing(old_with_new, old, new)
    )


def _crossing(file: Path, root: Certificate, issuer: Certificate) -> Certificate:
    """The same name and key as the root's, signed by the other root."""
    crossing = _certificate(file)
    _require_signed(file, crossing, issuer)
    if (crossing.subject, crossing.public_key) != (root.subject, root.public_key):
        raise AuthorityDamaged(file=str(file), reason="other-key")
    return crossing


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
    """On the disk, for its owner alone, or not there at all."""
    new = file.with_name(f"{file.name}.{os.getpid()}.new")  # several processes may settle a folder that was moved
    with open(new, "w", encoding="utf-8", newline="\n", opener=_for_owner) as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    new.replace(file)


def _for_owner(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)
