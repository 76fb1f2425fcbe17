"""The subject of a subscriber's certificate, as other people's programs read it."""

from __future__ import annotations

import pytest
from asn1crypto import x509

from tokenmgr.pki.names import one_line, subscriber_name


@pytest.mark.parametrize("bank", ["みほん信用金庫", "A", "信" * 64])
def test_it_is_a_name_whatever_its_length(bank: str) -> None:
    """64 characters are allowed (RFC 5280, appendix A), and of kanji those are 192 bytes."""
    der = subscriber_name(bank, "1234", "0012345", "user01")
    read = x509.Name.load(der, strict=True)
    assert one_line(read) == f"C=JP, O={bank}, OU=1234-0012345, CN=user01"
    assert read.dump(force=True) == der
