"""A whole life at a CA that is not ours, by the commands: csr, import, renew over CMP; OpenSSL's mock answers."""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from tests.cli.runner import Home, Result
from tests.cmp.parties import authority, holder, name
from tests.contract.services import require
from tests.interop.mock import REFERENCE, SECRET, Mock
from tests.interop.test_other_ca import SERIAL, WITH_SECRET
from tests.renewal.serving import DAY, Maker, serving, whole_request
from tokenmgr import clock
from tokenmgr.cmp.messages import CertRequest, parse
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.domain.holding import Whose, marked
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import PIN
from tokenmgr.token.session import Session

SUBJECT = "CN=One"


@dataclass
class OtherCA:
    """It is asked over HTTP or HTTPS. The mock is started once it is known for which key."""

    folder: Path
    mock: Mock
    options: tuple[str, ...] = ()
    url: str = ""
    tls: str = ""
    heard: list[CertRequest] = field(default_factory=list)
    running: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)

    def forward(self, connection: socket.socket) -> None:
        """One connection is one transaction to the mock."""
        with contextlib.ExitStack() as ends:
            onward: socket.socket | None = None
            while asked := whole_request(connection):
                said = parse(asked.partition(b"\r\n\r\n")[2]).body
                if isinstance(said, CertRequest):
                    self.heard.append(said)
                    self.running.close()
                    made = self.certificate(said.public_key or b"")
                    self.running.enter_context(self.mock.handing_out(made, *self.options))
                if onward is None or isinstance(said, CertRequest):
                    onward = ends.enter_context(self.mock._there())
                onward.sendall(asked)
                connection.sendall(whole_request(onward))

    def certificate(self, public_key: bytes, days: int = 365) -> x509.Certificate:
        key, now = load_der_public_key(public_key), clock.now()
        signer = self.mock.ca.key
        builder = x509.CertificateBuilder(name("CA"), name("One"), key, SERIAL, now - DAY, now + timedelta(days=days))  # type: ignore[arg-type]
        return (
            builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), False)  # type: ignore[arg-type]
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), False)
            .sign(signer, hashes.SHA256())
        )

    @property
    def roots(self) -> str:
        return str(self.folder / "roots.pem")

    @property
    def named(self) -> tuple[str, ...]:
        tls = ("--cmp-tls-roots", self.tls) if self.tls else ()
        return ("--cmp", self.url, "--cmp-roots", self.roots, *tls)


@pytest.fixture(params=["https", "http"])
def ca(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[OtherCA]:
    yield from started(tmp_path, request.param)


@pytest.fixture
def plain_ca(tmp_path: Path) -> Iterator[OtherCA]:
    yield from started(tmp_path, "http")


def started(tmp_path: Path, scheme: str) -> Iterator[OtherCA]:
    require("openssl", "unshare", "ip", root=True)
    folder = tmp_path / "ca"
    folder.mkdir()
    made = OtherCA(folder, Mock(folder, authority()))
    (folder / "roots.pem").write_bytes(made.mock.ca.pem)
    maker = Maker(folder)
    if scheme == "https":
        (folder / "tls.pem").write_text(maker.root)
        made.tls = str(folder / "tls.pem")
    with made.running, serving(made.forward, maker.server() if scheme == "https" else None) as port:
        made.url = f"{scheme}://127.0.0.1:{port}/pkix/"
        yield made


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.plug_in("one")
    made.environment["no_proxy"] = "*"
    return made


def run(home: Home, *line: str, typed: str = "") -> Result:
    return home.run(*line, "--pin-fd", "0", typed=f"{PIN}\n{typed}")


def fine(home: Home, *line: str, typed: str = "") -> dict[str, Any]:
    done = run(home, *line, "--json", typed=typed)
    assert done.status == 0, done.out + done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


def imported(home: Home, ca: OtherCA) -> None:
    """What there was before: by a request and its certificate, of which a few days are left."""
    told = fine(home, "csr", "--subject", SUBJECT, "--kind", "p256")
    asked = x509.load_pem_x509_csr(told["request"].encode())
    public = asked.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    file = ca.folder / "one.cer"
    file.write_bytes(ca.certificate(public, days=5).public_bytes(Encoding.DER))
    fine(home, "import", str(file), "--roots", ca.roots)


def held(home: Home) -> list[Credential]:
    with home.media["one"].library() as library, Session.open(library, home.numbers["one"]) as session:
        session.login(Secret(PIN))
        found = session.contents().credentials
        for one in found:
            session.prove(one.key, one.facts.public_key if one.facts else None)
    return sorted(found, key=lambda one: one.facts.not_after if one.facts else clock.now())


def test_a_renewal_of_what_was_imported(home: Home, ca: OtherCA) -> None:
    """Both schemes. The old one stays; status calls both foreign, and clean takes neither."""
    imported(home, ca)
    told = fine(home, "renew", *ca.named)
    assert (told["operation"], told["certificate"]["subject"]) == ("renewal", "CN=One")
    old, new = held(home)
    assert (old.key.kind, new.key.kind, new.key.label[:7]) == ("p256", "p256", "CN=One ")
    seen = json.loads(home.run("status", "--json", "--offline").out)
    assert [one["generation"] for one in seen["media"][0]["certificates"]] == ["foreign", "foreign"]
    left = fine(home, "clean", "--offline", "--yes")
    assert {one["reason"] for one in left["left_alone"] if one["has_key"]} == {"not-ours"}
    assert left["removed"] == []


LATER = ("-poll_count", "2", "-check_after", "86400")


def test_what_is_unfinished_goes_on_without_being_named_again(home: Home, plain_ca: OtherCA) -> None:
    """The CA takes a day; then plain `resume`, though a bank is known too."""
    imported(home, plain_ca)
    plain_ca.options = LATER
    done = run(home, "renew", *plain_ca.named)
    assert (done.status, "J119" in done.err) == (3, True)
    know_a_bank(home, plain_ca)
    plain_ca.options = ()
    told = fine(home, "resume")
    assert told["operation"] == "renewal"
    assert [one.facts is not None for one in held(home)] == [True, True]


def test_what_will_never_be_answered_is_given_up(home: Home, plain_ca: OtherCA) -> None:
    imported(home, plain_ca)
    plain_ca.options = LATER
    assert run(home, "renew", *plain_ca.named).status == 3
    assert len(held(home)) == 2
    fine(home, "resume", "--give-up")
    assert len(held(home)) == 1
    assert json.loads(home.run("status", "--json", "--offline").out)["unfinished"] == []
    again = run(home, "resume", "--give-up", "--json")
    assert json.loads(again.out)["error"]["facts"]["reason"] == "cmp-not-begun"


def test_a_server_that_is_not_there_is_found_out_before_a_key_is_made(home: Home, plain_ca: OtherCA) -> None:
    imported(home, plain_ca)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    done = run(home, "renew", "--cmp", f"http://127.0.0.1:{port}/", "--cmp-roots", plain_ca.roots)
    assert (done.status, "J107" in done.err, len(held(home))) == (3, True, 1)


def test_an_address_that_was_mistyped_is_named_again(home: Home, plain_ca: OtherCA) -> None:
    """The roots say that it is the same CA."""
    imported(home, plain_ca)
    plain_ca.options = LATER
    assert run(home, "renew", *plain_ca.named).status == 3
    moved = plain_ca.url.replace("127.0.0.1", "localhost")
    plain_ca.options = ()
    fine(home, "renew", "--cmp", moved, "--cmp-roots", plain_ca.roots)
    assert [one.facts is not None for one in held(home)] == [True, True]


def know_a_bank(home: Home, ca: OtherCA) -> None:
    folder = home.folder / "banks.d"
    folder.mkdir()
    (folder / "1234.toml").write_text(
        f'code = "1234"\nname = "A"\naddress = "https://127.0.0.1:1"\nroots = """{Path(ca.roots).read_text()}"""\n'
    )


WHO = ("--reference", REFERENCE, "--secret-fd", "0", "--subject", SUBJECT, "--kind", "p256")
TYPED = f"{SECRET.decode()}\n"


def test_a_first_certificate_by_a_reference_value(home: Home, plain_ca: OtherCA) -> None:
    """Mistyped at first, which the CA does not answer; the same key is gone on with. A journal has neither secret."""
    plain_ca.options = WITH_SECRET
    done = run(home, "acquire", *plain_ca.named, *WHO, typed="wrong\n")
    assert (done.status, "J105" in done.err) == (3, True)
    (begun,) = held(home)
    told = fine(home, "acquire", *plain_ca.named, *WHO, typed=TYPED)
    assert told["operation"] == "acquisition"
    assert plain_ca.heard[-1].subject == name("One").public_bytes()
    (one,) = held(home)
    assert (one.key.identity, one.facts is not None) == (begun.key.identity, True)
    journals = b"".join(path.read_bytes() for path in (home.folder / "journal").glob("*"))
    assert SECRET not in journals.split(b'"')
    assert b"wrong" not in journals


def test_an_acquisition_is_gone_on_with_by_its_secret_alone(home: Home, plain_ca: OtherCA) -> None:
    plain_ca.options = (*WITH_SECRET, *LATER)
    done = run(home, "acquire", *plain_ca.named, *WHO, typed=TYPED)
    assert (done.status, "J119" in done.err) == (3, True)
    plain_ca.options = WITH_SECRET
    assert fine(home, "resume", "--secret-fd", "0", typed=TYPED)["operation"] == "acquisition"
    assert len(held(home)) == 1


@pytest.mark.parametrize("is_given_up", [False, True])
def test_into_the_encrypted_file_it_is_cut_and_gone_on_with_or_given_up(
    home: Home, plain_ca: OtherCA, is_given_up: bool
) -> None:
    """What is unfinished on a medium at the same CA is another thing."""
    imported(home, plain_ca)
    plain_ca.options = LATER
    assert run(home, "renew", *plain_ca.named).status == 3
    assert home.run("pc", "make", "--new-pin-fd", "0", typed=f"{PIN} {PIN}\n").status == 0
    plain_ca.options = (*WITH_SECRET, *LATER)

    def on_file(*line: str) -> Result:
        return home.run(*line, "--pc", "file", "--pin-fd", "0", "--json", typed=f"{PIN} {PIN}\n{TYPED}")

    assert "J119" in on_file("acquire", *plain_ca.named, *WHO).out
    plain_ca.options = WITH_SECRET
    done = on_file("resume", "--give-up") if is_given_up else on_file("resume", "--secret-fd", "0")
    assert json.loads(done.out)["operation"] == ("given-up" if is_given_up else "acquisition")
    assert json.loads(on_file("resume", "--give-up").out)["error"]["facts"]["reason"] == "cmp-not-begun"
    assert len(json.loads(home.run("status", "--json", "--offline").out)["unfinished"]) == 1


def test_pbmac1_is_spoken_where_it_is_asked_for(home: Home, plain_ca: OtherCA) -> None:
    """This OpenSSL does not know it, and says so."""
    plain_ca.options = WITH_SECRET
    done = run(home, "acquire", *plain_ca.named, *WHO, "--mac", "pbmac1", typed=TYPED)
    assert (done.status in (3, 4), held(home)) == (True, [])


def test_a_key_whose_journal_is_lost_is_gone_on_with_where_the_ca_is_named(home: Home, plain_ca: OtherCA) -> None:
    imported(home, plain_ca)
    plain_ca.options = LATER
    assert run(home, "renew", *plain_ca.named).status == 3
    for path in (home.folder / "journal").glob("*"):
        path.unlink()
    plain_ca.options = ()
    fine(home, "renew", *plain_ca.named)
    assert [one.facts is not None for one in held(home)] == [True, True]


def test_a_key_of_a_bank_is_left_to_its_bank(home: Home, plain_ca: OtherCA) -> None:
    imported(home, plain_ca)
    with home.media["one"].library() as library, Session.open(library, home.numbers["one"], write=True) as session:
        session.login(Secret(PIN))
        session.generate_key(KeyKind.P256, b"\x01", marked(Whose("1234", "0012345", "user01")))
    fine(home, "renew", *plain_ca.named)
    assert sorted(one.key.label[:16] for one in held(home) if one.facts is None) == ["tokenmgr pending"]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (("renew", "--cmp", "ftp://a/", "--cmp-roots", "{roots}"), "cmp-address"),
        (("renew", "--cmp", "http://a:b/", "--cmp-roots", "{roots}"), "cmp-address"),
        (("renew", "--cmp", "http://a/"), "cmp-needs"),
        (("renew", "--cmp-roots", "{roots}"), "cmp-alone"),
        (("renew", "--cmp", "http://a/", "--cmp-roots", "{roots}", "--bank", "1234"), "cmp-not-with"),
        (("renew", "--cmp", "http://a/", "--cmp-roots", "{leaf}"), "cmp-roots"),
        (("acquire", "--cmp", "http://a/", "--cmp-roots", "{roots}"), "cmp-needs"),
        (("acquire", "--cmp", "http://a/", "--cmp-roots", "{roots}", "--reference", "四"), "cmp-reference"),
        (("acquire", "--cmp", "http://a/", "--cmp-roots", "{roots}", "--user", "u"), "cmp-not-with"),
        (("acquire", "--reference", "1"), "cmp-alone"),
    ],
)
def test_what_does_not_go_together_is_said_before_a_medium_is_looked_for(
    tmp_path: Path, line: tuple[str, ...], reason: str
) -> None:
    roots, leaf = tmp_path / "roots.pem", tmp_path / "leaf.pem"
    roots.write_bytes(authority().pem)
    leaf.write_bytes(holder().pem)
    home = Home(tmp_path / "home")
    done = home.run(*(one.format(roots=roots, leaf=leaf) for one in line), "--json")
    error = json.loads(done.out)["error"]
    assert (done.status, error["code"], error["facts"]["reason"]) == (2, "U116", reason)


def test_a_certificate_of_another_ca_is_not_renewed_by_this_one(home: Home, plain_ca: OtherCA) -> None:
    imported(home, plain_ca)
    file = plain_ca.folder / "other.pem"
    file.write_bytes(authority("p256").pem)
    done = run(home, "renew", "--cmp", plain_ca.url, "--cmp-roots", str(file), "--json")
    assert json.loads(done.out)["error"]["facts"]["reason"] == "cmp-nothing"
    assert (len(held(home)), plain_ca.heard) == (1, [])
