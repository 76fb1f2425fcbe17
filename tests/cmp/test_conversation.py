"""Our client and our CA's front, bytes to bytes; and what a client does not let itself be told."""

from __future__ import annotations

import dataclasses

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.conftest import emptied, quick, rig, url
from tests.api.rig import BANK, Rig, new_key
from tests.api.signer import Troubled
from tokenmgr.cmp.algorithms import PrivateKey
from tokenmgr.cmp.conversation import Conversation, Identity, refusal
from tokenmgr.cmp.faults import FailInfo, ProtocolFault
from tokenmgr.domain.generation import State
from tokenmgr.errors import AuthorityAnswerWrong, AuthorityRefused, CannotConfirm, NotPermittedNow
from tokenmgr.ra import acquire

__all__ = ["emptied", "quick", "rig", "url"]


def ticket(rig: Rig) -> Identity:
    bank = rig.registry.bank(BANK)
    assert bank is not None
    proven = acquire.begin(rig.registry, bank, rig.claim(), rig.now)
    return Identity.by_ticket(proven.reference, proven.secret)


def begin(rig: Rig, identity: Identity) -> Conversation:
    return Conversation(identity, rig.service.keys.cmp.facts.subject, (rig.service.keys.root,))


def acquired(rig: Rig) -> tuple[PrivateKey, bytes]:
    """A key, and its confirmed certificate."""
    talk, key = begin(rig, ticket(rig)), new_key()
    sent = talk.ask(key, b"0\0", rig.now)
    reply = talk.read(sent, rig.answer(sent))
    assert reply.certificate
    sent = talk.confirm(reply.certificate, reply.nonce, rig.now)
    talk.read(sent, rig.answer(sent))
    return key, reply.certificate


def test_an_acquisition_and_a_renewal(quick: Rig) -> None:
    key, certificate = acquired(quick)
    quick.now = quick.of(certificate).not_after
    talk, new = begin(quick, Identity.by_certificate(key, certificate)), new_key()
    policy = quick.service.issuer.profile.policy_pc
    sent = talk.ask(new, talk.identity.sender, quick.now, policy, certificate)
    reply = talk.read(sent, quick.answer(sent))
    assert reply.confirm_by == quick.of(reply.certificate).confirm_by
    assert quick.service.chain[0] in reply.chain
    again = Conversation(talk.identity, talk.recipient, talk.roots, talk.transaction)  # after a restart
    sent = again.confirm(reply.certificate, reply.nonce, quick.now)
    again.read(sent, quick.answer(sent))
    assert quick.states() == [State.SUPERSEDED, State.ACTIVE]


def test_a_certificate_that_is_refused_is_taken_back(quick: Rig) -> None:
    talk, key = begin(quick, ticket(quick)), new_key()
    sent = talk.ask(key, b"0\0", quick.now)
    reply = talk.read(sent, quick.answer(sent))
    fault = ProtocolFault(FailInfo.incorrectData, "another name")
    sent = talk.confirm(reply.certificate, reply.nonce, quick.now, fault)
    talk.read(sent, quick.answer(sent))
    assert quick.states() == [State.REVOKED]


def test_a_ca_that_has_to_wait_is_asked_again(url: str) -> None:
    rig = Rig(url, hook=Troubled())
    talk, key = begin(rig, ticket(rig)), new_key()
    sent = talk.ask(key, b"0\0", rig.now)
    reply = talk.read(sent, rig.answer(sent))
    assert reply.wait
    assert not reply.certificate
    sent = talk.poll(reply.nonce, rig.now)
    assert talk.read(sent, rig.answer(sent)).certificate
    rig.close()


def test_what_the_ca_refuses_is_the_error_that_it_names(quick: Rig) -> None:
    key, certificate = acquired(quick)
    talk = begin(quick, Identity.by_certificate(key, certificate))
    sent = talk.ask(new_key(), talk.identity.sender, quick.now, "", certificate)
    with pytest.raises(NotPermittedNow) as caught:
        talk.read(sent, quick.answer(sent))
    assert (caught.value.reason, caught.value.way) == ("too-early", "wait")
    assert caught.value.until is not None
    assert caught.value.until < quick.of(certificate).not_after


def test_of_another_ca_the_words_are_kept() -> None:
    for text in ("no", "two\nlines", "R104 {}", "R104 no json", 'R999 {"a": 1}', 'R108 {"until": "yesterday"}'):
        error = refusal("badRequest", text)
        assert isinstance(error, AuthorityRefused), text
        assert (error.fail, error.text) == ("badRequest", text)
    assert isinstance(refusal("badRequest", 'x\nR108 {"until": null}'), CannotConfirm)


@pytest.mark.parametrize("by", ["ticket", "certificate"])
def test_an_answer_of_which_one_bit_is_another_one_is_not_believed(quick: Rig, by: str) -> None:
    if by == "ticket":
        talk, key = begin(quick, ticket(quick)), new_key()
        sent = talk.ask(key, b"0\0", quick.now)
    else:
        old, certificate = acquired(quick)
        talk = begin(quick, Identity.by_certificate(old, certificate))
        quick.now = quick.of(certificate).not_after
        sent = talk.ask(new_key(), talk.identity.sender, quick.now, "", certificate)
    answer = quick.answer(sent)
    good = talk.read(sent, answer)
    for at in range(0, len(answer), 7):
        changed = bytearray(answer)
        changed[at] ^= 1 << at % 8
        try:
            said = talk.read(sent, bytes(changed))
        except (AuthorityAnswerWrong, AuthorityRefused, NotPermittedNow):
            continue
        assert said.certificate == good.certificate  # only what is not protected: the chain that goes along


def test_an_answer_to_another_request_is_not_believed(quick: Rig) -> None:
    talk, key = begin(quick, ticket(quick)), new_key()
    first = talk.ask(key, b"0\0", quick.now)
    second = talk.ask(key, b"0\0", quick.now)
    with pytest.raises(AuthorityAnswerWrong):
        talk.read(second, quick.answer(first))


def test_only_the_ca_answers_for_the_ca(quick: Rig) -> None:
    """A customer's certificate leads to the same root, and says nothing about others'."""
    key, certificate = acquired(quick)
    quick.now = quick.of(certificate).not_after
    talk = begin(quick, Identity.by_certificate(key, certificate))
    sent = talk.ask(new_key(), talk.identity.sender, quick.now, "", certificate)
    service = quick.service
    keys = service.keys
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    false = dataclasses.replace(keys.cmp, signer=key, certificate=certificate)
    quick.front.service = dataclasses.replace(service, keys=dataclasses.replace(keys, cmp=false))
    quick.front.guard = type(quick.front.guard)(quick.front.service)
    with pytest.raises(AuthorityAnswerWrong, match="answer for a CA"):
        talk.read(sent, quick.answer(sent))


def test_a_ca_that_is_not_believed(quick: Rig) -> None:
    key, certificate = acquired(quick)
    quick.now = quick.of(certificate).not_after
    talk = Conversation(
        Identity.by_certificate(key, certificate), quick.service.keys.cmp.facts.subject, (quick.service.chain[0][:-1],)
    )
    sent = talk.ask(new_key(), talk.identity.sender, quick.now, "", certificate)
    with pytest.raises(AuthorityAnswerWrong, match="not believed"):
        talk.read(sent, quick.answer(sent))


def test_no_secret_is_shown() -> None:
    assert "top secret" not in repr(Identity.by_ticket("r1", b"top secret"))
