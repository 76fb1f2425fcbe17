"""A bank's profile: what the bank prints is what is read, and what cannot be used is refused with its reason."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_der_x509_certificate
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.cli.bank_profile import as_toml
from tokenmgr.customer.profiles import Banks, profiles, read_profile
from tokenmgr.errors import ProfileTwice, ProfileWrong
from tokenmgr.messages import Texts
from tokenmgr.pki import p256
from tokenmgr.testbed.throwaway_ca import ThrowawayCA

TEXTS = {"code": "1234", "name": "みほん信用金庫", "address": "https://ca.example:8443"}


@pytest.fixture(scope="module")
def roots(authority: ThrowawayCA) -> list[bytes]:
    return list(authority.chain)


@pytest.fixture(scope="module")
def pem(roots: list[bytes]) -> str:
    return "".join(load_der_x509_certificate(one).public_bytes(Encoding.PEM).decode() for one in roots)


def written(folder: Path, pem: str, file_name: str = "1234.toml", /, **changes: str | None) -> Path:
    """As `tokenmgr bank profile` prints it, and changed."""
    texts = {name: text for name, text in {**TEXTS, "roots": pem, **changes}.items() if text is not None}
    file = folder / file_name
    file.write_text(as_toml({"roots": "", **texts}), encoding="utf-8")
    return file


WORDS = st.text(st.characters(exclude_categories=["Cs"]))
HOSTS = st.sampled_from(["ca.example", "192.0.2.1", "[2001:db8::1]", "xn--wgv71a.example"])
PORTS = st.just("") | st.integers(1, 65535).map(":{}".format)


@given(
    st.integers(0, 9999).map("{:04}".format),
    st.fixed_dictionaries({"name": WORDS.filter(str.strip), "contact": WORDS, "media_page": WORDS}),
    st.tuples(HOSTS, PORTS, st.sampled_from(["", "/", "/a/b"])).map(lambda parts: "https://" + "".join(parts)),
)
def test_what_a_bank_prints_is_what_is_read(
    tmp_path_factory: pytest.TempPathFactory,
    pem: str,
    roots: list[bytes],
    code: str,
    texts: dict[str, str],
    address: str,
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    found = read_profile(written(file.parent, pem, file.name, code=code, address=address, **texts))
    assert (found.code, found.address, list(found.roots)) == (code, address, roots)
    assert {name: getattr(found, name) for name in texts} == texts
    assert found.tls_roots.count("BEGIN CERTIFICATE") == len(roots)
    assert found.proxies is None


@pytest.mark.parametrize(
    ("proxy", "proxies"),
    [
        ("", None),
        ("none", {}),
        ("http://p.example:3128", {"https": "http://p.example:3128"}),
        ("p:1", {"https": "p:1"}),
    ],
)
def test_which_proxy(tmp_path: Path, pem: str, proxy: str, proxies: object) -> None:
    assert read_profile(written(tmp_path, pem, proxy=proxy)).proxies == proxies


def test_whom_its_server_must_lead_to(tmp_path: Path, pem: str, roots: list[bytes]) -> None:
    one = load_der_x509_certificate(roots[0]).public_bytes(Encoding.PEM).decode()
    other = read_profile(written(tmp_path, pem, tls_roots=f"# 社内の認証局\n{one}"))
    assert (other.tls_roots.strip(), list(other.roots)) == (one.strip(), roots)
    assert read_profile(written(tmp_path, pem, tls_roots="system")).tls_roots == ""


@pytest.mark.parametrize(
    ("login", "hosts"),
    [
        (None, ()),
        ("https://ib.example", (("ib.example", 443),)),
        ("https://ib.example:8443/  https://IB2.example", (("ib.example", 8443), ("ib2.example", 443))),
    ],
)
def test_where_its_customers_log_in(tmp_path: Path, pem: str, login: str | None, hosts: object) -> None:
    assert read_profile(written(tmp_path, pem, login=login)).login == hosts


P256, P384 = ec.derive_private_key(4711, ec.SECP256R1()), ec.derive_private_key(4711, ec.SECP384R1())
PUBLIC, PRIVATE = p256.public_pem(p256.spki_of(P256)), p256.private_pem(P256).decode()
PUBLIC_P384 = p256.public_pem(P384.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


@pytest.mark.parametrize(("pems", "count"), [("", 0), (PUBLIC, 1), (f"the old one\n{PUBLIC}\nand again\n{PUBLIC}", 1)])
def test_whom_a_hand_over_must_be_signed_by(tmp_path: Path, pem: str, pems: str, count: int) -> None:
    assert read_profile(written(tmp_path, pem, handover=pems)).handover == (p256.spki_of(P256),) * count


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        *(
            ({"login": login}, "profile-login")
            for login in ("ib.example", "http://ib.example", "https://ib.example/a", "https://a.example, b")
        ),
        *(
            ({"handover": text}, "profile-handover")
            for text in ("none", PUBLIC.replace("MF", "MX"), PRIVATE, PUBLIC_P384)
        ),
        *(({name: None}, "profile-text") for name in TEXTS),
        ({"name": "  "}, "profile-text"),
        ({"roots": ""}, "profile-text"),
        *(({"code": code}, "profile-code") for code in ("123", "12345", "12a4", "１２３４")),
        *(
            ({"address": address}, "profile-address")
            for address in (
                "http://ca.example",
                "ca.example",
                "https://",
                "https://u:p@ca.example",
                "https://ca.example/?a=1",
                "https://ca.example/#a",
                "https://ca.example:0",
                "https://みほん.example",
            )
        ),
        *(({"address": f"https://{host}"}, "profile-address") for host in ("ca.example:99999", "ca.example:x", "[::1")),
        *(({"proxy": proxy}, "profile-proxy") for proxy in ("socks5://p:1", "https://p:1", "http://", "http://p:x")),
        ({"proxy": "http://taro:secret@p.example:3128"}, "profile-proxy-login"),
        ({"proxi": "http://p:1"}, "profile-unknown"),
        *(({name: "system of ours"}, "profile-no-certificate") for name in ("roots", "tls_roots")),
        (
            {"tls_roots": "-----BEGIN CERTIFICATE-----\n%%%\n-----END CERTIFICATE-----\n"},
            "profile-no-pem",
        ),
        ({"roots": "-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"}, "profile-no-pem"),
        ({"roots": "-----BEGIN CERTIFICATE-----\nみほん"}, "profile-no-pem"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused_with_its_reason(
    tmp_path: Path, pem: str, changes: dict[str, str | None], reason: str
) -> None:
    file = written(tmp_path, pem, **changes)
    with pytest.raises(ProfileWrong) as refused:
        read_profile(file)
    assert refused.value.file == str(file)
    assert refused.value.reason == reason
    for texts in (Texts("ja"), Texts("en")):
        said = texts.error(refused.value)["what"]
        assert not any(word in said for word in (reason, "_ssl.c", "{"))
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("text", [b"code = 1234\nname=''\n", b"code = ", b"\xff\xfe", b""])
def test_a_file_that_is_none(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "x.toml").write_bytes(text)
    with pytest.raises(ProfileWrong):
        read_profile(tmp_path / "x.toml")


def test_one_that_was_saved_with_notepad(tmp_path: Path, pem: str) -> None:
    file = written(tmp_path, pem)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert read_profile(file).name == TEXTS["name"]


def test_a_bank_is_in_one_file(tmp_path: Path, pem: str) -> None:
    written(tmp_path, pem, "a.toml")
    written(tmp_path, pem, "b.toml", code="5678")
    assert [one.code for one in profiles(tmp_path).known] == ["1234", "5678"]
    written(tmp_path, pem, "c.toml")
    found = profiles(tmp_path)
    assert [one.code for one in found.known] == ["5678"]
    assert [(one.code, one.bank, one.file) for one in found.broken] == [("J120", "1234", str(tmp_path / "c.toml"))]
    with pytest.raises(ProfileTwice):
        found.named("1234")


def test_a_broken_file_stands_in_the_way_of_its_own_bank_only(tmp_path: Path, pem: str) -> None:
    written(tmp_path, pem, "a.toml")
    written(tmp_path, pem, "b.toml", code="5678", address="http://no")
    found = profiles(tmp_path)
    assert [one.code for one in found.named("1234")] == [one.code for one in found.named(None)] == ["1234"]
    assert found.named("9999") == []
    with pytest.raises(ProfileWrong):
        found.named("5678")
    (tmp_path / "b.toml").write_text("code = ")  # whose it is, it does not tell
    with pytest.raises(ProfileWrong):
        profiles(tmp_path).named("9999")
    assert [one.code for one in profiles(tmp_path).named("1234")] == ["1234"]


def test_a_folder_that_is_not_there_knows_no_bank(tmp_path: Path) -> None:
    assert profiles(tmp_path / "nothing") == Banks([], [])
