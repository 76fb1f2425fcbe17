"""The server's own TLS certificate: made when it is needed, and not again and again."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.x509 import load_pem_x509_certificates

from tests.cli.bank_rig import make_ca
from tests.cli.ca_rig import PIN, CaHome
from tokenmgr.cli.serve import _wired
from tokenmgr.cli.tls import own_certificate
from tokenmgr.log import Secret

DAY = timedelta(days=1)


@pytest.fixture
def home(tmp_path: Path) -> CaHome:
    return CaHome(tmp_path / "home", make_ca(tmp_path / "ceremony"))


def test_one_that_could_end_no_later_is_not_made_again(home: CaHome, tmp_path: Path) -> None:
    """It never outlives who signs it; so in the issuing CA's last month each would be as short as the one before."""
    with _wired(home.ca, Secret(PIN), str(tmp_path)) as service:
        ends = service.issuer.not_after
        certificate, key = own_certificate(service, home.ca, ends - 500 * DAY)
        first = certificate.read_bytes()
        own_certificate(service, home.ca, ends - 104 * DAY)
        assert certificate.read_bytes() != first  # its own last month
        capped = certificate.read_bytes()
        assert load_pem_x509_certificates(capped)[0].not_valid_after_utc == ends
        for left in (31, 29, 1):
            own_certificate(service, home.ca, ends - left * DAY)
            assert certificate.read_bytes() == capped
    assert key.stat().st_mode & 0o777 == 0o600
