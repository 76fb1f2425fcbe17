"""Every kind of certificate, from keys that SoftHSM has made, as others judge it."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from tests.ca.made import CA_KINDS, order, pkilint, server_order, write_pem
from tokenmgr import catalogue, clock
from tokenmgr.ca import ceremony, crl, staging
from tokenmgr.ca.about import PURPOSES
from tokenmgr.ca.ceremony import Plan, Step
from tokenmgr.ca.folder import CONFIGURATION, TOKEN, CaFolder, configuration_text, open_folder
from tokenmgr.ca.issuer import Issuer
from tokenmgr.ca.keys import CaKeys
from tokenmgr.ca.signing import spki_of
from tokenmgr.cli.authority import TokenKeys, open_authority
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import RevocationReason, StoreKind
from tokenmgr.errors import AuthorityExists, CeremonyBusy, CertificateUnfit
from tokenmgr.log import Secret
from tokenmgr.pki.names import subscriber_name
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

PIN = "geheim-4711"


@contextmanager
def library(path: Path) -> Iterator[Library]:
    family = catalogue.shipped().family("softhsm")
    environment = {**os.environ, "SOFTHSM2_CONF": str(path / CONFIGURATION)}
    with Library(catalogue.library(family) or "", environment, family) as opened:
        yield opened


def hold(target: Path, kind: KeyKind) -> None:
    """As the command line does it."""
    with staging.alone(target):
        folder = staging.create(target)
        (folder / TOKEN).mkdir()
        (folder / CONFIGURATION).write_text(configuration_text(folder))
        with library(folder) as softhsm:
            serial = softhsm.format("", Secret("12345678"), Secret(PIN), "CA").serial
            with Session.open(softhsm, serial, write=True) as session:
                session.login(Secret(PIN))
                plan = Plan(
                    "しんきん電子証明書認証局",
                    kind,
                    "https://ca.example.jp:8443",
                    "http://ca.example.jp",
                    "",
                    "",
                    serial,
                )
                ceremony.make(plan, folder, TokenKeys(session), clock.now(), lambda _step: None)
        staging.settle(folder, target)


@pytest.fixture(scope="module", params=CA_KINDS, ids=lambda kind: kind.value)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CaFolder:
    target = tmp_path_factory.mktemp("home") / "ca"
    hold(target, request.param)
    return open_folder(target)


@pytest.fixture(scope="module")
def opened(made: CaFolder) -> Iterator[CaKeys]:
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOKENMGR_HOME", str(made.path.parent))
        yield stack.enter_context(open_authority(made, Secret(PIN), made.path))


@pytest.fixture(scope="module")
def issued(made: CaFolder, opened: CaKeys, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A file of every certificate: the CA's own, a server's, and customers' of every kind and store."""
    folder, issuer = tmp_path_factory.mktemp("issued"), Issuer(opened, made.profile)
    starts = made.about.created
    ends = starts.replace(year=starts.year + 1)
    files = {purpose: made.path / f"{purpose}.pem" for purpose in PURPOSES}
    subject = subscriber_name("しんきん中央金庫", "1000", "0012345", "管理者")
    for kind in (KeyKind.P256, KeyKind.P384, KeyKind.RSA_2048, KeyKind.RSA_4096):
        for store in StoreKind:
            wanted = order(kind, store, subject=subject, starts=starts, ends=ends)
            name = f"{kind.value}-{store.value}"
            files[name] = write_pem(folder / f"{name}.pem", issuer.sign(issuer.draft(wanted)))
    server = server_order("ca.example.jp", "192.0.2.1", "2001:db8::1")
    server = replace(server, not_before=starts, not_after=ends)
    files["tls"] = write_pem(folder / "tls.pem", issuer.sign(issuer.draft(server)))
    return files


def test_pkilint_finds_nothing(issued: dict[str, Path]) -> None:
    single = [("lint_pkix_cert", "lint", "-s", "NOTICE", file) for file in issued.values()]
    chains = [
        (
            "lint_pkix_signer_signee_cert_chain", "lint", "-s", "NOTICE",
            issued["root" if name in ("root", "issuing") else "issuing"], file,
        )
        for name, file in issued.items()
    ]  # fmt: skip
    assert pkilint(*single, *chains[1:]) == ""


def test_openssl_verifies_every_certificate(issued: dict[str, Path]) -> None:
    purposes = {"root": "any", "issuing": "any", "cmp": "any", "ocsp": "ocsphelper", "tls": "sslserver"}
    for name, file in issued.items():
        purpose = ["-purpose", purposes.get(name, "sslclient")]
        done = subprocess.run(
            ["openssl", "verify", "-x509_strict", *purpose, "-CAfile", issued["root"],
             "-untrusted", issued["issuing"], file],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, (name, done.stderr)


def test_a_customers_certificate_is_no_servers(issued: dict[str, Path]) -> None:
    done = subprocess.run(
        ["openssl", "verify", "-purpose", "sslserver", "-CAfile", issued["root"], "-untrusted", issued["issuing"],
         issued["p256-medium"]],
        capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0


def test_a_revocation_list_from_the_token(made: CaFolder, opened: CaKeys, tmp_path: Path) -> None:
    entries = ((number + 1, made.about.created, RevocationReason.SUPERSEDED) for number in range(1000))
    starts = made.about.created
    list_ = tmp_path / "issuing.crl"
    list_.write_bytes(crl.build(opened.issuing, entries, 1, starts, starts.replace(year=starts.year + 1)))
    done = subprocess.run(
        ["openssl", "crl", "-inform", "DER", "-in", list_, "-CAfile", made.path / "issuing.pem", "-verify", "-noout"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "verify OK" in done.stdout + done.stderr


def test_every_key_keeps_what_s1_promises(made: CaFolder) -> None:
    with library(made.path) as softhsm, Session.open(softhsm, made.about.serial) as session:
        session.login(Secret(PIN))
        contents = session.contents()
        assert {one.key_id for one in contents.keys} == made.about.key_ids
        assert not any(session.judge(one) for one in contents.keys)


def test_one_ceremony_at_a_time_and_none_over_a_ca(made: CaFolder, tmp_path: Path) -> None:
    with pytest.raises(AuthorityExists), staging.alone(made.path):
        pass
    with staging.alone(tmp_path / "ca"), pytest.raises(CeremonyBusy), staging.alone(tmp_path / "ca"):
        pass


def test_the_steps_are_those_of_the_docs() -> None:
    said = [line.split()[:2] for line in (ceremony.__doc__ or "").splitlines() if line[:1].isdigit()]
    assert said == [[f"{step.value}.", step.name] for step in Step]


def test_subscriber_keys_are_never_the_cas(made: CaFolder, opened: CaKeys) -> None:
    issuer = Issuer(opened, made.profile)
    with pytest.raises(CertificateUnfit) as refused:
        issuer.draft(order(public_key=spki_of(opened.issuing.signer), starts=made.about.created))
    assert any(one.startswith("public_key_is_not_the_issuers") for one in refused.value.findings)
