"""The revocation list: right, quick, and read by others."""

from __future__ import annotations

import subprocess
import time
import tracemalloc
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from tests.ca.made import CA_KINDS, NOW, keys, pkilint, write_pem
from tokenmgr.ca import crl
from tokenmgr.domain.credential import KeyKind
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.errors import ListUnfit

WEEK = timedelta(days=7)
FLAGS = {
    RevocationReason.KEY_COMPROMISE: x509.ReasonFlags.key_compromise,
    RevocationReason.AFFILIATION_CHANGED: x509.ReasonFlags.affiliation_changed,
    RevocationReason.SUPERSEDED: x509.ReasonFlags.superseded,
    RevocationReason.CESSATION: x509.ReasonFlags.cessation_of_operation,
    RevocationReason.PRIVILEGE_WITHDRAWN: x509.ReasonFlags.privilege_withdrawn,
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
        (serial, when, FLAGS.get(reason) if reason else None) for serial, when, reason in entries
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

    began = time.perf_counter()
    made = crl.build(keys().issuing, entries(), 7, NOW, NOW + WEEK)
    assert time.perf_counter() - began < 2
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
