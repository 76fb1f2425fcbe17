"""A CA that serves is rolled over: clients who trust the old root alone go on, and so do those of the new one."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import load_der_x509_certificate, load_pem_x509_certificate
from cryptography.x509.oid import NameOID

from tests.cli.runner import Home, Result
from tests.cli.test_serve import workers_at
from tests.interop.openssl import Client, OpenSSL
from tests.interop.running import PATIENCE, PIN, Authority, authority
from tests.portal.served import Browser, serving
from tokenmgr.ca.about import Held
from tokenmgr.ca.ceremony import write_all
from tokenmgr.ca.folder import open_folder
from tokenmgr.ca.issuer import Authority as Signing
from tokenmgr.ca.own import serial_number, signed
from tokenmgr.ca.profile import Kind, OwnOrder
from tokenmgr.ca.renewing import Due, with_held
from tokenmgr.cli.authority import open_authority
from tokenmgr.log import Secret


@pytest.fixture
def ca(tmp_path: Path) -> Iterator[Authority]:
    with authority(tmp_path / "home") as made:
        yield made


def change(ca: Authority, *command: str) -> Result:
    home = Home(ca.folder.path.parent)
    done = home.run("ca", *command, "--pin-fd", "0", typed=f"{PIN}\n")
    assert done.status == 0, done.err
    return done


def until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 2 * PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it did not come to that"
        time.sleep(0.1)


def issuer_of(certificate: bytes) -> str:
    read = load_der_x509_certificate(certificate).issuer
    return str(read.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value)


def tls_certificate(ca: Authority) -> bytes:
    return ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(("127.0.0.1", ca.port)))


def test_rolled_over_while_it_serves(ca: Authority, openssl: OpenSSL) -> None:
    holder = openssl.acquire()
    before = workers_at(ca.port)
    change(ca, "rollover", "--keys", "p384")
    rolled = open_folder(ca.folder.path)
    issuing = rolled.current.certificates["issuing"]
    # Each is replaced for the new authority, and then for the TLS certificate that it has issued.
    until(lambda: issuer_of(tls_certificate(ca)) == issuing.name and not set(workers_at(ca.port)) & set(before))
    assert ca.fetch("/readyz") == b'{"ready": true}'  # with the old root alone
    with serving(ca, openssl.folder, workers=1) as pages:  # customers of the old authority log in, and of the new one
        assert holder.user in Browser(openssl.folder, holder).get(pages).text
        renewed = openssl.renew(holder)  # which trusts the old root alone, too
        assert renewed.user in Browser(openssl.folder, renewed).get(pages).text
    assert renewed.read.issuer.public_bytes() == issuing.subject
    new_root = str(ca.folder.path / "root-2.pem")
    again = by_new_root(openssl, renewed, new_root)
    for root, through, leaf in (
        ("root.pem", ("root-2-by-1.pem", "issuing-2.pem"), renewed),
        ("root.pem", ("issuing.pem",), holder),
        ("root-2.pem", ("root-1-by-2.pem", "issuing.pem"), holder),
        ("root-2.pem", ("issuing-2.pem",), again),
    ):
        untrusted = [word for name in through for word in ("-untrusted", str(ca.folder.path / name))]
        files = [*untrusted, str(leaf.certificate)]
        openssl.do("verify", "-x509_strict", "-CAfile", str(ca.folder.path / root), *files)


def by_new_root(openssl: OpenSSL, old: Client, root: str) -> Client:
    made = Client(old.user, openssl.new_key(), openssl.name("pem"))
    trusting = ("-trusted", root, "-out_trusted", root, "-tls_trusted", root)
    said = openssl.cmp("kur", *old.signed, *trusting, "-newkey", made.key, "-certout", made.certificate)
    assert "received PKICONF" in said.text
    return made


def test_a_renewed_cmp_certificate_is_taken_up(ca: Authority, openssl: OpenSSL) -> None:
    holder = openssl.acquire()
    before = workers_at(ca.port)
    change(ca, "renew", "cmp", "--new-key")
    wanted = open_folder(ca.folder.path).current.certificates["cmp"].der
    until(lambda: len(found := workers_at(ca.port)) == 2 and not set(found) & set(before))
    extra = openssl.name("pem")
    said = openssl.cmp("genm", *openssl.by(holder), "-infotype", "caCerts", "-extracertsout", extra)
    assert "received GENP" in said.text
    assert load_pem_x509_certificate(extra.read_bytes()) == load_der_x509_certificate(wanted)


def test_what_ends_soon_is_renewed_while_it_serves(ca: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    """An OCSP certificate with ten days left, put in its place: the next round of the jobs makes another."""
    folder, before = ca.folder, workers_at(ca.port)
    monkeypatch.setenv("TOKENMGR_HOME", str(folder.path.parent))
    with open_authority(folder, Secret(PIN), folder.path.parent) as keys:
        facts, old = keys.issuing.facts, folder.current.certificates["ocsp"]
        order = OwnOrder(
            Kind.OCSP, serial_number(), old.subject, old.public_key, old.not_before, old.not_before + timedelta(days=10)
        )
        by = Signing("issuing", facts.subject, keys.issuing.signer, facts.not_before, facts.not_after)
        soon = signed(by, folder.profile, order)
    held = Held(folder.current.holdings["ocsp"].key_id, "ocsp.2.pem")
    write_all(folder.path, with_held(folder.about, Due(1, "ocsp"), held), {"ocsp.2.pem": soon})
    until(lambda: open_folder(folder.path).current.holdings["ocsp"].file == "ocsp.3.pem")
    renewed = open_folder(folder.path).current.certificates["ocsp"]
    assert renewed.public_key == old.public_key
    assert renewed.not_after > old.not_before + timedelta(days=80)
    until(lambda: len(found := workers_at(ca.port)) == 2 and not set(found) & set(before))
    assert ca.fetch("/readyz") == b'{"ready": true}'
