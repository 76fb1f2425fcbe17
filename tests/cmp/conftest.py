"""What OpenSSL really says, recorded once a run."""

from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding

from tests.cmp.openssl import OpenSSL, Transaction, need_openssl
from tests.cmp.parties import authority, holder, name


@pytest.fixture(scope="session")
def openssl(tmp_path_factory: pytest.TempPathFactory) -> OpenSSL:
    need_openssl()
    return OpenSSL(tmp_path_factory.mktemp("openssl"), authority(), holder("p256"), holder("p384"))


@pytest.fixture(scope="session")
def recorded(openssl: OpenSSL) -> dict[str, Transaction]:
    """Every kind of message, with a MAC and with signatures."""
    request = x509.CertificateSigningRequestBuilder().subject_name(name("One")).sign(openssl.new.key, hashes.SHA256())
    (openssl.folder / "new.csr").write_bytes(request.public_bytes(Encoding.PEM))
    run, mac, signed = openssl.run, openssl.mac, openssl.signed
    rsa = ("-cert", "rsa.crt", "-key", "rsa.key", *signed[4:])
    (openssl.folder / "rsa.crt").write_bytes(holder("rsa").pem)
    (openssl.folder / "rsa.key").write_bytes(holder("rsa").key_pem)
    return {
        "ir": run("ir", "ir", *mac, "-rsp_capubs", "ca.crt"),
        "ir-sha256": run("ir-sha256", "ir", *mac, "-mac", "hmacWithSHA256", "-digest", "sha512", "-days", "9"),
        "ir-signed": run("ir-signed", "ir", *signed, "-sans", "x.example", "-subject", "/C=JP/O=しんきん/CN=One"),
        "ir-polled": run("ir-polled", "ir", *mac, "-poll_count", "2", "-check_after", "1"),
        "ir-implicit": run("ir-implicit", "ir", *mac, "-implicit_confirm", "-grant_implicitconf"),
        "ir-refused": run(
            "ir-refused", "ir", *mac, "-pkistatus", "2", "-failure", "9", "-statusstring", "no", fails=True
        ),
        "ir-error": run("ir-error", "ir", *mac, "-send_error", fails=True),
        "cr": run("cr", "cr", *signed),
        "cr-rsa": run("cr-rsa", "cr", *rsa, "-digest", "sha384"),
        "p10cr": run("p10cr", "p10cr", *mac, "-csr", "new.csr"),
        "kur": run("kur", "kur", *signed),
        "rr": run("rr", "rr", *signed, "-oldcert", "new.crt", "-revreason", "4"),
        "genm": run("genm", "genm", *mac, "-infotype", "caCerts"),
    }
