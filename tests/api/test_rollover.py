"""CMP before and after a CA key rollover, on one registry: what is asked, and what is renewed and taken back."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.rig import CREATED, PROFILE, Authority, Rig, authority, granted, new_key
from tests.api.test_checklist_support import told
from tokenmgr.ca import rollover
from tokenmgr.ca.about import PURPOSES
from tokenmgr.ca.folder import addressed
from tokenmgr.ca.issuer import Issuer
from tokenmgr.ca.keys import AuthorityKeys, CaKey, CaKeys, RootUpdate
from tokenmgr.ca.own import certify
from tokenmgr.ca.profile import POLICY_MEDIUM, POLICY_PC
from tokenmgr.cmp import oids
from tokenmgr.cmp.der import wrap
from tokenmgr.cmp.messages import Info, Kind, Revoke, Revoked, Status
from tokenmgr.domain.generation import State

decode: Any = import_module("pyasn1.codec.der.decoder").decode
encode: Any = import_module("pyasn1.codec.der.encoder").encode
rfc9480: Any = import_module("pyasn1_alt_modules.rfc9480")


@cache
def rolled_over() -> Authority:
    """The rig's CA, and a second authority that its root and the rig's have certified."""
    (one,) = authority()[0].authorities
    old = CaKey("root", ec.derive_private_key(4711, ec.SECP256R1()), one.root)
    profile = addressed(POLICY_MEDIUM, POLICY_PC, "http://ca.example", 2)
    signers = {name: ec.derive_private_key(at, ec.SECP256R1()) for at, name in enumerate(PURPOSES, start=5711)}
    made = certify("みほん認証局", 2, profile, dict(signers), CREATED)
    keys = {name: CaKey(name, signers[name], made[name]) for name in PURPOSES}
    update = RootUpdate(one.root, made["root"], *rollover.cross(old, keys["root"], PROFILE, CREATED))
    two = AuthorityKeys(2, keys["issuing"], keys["ocsp"], made["root"])
    found = CaKeys(keys["cmp"], (one, two), (update,))
    return found, Issuer(found, profile)


def after(rig: Rig) -> Rig:
    rolled = Rig(rig.url, made=rolled_over())
    rolled.now = rig.now
    return rolled


def issuer_of(certificate: bytes) -> str:
    return x509.load_der_x509_certificate(certificate).issuer.rfc4514_string()


def test_an_old_certificate_is_renewed_under_the_new_authority(rig: Rig) -> None:
    customer = rig.with_certificate(days_left=10)
    rolled = after(rig)
    customer.rig = rolled
    renewed = customer.renew()
    assert rolled.service.issuer.number == 2
    assert issuer_of(customer.certificate) == "CN=みほん認証局,C=JP"
    assert issuer_of(renewed.certificate) == "CN=みほん認証局 G2,C=JP"
    assert renewed.last is None
    assert customer.last is not None
    sent = customer.last.extra_certs
    keys = rolled.service.keys
    assert sent[:3] == (keys.cmp.certificate, keys.issuing.certificate, rolled.service.chain[1])
    rolled.close()


def test_what_was_asked_for_before_is_given_after_with_its_own_chain(rig: Rig) -> None:
    """The same bytes bring the same certificate (S6), and what leads from it to either root."""
    customer = rig.with_certificate(days_left=10)
    customer.begin_anew()
    certificate = granted(customer.request(new_key()))
    rolled = after(rig)
    customer.rig, keys = rolled, rolled.service.keys
    again = rolled.send(customer.sent)
    assert granted(again) == certificate
    assert set(keys.issuers) <= set(again.extra_certs)
    customer.last = again
    assert customer.confirm(certificate).kind is Kind.PKICONF
    rolled.close()


def test_an_old_certificate_is_taken_back_by_its_holder(rig: Rig) -> None:
    customer = rig.with_certificate()
    rolled = after(rig)
    customer.rig = rolled
    read = x509.load_der_x509_certificate(customer.certificate)
    answer = customer.ask(Kind.RR, Revoke(serial=read.serial_number, issuer=read.issuer.public_bytes(), reason=5))
    assert isinstance(answer.body, Revoked)
    assert answer.body.status is Status.ACCEPTED
    assert rolled.states() == [State.REVOKED]
    rolled.close()


@pytest.mark.parametrize("asked", [oids.ROOT_CA_CERT, oids.ROOT_CA_KEY_UPDATE])
def test_the_newer_root(rig: Rig, asked: str) -> None:
    """RFC 9483, 4.3.2, read by another's declarations of RFC 9480."""
    customer = rig.with_certificate()
    rolled = after(rig)
    customer.rig, keys = rolled, rolled.service.keys
    update = keys.root_update
    assert update is not None
    for named in (None, update.old_with_old):
        customer.begin_anew()
        answer = told(customer.ask(Kind.GENM, Info(asked, named)))
        assert answer.oid == oids.ROOT_CA_KEY_UPDATE
        content, rest = decode(answer.value, asn1Spec=rfc9480.RootCaKeyUpdateContent())
        assert not rest
        read = [encode(content[name]) for name in ("newWithNew", "newWithOld", "oldWithNew")]
        assert read == [update.new_with_new, wrap(update.new_with_old, 0xA0), wrap(update.old_with_new, 0xA1)]
    for named in (update.new_with_new, update.new_with_old, keys.issuing.certificate):  # the newest, or no root of ours
        customer.begin_anew()
        assert told(customer.ask(Kind.GENM, Info(asked, named))).value is None
    rolled.close()


def test_all_that_a_path_may_need(rig: Rig) -> None:
    customer = rig.with_certificate()
    rolled = after(rig)
    customer.rig, keys = rolled, rolled.service.keys
    found = told(customer.ask(Kind.GENM, Info(oids.CA_CERTS)))
    assert found.value == wrap(b"".join((*keys.chain, *keys.issuers)))
    assert {one.issuing.certificate for one in keys.authorities} <= {*keys.chain, *keys.issuers}
    rolled.close()
