"""Our messages as pyasn1-alt-modules reads them, whose declarations come from the RFCs' own modules."""

from __future__ import annotations

import hashlib
import hmac
from importlib import import_module
from typing import Any

import pytest

from tests.cmp.bodies import bodies
from tests.cmp.parties import NOW, SALT, SECRET, header, holder
from tokenmgr.cmp.messages import Body, CertRequest, Kind, assemble, certificate_request
from tokenmgr.cmp.oids import PBKDF2, PBM, PBMAC1
from tokenmgr.cmp.protection import MacProtector, Pbm, Pbmac1, Protector

# These have no types.
decode: Any = import_module("pyasn1.codec.der.decoder").decode
encode: Any = import_module("pyasn1.codec.der.encoder").encode
rfc9480: Any = import_module("pyasn1_alt_modules.rfc9480")
rfc4210: Any = import_module("pyasn1_alt_modules.rfc4210")
rfc8018: Any = import_module("pyasn1_alt_modules.rfc8018")

MAC = MacProtector(b"4711", SECRET, Pbmac1(SALT, 1000))
SIGNED = holder().protector()


def second(data: bytes) -> Any:
    read, rest = decode(data, asn1Spec=rfc9480.PKIMessage())
    assert not rest
    assert encode(read) == data
    return read


@pytest.mark.parametrize("protector", [MAC, SIGNED], ids=["MAC", "signature"])
@pytest.mark.parametrize(("kind", "body"), bodies(), ids=lambda one: one.name if isinstance(one, Kind) else "")
def test_every_body_is_read_and_encoded_again_to_the_same_bytes(kind: Kind, body: Body, protector: Protector) -> None:
    read = second(assemble(header(), kind, body, protector, [holder().der]))
    names = {"pkiconf": "pkiconf", "certconf": "certConf", "pollreq": "pollReq", "pollrep": "pollRep"}
    name = kind.name.lower()
    assert read["body"].getName() == names.get(name, name)


def test_the_header_is_read_as_it_was_meant() -> None:
    said = header(recip_nonce=b"R" * 16, recip_kid=b"k", free_text=("一", "two"), implicit_confirm=True, profile="銀行")
    head = second(assemble(said, *bodies()[0], MAC))["header"]
    assert [bytes(head[one]) for one in ("transactionID", "senderNonce", "recipNonce", "senderKID", "recipKID")] == [
        b"T" * 16,
        b"N" * 16,
        b"R" * 16,
        b"4711",
        b"k",
    ]
    assert str(head["messageTime"]) == NOW.strftime("%Y%m%d%H%M%SZ")
    assert [str(one) for one in head["freeText"]] == ["一", "two"]
    confirm, profile = head["generalInfo"]
    assert (str(confirm["infoType"]), bytes(confirm["infoValue"])) == ("1.3.6.1.5.5.7.4.13", b"\x05\x00")
    assert bytes(profile["infoValue"]) == b"\x30\x08\x0c\x06" + "銀行".encode()


def test_pbmac1_is_what_rfc_8018_says() -> None:
    """Computed here from the parameters as the second reader has them: OpenSSL 3.0 has no PBMAC1."""
    read = second(assemble(header(), *bodies()[0], MAC))
    algorithm = read["header"]["protectionAlg"]
    assert str(algorithm["algorithm"]) == PBMAC1
    said, _ = decode(bytes(algorithm["parameters"]), asn1Spec=rfc8018.PBMAC1_params())
    derive, _ = decode(bytes(said["keyDerivationFunc"]["parameters"]), asn1Spec=rfc8018.PBKDF2_params())
    assert str(said["keyDerivationFunc"]["algorithm"]) == PBKDF2
    assert str(said["messageAuthScheme"]["algorithm"]) == str(derive["prf"]["algorithm"]) == "1.2.840.113549.2.9"
    salt, count = bytes(derive["salt"]["specified"]), int(derive["iterationCount"])
    key = hashlib.pbkdf2_hmac("sha256", SECRET, salt, count, int(derive["keyLength"]))
    part = b"".join((encode(read["header"]), encode(read["body"])))
    covered = b"\x30\x82" + len(part).to_bytes(2, "big") + part
    assert read["protection"].asOctets() == hmac.digest(key, covered, "sha256")


def test_the_parameters_of_a_pbm_are_read() -> None:
    read = second(assemble(header(), *bodies()[0], MacProtector(b"4711", SECRET, Pbm(SALT, 500, "sha384", "sha512"))))
    algorithm = read["header"]["protectionAlg"]
    assert str(algorithm["algorithm"]) == PBM
    said, _ = decode(bytes(algorithm["parameters"]), asn1Spec=rfc4210.PBMParameter())
    assert (bytes(said["salt"]), int(said["iterationCount"])) == (SALT, 500)
    assert str(said["owf"]["algorithm"]) == "2.16.840.1.101.3.4.2.2"
    assert str(said["mac"]["algorithm"]) == "1.2.840.113549.2.11"


def test_the_template_is_read_as_it_was_meant() -> None:
    client = holder()
    asked: CertRequest = certificate_request(client.key, client.subject, old_certificate=(client.subject, 5))
    (message,) = second(assemble(header(), Kind.KUR, asked, MAC))["body"]["kur"]
    template = message["certReq"]["certTemplate"]
    assert encode(template["subject"]["rdnSequence"]) == client.subject
    assert encode(message["certReq"]) == asked.signed
    (control,) = message["certReq"]["controls"]
    assert str(control["type"]) == "1.3.6.1.5.5.7.5.1.5"
