"""Keys: generated under an ID that the caller chose, read back, judged by S1; and their signatures."""

from __future__ import annotations

from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384, SHA512, Hash, HashAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key
from pkcs11 import Mechanism

from tests.domain.test_credential import GOOD as S1
from tests.token.helpers import WORDS, FaultyMedium, counts, key_by_somebody_else, logged_in, only, pkcs11_tool
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.family import Family, Keys, Token
from tokenmgr.domain.medium import MediumFacts
from tokenmgr.errors import (
    KeyIdTaken,
    KeyIdWrong,
    KeyMissing,
    KeyRefused,
    LabelWrong,
    MediumTroubled,
    NotPermitted,
    NotSupported,
    SignatureWrong,
)
from tokenmgr.log import Secret
from tokenmgr.pki.signature import check_signature
from tokenmgr.testbed.simulated import PIN, SimulatedMedium
from tokenmgr.token import keys
from tokenmgr.token.keys import Scheme
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session


@pytest.mark.parametrize("kind", KeyKind)
def test_a_key_of_each_kind_is_made_as_s1_says_and_signs(session: Session, kind: KeyKind) -> None:
    key_id = b"\x00\xff" + kind.value.encode()
    key = session.generate_key(kind, key_id, "鍵 1")
    assert (key.key_id, key.label, key.kind) == (key_id, "鍵 1", kind.value)
    assert key.trust == S1
    assert session.judge(key) == ()
    session.prove(key)
    assert session.contents().keys == [key]
    assert counts(session) == {"PRIVATE_KEY": 1, "PUBLIC_KEY": 1}


def test_softhsm_can_make_every_kind(session: Session) -> None:
    assert session.key_kinds() == tuple(KeyKind)


def test_a_kind_that_the_medium_does_not_have_is_refused_before_anything_is_made(medium: SimulatedMedium) -> None:
    plain = medium.library()
    family = Family(keys=Keys(avoid=("EC_EDWARDS_KEY_PAIR_GEN",)), token=Token(spare_slot=True))
    with (
        Library(plain.path, plain.worker._environment, family) as library,
        logged_in(library, only(library).serial) as session,
    ):
        assert KeyKind.ED25519 not in session.key_kinds()
        with pytest.raises(NotSupported) as raised:
            session.generate_key(KeyKind.ED25519, b"\x01", WORDS)
        assert raised.value.wanted == "ed25519"
        assert counts(session) == {}


def test_sizes_that_the_medium_does_not_have_are_not_offered() -> None:
    only_2048 = {"RSA_PKCS_KEY_PAIR_GEN": (1024, 2048), "EC_KEY_PAIR_GEN": (256, 256)}
    assert keys.supported(only_2048) == (KeyKind.RSA_2048, KeyKind.P256)
    assert KeyKind.RSA_4096 in keys.supported({"RSA_PKCS_KEY_PAIR_GEN": (0, 0)}), "0 is: it does not say"
    assert keys.supported({}) == ()


def test_an_id_that_is_taken_is_refused_and_nothing_changes(session: Session) -> None:
    first = session.generate_key(KeyKind.P256, b"\x01", WORDS)
    before = counts(session)
    with pytest.raises(KeyIdTaken) as raised:
        session.generate_key(KeyKind.P256, b"\x01", "another")
    assert (raised.value.key_id, raised.value.serial) == ("01", session.medium.serial)
    assert session.contents().keys == [first]
    assert counts(session) == before


def test_an_id_that_is_the_beginning_of_another_is_another(session: Session) -> None:
    for key_id in (b"\x01", b"\x01\x00", b"\x01\x00\x00"):
        session.generate_key(KeyKind.P256, key_id, WORDS)
    assert {key.key_id for key in session.contents().keys} == {b"\x01", b"\x01\x00", b"\x01\x00\x00"}


@pytest.mark.parametrize("key_id", [b"", bytes(33)])
def test_an_id_that_cannot_be_is_refused(session: Session, key_id: bytes) -> None:
    with pytest.raises(KeyIdWrong):
        session.generate_key(KeyKind.P256, key_id, WORDS)
    assert counts(session) == {}


def test_an_id_of_32_bytes_works(session: Session) -> None:
    assert session.generate_key(KeyKind.P256, bytes(range(32)), WORDS).key_id == bytes(range(32))


@pytest.mark.parametrize("label", ["", "a\nb", "a\0b", "x" * 256, "あ" * 86], ids=ascii)
def test_a_label_that_cannot_be_is_refused(session: Session, label: str) -> None:
    with pytest.raises(LabelWrong):
        session.generate_key(KeyKind.P256, b"\x01", label)
    assert counts(session) == {}


@pytest.mark.parametrize("label", ["a:b/c", "あ" * 85, "株式会社　しんきん"])
def test_a_label_that_fits_is_read_back_as_it_was_given(session: Session, label: str) -> None:
    key = session.generate_key(KeyKind.P256, b"\x01", label)
    assert key.label == label
    session.relabel(key, f"{label[:20]} 2")
    contents = session.contents()
    assert contents.key(b"\x01").label == f"{label[:20]} 2"
    assert [one.label for one in contents.public] == [f"{label[:20]} 2"]  # what others know it by before a login


def test_a_label_that_cannot_be_is_not_given_later_either(session: Session) -> None:
    key = session.generate_key(KeyKind.P256, b"\x01", WORDS)
    with pytest.raises(LabelWrong):
        session.relabel(key, "")
    assert session.contents().key(b"\x01").label == WORDS


def test_an_id_that_nobody_has_is_a_missing_key(session: Session) -> None:
    with pytest.raises(KeyMissing) as raised:
        session.contents().key(b"\x77")
    assert raised.value.key_id == "77"


def test_nothing_is_made_in_a_session_that_only_reads(library: Library, facts: MediumFacts) -> None:
    with Session.open(library, facts.serial) as session:
        session.login(Secret(PIN))
        with pytest.raises(NotPermitted):
            session.generate_key(KeyKind.P256, b"\x01", WORDS)
        assert counts(session) == {}


# --- S1 ---


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.RSA_2048])
def test_an_independent_reader_cannot_take_the_private_part_out(
    session: Session, medium: SimulatedMedium, kind: KeyKind
) -> None:
    session.generate_key(kind, b"\x01", WORDS)
    out = medium.folder / "key"
    tried = pkcs11_tool(medium, "--read-object", "--type", "privkey", "--id", "01", "--output-file", out, status=None)
    assert tried.stdout == b""
    assert not out.exists() or out.read_bytes() == b""
    listed = pkcs11_tool(medium, "--list-objects", "--type", "privkey").stdout.decode()
    assert "sensitive" in listed
    assert "never extractable" in listed


@pytest.mark.parametrize(
    ("private", "findings"),
    [
        ({"SENSITIVE": False}, {"key-not-sensitive", "key-once-exposed"}),
        ({"EXTRACTABLE": True}, {"key-extractable", "key-once-extractable"}),
        (
            {"SENSITIVE": False, "EXTRACTABLE": True},
            {"key-not-sensitive", "key-once-exposed", "key-extractable", "key-once-extractable", "key-readable"},
        ),
        ({"PRIVATE": False}, {"key-not-private"}),
    ],
)
def test_a_key_that_somebody_else_made_worse_is_seen_through(
    session: Session, private: dict[str, Any], findings: set[str]
) -> None:
    key_by_somebody_else(session, b"\x01", **private)
    assert set(session.judge(session.contents().key(b"\x01"))) == findings


@pytest.mark.parametrize("kind", [KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384, KeyKind.ED25519])
def test_a_readable_key_of_each_kind_is_read_to_prove_it(session: Session, kind: KeyKind) -> None:
    key_by_somebody_else(session, b"\x01", kind=kind, SENSITIVE=False, EXTRACTABLE=True)
    assert "key-readable" in session.judge(session.contents().key(b"\x01"))


def test_a_key_that_a_medium_will_not_confirm_is_refused_and_taken_back(
    medium: SimulatedMedium, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tokenmgr.token import objects

    with medium.library() as library, logged_in(library, only(library).serial) as session:
        extractable = objects.private_template(b"\x01", WORDS, plain=True) | {"EXTRACTABLE": True}
        monkeypatch.setattr(objects, "private_template", lambda *_: extractable)
        with pytest.raises(KeyRefused) as raised:
            session.generate_key(KeyKind.P256, b"\x01", WORDS)
        assert set(raised.value.findings) == {"key-extractable", "key-once-extractable"}
        assert counts(session) == {}


@pytest.mark.parametrize("answer", ["CKR_GENERAL_ERROR", "CKR_ATTRIBUTE_VALUE_INVALID", "CKR_TEMPLATE_INCONSISTENT"])
def test_a_medium_that_does_not_take_the_strict_template_is_offered_a_plain_one(
    faulty: FaultyMedium, answer: str
) -> None:
    with faulty.library() as library, logged_in(library, only(library).serial) as session:
        faulty.fault("C_GenerateKeyPair", "answer", answer, times=1)
        key = session.generate_key(KeyKind.P256, b"\x01", WORDS)
        assert key.trust == S1
        assert faulty.calls("C_GenerateKeyPair") == 2


def test_a_generation_whose_answer_was_lost_is_not_tried_again(faulty: FaultyMedium) -> None:
    """The key pair is there: a second try would make a second one."""
    with faulty.library() as library, logged_in(library, only(library).serial) as session:
        faulty.fault("C_GenerateKeyPair", "answer", "CKR_GENERAL_ERROR", after=True)
        with pytest.raises(MediumTroubled):
            session.generate_key(KeyKind.P256, b"\x01", WORDS)
        assert faulty.calls("C_GenerateKeyPair") == 1
        assert counts(session) == {"PRIVATE_KEY": 1, "PUBLIC_KEY": 1}
        session.prove(session.contents().key(b"\x01"))


def test_a_mechanism_that_is_listed_and_not_known_hides_no_other(faulty: FaultyMedium) -> None:
    with faulty.library() as library:
        everything = library.mechanisms(only(library))
        library.worker.stop()
        faulty.fault("C_GetMechanismInfo", "answer", "CKR_MECHANISM_INVALID", skip=1, times=1)
        assert len(library.mechanisms(only(library))) >= len(everything) - 1


# --- signatures ---

DIGESTS: dict[str, HashAlgorithm] = {"SHA256": SHA256(), "SHA384": SHA384(), "SHA512": SHA512()}
AVOIDED: dict[str, tuple[str, ...]] = {
    "the token hashes": (),
    "DigestInfo made here": tuple(f"{digest}_RSA_PKCS{pss}" for digest in DIGESTS for pss in ("", "_PSS")),
    "padding made here": ("RSA_PKCS", *(f"{digest}_RSA_PKCS{pss}" for digest in DIGESTS for pss in ("", "_PSS"))),
}


@pytest.mark.parametrize("way", AVOIDED)
def test_rsa_signs_in_each_way_that_a_token_may_have(medium: SimulatedMedium, way: str) -> None:
    plain = medium.library()
    family = Family(keys=Keys(avoid=AVOIDED[way]), token=Token(spare_slot=True))
    with (
        Library(plain.path, plain.worker._environment, family) as library,
        logged_in(library, only(library).serial) as session,
    ):
        key = session.generate_key(KeyKind.RSA_2048, b"\x01", WORDS)
        assert key.public_key is not None
        public = load_der_public_key(key.public_key)
        assert isinstance(public, rsa.RSAPublicKey)
        session.prove(key)
        for name, digest in DIGESTS.items():
            hashed = Hash(digest)
            hashed.update(b"message")
            value = hashed.finalize()
            pkcs1, pss = padding.PKCS1v15(), padding.PSS(padding.MGF1(digest), digest.digest_size)
            for given, prehashed in ((b"message", False), (value, True)):
                public.verify(session.sign(key, given, Scheme("pkcs1", name), prehashed), b"message", pkcs1, digest)
                public.verify(session.sign(key, given, Scheme("pss", name), prehashed), value, pss, Prehashed(digest))


@pytest.mark.parametrize("kind", [KeyKind.P256, KeyKind.P384])
@pytest.mark.parametrize("name", DIGESTS)
def test_ecdsa_signs_every_digest_however_long(session: Session, kind: KeyKind, name: str) -> None:
    key = session.generate_key(kind, b"\x01", WORDS)
    assert key.public_key is not None
    public = load_der_public_key(key.public_key)
    assert isinstance(public, ec.EllipticCurvePublicKey)
    for number in range(20):  # r or s is shorter than the rest now and then
        message = b"message %d" % number
        public.verify(session.sign(key, message, Scheme("ecdsa", name)), message, ec.ECDSA(DIGESTS[name]))


@pytest.mark.parametrize("digest", ["SHA1", "MD5", "SHA224", "SHA3-256"])
@pytest.mark.parametrize("scheme", ["pkcs1", "pss", "ecdsa"])
def test_less_than_sha256_is_not_signed(session: Session, scheme: str, digest: str) -> None:
    with pytest.raises(NotSupported) as raised:
        keys.plan(Scheme(scheme, digest), session.mechanisms(), 2048)
    assert raised.value.wanted == digest


def test_a_token_that_has_no_way_is_said_to_have_none() -> None:
    with pytest.raises(NotSupported) as raised:
        keys.plan(Scheme("pss"), {"RSA_PKCS": (0, 0)}, 2048)
    assert raised.value.wanted == "pss SHA256"


@pytest.mark.parametrize("digest", DIGESTS)
@pytest.mark.parametrize("scheme", ["pkcs1", "pss", "ecdsa", "eddsa"])
def test_a_token_is_asked_about_every_mechanism_that_signs_here(scheme: str, digest: str) -> None:
    others = {one.name: (0, 0) for one in Mechanism if one.name not in keys.USED}
    with pytest.raises(NotSupported):
        keys.plan(Scheme(scheme, digest), others, 2048)
    assert keys.plan(Scheme(scheme, digest), dict.fromkeys(keys.USED, (0, 0)), 2048).mechanism in keys.USED


def test_a_digest_is_never_hashed_again() -> None:
    mechanisms = {"SHA256_RSA_PKCS": (0, 0), "RSA_PKCS": (0, 0), "ECDSA_SHA256": (0, 0), "ECDSA": (0, 0)}
    assert keys.plan(Scheme("pkcs1"), mechanisms, 2048).mechanism == "SHA256_RSA_PKCS"
    assert keys.plan(Scheme("pkcs1"), mechanisms, 2048, prehashed=True).mechanism == "RSA_PKCS"
    assert keys.plan(Scheme("ecdsa"), mechanisms, 256, prehashed=True).mechanism == "ECDSA"


def test_a_key_does_not_prove_another_ones_public_key(session: Session) -> None:
    one = session.generate_key(KeyKind.P256, b"\x01", WORDS)
    two = session.generate_key(KeyKind.P256, b"\x02", WORDS)
    with pytest.raises(SignatureWrong) as raised:
        session.prove(one, two.public_key)
    assert (raised.value.key_id, raised.value.serial) == ("01", session.medium.serial)


def test_a_key_that_shows_no_public_part_proves_that_of_its_certificate(session: Session) -> None:
    key = session.generate_key(KeyKind.P256, b"\x01", WORDS)
    (public,) = session._find({"CLASS": "PUBLIC_KEY"})
    session._ask("destroy", handle=public["handle"])
    silent = session.contents().key(b"\x01")
    assert silent.public_key is None
    with pytest.raises(KeyMissing):
        session.prove(silent)
    session.prove(silent, key.public_key)


def test_every_proof_is_a_new_one(session: Session) -> None:
    key = session.generate_key(KeyKind.P256, b"\x01", WORDS)
    assert key.public_key is not None
    signature = session.sign(key, b"one", Scheme("ecdsa"))
    check_signature(key.public_key, signature, b"one")
    with pytest.raises(SignatureWrong):
        check_signature(key.public_key, signature, b"two")


def test_the_curve_is_the_one_that_was_asked_for(session: Session) -> None:
    key_by_somebody_else(session, b"\x01")
    key = session.contents().key(b"\x01")
    assert key.kind == "p256"
    (public,) = session._find({"CLASS": "PUBLIC_KEY"})
    assert public["EC_PARAMS"] == bytes.fromhex("06082a8648ce3d030107")


def test_a_key_on_a_curve_that_we_do_not_know_is_not_taken_for_one_that_we_do(session: Session) -> None:
    """SoftHSM makes Ed448 keys too; the last 32 bytes of their point are no Ed25519 key."""
    common = {"TOKEN": True, "ID": b"\x01", "LABEL": WORDS}
    session._ask(
        "generate",
        mechanism="EC_EDWARDS_KEY_PAIR_GEN",
        key_type="EC_EDWARDS",
        public={**common, "CLASS": "PUBLIC_KEY", "EC_PARAMS": b"\x13\x0aedwards448", "VERIFY": True},
        private={**common, "CLASS": "PRIVATE_KEY", "PRIVATE": True, "SENSITIVE": True, "SIGN": True},
    )
    key = session.contents().key(b"\x01")
    assert (key.kind, key.public_key) == ("ec_edwards", None)
