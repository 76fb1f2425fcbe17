"""Whether a certificate is this CA's: what a registry that came from elsewhere is held against."""

from __future__ import annotations

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

from tokenmgr.ca.folder import CaFolder


class NotOurs(Exception):
    """Signed by another key, or not the certificate that it is said to be."""


class Issued:
    """By the folder's own certificates, which are checked up to their root when it is opened."""

    def __init__(self, folder: CaFolder) -> None:
        self._issuers = {
            one.number: x509.load_der_x509_certificate(one.certificates["issuing"].der) for one in folder.authorities
        }

    def require(self, serial: int, authority: int, der: bytes) -> None:
        try:
            read = x509.load_der_x509_certificate(der)
            read.verify_directly_issued_by(self._issuers[authority])
        except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, KeyError) as error:
            raise NotOurs from error
        if read.serial_number != serial:
            raise NotOurs
