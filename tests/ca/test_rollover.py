"""After a rollover whoever trusts either root verifies what either authority has issued, as others judge it."""

from __future__ import annotations

import subprocess
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

import pytest

from tests import java
from tests.ca.made import Token, ca_key, ca_keys, make_ca, order, pkilint, write_pem
from tests.contract.services import require
from tokenmgr import clock
from tokenmgr.ca import changing, rollover
from tokenmgr.ca.about import PURPOSES
from tokenmgr.ca.ceremony import Step, Tell
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.ca.issuer import Issuer
from tokenmgr.ca.profile import POLICY_MEDIUM, POLICY_PC, Kind, OwnOrder, own_name
from tokenmgr.ca.signing import spki_of
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.errors import AuthorityDamaged, CertificateUnfit, RolledOverBefore

NOW = clock.now().replace(microsecond=0)  # others judge by the computer's clock
KINDS = [(KeyKind.P256, KeyKind.P384), (KeyKind.P384, KeyKind.RSA_3072), (KeyKind.RSA_3072, KeyKind.P256)]


class Rolled(NamedTuple):
    before: CaFolder
    folder: CaFolder
    token: Token
    leaves: dict[int, Path]  # a customer's certificate of each authority

    def file(self, name: str) -> Path:
        return self.folder.path / name


def roll(folder: CaFolder, token: Token, kind: KeyKind, tell: Tell = lambda _step: None) -> CaFolder:
    old_root = ca_key(folder, token, folder.current.number, "root")
    return rollover.roll_over(folder, kind, old_root, token, NOW, tell)


def leaf(folder: CaFolder, token: Token, file: Path) -> Path:
    issuer = Issuer(ca_keys(folder, token), folder.profile)
    store = StoreKind.MEDIUM if issuer.number == 1 else StoreKind.PC
    return write_pem(file, issuer.sign(issuer.draft(order(store=store, starts=NOW, ends=NOW + timedelta(days=365)))))


@pytest.fixture(scope="module", params=KINDS, ids=lambda kinds: f"{kinds[0].value}-{kinds[1].value}")
def rolled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rolled:
    token, home = Token(), tmp_path_factory.mktemp("home")
    before = make_ca(home / "ca", token, request.param[0], NOW - timedelta(days=365))
    leaves = {1: leaf(before, token, home / "1.pem")}
    after = roll(before, token, request.param[1])
    leaves[2] = leaf(after, token, home / "2.pem")
    return Rolled(before, after, token, leaves)


# What a verifier has: the root that it trusts, the leaf, and what it goes through (RFC 4210, 4.4.2).
PATHS = {
    "old root, new leaf": ("root.pem", 2, ["root-2-by-1.pem", "issuing-2.pem"]),
    "new root, old leaf": ("root-2.pem", 1, ["root-1-by-2.pem", "issuing.pem"]),
    "old root, old leaf": ("root.pem", 1, ["issuing.pem"]),
    "new root, new leaf": ("root-2.pem", 2, ["issuing-2.pem"]),
}
NO_PATHS = {
    "old root, new leaf, no crossing": ("root.pem", 2, ["issuing-2.pem", "root-2.pem", "root-1-by-2.pem"]),
    "new root, old leaf, no crossing": ("root-2.pem", 1, ["issuing.pem", "root.pem", "root-2-by-1.pem"]),
}
EVERY = {name: (path, True) for name, path in PATHS.items()} | {name: (path, False) for name, path in NO_PATHS.items()}
BY_NAME = pytest.mark.parametrize(("path", "good"), EVERY.values(), ids=EVERY)
Way = tuple[str, int, list[str]]


@BY_NAME
def test_openssl(rolled: Rolled, path: Way, good: bool) -> None:
    root, number, between = path
    policy = ["-explicit_policy", "-policy_check", "-policy", POLICY_MEDIUM if number == 1 else POLICY_PC]
    through: list[str | Path] = [word for name in between for word in ("-untrusted", rolled.file(name))]
    line: list[str | Path] = [
        "openssl",
        "verify",
        "-x509_strict",
        "-purpose",
        "sslclient",
        *policy,
        "-CAfile",
        rolled.file(root),
    ]
    done = subprocess.run([*line, *through, rolled.leaves[number]], capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is good, done.stderr


@BY_NAME
def test_gnutls(rolled: Rolled, path: Way, good: bool, tmp_path: Path) -> None:
    require("certtool")
    root, number, between = path
    files = [rolled.leaves[number], *(rolled.file(name) for name in reversed(between))]
    chain = tmp_path / "chain.pem"
    chain.write_text("".join(file.read_text() for file in files))
    line: list[str | Path] = ["certtool", "--verify", "--load-ca-certificate", rolled.file(root), "--infile", chain]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) is good, done.stdout


def test_java_and_bouncycastle(rolled: Rolled, classes: str) -> None:
    """Both builders, with explicit policies: they go through the crossing certificates too (RFC 5280, 6.1.3 d)."""
    asked = []
    for (root, number, between), _good in EVERY.values():
        policy = POLICY_MEDIUM if number == 1 else POLICY_PC
        words = [rolled.file(root), rolled.leaves[number], policy, *(rolled.file(name) for name in between)]
        asked.append("\t".join(map(str, words)))
    line = java.line(classes, "Pkix")
    done = subprocess.run(line, input="\n".join(asked), capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    lengths = [str(1 + len(path[2])) if good else "no path" for path, good in EVERY.values()]
    assert done.stdout.split("\n")[:-1] == [one for length in lengths for one in (length, length)]


def test_pkilint_finds_nothing(rolled: Rolled) -> None:
    names = ["root-2.pem", "issuing-2.pem", "cmp-2.pem", "ocsp-2.pem", "root-2-by-1.pem", "root-1-by-2.pem"]
    above = {
        "issuing-2.pem": "root-2.pem", "cmp-2.pem": "issuing-2.pem", "ocsp-2.pem": "issuing-2.pem",
        "root-2-by-1.pem": "root.pem", "root-1-by-2.pem": "root-2.pem",
    }  # fmt: skip
    single = [("lint_pkix_cert", "lint", "-s", "NOTICE", rolled.file(name)) for name in names]
    pairs = [
        ("lint_pkix_signer_signee_cert_chain", "lint", "-s", "NOTICE", rolled.file(issuer), rolled.file(name))
        for name, issuer in above.items()
    ]
    assert pkilint(*single, *pairs) == ""


def test_names_never_mean_two_keys(rolled: Rolled) -> None:
    held = [one for authority in rolled.folder.authorities for one in authority.certificates.values()]
    assert len({one.subject for one in held}) == len({one.public_key for one in held}) == len(held) == 8
    assert rolled.folder.current.certificates["root"].name == "試験認証局 G2 Root"
    assert rolled.folder.current.certificates["issuing"].name == "試験認証局 G2"


def test_nothing_of_the_old_authority_is_lost(rolled: Rolled) -> None:
    before, after = rolled.before, rolled.folder
    assert after.authorities[0] == before.current
    assert set(rolled.token.keys) == after.about.key_ids
    assert len(after.about.key_ids) == 8
    keys = ca_keys(after, rolled.token)
    assert [one.number for one in keys.authorities] == [1, 2]
    assert keys.issuing.certificate == after.current.certificates["issuing"].der
    assert keys.chain == tuple(after.files[name].der for name in ("issuing-2.pem", "root-2-by-1.pem", "root-2.pem"))
    assert keys.issuers == tuple(after.files[name].der for name in ("issuing.pem", "root-1-by-2.pem"))


def test_each_authority_has_addresses_of_its_own(rolled: Rolled) -> None:
    profile = rolled.folder.profile
    assert (profile.crl_url, profile.issuer_url) == ("http://ca.example.jp/ca-2.crl", "http://ca.example.jp/ca-2.cer")
    assert profile.ocsp_url == rolled.folder.profile_of(1).ocsp_url == "http://ca.example.jp/ocsp"
    assert rolled.folder.profile_of(1).crl_url == "http://ca.example.jp/ca.crl"


def test_crossing_certificates_end_with_the_root_that_ends_first(rolled: Rolled) -> None:
    one, two = (authority.certificates["root"] for authority in rolled.folder.authorities)
    for name in ("root-2-by-1.pem", "root-1-by-2.pem"):
        crossing = rolled.folder.files[name]
        assert (crossing.not_before, crossing.not_after) == (two.not_before, one.not_after)


def test_the_issuer_never_makes_a_crossing_certificate(rolled: Rolled) -> None:
    issuer = Issuer(ca_keys(rolled.folder, rolled.token), rolled.folder.profile)
    spki = spki_of(Token().generate("", KeyKind.P256, b""))
    wanted = OwnOrder(Kind.CROSS, 1 << 126, own_name("x"), spki, NOW, NOW + timedelta(days=1))
    with pytest.raises(CertificateUnfit):
        issuer.draft(wanted)


# --- once more, cut short, and damaged ------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> tuple[CaFolder, Token]:
    token = Token()
    return make_ca(tmp_path / "ca", token, KeyKind.P256, NOW), token


def test_soon_after_another_one_it_is_more_likely_a_mistake(small: tuple[CaFolder, Token]) -> None:
    folder, token = small
    rollover.refuse_soon(folder, NOW)
    folder = roll(folder, token, KeyKind.P256)
    with pytest.raises(RolledOverBefore):
        rollover.refuse_soon(folder, NOW)
    rollover.refuse_soon(folder, NOW + rollover.SOON)


def test_a_third_root_is_reached_from_the_first(small: tuple[CaFolder, Token], tmp_path: Path) -> None:
    folder, token = small
    first = leaf(folder, token, tmp_path / "1.pem")
    folder = roll(roll(folder, token, KeyKind.P256), token, KeyKind.P256)
    third = leaf(folder, token, tmp_path / "3.pem")
    keys = ca_keys(folder, token)
    sent, older = (write_pem(tmp_path / name, *some) for name, some in (("a", keys.chain), ("b", keys.issuers)))
    for root, through, one in (("root.pem", sent, third), ("root-3.pem", older, first)):
        line: list[str | Path] = [
            "openssl",
            "verify",
            "-x509_strict",
            "-CAfile",
            folder.path / root,
            "-untrusted",
            through,
            one,
        ]
        assert subprocess.run(line, capture_output=True, check=False).returncode == 0, root


class Killed(BaseException):
    pass


@pytest.mark.parametrize("step", list(Step)[1:], ids=lambda step: step.name)
def test_cut_short_after_a_step_there_is_the_old_or_the_new_whole(small: tuple[CaFolder, Token], step: Step) -> None:
    folder, token = small

    def tell(done: Step) -> None:
        if done is step:
            raise Killed

    with pytest.raises(Killed):
        roll(folder, token, KeyKind.P256, tell)
    left = open_folder(folder.path)
    whole = step.value >= Step.WRITTEN.value
    assert len(left.authorities) == 1 + whole
    destroyed = changing.tidy(left, token.destroy)
    assert destroyed == (0 if whole or step is Step.WRITTEN_DOWN else 4)
    assert set(token.keys) == left.about.key_ids
    assert {file.name for file in folder.path.glob("*.pem")} == left.about.files
    assert len(roll(left, token, KeyKind.P256).authorities) == 2 + whole


def test_the_steps_are_those_of_the_docs() -> None:
    said = [line.split()[:2] for line in (rollover.__doc__ or "").splitlines() if line[:1].isdigit()]
    assert said == [[f"{step.value}.", step.name] for step in Step]


@pytest.mark.parametrize("name", [f"{purpose}-2.pem" for purpose in PURPOSES] + ["root-2-by-1.pem", "root-1-by-2.pem"])
def test_what_is_damaged_is_named(small: tuple[CaFolder, Token], name: str, tmp_path: Path) -> None:
    folder, token = small
    other = Token()
    roll(make_ca(tmp_path / "other", other, KeyKind.P256, NOW), other, KeyKind.P256)
    roll(folder, token, KeyKind.P256)
    (folder.path / name).write_bytes((tmp_path / "other" / name).read_bytes())
    with pytest.raises(AuthorityDamaged):
        open_folder(folder.path)
    (folder.path / name).unlink()
    with pytest.raises(AuthorityDamaged) as refused:
        open_folder(folder.path)
    assert Path(refused.value.file).name == name


def test_a_crossing_certificate_is_of_the_root_that_it_names(small: tuple[CaFolder, Token]) -> None:
    folder, token = small
    roll(roll(folder, token, KeyKind.P256), token, KeyKind.P256)
    two = (folder.path / "root-2.pem").read_bytes()
    (folder.path / "root-2-by-3.pem").write_bytes(two)  # root 2's own name and key, but signed by itself
    with pytest.raises(AuthorityDamaged) as refused:
        open_folder(folder.path)
    assert refused.value.reason == "other-issuer"
    (folder.path / "root-2-by-3.pem").write_bytes((folder.path / "issuing-3.pem").read_bytes())
    with pytest.raises(AuthorityDamaged) as refused:
        open_folder(folder.path)
    assert refused.value.reason == "other-key"
