"""What a session writes: key pairs and certificates, as this medium's family has them, and nothing over anything."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tokenmgr.domain.credential import CertificateFacts, KeyKind, StoredCertificate
from tokenmgr.errors import (
    CertificateForNoKey,
    CertificateInWay,
    KeyIdTaken,
    KeyIdWrong,
    KeyRefused,
    LibraryError,
    MediumError,
    MediumFull,
    MediumTroubled,
    NoPlace,
    NotSupported,
    OfficerNeeded,
    RequestRejected,
    WrittenDifferently,
)
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.token import keys, objects

if TYPE_CHECKING:
    from tokenmgr.token.session import Session

log = logging.getLogger(__name__)

LONGEST_OBJECT_LABEL = 255
LONGEST_KEY_ID = 32
FREE_KEY_ID = 16  # bytes of an ID that is chosen freely: no two media ever have the same


def require_officer(session: Session) -> None:
    """Where the user may not write, the medium would answer something else, after the PIN was spent on it."""
    if session.family.keys.by == "nobody":
        raise NotSupported(serial=session.medium.serial, wanted="new-key")
    if session.family.by_officer and session.role() != "officer":
        raise OfficerNeeded(serial=session.medium.serial, officer=session.family.pin.officer)


def free_key_id(session: Session) -> bytes:
    """Where the next generation goes: an ID that nothing has, or the first place that is empty."""
    places = session.family.keys.places
    if not places:
        return os.urandom(FREE_KEY_ID)
    taken = {bytes(item.get("ID", b"")) for item in session._find({})}
    for place in places:
        if bytes.fromhex(place) not in taken:
            return bytes.fromhex(place)
    raise NoPlace(serial=session.medium.serial, places=places)


def make_key(session: Session, kind: KeyKind, key_id: bytes, label: str) -> None:
    """Generated, read back and judged by S1; what does not hold is destroyed again and refused."""
    serial, places = session.medium.serial, session.family.keys.places
    if not 1 <= len(key_id) <= LONGEST_KEY_ID or (places and key_id.hex() not in places):
        raise KeyIdWrong(serial=serial, key_id=key_id.hex(), places=places)
    require_officer(session)
    if kind not in session.key_kinds():
        raise NotSupported(serial=serial, wanted=kind.value)
    if session._find({"ID": key_id}):
        raise KeyIdTaken(serial=serial, key_id=key_id.hex())
    log.info("generating %s on %s", kind.value, serial)
    with _told_when_full(session):
        handles = _generate(session, kind, key_id, label)
    findings = _findings(session, handles[1], key_id)
    if findings:
        refused = KeyRefused(serial=serial, key_id=key_id.hex(), findings=findings)
        for handle in reversed(handles):  # just made, used by nothing, not to be kept: the private one first
            try:
                session._change("destroy", handle=handle)
            except (MediumError, LibraryError):
                refused.uncertain = True
        raise refused


def _generate(session: Session, kind: KeyKind, key_id: bytes, label: str) -> list[int]:
    """The first template that the token takes, the strictest first, while a refusal leaves nothing behind."""
    recipe = keys.RECIPES[kind]
    attempts = [(parameters, plain) for plain in (False, True) for parameters in (recipe.parameters or (None,))]
    for last, (parameters, plain) in enumerate(attempts, start=1 - len(attempts)):
        try:
            pair: list[int] = session._change(
                "generate",
                mechanism=recipe.mechanism,
                key_type=recipe.key_type,
                public=objects.public_template(recipe, parameters, key_id, label),
                private=objects.private_template(key_id, label, plain, session.family.keys.omit),
            )
        except (RequestRejected, NotSupported, MediumTroubled) as error:
            if last == 0 or not _left_nothing(session, key_id):
                raise
            log.info("%s did not take this template: %s", session.medium.serial, error)
        else:
            return pair
    raise AssertionError("unreachable: the last attempt returns or raises")


def _left_nothing(session: Session, key_id: bytes) -> bool:
    """The medium is still there, and the refused generation left no half of a pair."""
    try:
        session.refresh()
        return not session._find({"ID": key_id})
    except MediumError:
        return False


def _findings(session: Session, handle: int, key_id: bytes) -> tuple[str, ...]:
    new = [key for key in objects.keys(session._find({"ID": key_id})) if key.handle == handle]
    if not new:
        return ("key-not-stored",)
    session._seen[handle] = new[0]
    return (*session.judge(new[0]), *(() if new[0].public_key else ("key-without-public-part",)))


def write_certificate(
    session: Session, der: bytes, key_id: bytes, label: str, chain: Iterable[bytes]
) -> list[StoredCertificate]:
    """The certificate itself comes last: cut short, it is not there. What is there already is not written twice."""
    serial, habits = session.medium.serial, session.family.certificates
    facts = certificate_facts(der)
    issuers = [certificate_facts(one) for one in chain] if habits.chain else []
    before = session.contents()
    if facts.public_key != before.key(key_id).public_key:
        raise CertificateForNoKey(serial=serial, subject=facts.subject)
    in_way = [c for c in before.certificates if c.key_id == key_id and c.der != der and not c.placeholder]
    if habits.one_per_id and in_way:
        raise CertificateInWay(serial=serial, subject=in_way[0].facts.subject if in_way[0].facts else "")
    require_officer(session)
    wanted = [*((one, b"", _shortened(one.subject)) for one in issuers), (facts, key_id, label)]
    written = []
    for one, one_id, one_label in dict.fromkeys(wanted):
        there = _among(before.certificates, one, one_id)
        if there is None:
            with _told_when_full(session):
                session._change("create", template=objects.certificate_template(one, one_id, one_label))
            there = _among(objects.certificates(session._find({"CLASS": "CERTIFICATE"})), one, one_id)
        if there is None:
            raise WrittenDifferently(serial=serial, subject=one.subject)
        written.append(there)
    return [written[-1], *written[:-1]]


def _among(
    certificates: Iterable[StoredCertificate], facts: CertificateFacts, key_id: bytes
) -> StoredCertificate | None:
    """By what it is, not by where: some tokens find a certificate by its bytes or its ID, and not by its subject."""
    fitting = (one for one in certificates if one.der == facts.der and (one.key_id == key_id or not key_id))
    return next(fitting, None)


@contextmanager
def _told_when_full(session: Session) -> Iterator[None]:
    """Some say only "general error" when they are full: that it is so is known of the family, and that it is not gone
    is seen by asking."""
    try:
        yield
    except MediumTroubled as error:
        if error.answer not in session.family.space.full:
            raise
        session.refresh()
        full = MediumFull(call=error.call, answer=error.answer, serial=session.medium.serial)
        full.uncertain = error.uncertain
        raise full from error


def _shortened(label: str) -> str:
    return label.encode("utf-8")[:LONGEST_OBJECT_LABEL].decode("utf-8", errors="ignore")
