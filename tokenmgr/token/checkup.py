"""Is every key on this medium what S1 says, is every certificate paired, is its chain whole: all findings at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tokenmgr.domain.contents import Contents
from tokenmgr.domain.credential import Credential, Finding, StoredCertificate
from tokenmgr.errors import (
    KeyMissing,
    MediumError,
    NotPermitted,
    NotSupported,
    PinError,
    PinWantedAgain,
    SignatureWrong,
)
from tokenmgr.pki.chain import chain_of
from tokenmgr.token.session import Session


@dataclass(frozen=True)
class Checkup:
    """One store at one moment. `credentials` and `findings` together say everything that is in it."""

    credentials: list[Credential]
    certificates: list[StoredCertificate]
    findings: list[Finding]

    @property
    def problems(self) -> list[Finding]:
        return [finding for finding in self.findings if finding.grave]


def check(session: Session, now: datetime) -> Checkup:
    """Reads everything and makes every key sign once; changes nothing. Wants a session that is logged in."""
    contents = session.contents()
    findings = list(contents.findings)
    if not contents.keys and not contents.certificates:
        findings.append(Finding("medium-empty", session.medium.serial, grave=False))
    if contents.keys and session.family.keys.exportable:
        findings.append(Finding("medium-exports-keys", session.family.title, grave=False))
    for credential in contents.credentials:
        findings += _about_key(session, credential)
    findings += about_certificates(contents, now, session.family.certificates.chain)
    return Checkup(contents.credentials, contents.certificates, findings)


def about_certificates(contents: Contents, now: datetime, keeps_chain: bool = True) -> list[Finding]:
    findings = []
    certified = [(credential, credential.facts) for credential in contents.credentials if credential.facts]
    replaced = {facts.subject for _, facts in certified if facts.not_before <= now < facts.not_after}
    for credential, facts in certified:
        name = credential.key.key_id.hex()
        if now >= facts.not_after:  # an old generation beside its successor is as it should be (R12)
            findings.append(Finding("certificate-expired", name, grave=facts.subject not in replaced))
        if now < facts.not_before:
            findings.append(Finding("certificate-not-yet-valid", name))
        if broken := chain_of(facts, [c.facts for c in contents.certificates if c.facts])[1]:
            kept = keeps_chain or broken != "chain-missing"  # it takes no chain: no fault of it
            findings.append(Finding(broken, name, grave=kept))
    return findings


def _about_key(session: Session, credential: Credential) -> list[Finding]:
    key, name = credential.key, credential.key.key_id.hex()
    findings = []
    try:
        findings += [Finding(code, name) for code in session.judge(key)]
        session.prove(key)
    except SignatureWrong:
        findings.append(Finding("key-does-not-sign", name))
    except NotPermitted:
        findings.append(Finding("key-may-not-sign", name, grave=credential.certificate is not None))
    except KeyMissing:
        findings.append(Finding("key-without-public-part", name))
    except NotSupported:
        findings.append(Finding("key-kind-unknown", name, grave=False))
    except PinWantedAgain:
        findings.append(Finding("key-not-checked", name))
    except PinError:
        raise  # a PIN for this signature was wrong, or was not given: no other is asked for (S5)
    except MediumError:
        session.refresh()  # gone, or in trouble with this key alone
        findings.append(Finding("key-not-checked", name))
    return findings
