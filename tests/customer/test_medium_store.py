"""A medium as the engine's store, when the medium does not do what it says."""

from __future__ import annotations

from contextlib import closing

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import SignatureWrong
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN
from tokenmgr.token.signer import PrivateKey


def signature_by(key: PrivateKey) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(b"data", padding.PKCS1v15(), SHA256())
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key.sign(b"data", ec.ECDSA(SHA256()))


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.RSA_2048])
def test_a_signature_that_is_none_is_handed_to_nobody(bed: Testbed, kind: KeyKind) -> None:
    """It would be kept in a request, and be sent for ever."""
    (stick,) = bed.up("fresh")
    with stick.library() as library, closing(MediumStore(library, stick.serial, Secret(PIN))) as store:
        key = store.signer(store.generate(kind, b"\x01", "key"))
        stick.fault("C_Sign", "lie", times=2)  # how long it will be is asked first
        with pytest.raises(SignatureWrong):
            signature_by(key)
        assert any(signature_by(key))
