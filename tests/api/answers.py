"""What holds of every answer, whatever was asked (RFC 9483, 3; the checklist's items 1 to 12): looked at each time."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from cryptography import x509

from tokenmgr.cmp import checks
from tokenmgr.cmp.certificates import key_id, load
from tokenmgr.cmp.messages import CertReply, ErrorBody, Kind, Message, Poll, Revoked, Status, parse
from tokenmgr.cmp.protection import is_mac, verify_mac, verify_signature

if TYPE_CHECKING:
    from tests.api.rig import Rig

Secret = tuple[str, bytes] | None


def checked(rig: Rig, request: Message, data: bytes, ticket: Secret) -> Message:
    answer = parse(data)
    of_the_transaction(rig, request, answer)
    if is_mac(answer):
        assert is_mac(request)  # 12: in the kind of the request
        by_mac(answer, ticket)
    else:
        assert answer.kind is Kind.ERROR or not is_mac(request)
        by_signature(rig, answer)
    if isinstance(answer.body, CertReply):
        assert answer.body.req_id == _number(request)  # 13, 16, 27
        of_a_reply(rig, answer, answer.body)
    if isinstance(answer.body, ErrorBody | Revoked) and answer.body.status is Status.REJECTION:
        assert answer.body.fail  # 19
        assert answer.body.text
    return answer


def _number(request: Message) -> int:
    return request.body.req_id if isinstance(request.body, Poll) else -1 if request.kind is Kind.P10CR else 0


def of_the_transaction(rig: Rig, request: Message, answer: Message) -> None:
    """Items 1, 3, 6 and 7; and what a client of ours asks (checks.answer)."""
    asked, said = request.header, answer.header
    assert said.pvno == asked.pvno
    assert said.message_time == rig.now.replace(microsecond=0)
    assert said.transaction_id
    assert asked.transaction_id in (None, b"", said.transaction_id)
    assert said.recip_nonce == asked.sender_nonce
    assert said.sender_nonce
    assert len(said.sender_nonce) == 16
    assert said.sender_nonce not in (asked.sender_nonce, asked.recip_nonce)
    assert said.recipient == asked.sender
    assert not said.implicit_confirm  # 21: never granted
    if request.kind in checks._ANSWERS and asked.transaction_id and asked.sender_nonce:
        checks.answer(answer, asked, request.kind)


def by_mac(answer: Message, ticket: Secret) -> None:
    """Items 2 and 5: sender is a name whose CN is senderKID, the reference."""
    assert ticket is not None
    verify_mac(answer, ticket[1])
    assert answer.header.sender_kid == ticket[0].encode()
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, ticket[0])])
    assert answer.header.sender == name.public_bytes()


def by_signature(rig: Rig, answer: Message) -> None:
    """Items 2, 5 and 10: the CA's CMP certificate, first in extraCerts, chained to the root, signs."""
    first = load(answer.extra_certs[0])
    assert answer.extra_certs[0] == rig.service.keys.cmp.certificate
    assert answer.extra_certs[1] == rig.service.chain[0]
    chained(answer.extra_certs[:2], rig.service.keys.root)
    assert checks.protection_certificate(answer) == first
    verify_signature(answer, first)
    checks.signature_sender(answer.header, first)
    assert answer.header.sender_kid == key_id(first)


def of_a_reply(rig: Rig, answer: Message, body: CertReply) -> None:
    """Items 11, 19, 20 and 24."""
    assert not body.ca_pubs or (answer.kind is Kind.IP and is_mac(answer))
    if body.status in (Status.ACCEPTED, Status.GRANTED_WITH_MODS):
        assert body.certificate
        assert rig.service.chain[0] in answer.extra_certs  # 11
        chained([body.certificate, rig.service.chain[0]], rig.service.keys.root)
        confirm_by = rig.of(body.certificate).confirm_by
        assert confirm_by
        assert answer.header.confirm_wait == confirm_by.replace(microsecond=0)  # 24
    else:
        assert body.certificate is None
        assert not body.ca_pubs
        assert answer.header.confirm_wait is None
    assert (body.fail is not None) is (body.status is Status.REJECTION)


def chained(certificates: tuple[bytes, ...] | list[bytes], root: bytes) -> None:
    read = [x509.load_der_x509_certificate(one) for one in (*certificates, root)]
    for one, issuer in itertools.pairwise(read):
        one.verify_directly_issued_by(issuer)
        assert one.issuer == issuer.subject
