"""Checkpoints of the audit trail: signed with the CMP key, proven by certificates, kept in a file beside the registry.

The file is a copy of the registry's own table. Whoever takes the registry back to an earlier state, checkpoints and
all, is told on by it; whoever copies it elsewhere need not trust this computer either.
"""

from __future__ import annotations

import contextlib
import functools
import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from tokenmgr import system
from tokenmgr.ca.keys import CaKeys
from tokenmgr.ca.profile import CMC_CA
from tokenmgr.ca.signing import signature_over, verify_over
from tokenmgr.domain.audit import Checkpoint
from tokenmgr.domain.audit_check import Findings, Forged, Sealed, What
from tokenmgr.domain.audit_lines import checkpoint_line, checkpoint_of_line
from tokenmgr.pki import der

FILE = "audit-checkpoints.jsonl"
_LONGEST = 1 << 16  # of a line, with its certificates
_UNFIT = (InvalidSignature, UnsupportedAlgorithm, x509.ExtensionNotFound, x509.InvalidVersion, ValueError, TypeError)


def seal(keys: CaKeys, number: int, digest: bytes, at: datetime, with_chain: bool) -> Checkpoint:
    chain = keys.cmp.certificate + keys.issuing.certificate if with_chain else b""
    blank = Checkpoint(number, digest, at, keys.cmp.facts.serial, chain=chain)
    return Checkpoint(number, digest, at, blank.serial, signature_over(keys.cmp.signer, blank.message, "cmp"), chain)


# --- whose signature ------------------------------------------------------------------------------------------------


class Signers:
    """Those that a root vouches for, as they show themselves with the first checkpoint that each has signed."""

    def __init__(self, roots: Iterable[bytes]) -> None:
        self._roots = [x509.load_der_x509_certificate(one) for one in roots]
        self._known: dict[int, x509.Certificate] = {}

    def __call__(self, one: Checkpoint) -> None:
        """Forged where none of them signed it, while its certificate was valid."""
        try:
            if one.chain:
                self._learn(one.chain)
            signer = self._known[one.serial]
            if not signer.not_valid_before_utc <= one.at <= signer.not_valid_after_utc:
                raise Forged("validity")
            verify_over(_public_key(signer), one.signature, one.message)
        except (*_UNFIT, KeyError) as error:
            raise Forged(str(error)) from error

    def _learn(self, chain: bytes) -> None:
        """Certificates of this CA's customers are signed by the same issuer: the purpose tells them apart (RFC 6402,
        2.10), which is in none but the CMP key's."""
        signer, issuer = (x509.load_der_x509_certificate(one.whole) for one in der.elements(chain))
        if self._known.get(signer.serial_number) == signer:
            return
        purposes = signer.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
        is_authority = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
        if x509.ObjectIdentifier(CMC_CA) not in purposes or not is_authority:
            raise Forged("purpose")
        signer.verify_directly_issued_by(issuer)
        if not any(_is_issued_by(issuer, root) for root in self._roots):
            raise Forged("root")
        self._known[signer.serial_number] = signer


@functools.lru_cache(maxsize=16)
def _public_key(certificate: x509.Certificate) -> Any:
    return certificate.public_key()


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except _UNFIT:
        return False
    return True


# --- the file -------------------------------------------------------------------------------------------------------


class CheckpointFile:
    """A line each. One that was not finished when the power went is taken off before the next is added."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def alone(self) -> contextlib.AbstractContextManager[None]:
        return system.locked(self.path.with_name(f"{self.path.name}.lock"))

    def last(self) -> Checkpoint | None:
        """ValueError where its last whole line is none."""
        try:
            with self.path.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - 2 * _LONGEST))
                lines = file.read().split(b"\n")[:-1]
        except FileNotFoundError:
            return None
        return checkpoint_of_line(lines[-1].decode("ascii")) if lines else None

    def add(self, new: Iterable[Checkpoint]) -> None:
        """On the disk when it returns. By whoever is alone with it."""
        lines = (f"{checkpoint_line(one)}\n".encode("ascii") for one in new)
        first = next(lines, b"")
        if not first:
            return
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
        with open(descriptor, "r+b") as file:  # noqa: PTH123  a descriptor
            file.truncate(_whole(file))
            file.seek(0, os.SEEK_END)
            file.write(first)
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())

    def read(self, found: Findings, ends: int | None = None) -> Iterator[Sealed]:
        """Its lines up to where it ended, and what is none."""
        with self.path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST), b""), start=1):
                if ends is not None and file.tell() > ends:
                    return
                try:
                    if not line.endswith(b"\n"):
                        raise ValueError("cut")
                    one = checkpoint_of_line(line[:-1].decode("ascii"))
                except ValueError:
                    found.add(What.UNREADABLE, number, line=number)
                    continue
                yield Sealed(one, number)


def _whole(file: BinaryIO) -> int:
    """How much of it is whole lines."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - 2 * _LONGEST))
    tail = file.read()
    return size - len(tail) + tail.rfind(b"\n") + 1
