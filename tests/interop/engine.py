"""OpenSSL's engine for PKCS#11, as a configuration: keys stay on the medium, and OpenSSL signs with them."""

from __future__ import annotations

from pathlib import Path

_CONFIGURATION = """
openssl_conf = begin
[begin]
engines = engines
[engines]
pkcs11 = pkcs11
[pkcs11]
engine_id = pkcs11
MODULE_PATH = {module}
init = 0
"""


def configure(file: Path, module: str, pin: str = "") -> Path:
    """For OPENSSL_CONF. Without a PIN, the key's URI has it."""
    file.write_text(_CONFIGURATION.format(module=module) + (f"PIN = {pin}\n" if pin else ""))
    return file
