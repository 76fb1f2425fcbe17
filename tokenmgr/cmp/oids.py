"""The object identifiers that messages turn on."""

from __future__ import annotations

from tokenmgr.domain.arc import ARC

# id-it, in generalInfo and genm (RFC 4210 5.1.1, RFC 9480 2.2 and 2.14, RFC 9483 4.3)
IMPLICIT_CONFIRM = "1.3.6.1.5.5.7.4.13"
CONFIRM_WAIT_TIME = "1.3.6.1.5.5.7.4.14"
CA_CERTS = "1.3.6.1.5.5.7.4.17"
ROOT_CA_KEY_UPDATE = "1.3.6.1.5.5.7.4.18"
CERT_REQ_TEMPLATE = "1.3.6.1.5.5.7.4.19"
ROOT_CA_CERT = "1.3.6.1.5.5.7.4.20"
CERT_PROFILE = "1.3.6.1.5.5.7.4.21"
CRL_STATUS_LIST = "1.3.6.1.5.5.7.4.22"
CRLS = "1.3.6.1.5.5.7.4.23"
REISSUE = f"{ARC}.2.1"  # ours: reissuing.py
REHEARSAL = f"{ARC}.2.2"  # ours: rehearsing.py

OLD_CERT_ID = "1.3.6.1.5.5.7.5.1.5"  # id-regCtrl (RFC 4211, 6.5)
REASON_CODE = "2.5.29.21"  # id-ce (RFC 5280, 5.3.1)

# MACs with a password (RFC 4211 4.4, RFC 8018 A; RFC 9481, 6.1)
PBM = "1.2.840.113533.7.66.13"
PBMAC1 = "1.2.840.113549.1.5.14"
PBKDF2 = "1.2.840.113549.1.5.12"
