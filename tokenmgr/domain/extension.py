"""The names by which browsers know our extension and the program behind it: whoever writes one of them takes it from
here."""

from __future__ import annotations

import base64
import hashlib

HOST = "jp.tokenmgr.desk"  # the native messaging host
FIREFOX_ID = "desk@tokenmgr.example"
SCHEME = "tokenmgr"

# The manifest's `key`: a SubjectPublicKeyInfo, which fixes the extension's id in browsers of Chromium's kind. Its
# private half signs nothing and is not kept.
EXTENSION_KEY = (
    "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAzUX3a3pmIFgk+0jwcA7+VC8agPVPYY2VruIT3+LICrJ19Mu5+lfKuCC/"
    "II2HoZg6gd4McwUEHIq36zLF48vLQB3fZRwQzf0E3/EQp8Vg8ktONbYGqUsKeJ37rnFPqC6Ez0FV0RnRunkh93y0BExZLrwWJBaX"
    "p7GBdpn5stbCvJVme8/wel8Emq68nX+smMxmL01ckiinfrQhsjUS65i/uzdx/qM4vnmyoJJyn1wAaZT9sNoDy6KyTIbeuxnjCNln"
    "JUOP9XPj7OKtN/Xd6MPQi5+JWwneBjDyEVQdErl5g1PFcw7wGSngfYsuro9WulyAJ2LJBsSl/SdiG123UyK3OQIDAQAB"
)


def chromium_id(key: str = EXTENSION_KEY) -> str:
    """Chromium's rule: the first 16 bytes of the key's SHA-256, each hex digit as one of a to p."""
    digest = hashlib.sha256(base64.b64decode(key, validate=True)).digest()[:16]
    return digest.hex().translate(str.maketrans("0123456789abcdef", "abcdefghijklmnop"))


CHROMIUM_ORIGIN = f"chrome-extension://{chromium_id()}/"
