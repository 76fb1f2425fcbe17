"""What a refusal told, taken out of a CMP answer as our own client takes it: code and facts stand on the last line."""

from __future__ import annotations

import json

from tokenmgr.cmp.messages import CertReply, ErrorBody, Message, Revoked, Status

Told = tuple[str, dict[str, object]]


def told(answer: Message) -> Told:
    body = answer.body
    assert isinstance(body, CertReply | ErrorBody | Revoked), body
    assert body.status is Status.REJECTION
    code, _, facts = body.text.splitlines()[-1].partition(" ")
    return code, json.loads(facts)
