"""What journal, store and CA tell of one operation, for `next_step` to judge (domain/renewal.py)."""

from __future__ import annotations

import base64

from tokenmgr.cmp.conversation import Reply
from tokenmgr.cmp.faults import FailInfo
from tokenmgr.domain.credential import CertificateFacts, Credential
from tokenmgr.domain.renewal import AtAuthority, Evidence, Step
from tokenmgr.domain.standing import UNKNOWN
from tokenmgr.errors import AuthorityRefused, RegistrationError, TokenmgrError
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.renewal.journal import Journal, Phase, Value
from tokenmgr.renewal.ports import StorePort

TRANSIENT = {FailInfo.systemUnavail.name, FailInfo.systemFailure.name}


class Known:
    """`asker` is the name of the identity that asks in this run, once that is proven. `heard` is what the CA has last
    said of the key, unsigned: it only chooses what is tried. `lived`: the CA has answered what this key has signed with
    its certificate, so that is confirmed."""

    def __init__(self, journal: Journal, store: StorePort) -> None:
        self.journal, self.store = journal, store
        self.is_checked = False
        self.asker = ""
        self.heard = UNKNOWN
        self.lived = False

    def evidence(self) -> Evidence:
        """The store is asked each time; the journal for what only it can know. What was asked for by another identity,
        such as a ticket whose secret nobody has any more, is asked for again: the same key brings the same certificate
        (S6)."""
        key, journal = self.key(), self.journal
        goes_on = self._is_same_asker() or journal.is_done(Step.CONFIRMED) or self.lived
        has_certificate = key is not None and key.certificate is not None and key.certificate.der == self.certificate
        return Evidence(
            is_checked=self.is_checked,
            has_key=key is not None,
            kept_request=goes_on
            and journal.holds(Step.REQUESTED, "stale")
            and journal.is_done_since(Step.REQUESTED, Step.KEY_GENERATED),
            kept_certificate=goes_on and journal.is_done_since(Step.ISSUED, Step.REQUESTED),
            is_accepted=goes_on and journal.is_done_since(Step.ACCEPTED, Step.ISSUED),
            has_certificate=bool(self.certificate) and has_certificate,
            is_verified=journal.is_done_since(Step.VERIFIED, Step.WRITTEN),
            authority=self.at_authority(),
            is_retired=journal.is_done(Step.RETIRED),
        )

    def at_authority(self) -> AtAuthority:
        refused = any(line.phase is Phase.FAILED and line.facts.get("final") for line in self.journal.lines)
        if self.journal.is_done(Step.CONFIRMED):
            return AtAuthority.CONFIRMED
        if refused:
            return AtAuthority.REFUSED
        return AtAuthority.PENDING if self.certificate or self.heard != UNKNOWN else AtAuthority.NOTHING

    def _is_same_asker(self) -> bool:
        return bool(self.asker) and self.journal.fact("by") == self.asker

    def key(self) -> Credential | None:
        """By its ID, and where it was read back once, that very one: a medium with fixed places may have been given
        another there since, by another PC, and that is none of ours to finish or to take away (S2)."""
        wanted = self.journal.fact("key_id")
        found = next((one for one in self.store.credentials() if one.key.key_id.hex() == wanted), None)
        made = made_key(self.journal)
        is_another = found and found.key.public_key and made and made != found.key.public_key
        return None if is_another else found

    def required_key(self) -> Credential:
        found = self.key()
        assert found is not None  # noqa: S101  next_step names no step that needs it without it
        return found

    @property
    def key_id(self) -> bytes:
        return bytes.fromhex(str(self.journal.fact("key_id")))

    @property
    def certificate(self) -> bytes:
        return decoded(self.journal.fact("certificate"))

    @property
    def facts(self) -> CertificateFacts:
        return certificate_facts(self.certificate)

    @property
    def chain(self) -> tuple[bytes, ...]:
        return tuple(decoded(one) for one in str(self.journal.fact("chain") or "").split())

    @property
    def nonce(self) -> bytes:
        return bytes.fromhex(str(self.journal.fact("nonce") or ""))


def is_final(error: TokenmgrError) -> bool:
    """Said by the CA, of this very message: the same again would be refused again."""
    refused = isinstance(error, RegistrationError) and not error.retriable
    return refused or (isinstance(error, AuthorityRefused) and error.fail not in TRANSIENT)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def made_key(journal: Journal) -> bytes:
    """The public key that was read back under the ID that was chosen last; empty where none was."""
    return decoded(journal.fact("public_key")) if journal.is_newer("public_key", "key_id") else b""


def decoded(value: Value) -> bytes:
    return base64.b64decode(str(value or ""))


def issued(reply: Reply) -> dict[str, Value]:
    # An answer brings the certificate of who signed it too (RFC 9483, 3.3), which is nothing for a medium.
    chain = [one for one in reply.chain if one != reply.certificate and certificate_facts(one).is_authority]
    until = reply.confirm_by.isoformat() if reply.confirm_by else None
    return {
        "certificate": encoded(reply.certificate),
        "chain": " ".join(map(encoded, chain)),
        "nonce": reply.nonce.hex(),
        "confirm_by": until,
    }
