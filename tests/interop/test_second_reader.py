"""All that our server has said to OpenSSL, as pyasn1-alt-modules reads it: by the RFCs' own modules."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from tests.interop.openssl import Client, OpenSSL, Said
from tests.interop.running import Authority

# These have no types.
decode: Any = import_module("pyasn1.codec.der.decoder").decode
encode: Any = import_module("pyasn1.codec.der.encoder").encode
rfc9480: Any = import_module("pyasn1_alt_modules.rfc9480")
rfc5280: Any = import_module("pyasn1_alt_modules.rfc5280")


def read(file: Path) -> Any:
    data = file.read_bytes()
    found, rest = decode(data, asn1Spec=rfc9480.PKIMessage())
    assert not rest
    assert encode(found) == data  # so it was DER
    return found


def look(said: Said) -> list[str]:
    """Each answer, beside the request that it answers (RFC 9483, 3.1); the names of the answers."""
    names = []
    for asked, told in zip(map(read, said.requests), map(read, said.answers), strict=True):
        here, there = told["header"], asked["header"]
        assert int(here["pvno"]) == int(there["pvno"]) == 2
        assert bytes(here["transactionID"]) == bytes(there["transactionID"])
        assert bytes(here["recipNonce"]) == bytes(there["senderNonce"])
        assert len(bytes(here["senderNonce"])) == 16
        assert here["protectionAlg"].isValue
        assert told["protection"].isValue
        assert str(here["protectionAlg"]["algorithm"]) == str(there["protectionAlg"]["algorithm"])
        names.append(str(told["body"].getName()))
    assert len({bytes(read(one)["header"]["senderNonce"]) for one in said.answers}) == len(said.answers)
    return names


def reply(said: Said, kind: str) -> Any:
    body = read(said.answers[0])["body"][kind]
    (response,) = body["response"]
    return body, response


def asked_for(openssl: OpenSSL, command: str, *credential: str) -> Said:
    return openssl.cmp(command, *credential, "-newkey", openssl.new_key(), "-certout", openssl.name("pem"))


def test_an_acquisition(ca: Authority, openssl: OpenSSL) -> None:
    said = asked_for(openssl, "ir", *openssl.with_secret(ca.ticket()))
    assert look(said) == ["ip", "pkiconf"]
    body, response = reply(said, "ip")
    assert (int(response["certReqId"]), int(response["status"]["status"])) == (0, 1)  # grantedWithMods
    (anchor,) = body["caPubs"]
    assert encode(anchor) == ca.fetch("/root.cer")
    chain = [encode(one) for one in read(said.answers[0])["extraCerts"]]
    assert chain == [ca.fetch("/ca.cer"), ca.fetch("/root.cer")]
    (info,) = read(said.answers[0])["header"]["generalInfo"]
    assert str(info["infoType"]) == "1.3.6.1.5.5.7.4.14"  # confirmWaitTime


def test_a_renewal(openssl: OpenSSL, holder: Client) -> None:
    said = asked_for(openssl, "kur", *openssl.by(holder))
    assert look(said) == ["kup", "pkiconf"]
    body, response = reply(said, "kup")
    assert int(response["status"]["status"]) == 0
    assert not body["caPubs"].isValue
    signer = read(said.answers[0])["extraCerts"][0]
    assert encode(signer) == openssl.ca.folder.current.certificates["cmp"].der


def test_what_was_revoked(openssl: OpenSSL, holder: Client) -> None:
    said = openssl.cmp("rr", *openssl.by(holder), "-oldcert", str(holder.certificate))
    assert look(said) == ["rp"]
    (status,) = read(said.answers[0])["body"]["rp"]["status"]
    assert int(status["status"]) == 0


def test_the_list_in_an_answer(openssl: OpenSSL, holder: Client) -> None:
    said = openssl.cmp("genm", *openssl.by(holder), "-infotype", "currentCRL")
    assert look(said) == ["genp"]
    (info,) = read(said.answers[0])["body"]["genp"]
    crl, rest = decode(bytes(info["infoValue"]), asn1Spec=rfc5280.CertificateList())
    assert not rest
    assert encode(crl) == openssl.ca.fetch("/ca.crl")


def test_the_ca_in_an_answer(ca: Authority, openssl: OpenSSL, holder: Client) -> None:
    said = openssl.cmp("genm", *openssl.by(holder), "-infotype", "caCerts")
    (info,) = read(said.answers[0])["body"]["genp"]
    certificates, rest = decode(bytes(info["infoValue"]), asn1Spec=rfc9480.CaCertsValue())
    assert not rest
    assert [encode(one) for one in certificates] == [ca.fetch("/ca.cer"), ca.fetch("/root.cer")]


def test_refusals(ca: Authority, openssl: OpenSSL, holder: Client) -> None:
    """In the reply, with the bit's number and two lines of text; and in an error message."""
    asked = ("-newkey", holder.key, "-certout", openssl.name("pem"))
    said = openssl.cmp("kur", *openssl.by(holder), *asked, status=1)
    assert look(said) == ["kup"]
    _body, response = reply(said, "kup")
    assert response["status"]["failInfo"].asBinary() == "1".rjust(27, "0")  # duplicateCertReq is bit 26
    assert str(response["status"]["statusString"][1]).startswith("R105 ")
    said = openssl.cmp("genm", *openssl.by(holder), "-infotype", "signKeyPairTypes", status=1)
    assert look(said) == ["error"]
