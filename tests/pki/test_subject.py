"""Names as people write them: what OpenSSL reads and writes we read alike, and what we write we read again."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from asn1crypto import x509
from cryptography import x509 as second
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr.errors import RequestWrong
from tokenmgr.pki import der
from tokenmgr.pki.subject import read_name, written_name

TEXT = st.text(st.characters(blacklist_categories=["C", "Z"]), min_size=1, max_size=20)
ANY = st.text(st.characters(blacklist_categories=["Cs"]), min_size=1, max_size=20)
OIDS = st.sampled_from(
    ["2.5.4.3", "2.5.4.10", "2.5.4.11", "2.5.4.6", "2.5.4.5", "1.2.3.4", "0.9.2342.19200300.100.1.25"]
)
TAGS = st.sampled_from([der.UTF8, der.PRINTABLE, der.IA5, der.OCTET_STRING])
PAIRS = st.tuples(OIDS, TAGS, ANY.map(str.encode))
RDNS = st.lists(st.lists(PAIRS, min_size=1, max_size=3), min_size=1, max_size=4)


def name(rdns: list[list[tuple[str, int, bytes]]]) -> bytes:
    return der.tlv(
        der.SEQUENCE,
        *(
            der.tlv(
                der.SET,
                *sorted(der.tlv(der.SEQUENCE, der.oid(oid), der.tlv(tag, value)) for oid, tag, value in rdn),
            )
            for rdn in rdns
        ),
    )


@given(RDNS)
def test_whatever_a_name_has_is_read_again_as_it_was(rdns: list[list[tuple[str, int, bytes]]]) -> None:
    made = name(rdns)
    assert read_name(written_name(made)) == made


@given(st.text(max_size=60))
def test_any_text_is_a_name_or_refused(text: str) -> None:
    try:
        found = read_name(text)
    except RequestWrong:
        return
    assert not der.faults(found)
    assert x509.Name.load(found, strict=True).dump(force=True) == found


@given(st.lists(st.tuples(st.sampled_from(["CN", "O", "OU", "L", "ST"]), TEXT), min_size=1, max_size=5))
def test_what_another_library_writes_is_read_alike(pairs: list[tuple[str, str]]) -> None:
    oids = {"CN": "2.5.4.3", "O": "2.5.4.10", "OU": "2.5.4.11", "L": "2.5.4.7", "ST": "2.5.4.8"}
    theirs = second.Name([second.NameAttribute(second.ObjectIdentifier(oids[k]), v) for k, v in pairs])
    assert read_name(theirs.rfc4514_string()) == theirs.public_bytes()


CASES = [
    "/C=JP/O=みほん株式会社/OU=経理部/CN=太郎",
    '/CN=a, b; "c" <d> \\+ e\\\\f#=',
    "/DC=com/DC=example/UID=7+CN=One",
    "/C=JP/CN= two  words /emailAddress=a@example.com",
    "/CN=#one",
    "/CN=a\\/b/serialNumber=12-3",
]


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "key.pem"
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", file], check=True)
    return file


@pytest.mark.parametrize("text", CASES)
def test_openssl_makes_the_same_bytes_of_it_and_what_it_prints_is_read_again(text: str, key: Path) -> None:
    line = ["openssl", "req", "-new", "-utf8", "-config", "/dev/null", "-key", str(key), "-subj", text]
    request = subprocess.run(line, check=True, capture_output=True).stdout
    theirs = second.load_pem_x509_csr(request).subject.public_bytes()
    if " two" not in text:  # it keeps blanks around a value, which nobody means
        assert read_name(text) == theirs
    for form in ("RFC2253", "RFC2253,-esc_msb"):
        shown = subprocess.run(
            ["openssl", "req", "-noout", "-subject", "-nameopt", form], input=request, check=True, capture_output=True
        )
        assert read_name(shown.stdout.decode().removeprefix("subject=").rstrip("\n")) == theirs


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('CN="Mihon, Inc.", O="a ""b"""', 'CN=Mihon\\, Inc.,O=a \\"b\\"'),
        ("E=a@example.com;S=東京都;G=太郎;OID.2.5.4.3=x", "emailAddress=a@example.com,ST=東京都,GN=太郎,CN=x"),
        (" cn = 太郎 , c = JP ", "/C=JP/CN=太郎"),
        ("CN=a+UID=7", "UID=7+CN=a"),
        ("CN=\\E5\\A4\\AA\\E9\\83\\8E", "CN=太郎"),
    ],
)
def test_other_ways_to_write_the_same(text: str, same: str) -> None:
    assert read_name(text) == read_name(same)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "request-subject-missing"),
        ("/", "request-subject-missing"),
        ("太郎", "request-name"),
        ("CN=a,", "request-name"),
        ("CN=EXAMPLE\\user", "request-name"),
        ("CN=EXAMPLE\\admin", "request-characters"),
        ('CN="a" b', "request-name"),
        ("CN=#30", "request-name"),
        ("FOO=a", "request-type"),
        ("3.1=a", "request-type"),
        ("CN=", "request-empty"),
        ("/CN=a/O=/C=JP", "request-empty"),
        ("C=jp", "request-country"),
        ("C=日本", "request-characters"),
        ("CN=" + "太" * 65, "request-long"),
        ("emailAddress=太郎@example.com", "request-characters"),
        ("CN=a\\0Ab", "request-characters"),
    ],
)
def test_what_nobody_could_certify_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(RequestWrong) as refused:
        read_name(text)
    assert refused.value.reason == reason


def test_a_kanji_counts_once() -> None:
    assert read_name("CN=" + "太" * 64)
