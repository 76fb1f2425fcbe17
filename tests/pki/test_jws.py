"""What is signed is verified, and nothing else is: by ours and by PyJWT, which is somebody else's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.domain.handover import LONGEST
from tokenmgr.pki import jws, p256

KIND = "tokenmgr-handover+jwt"
KEY, OTHER = (ec.derive_private_key(number, ec.SECP256R1()) for number in (4711, 4712))
SPKI = p256.spki_of(KEY)
KID = p256.kid_of(SPKI)
KEYS = {KID: SPKI}
PAYLOAD = b'{"act":"renew"}'
GOOD = jws.sign(PAYLOAD, KIND, KEY)
HEADER = {"alg": "ES256", "kid": KID, "typ": KIND}


def checked(text: str, keys: dict[str, bytes] = KEYS) -> bytes:
    return jws.read(text, KIND).check(keys)


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def with_header(header: object) -> str:
    """Signed by the right key, whatever it says."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    message = f"{encoded(text)}.{encoded(PAYLOAD)}"
    algorithm = jwt.get_algorithm_by_name("ES256")
    return f"{message}.{encoded(algorithm.sign(message.encode(), KEY))}"


@given(st.binary(max_size=2000), st.integers(1, 1 << 64))
def test_what_is_signed_verifies(payload: bytes, number: int) -> None:
    key = ec.derive_private_key(number, ec.SECP256R1())
    spki = p256.spki_of(key)
    assert checked(jws.sign(payload, KIND, key), {p256.kid_of(spki): spki}) == payload


@given(st.integers(0, len(GOOD) - 1), st.characters(codec="utf-8"))
def test_with_any_character_changed_it_does_not(place: int, character: str) -> None:
    if GOOD[place] == character:
        return
    with pytest.raises(jws.Unfit):
        checked(GOOD[:place] + character + GOOD[place + 1 :])


def test_with_the_last_character_changed_in_any_way_it_does_not() -> None:
    """Four of its bits are nobody's (RFC 4648, 3.5)."""
    for last in "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_":
        if last != GOOD[-1]:
            with pytest.raises(jws.Unfit):
                checked(GOOD[:-1] + last)


@given(st.text(max_size=200) | st.lists(st.binary(max_size=80).map(encoded), max_size=5).map(".".join))
def test_garbage_is_the_one_error(text: str) -> None:
    with pytest.raises(jws.Unfit):
        checked(text)


@given(
    st.dictionaries(
        st.sampled_from([*HEADER, "crit", "jwk", ""]), st.none() | st.text(max_size=9) | st.lists(st.text())
    )
)
def test_garbage_for_a_header_is_too(header: object) -> None:
    with pytest.raises(jws.Unfit):
        checked(with_header(header))


def hs256(secret: bytes) -> str:
    message = f"{encoded(json.dumps(HEADER | {'alg': 'HS256'}).encode())}.{encoded(PAYLOAD)}"
    return f"{message}.{encoded(hmac.digest(secret, message.encode(), 'sha256'))}"


SIGNATURE = GOOD.rpartition(".")[2]
RAW = base64.urlsafe_b64decode(SIGNATURE + "==")


@pytest.mark.parametrize(
    "text",
    [
        with_header(HEADER | {"alg": "none"}),
        f"{encoded(json.dumps(HEADER | {'alg': 'none'}).encode())}.{encoded(PAYLOAD)}.",
        hs256(SPKI),
        hs256(p256.public_pem(SPKI).encode()),
        with_header(HEADER | {"alg": "es256"}),
        with_header(HEADER | {"crit": ["exp"]}),
        with_header(HEADER | {"jwk": {"kty": "EC"}}),
        with_header(HEADER | {"x5c": []}),
        with_header(HEADER | {"jku": "https://evil.example"}),
        with_header(HEADER | {"b64": False}),
        with_header(HEADER | {"typ": "JWT"}),
        with_header({"alg": "ES256", "typ": KIND}),
        with_header(json.dumps(HEADER)[:-1].encode() + b', "alg": "ES256"}'),
        GOOD + ".",
        "." + GOOD,
        GOOD + "=",
        GOOD + "\n",
        " " + GOOD,
        GOOD.replace(".", ".."),
        GOOD.rpartition(".")[0] + ".",
        GOOD.rpartition(".")[0] + "." + SIGNATURE[:-2],
        GOOD.rpartition(".")[0] + "." + SIGNATURE + "AAAA",
        GOOD.rpartition(".")[0] + "." + encoded(RAW[:32] + b"\0" + RAW[32:]),
        GOOD.rpartition(".")[0] + "." + encoded(bytes(64)),
        GOOD.rpartition(".")[0] + "." + encoded(b"\xff" * 64),
        GOOD.rpartition(".")[0] + "." + encoded(KEY.sign(b"x", ec.ECDSA(SHA256()))),
        "A" * (LONGEST + 1),
        jws.sign(b"x" * LONGEST, KIND, KEY),
    ],
)
def test_nothing_else_is_accepted(text: str) -> None:
    with pytest.raises(jws.Unfit):
        checked(text)


def test_only_what_has_the_form_is_called_forged() -> None:
    for keys in ({}, {KID: p256.spki_of(OTHER)}):
        with pytest.raises(jws.Unfit) as caught:
            checked(GOOD, keys)
        assert caught.value.is_forged
    with pytest.raises(jws.Unfit) as caught:
        checked("a.b.c")
    assert not caught.value.is_forged


def test_only_p256_signs_and_verifies() -> None:
    other: Any = ec.generate_private_key(ec.SECP384R1())
    with pytest.raises(jws.Unfit):
        jws.sign(PAYLOAD, KIND, other)
    spki = other.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(jws.Unfit):
        checked(GOOD, {KID: spki})


# --- somebody else's ---


def test_pyjwt_verifies_ours() -> None:
    assert jwt.decode(jws.sign(b'{"act":"renew"}', KIND, KEY), KEY.public_key(), algorithms=["ES256"]) == {
        "act": "renew"
    }
    assert jwt.get_unverified_header(GOOD) == HEADER
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(GOOD, OTHER.public_key(), algorithms=["ES256"])


def test_we_verify_pyjwts() -> None:
    """The name that a key has is to be made by any tool: the first 16 hex digits of SHA-256 of its public key, DER."""
    kid = hashlib.sha256(KEY.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).hexdigest()[
        :16
    ]
    text = jwt.encode({"act": "renew"}, KEY, algorithm="ES256", headers={"kid": kid, "typ": KIND})
    assert json.loads(checked(text)) == {"act": "renew"}


# --- the keys ---


def test_a_private_key_is_read_again_and_nothing_else_is() -> None:
    assert p256.spki_of(p256.read_private(p256.private_pem(KEY))) == SPKI
    made = ec.generate_private_key(ec.SECP384R1())
    another = made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    for pem in (b"", b"\xff", p256.public_pem(SPKI).encode(), another):
        with pytest.raises(ValueError, match=r"no private key|not on P-256"):
            p256.read_private(pem)


def test_one_or_several_public_keys_are_read_each_once() -> None:
    first, second = p256.public_pem(SPKI), p256.public_pem(p256.spki_of(OTHER))
    assert p256.public_keys_in(f"ours:\n{first}then\n{second}{first}") == (SPKI, p256.spki_of(OTHER))
    for pem in ("", "words", first.replace("MF", "MX"), first + p256.private_pem(KEY).decode()):
        with pytest.raises(ValueError, match="no public key"):
            p256.public_keys_in(pem)
    p384 = ec.generate_private_key(ec.SECP384R1()).public_key()
    with pytest.raises(ValueError, match="not on P-256"):
        p256.public_keys_in(first + p384.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())
