"""Draft, lint, sign, check: and nothing is signed by another way."""

from __future__ import annotations

import dataclasses
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tests.ca.made import CA_KINDS, NOW, PROFILE, issuer, key, keys, order, server_order, write_pem
from tests.ca.test_lint import part
from tokenmgr.ca.issuer import Authority, Certifier, Issuer
from tokenmgr.ca.profile import POLICY_MEDIUM, POLICY_PC, Kind, OwnOrder, own_name
from tokenmgr.ca.signing import spki_of
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.errors import AuthorityDamaged, CertificateUnfit, DraftSpent, KeyUnfit, SignatureUnfit
from tokenmgr.pki import der
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.pki.names import subscriber_name


@pytest.mark.parametrize("kind", CA_KINDS, ids=lambda kind: kind.value)
@pytest.mark.parametrize("of", [KeyKind.P256, KeyKind.P384, KeyKind.RSA_2048], ids=lambda kind: kind.value)
def test_a_certificate_is_what_was_ordered(kind: KeyKind, of: KeyKind, tmp_path: Path) -> None:
    ordered = order(of)
    made = issuer(kind).sign(issuer(kind).draft(ordered))
    facts = certificate_facts(made)
    assert (facts.serial_number, facts.subject_der, facts.public_key) == (
        ordered.serial, ordered.subject, ordered.public_key,
    )  # fmt: skip
    assert (facts.not_before, facts.not_after) == (ordered.not_before, ordered.not_after)
    x509.load_der_x509_certificate(made).verify_directly_issued_by(
        x509.load_der_x509_certificate(issuer(kind).chain[0])
    )
    root = write_pem(tmp_path / "root.pem", issuer(kind).chain[1])
    above = write_pem(tmp_path / "issuing.pem", issuer(kind).chain[0])
    leaf = write_pem(tmp_path / "leaf.pem", made)
    at = str(int(NOW.timestamp()) + 60)
    verified = subprocess.run(
        ["openssl", "verify", "-x509_strict", "-purpose", "sslclient", "-policy_check", "-explicit_policy",
         "-policy", POLICY_MEDIUM, "-attime", at, "-CAfile", root, "-untrusted", above, leaf],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert verified.returncode == 0, verified.stderr


@pytest.mark.parametrize(("store", "policy"), [(StoreKind.MEDIUM, POLICY_MEDIUM), (StoreKind.PC, POLICY_PC)])
def test_the_policy_says_where_the_key_is(store: StoreKind, policy: str) -> None:
    made = x509.load_der_x509_certificate(issuer().sign(issuer().draft(order(store=store))))
    (only,) = made.extensions.get_extension_for_class(x509.CertificatePolicies).value
    assert only.policy_identifier.dotted_string == policy


def test_a_draft_permits_one_signature_by_its_own_issuer() -> None:
    draft = issuer().draft(order())
    with pytest.raises(DraftSpent):
        issuer(KeyKind.P384).sign(draft)
    with pytest.raises(DraftSpent):
        issuer().sign(draft)
    draft = issuer().draft(order())
    assert issuer().sign(draft)
    with pytest.raises(DraftSpent):
        issuer().sign(draft)


def test_what_is_signed_is_what_was_linted() -> None:
    draft = issuer().draft(order())
    other = dataclasses.replace(draft, tbs=part(1, der.integer(1 << 100))(draft.tbs))
    assert certificate_facts(issuer().sign(other)).serial_number == order().serial


@pytest.mark.parametrize("rehearses", [False, True])
def test_a_recorded_draft_is_taken_up_again_to_the_byte(rehearses: bool) -> None:
    ordered = order(store=StoreKind.PC, ends=NOW + timedelta(hours=1))
    recorded = issuer().draft(dataclasses.replace(ordered, is_rehearsal=rehearses)).tbs
    again = issuer().resume(order().serial, recorded)
    assert again.tbs == recorded
    assert der.children(issuer().sign(again))[0].whole == recorded


@pytest.mark.parametrize(
    "change",
    [
        part(1, der.integer((1 << 126) + 6)),
        part(3, own_name("another")),
        part(2, der.tlv(der.SEQUENCE)),
        lambda tbs: tbs + b"\0",
        lambda tbs: der.children(issuer().chain[0])[0].whole,
    ],
)
def test_a_recorded_draft_that_was_changed_is_not_signed(change: Any) -> None:
    with pytest.raises(CertificateUnfit):
        issuer().resume(order().serial, change(issuer().draft(order()).tbs))


class Wrong(ec.EllipticCurvePrivateKey):
    """A token that answers with another key's signature."""

    def __init__(self) -> None:
        self._said, self._signs = key(KeyKind.P256, 2), key(KeyKind.P256, 3)

    def sign(self, data: Any, signature_algorithm: Any) -> bytes:
        assert isinstance(self._signs, ec.EllipticCurvePrivateKey)
        return self._signs.sign(data, signature_algorithm)

    def public_key(self) -> Any:
        return self._said.public_key()

    @property
    def curve(self) -> ec.EllipticCurve:
        return ec.SECP256R1()

    @property
    def key_size(self) -> int:
        return 256

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise AssertionError

    exchange = private_numbers = private_bytes = __copy__ = __deepcopy__ = _refuse


def test_a_signature_that_does_not_verify_goes_to_nobody() -> None:
    issuing = dataclasses.replace(keys().issuing, signer=Wrong())
    authority = dataclasses.replace(keys().current, issuing=issuing)
    broken = Issuer(dataclasses.replace(keys(), authorities=(authority,)), PROFILE)
    with pytest.raises(SignatureUnfit) as refused:
        broken.sign(broken.draft(order()))
    assert refused.value.key == "issuing"


def test_a_key_belongs_to_its_certificate() -> None:
    with pytest.raises(AuthorityDamaged):
        dataclasses.replace(keys().issuing, signer=key(KeyKind.P256, 7))


def test_weak_keys_are_refused_before_anything_is_built() -> None:
    with pytest.raises(KeyUnfit):
        issuer().draft(order(public_key=b"\x30\x00"))
    picky = Issuer(keys(), PROFILE, is_known_weak=lambda _digest: True)
    with pytest.raises(KeyUnfit):
        picky.draft(order())


@pytest.mark.parametrize("serial", [0, -1, 1 << 160, 4711])
def test_a_serial_number_that_cannot_be(serial: int) -> None:
    with pytest.raises(CertificateUnfit):
        issuer().draft(order(serial=serial))


@pytest.mark.parametrize("subject", [b"", b"\x30", b"\x30\x00", der.tlv(der.SEQUENCE, b"\x05\x00")])
def test_a_subject_that_is_no_name(subject: bytes) -> None:
    with pytest.raises(CertificateUnfit):
        issuer().draft(order(subject=subject or b"\x31\x00"))


def test_nobody_outlives_the_issuing_ca() -> None:
    with pytest.raises(CertificateUnfit) as refused:
        issuer().draft(order(ends=issuer().not_after + timedelta(seconds=1)))
    assert [one.split()[0] for one in refused.value.findings] == ["validity_is_within_the_issuers"]


def test_moments_have_a_zone_and_whole_seconds() -> None:
    for wrong in (NOW.replace(tzinfo=None), NOW.replace(microsecond=1)):
        with pytest.raises(ValueError, match="whole seconds"):
            order(starts=wrong)


def test_a_common_name_has_64_characters_of_any_script() -> None:
    issuer().draft(order(subject=own_name("信" * 64)))
    with pytest.raises(CertificateUnfit):
        issuer().draft(order(subject=own_name("信" * 65)))


def test_no_authority_is_made_outside_a_ceremony() -> None:
    for kind in (Kind.ROOT, Kind.ISSUING):
        with pytest.raises(CertificateUnfit):
            issuer().draft(OwnOrder(kind, 1 << 126, own_name("x"), spki_of(key(KeyKind.P256, 9)), NOW, NOW))


def test_a_server_is_called_by_its_names() -> None:
    made = x509.load_der_x509_certificate(issuer().sign(issuer().draft(server_order("ca.example.jp", "::1"))))
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["ca.example.jp"]
    assert [str(one) for one in names.get_values_for_type(x509.IPAddress)] == ["::1"]


def test_a_draft_is_signed_by_nobody() -> None:
    """Not even by a throw-away key: the builder is given one that signs with nothing."""
    authority = Authority("issuing", own_name("x"), key(KeyKind.P256, 2), NOW, NOW + timedelta(days=1))
    blank = Certifier(authority, PROFILE)._blank
    assert blank.public_key() == key(KeyKind.P256, 2).public_key()
    with pytest.raises(TypeError):
        blank.private_numbers()


def test_the_subjects_of_subscribers_pass() -> None:
    name = subscriber_name("しんきん中央金庫", "1000", "0012345", "利用者０１")
    issuer().draft(order(subject=name))


def test_openssls_cmp_client_takes_the_answers_of_our_signer(tmp_path: Path) -> None:
    """digitalSignature is wanted (RFC 9483, 1.5), and id-kp-cmcCA disturbs nobody."""
    signs = OwnOrder(Kind.CMP, 1 << 126, own_name("CMP"), spki_of(key(KeyKind.P256, 9)), NOW, NOW + timedelta(days=700))
    customer = order(public_key=spki_of(key(KeyKind.P256, 10)))
    write_pem(tmp_path / "root.pem", issuer().chain[1])
    write_pem(tmp_path / "issuing.pem", issuer().chain[0])
    for name, ordered, number in (("cmp", signs, 9), ("customer", customer, 10)):
        write_pem(tmp_path / f"{name}.pem", issuer().sign(issuer().draft(ordered)))
        private = key(KeyKind.P256, number).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (tmp_path / f"{name}.key").write_bytes(private)
    server = "-use_mock_srv -srv_cert cmp.pem -srv_key cmp.key -srv_untrusted issuing.pem -srv_trusted root.pem"
    client = (
        "-cmd kur -cert customer.pem -key customer.key -newkey customer.key -trusted root.pem -untrusted issuing.pem"
    )
    at = f"-rsp_cert customer.pem -certout new.pem -attime {int(NOW.timestamp()) + 60}"
    done = subprocess.run(
        ["openssl", "cmp", "-config", "", *f"{server} {client} {at}".split()],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "received PKICONF" in done.stdout + done.stderr
