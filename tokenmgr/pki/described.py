"""What a certificate says beside its facts (facts.py): how it is signed, its key, its extensions. For a person who is
asked for it; nothing is decided by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from asn1crypto import x509

from tokenmgr.errors import NotACertificate

_EDWARDS = {"ed25519": 256, "ed448": 456}


@dataclass(frozen=True)
class Extension:
    """`name`: as RFC 5280 calls it, with underscores; dotted where nobody knows it. So are names among `values`."""

    name: str
    is_critical: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class Described:
    version: int
    signature: str  # "sha256 ecdsa"
    key: str  # "rsa", "secp256r1", "ed25519" …
    bits: int
    extensions: tuple[Extension, ...]


def described(der: bytes) -> Described:
    try:
        read = x509.Certificate.load(bytes(der), strict=True)
        body, public, signed = read["tbs_certificate"], read.public_key, read["signature_algorithm"]
        algorithm = signed.signature_algo
        hashed = "" if algorithm.startswith("ed") else f"{signed.hash_algo} "
        key = public.curve[1] if public.algorithm == "ec" else public.algorithm
        return Described(
            version=int(body["version"]) + 1,
            signature=f"{hashed}{algorithm}",
            key=str(key),
            bits=_EDWARDS.get(str(key)) or public.bit_size,  # which asn1crypto does not know of these
            extensions=tuple(_extension(one) for one in body["extensions"] or ()),
        )
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, IndexError) as error:
        raise NotACertificate(reason=type(error).__name__) from error


def _extension(one: Any) -> Extension:
    """Each in the form that tells it shortest; of what is not known, its bytes."""
    name, value = one["extn_id"].native, one["extn_value"].parsed
    match name:
        case "key_usage":
            values = sorted(value.native)
        case "extended_key_usage":
            values = value.native
        case "basic_constraints":
            values = ["ca" if value["ca"].native else "end_entity"]
        case "key_identifier":
            values = [value.native.hex()]
        case "authority_key_identifier":
            values = [(value["key_identifier"].native or b"").hex()]
        case "certificate_policies":
            values = [policy["policy_identifier"].dotted for policy in value]
        case "crl_distribution_points":
            values = [url for point in value for url in [point.url] if url]
        case "authority_information_access":
            values = [each["access_location"].native for each in value]
        case "subject_alt_name":
            values = [str(each.native) for each in value]
        case _:
            values = [one["extn_value"].contents.hex()]
    return Extension(name, one["critical"].native, tuple(map(str, values)))
