"""`tokenmgr csr` and `import`: OpenSSL is the other CA, the medium is SoftHSM, and everything goes by the command."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import Home
from tests.contract.services import require
from tokenmgr.domain.contents import Contents
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.holding import ELSEWHERE, Whose, marked
from tokenmgr.log import Secret
from tokenmgr.testbed.bed import Testbed
from tokenmgr.testbed.simulated import PIN
from tokenmgr.token.session import Session

SUBJECT = "CN=太郎,O=みほん株式会社,C=JP"
TYPED = f"{PIN}\n"


@dataclass
class OtherCA:
    """A root, an issuing CA, and another CA that bears the issuing one's name."""

    folder: Path

    def do(self, *line: str) -> str:
        done = subprocess.run(["openssl", *line], cwd=self.folder, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    def file(self, name: str) -> Path:
        return self.folder / name

    def found(self, name: str) -> OtherCA:
        new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "/dev/null")
        authority = ("-addext", "basicConstraints=critical,CA:true")
        self.do(*new, *authority, "-subj", "/CN=Root", "-keyout", "root.key", "-out", "root.pem", "-days", "99")
        self.file("ca.ext").write_text("basicConstraints=critical,CA:true\n")
        self.file("leaf.ext").write_text("basicConstraints=CA:false\n")
        request = ("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "/dev/null")
        self.do(*request, "-subj", f"/CN={name}", "-keyout", "ca.key", "-out", "ca.csr")
        self.certify("ca.csr", "ca.pem", by="root", extensions="ca.ext")
        return self

    def certify(
        self, request: str, out: str, *more: str, by: str = "ca", extensions: str = "leaf.ext", days: str = "90"
    ) -> Path:
        line = ("x509", "-req", "-in", request, "-CA", f"{by}.pem", "-CAkey", f"{by}.key", "-CAcreateserial")
        self.do(*line, "-extfile", extensions, "-out", out, "-days", days, *more)
        return self.file(out)


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> OtherCA:
    require("openssl")
    return OtherCA(tmp_path_factory.mktemp("other")).found("Issuing")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "home")
    made.plug_in("one")
    return made


def fine(home: Home, *line: str) -> dict[str, Any]:
    done = home.run(*line, "--json", "--pin-fd", "0", typed=TYPED)
    assert done.status == 0, done.out + done.err
    told: dict[str, Any] = json.loads(done.out)
    return told


def refused(home: Home, *line: str) -> tuple[int, dict[str, Any]]:
    done = home.run(*line, "--json", "--pin-fd", "0", typed=TYPED)
    error: dict[str, Any] = json.loads(done.out)["error"]
    return done.status, error


def contents(home: Home) -> Contents:
    with home.media["one"].library() as library, Session.open(library, home.numbers["one"]) as session:
        session.login(Secret(PIN))
        return session.contents()


def requested(home: Home, ca: OtherCA, *more: str, kind: str = "p256") -> dict[str, Any]:
    ca.file("one.csr").unlink(missing_ok=True)
    which = () if "--key" in more else ("--kind", kind)
    return fine(home, "csr", "--subject", SUBJECT, *which, "--out", str(ca.file("one.csr")), *more)


@pytest.mark.parametrize("kind", ["rsa2048"])
def test_a_request_is_certified_and_the_certificate_comes_beside_its_key(home: Home, ca: OtherCA, kind: str) -> None:
    told = requested(
        home, ca, "--dns", "a.example", "--eku", "client-auth", "--key-usage", "digitalSignature", kind=kind
    )
    assert (told["kind"], told["subject"], told["is_new"]) == (kind, SUBJECT, True)
    (key,) = contents(home).keys
    assert (key.key_id.hex(), key.fingerprint, key.label) == (told["key"], told["fingerprint"], f"{ELSEWHERE}: 太郎")
    shown = ca.do("req", "-in", "one.csr", "-noout", "-verify", "-subject", "-nameopt", "utf8,sep_comma_plus", "-text")
    assert "verify OK" in shown
    assert "subject=C=JP,O=みほん株式会社,CN=太郎" in shown
    assert all(one in shown for one in ("DNS:a.example", "TLS Web Client Authentication", "Digital Signature"))
    ca.certify("one.csr", "one.pem")
    done = fine(home, "import", str(ca.file("one.pem")), str(ca.file("ca.pem")))
    assert (done["key"], done["is_whole"], done["was_there"], len(done["chain"])) == (told["key"], False, False, 1)
    ((one,), certificates) = contents(home).credentials, contents(home).certificates
    assert one.facts is not None
    assert (one.key.label[:-11], one.facts.subject) == (one.facts.subject, "C=JP, O=みほん株式会社, CN=太郎")
    assert len(certificates) == 2
    again = fine(home, "import", str(ca.file("one.pem")), str(ca.file("ca.pem")), "--roots", str(ca.file("root.pem")))
    assert (again["was_there"], again["is_whole"], len(again["chain"])) == (True, True, 2)
    assert len(contents(home).certificates) == 3  # the root came, and nothing twice


def test_what_came_from_another_ca_is_foreign_and_stays(home: Home, ca: OtherCA) -> None:
    """status and clean do not take it, nor the key that waits for it, for a subscriber's."""
    requested(home, ca)
    left = fine(home, "clean", "--offline", "--yes")
    assert [one["reason"] for one in left["left_alone"]] == ["not-ours"]
    fine(home, "import", str(ca.certify("one.csr", "one.pem")))
    seen = json.loads(home.run("status", "--json", "--offline").out)
    ((found,),) = (medium["certificates"] for medium in seen["media"])
    assert (found["generation"], seen["verdict"]) == ("foreign", "fine")
    left = fine(home, "clean", "--offline", "--yes")
    assert ([one["reason"] for one in left["left_alone"]], left["removed"]) == (["not-ours"], [])


def test_a_name_that_looks_like_a_banks_is_none(home: Home, ca: OtherCA) -> None:
    told = fine(home, "csr", "--subject", "CN=u,OU=経理-東京,O=x,C=JP", "--kind", "p256")
    ca.file("one.csr").write_text(told["request"])
    fine(home, "import", str(ca.certify("one.csr", "one.pem")))
    seen = json.loads(home.run("status", "--json", "--offline").out)
    assert seen["media"][0]["certificates"][0]["generation"] == "foreign"


@pytest.mark.parametrize("form", ["p7b", "crlf"])
def test_what_windows_hands_out_is_read_by_its_content(home: Home, ca: OtherCA, form: str) -> None:
    requested(home, ca)
    ca.certify("one.csr", "one.pem")
    together = ("crl2pkcs7", "-nocrl", "-certfile", "one.pem", "-certfile", "ca.pem", "-certfile", "root.pem")
    if form == "crlf":
        texts = [ca.file(name).read_text() for name in ("root.pem", "one.pem", "ca.pem")]
        ca.file("bundle").write_bytes("お客様の電子証明書\n".join(texts).replace("\n", "\r\n").encode("cp932"))
    else:
        ca.do(*together, "-outform", "DER", "-out", "bundle")
    done = fine(home, "import", str(ca.file("bundle")))
    assert (done["is_whole"], len(done["chain"])) == (True, 2)


def test_a_key_that_is_there_is_used_again_and_both_certificates_stay(home: Home, ca: OtherCA) -> None:
    key = requested(home, ca)["key"]
    fine(home, "import", str(ca.certify("one.csr", "one.pem")))
    told = requested(home, ca, "--key", key)
    assert (told["key"], told["is_new"], len(contents(home).keys)) == (key, False, 1)
    fine(home, "import", str(ca.certify("one.csr", "two.pem", days="95")))
    assert len([one for one in contents(home).certificates if one.key_id.hex() == key]) == 2
    status, error = refused(home, "import", str(ca.certify("one.csr", "three.pem", days="80")))
    assert (status, error["facts"]["findings"]) == (4, ["certificate-ends-before"])


def test_everything_that_is_wrong_with_a_certificate_is_told_at_once(home: Home, ca: OtherCA) -> None:
    requested(home, ca)
    before = contents(home)
    stranger = OtherCA(ca.folder / "stranger")
    if not stranger.folder.exists():
        stranger.folder.mkdir()
        stranger.found("Issuing")
    line = ("x509", "-req", "-in", "one.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "-1")
    ca.do(*line, "-extfile", "ca.ext", "-out", "old.pem")
    status, error = refused(home, "import", str(ca.file("old.pem")), str(stranger.file("ca.pem")))
    assert (status, error["code"]) == (4, "C104")
    assert error["facts"]["findings"] == ["certificate-of-authority", "certificate-expired", "chain-not-signed"]
    ca.certify("one.csr", "one.pem")
    _, error = refused(home, "import", str(ca.file("one.pem")), str(ca.file("root.pem")))
    assert error["facts"]["findings"] == ["chain-not-given"]
    roots = ("--roots", str(stranger.file("root.pem")))
    _, error = refused(home, "import", str(ca.file("one.pem")), str(ca.file("ca.pem")), *roots)
    assert error["facts"]["findings"] == ["chain-not-to-roots"]
    assert contents(home) == before, "something was touched"


def test_what_is_not_for_a_key_here_is_refused(home: Home, ca: OtherCA) -> None:
    requested(home, ca)
    before = contents(home)
    ca.certify("one.csr", "one.pem")
    new = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-config", "/dev/null")
    ca.do(*new, "-addext", "basicConstraints=CA:false", "-subj", "/CN=Other", "-keyout", "k.key", "-out", "other.pem")
    ca.do("pkcs12", "-export", "-inkey", "k.key", "-in", "other.pem", "-out", "it.cer", "-passout", "pass:x")
    ca.file("damaged").write_bytes(ca.file("one.pem").read_bytes()[:-60])
    ca.file("two").write_bytes(ca.file("one.pem").read_bytes() + ca.certify("one.csr", "two.pem").read_bytes())
    for file, code, exit_status in (
        ("other.pem", "C102", 4),
        ("ca.pem", "C107", 4),
        ("it.cer", "C105", 4),
        ("damaged", "C106", 4),
        ("one.csr", "C106", 4),
        ("two", "U115", 2),
        ("not-there", "U114", 2),
    ):
        status, error = refused(home, "import", str(ca.file(file)))
        assert (file, status, error["code"]) == (file, exit_status, code)
    assert contents(home) == before, "something was touched"


def test_a_key_of_an_operation_of_ours_is_left_to_it(home: Home, ca: OtherCA) -> None:
    with home.media["one"].library() as library, Session.open(library, home.numbers["one"], write=True) as session:
        session.login(Secret(PIN))
        session.generate_key(KeyKind.P256, b"\x01", marked(Whose("1234", "0012345", "user01")))
    status, error = refused(home, "csr", "--subject", SUBJECT, "--key", "01")
    assert (status, error["code"]) == (4, "C108")
    status, error = refused(home, "csr", "--subject", SUBJECT, "--key", "02")
    assert (status, error["code"]) == (4, "K103")


def test_from_a_file_and_the_command_line_goes_before_it(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "request.toml"
    file.write_text(
        'subject = "/C=JP/O=みほん/CN=花子"\nemail = ["hanako@example.com"]\neku = ["client-auth"]\nkind = "p256"\n',
        encoding="utf-8-sig",
    )
    told = fine(home, "csr", "--from", str(file), "--email", "h@example.com")
    assert (told["subject"], told["kind"], told["file"]) == ("CN=花子,O=みほん,C=JP", "p256", None)
    line = ["openssl", "req", "-noout", "-text", "-verify"]
    shown = subprocess.run(line, input=told["request"], capture_output=True, text=True, check=True).stdout
    assert "email:h@example.com" in shown
    assert "hanako" not in shown


@pytest.mark.parametrize(
    ("line", "code", "reason"),
    [
        (["--subject", "CN"], "U113", "request-name"),
        ([], "U113", "request-subject-missing"),
        (["--subject", "CN=a", "--key", "zz"], "U113", "request-id"),
        (["--subject", "CN=a", "--key", "01", "--kind", "p256"], "U113", "request-both"),
        (["--subject", "CN=a", "--eku", "x"], "U113", "request-eku"),
        (["--from", "{home}/settings.toml"], "U113", "request-unknown"),
        (["--from", "{home}/nothing.toml"], "U114", None),
        (["--subject", "CN=a", "--out", "{home}/settings.toml"], "U107", "exists"),
    ],
)
def test_what_is_wrong_is_said_before_a_medium_is_looked_for(
    tmp_path: Path, line: list[str], code: str, reason: str | None
) -> None:
    home = Home(tmp_path / "home")
    done = home.run("csr", *(one.replace("{home}", str(home.folder)) for one in line), "--json")
    error = json.loads(done.out)["error"]
    assert (done.status, error["code"]) == (2, code)
    assert reason in (None, error["facts"]["reason"])


def test_a_request_that_is_cut_short_leaves_a_key_that_is_told_and_can_be_used(
    tmp_path: Path, testbed_store: Path
) -> None:
    """The medium is pulled after the key was made."""
    home, out = Home(tmp_path / "home"), tmp_path / "one.csr"
    bed = Testbed(home.folder / "testbed", home.environment, home.folder / "libraries.d", testbed_store)
    (stick,) = bed.up("fresh", name="one")
    home.media["one"], home.numbers["one"] = stick, stick.serial
    stick.fault("C_Sign", "answer", "CKR_DEVICE_REMOVED", times=1)
    done = home.run("csr", "--subject", SUBJECT, "--kind", "p256", "--out", str(out), "--pin-fd", "0", typed=TYPED)
    (key,) = contents(home).keys
    assert (done.status, out.exists()) == (3, False)
    assert f"tokenmgr csr --key {key.key_id.hex()}" in done.err
    again = fine(home, "csr", "--subject", SUBJECT, "--kind", "p256")
    assert again["waiting"] == [key.key_id.hex()]
    told = fine(home, "csr", "--subject", SUBJECT, "--key", key.key_id.hex(), "--der", "--out", str(out))
    assert told["fingerprint"] == key.fingerprint
    assert out.read_bytes()[:1] == b"\x30"
