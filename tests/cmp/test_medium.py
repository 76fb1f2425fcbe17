"""A kur whose both signatures are made on the medium: the old key protects it, the new one proves itself."""

from __future__ import annotations

from datetime import datetime

import pytest
from cryptography import x509

from tests.cmp.parties import header, message, name
from tokenmgr.cmp import checks
from tokenmgr.cmp.messages import CertRequest, Kind, certificate_request
from tokenmgr.cmp.protection import SignatureProtector, verify_signature
from tokenmgr.domain.credential import KeyKind
from tokenmgr.pki.request import request
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384])
def test_a_renewal_is_asked_for_with_keys_that_stay_on_the_medium(
    session: Session, authority: ThrowawayCA, kind: KeyKind, now: datetime
) -> None:
    old, new = (signer(session, session.generate_key(kind, one, "key")) for one in (b"old", b"new"))
    certificate = authority.issue(request(old, name("太郎")))
    subject = name("太郎").public_bytes()
    asked = certificate_request(new, subject)
    said = message(Kind.KUR, asked, SignatureProtector(old, certificate), header(subject), certificate)
    read = said.body
    assert isinstance(read, CertRequest)
    checks.proof(read)
    signing = checks.protection_certificate(said)
    assert signing == x509.load_der_x509_certificate(certificate)
    verify_signature(said, signing)
