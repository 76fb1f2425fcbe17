"""Is everything in a store as it should be: whatever the store is."""

from __future__ import annotations

from datetime import datetime

from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.domain.credential import Finding
from tokenmgr.errors import SignatureWrong
from tokenmgr.keystore.file import FileStore
from tokenmgr.renewal.ports import StorePort
from tokenmgr.token.checkup import Checkup, about_certificates


def checkup(store: StorePort, now: datetime) -> Checkup:
    """Of one that is open. Every key signs once; nothing is changed."""
    if isinstance(store, MediumStore):
        return store.checkup(now)
    assert isinstance(store, FileStore)  # noqa: S101  that is what is left
    return _of_file(store, now)


def _of_file(store: FileStore, now: datetime) -> Checkup:
    """Every seal is checked as it is read, and every key signs once; no more is promised of its keys (S1)."""
    contents = store.contents()
    findings = [*contents.findings]
    if not contents.keys and not contents.certificates:
        findings.append(Finding("medium-empty", store.name, grave=False))
    if contents.keys:
        findings.append(Finding("medium-exports-keys", store.name, grave=False))
    for credential in contents.credentials:
        try:
            store.prove(credential)
        except SignatureWrong:
            findings.append(Finding("key-does-not-sign", credential.key.key_id.hex()))
    findings += about_certificates(contents, now)
    return Checkup(contents.credentials, contents.certificates, findings)
