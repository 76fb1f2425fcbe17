"""The revocation list: right, quick, and read by others."""

from __future__ import annotations

import re
import subprocess
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtensionOID
from hypothesis import given
from hypothesis import strategies as st

from tests.ca.made import CA_KINDS, NOW, keys, pkilint, write_pem
from tests.ca.status import FIRST, ended, run, status_ca
from tokenmgr.ca import crl
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.errors import ListUnfit

WEEK = timedelta(days=7)
FLAGS = {  # by the reason's number: RFC 5280, 5.3.1
    1: x509.ReasonFlags.key_compromise,
    3: x509.ReasonFlags.affiliation_changed,
    4: x509.ReasonFlags.superseded,
    5: x509.ReasonFlags.cessation_of_operation,
    6: x509.ReasonFlags.certificate_hold,
    8: x509.ReasonFlags.remove_from_crl,
    9: x509.ReasonFlags.privilege_withdrawn,
}


def reason_of(entry: x509.RevokedCertificate) -> x509.ReasonFlags | None:
    found = [extension.value for extension in entry.extensions if isinstance(extension.value, x509.CRLReason)]
    return found[0].reason if found else None


@given(
    st.lists(
        st.tuples(
            st.integers(1, (1 << 159) - 1),
            st.integers(-10_000, 10_000).map(lambda days: NOW + timedelta(days=days)),
            st.sampled_from([None, *RevocationReason]),
        ),
        max_size=6,
    ),
    st.integers(0, (1 << 159) - 1),
)
def test_it_is_read_as_it_was_written(entries: list[crl.Entry], number: int) -> None:
    read = x509.load_der_x509_crl(crl.build(keys().issuing, entries, number, NOW, NOW + WEEK))
    assert [(e.serial_number, e.revocation_date_utc, reason_of(e)) for e in read] == [
        (serial, when, FLAGS.get(reason.value) if reason else None) for serial, when, reason in entries
    ]
    assert (read.last_update_utc, read.next_update_utc) == (NOW, NOW + WEEK)
    assert read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == number


@pytest.mark.parametrize("kind", CA_KINDS, ids=lambda kind: kind.value)
@pytest.mark.parametrize("count", [0, 2])
def test_others_take_it(kind: KeyKind, count: int, tmp_path: Path) -> None:
    reasons = [None, RevocationReason.KEY_COMPROMISE]
    entries = [(77 + place, NOW, reasons[place]) for place in range(count)]
    file = tmp_path / "issuing.crl"
    file.write_bytes(crl.build(keys(kind).issuing, entries, 5, NOW, NOW + WEEK))
    assert pkilint(("lint_crl", "lint", "-t", "CRL", "-p", "PKIX", "-s", "NOTICE", file)) == ""
    above = write_pem(tmp_path / "issuing.pem", keys(kind).issuing.certificate)
    done = subprocess.run(
        ["openssl", "crl", "-inform", "DER", "-in", file, "-CAfile", above, "-verify", "-noout"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert "verify OK" in done.stdout + done.stderr


def test_a_hundred_thousand_entries() -> None:
    count = 100_000

    def entries() -> Iterator[crl.Entry]:
        for number in range(count):
            yield (1 << 158) + number, NOW + timedelta(seconds=number), RevocationReason.SUPERSEDED

    made = crl.build(keys().issuing, entries(), 7, NOW, NOW + WEEK)
    read = x509.load_der_x509_crl(made)
    assert len(read) == count
    public = keys().issuing.signer.public_key()
    assert read.is_signature_valid(public)
    for place, entry in enumerate(read):
        assert entry.serial_number == (1 << 158) + place
        assert entry.revocation_date_utc == NOW + timedelta(seconds=place)
    assert reason_of(read[count - 1]) is x509.ReasonFlags.superseded


def test_memory_is_that_of_the_list_and_no_more() -> None:
    tracemalloc.start()
    try:
        entries = (((1 << 158) + number, NOW, RevocationReason.SUPERSEDED) for number in range(20_000))
        made = crl.build(keys().issuing, entries, 7, NOW, NOW + WEEK)
        assert tracemalloc.get_traced_memory()[1] < 8 * len(made)
    finally:
        tracemalloc.stop()


def test_what_no_list_says() -> None:
    for entries, number, ends in (
        ([], -1, WEEK),
        ([], 1 << 159, WEEK),
        ([], 1, timedelta(0)),
        ([(0, NOW, None)], 1, WEEK),
    ):
        with pytest.raises(ListUnfit):
            crl.build(keys().issuing, entries, number, NOW, NOW + ends)


# --- deltas (RFC 5280, 5.2.4) -------------------------------------------------------------------------------------

DELTA_URL = "http://ca.example.jp/delta.crl"
REVOKED = [(FIRST, NOW, RevocationReason.SUPERSEDED), (FIRST + 1, NOW, RevocationReason.KEY_COMPROMISE)]
SINCE: list[crl.DeltaEntry] = [
    (FIRST, NOW, crl.Removal.FROM_LIST),
    (FIRST + 2, NOW, RevocationReason.KEY_COMPROMISE),
]


def test_a_complete_list_says_where_its_delta_is() -> None:
    read = x509.load_der_x509_crl(crl.build(keys().issuing, REVOKED, 5, NOW, NOW + WEEK, DELTA_URL))
    point = x509.DistributionPoint([x509.UniformResourceIdentifier(DELTA_URL)], None, None, None)
    said = {extension.oid: extension for extension in read.extensions}
    assert said[ExtensionOID.FRESHEST_CRL].value == x509.FreshestCRL([point])
    assert not any(extension.critical for extension in read.extensions)
    without = crl.build(keys().issuing, REVOKED, 5, NOW, NOW + WEEK)
    assert len(said) == len(x509.load_der_x509_crl(without).extensions) + 1


@given(
    st.lists(st.tuples(st.integers(1, (1 << 159) - 1), st.sampled_from([None, *crl.Removal, *RevocationReason]))),
    st.integers(0, (1 << 159) - 2),
    st.integers(1, 1000),
)
def test_a_delta_is_read_as_it_was_written(
    changes: list[tuple[int, RevocationReason | crl.Removal | None]], base: int, later: int
) -> None:
    number = min(base + later, (1 << 159) - 1)
    entries: list[crl.DeltaEntry] = [(serial, NOW, reason) for serial, reason in changes]
    read = x509.load_der_x509_crl(crl.build_delta(keys().issuing, entries, number, base, NOW, NOW + WEEK))
    assert [(e.serial_number, e.revocation_date_utc, reason_of(e)) for e in read] == [
        (serial, NOW, FLAGS.get(reason.value) if reason else None) for serial, reason in changes
    ]
    indicator = read.extensions.get_extension_for_class(x509.DeltaCRLIndicator)
    assert (indicator.value.crl_number, indicator.critical) == (base, True)
    assert read.extensions.get_extension_for_class(x509.CRLNumber).value.crl_number == number
    assert {extension.oid for extension in read.extensions} == {
        ExtensionOID.AUTHORITY_KEY_IDENTIFIER, ExtensionOID.CRL_NUMBER, ExtensionOID.DELTA_CRL_INDICATOR,
    }  # fmt: skip


def test_what_no_delta_says() -> None:
    for number, base, ends in ((5, 5, WEEK), (4, 5, WEEK), (5, -1, WEEK), (1 << 159, 5, WEEK), (6, 5, timedelta(0))):
        with pytest.raises(ListUnfit):
            crl.build_delta(keys().issuing, SINCE, number, base, NOW, NOW + ends)


@pytest.mark.parametrize("kind", CA_KINDS, ids=lambda kind: kind.value)
def test_others_take_both(kind: KeyKind, tmp_path: Path) -> None:
    lists = {
        "complete": crl.build(status_ca(kind).issuing, REVOKED, 5, NOW, NOW + WEEK, DELTA_URL),
        "delta": crl.build_delta(status_ca(kind).issuing, SINCE, 6, 5, NOW, NOW + WEEK),
        "no change": crl.build_delta(status_ca(kind).issuing, [], 6, 5, NOW, NOW + WEEK),
    }
    status_ca(kind).write(tmp_path)
    for name, data in lists.items():
        (tmp_path / name).write_bytes(data)
        line = ("openssl", "crl", "-inform", "DER", "-in", name, "-CAfile", "issuing.pem", "-verify", "-noout")
        assert "verify OK" in run(*line, folder=tmp_path)
    linting = (("lint_crl", "lint", "-t", "CRL", "-p", "PKIX", "-s", "NOTICE", tmp_path / name) for name in lists)
    assert pkilint(*linting) == ""


LATER = int((NOW + timedelta(hours=1)).timestamp())
GOOD, IS_REVOKED = "", "certificate revoked"
ALL_OF_COMPLETE = [IS_REVOKED, IS_REVOKED, GOOD]
DELTAS = {
    # number, base, ends; then of each customer what `openssl verify -use_deltas` says
    "follows": (6, 5, WEEK, [GOOD, IS_REVOKED, IS_REVOKED]),
    "follows an earlier one too": (6, 3, WEEK, [GOOD, IS_REVOKED, IS_REVOKED]),
    "follows a later one only": (8, 7, WEEK, ALL_OF_COMPLETE),  # there would be a gap: passed over
    "is of the same moment": (5, 4, WEEK, ALL_OF_COMPLETE),  # says nothing new: passed over
    "is out of date": (6, 5, timedelta(minutes=1), [GOOD, IS_REVOKED, IS_REVOKED]),  # OpenSSL 3.0 does not look
}


@pytest.mark.parametrize("kind", CA_KINDS, ids=lambda kind: kind.value)
@pytest.mark.parametrize("delta", DELTAS)
def test_openssl_puts_a_delta_on_a_complete_list(kind: KeyKind, delta: str, tmp_path: Path) -> None:
    ca, (number, base, lasts, expected) = status_ca(kind), DELTAS[delta]
    ca.write(tmp_path)
    complete = crl.build(ca.issuing, REVOKED, 5, NOW, NOW + WEEK, DELTA_URL)
    newer = crl.build_delta(ca.issuing, SINCE, number, base, NOW, NOW + lasts)
    assert openssl_says(tmp_path, [complete, newer], "-use_deltas") == expected
    assert openssl_says(tmp_path, [complete, newer]) == ALL_OF_COMPLETE


def test_openssl_looks_for_a_delta_only_where_the_list_names_one(tmp_path: Path) -> None:
    ca = status_ca()
    ca.write(tmp_path)
    delta = crl.build_delta(ca.issuing, SINCE, 6, 5, NOW, NOW + WEEK)
    silent = crl.build(ca.issuing, REVOKED, 5, NOW, NOW + WEEK)
    assert openssl_says(tmp_path, [silent, delta], "-use_deltas") == ALL_OF_COMPLETE


def openssl_says(folder: Path, lists: list[bytes], *flags: str) -> list[str]:
    """Of each customer: why it is refused, or nothing."""
    pems = (x509.load_der_x509_crl(one).public_bytes(Encoding.PEM) for one in lists)
    (folder / "lists.pem").write_bytes(b"".join(pems))
    line = ["openssl", "verify", "-CAfile", "root.pem", "-untrusted", "issuing.pem", "-CRLfile", "lists.pem"]
    line += ["-crl_check", "-attime", str(LATER), *flags]
    verdicts = []
    for customer in range(3):
        done = ended(*line, f"{customer}.pem", folder=folder)
        said = re.findall(r"depth lookup: (.*)", done.stderr)
        assert bool(said) == bool(done.returncode), done.stderr
        verdicts.append(said[0] if said else GOOD)
    return verdicts
