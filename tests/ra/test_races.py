"""R1, S6: whoever comes at the same time, in threads, on nodes and in processes: one certificate, and one confirmed."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.api.rig import Customer, Rig, granted, new_key
from tests.api.signer import Troubled
from tests.ra.node import Node, another
from tests.ra.told import told
from tokenmgr.cmp.messages import CertReply, Kind, Message, Poll, certificate_request, confirmation, parse
from tokenmgr.domain.generation import State
from tokenmgr.errors import AuthorityBusy

ROUNDS, CROWD = 4, 6
Answering = Callable[[bytes], bytes]


def at_once(nodes: Sequence[Answering], requests: Sequence[bytes]) -> list[Message]:
    """Each to the next node, all at one moment; whoever is told to come again does, as a client would."""
    start = threading.Barrier(len(requests))

    def run(number: int) -> Message:
        start.wait(30)
        for _ in range(50):
            try:
                return parse(nodes[number % len(nodes)](requests[number]))
            except AuthorityBusy:
                time.sleep(0.002 * number)
        raise AssertionError("busy for ever")

    with ThreadPoolExecutor(len(requests)) as pool:
        return list(pool.map(run, range(len(requests))))


def has_one(answer: Message) -> bool:
    return isinstance(answer.body, CertReply) and answer.body.certificate is not None


def race(rig: Rig, nodes: Sequence[Answering], customers: Sequence[Customer], kind: Kind) -> list[Message]:
    """All ask, each for a key of its own; all that were granted one confirm. What was said to those that were not."""
    asked = [one.build(kind, certificate_request(new_key(), one.subject)) for one in customers]
    answers = at_once(nodes, asked)
    confirming, certificates = [], []
    for customer, answer in zip(customers, answers, strict=True):
        if has_one(answer):
            customer.last = answer
            certificates.append(granted(answer))
            confirming.append(customer.build(Kind.CERTCONF, confirmation(certificates[-1])))
    confirmed = [one.kind is Kind.PKICONF for one in at_once(nodes, confirming)]
    assert confirmed.count(True) == 1
    assert rig.active(customers[0].user).certificate == certificates[confirmed.index(True)]
    assert not {State.PENDING, State.RECORDED} & set(rig.states(customers[0].user))
    return [one for one in answers if not has_one(one)]


@pytest.fixture(scope="module")
def processes() -> Iterator[list[Node]]:
    with another() as one, another() as two:
        yield [one, two]


@pytest.fixture(params=["one node", "two nodes", "two processes"])
def nodes(request: pytest.FixtureRequest, rig: Rig) -> Iterator[list[Answering]]:
    """At a moment at which certificates that are made today may be renewed."""
    if request.param == "two processes":
        both: list[Node] = request.getfixturevalue("processes")
        for one in both:
            one.open(rig.url, rig.now)
        yield [one.answer for one in both]
        for one in both:
            one.close()
        return
    other = Rig(rig.url)
    yield [rig.answer] if request.param == "one node" else [rig.answer, other.answer]
    other.close()


@pytest.fixture(params=[1, 2], ids=["one node", "two nodes"])
def near(request: pytest.FixtureRequest, rig: Rig) -> Iterator[list[Answering]]:
    """In this process: a process takes a second to start."""
    other = Rig(rig.url)
    both: list[Answering] = [rig.answer, other.answer]
    yield both[: request.param]
    other.close()


def crowd(nodes: Sequence[Answering]) -> int:
    """A process here answers one message after the other."""
    return 2 if isinstance(getattr(nodes[0], "__self__", None), Node) else CROWD


def holders(rig: Rig, user: str, count: int) -> list[Customer]:
    """So many programs that hold the key of one customer, whose certificate may be renewed today."""
    rig.enrol(user)
    made = rig.begin(user)
    made.acquire()
    return [Customer(rig, user, key=made.key, certificate=made.certificate) for _ in range(count)]


@pytest.fixture
def short(rig: Rig) -> Rig:
    """Certificates of a month, which may be renewed on the day that they are made."""
    rig.change_policy(validity_days=30)
    return rig


def test_renewals_with_different_keys(short: Rig, nodes: list[Answering]) -> None:
    for number in range(ROUNDS):
        refused = race(short, nodes, holders(short, f"racer{number}", crowd(nodes)), Kind.KUR)
        assert {told(one)[0] for one in refused} <= {"R107"}
        assert short.states(f"racer{number}").count(State.SUPERSEDED) == 1


def test_acquisitions_with_two_tickets(rig: Rig, nodes: list[Answering]) -> None:
    for number in range(ROUNDS):
        user = f"racer{number}"
        rig.enrol(user)
        customers = [rig.begin(user), rig.begin(user)]
        refused = race(rig, nodes, customers, Kind.IR)
        assert [told(one) for one in refused] == [("R106", {})]


def test_claims_and_their_requests_with_two_tickets(rig: Rig, near: list[Answering]) -> None:
    """The second claim comes while the first one's request is on its way: one certificate at the end, whoever won."""
    for number in range(ROUNDS):
        user = f"racer{number}"
        rig.enrol(user)
        first = rig.begin(user)
        sent = first.build(Kind.IR, certificate_request(first.key, first.subject))
        with ThreadPoolExecutor(2) as pool:
            answered, second = pool.submit(near[0], sent), pool.submit(rig.begin, user)
        other = second.result()
        certificate = granted(other.request())
        assert other.confirm(certificate).kind is Kind.PKICONF
        assert rig.active(user).certificate == certificate
        assert parse(answered.result()).kind is Kind.IP
        assert rig.states(user).count(State.ACTIVE) == 1


def test_an_acquisition_and_a_renewal(short: Rig, near: list[Answering]) -> None:
    for number in range(ROUNDS):
        user = f"racer{number}"
        (renewing,) = holders(short, user, 1)
        short.administration.open_acquisition(renewing_id(short, user), short.now.replace(year=2027), short.now)
        acquiring = short.begin(user)
        asked = [
            renewing.build(Kind.KUR, certificate_request(new_key(), renewing.subject)),
            acquiring.build(Kind.IR, certificate_request(new_key(), acquiring.subject)),
        ]
        answers = at_once(near, asked)
        assert has_one(answers[1])  # two PINs say that this is the one to have
        acquiring.last = answers[1]
        assert acquiring.confirm(granted(answers[1])).kind is Kind.PKICONF
        assert short.active(user).certificate == granted(answers[1])
        assert not {State.PENDING, State.RECORDED} & set(short.states(user))


def renewing_id(rig: Rig, user: str) -> int:
    return rig.administration.find("1234", "0012345", user).id


@pytest.mark.parametrize("kind", [Kind.IR, Kind.KUR])
def test_the_same_bytes_eight_times(short: Rig, nodes: list[Answering], kind: Kind) -> None:
    """S6: one certificate, to the byte."""
    for number in range(ROUNDS):
        user = f"racer{number}"
        if kind is Kind.IR:
            short.enrol(user)
        customer = short.begin(user) if kind is Kind.IR else holders(short, user, 1)[0]
        request = customer.build(kind, certificate_request(new_key(), customer.subject))
        answers = at_once(nodes, [request] * (8 if crowd(nodes) > 2 else 2))
        assert len({granted(one) for one in answers}) == 1
        customer.last = answers[0]
        confirming = customer.build(Kind.CERTCONF, confirmation(granted(answers[0])))
        confirmed = at_once(nodes, [confirming] * len(answers))
        assert {one.kind for one in confirmed} == {Kind.PKICONF}
        assert short.active(user).certificate == granted(answers[0])


def test_one_key_in_several_requests(short: Rig, near: list[Answering]) -> None:
    """S6: two programs that go on with one journal."""
    for number in range(ROUNDS):
        customers, key = holders(short, f"racer{number}", crowd(near)), new_key()
        asked = [one.build(Kind.KUR, certificate_request(key, one.subject)) for one in customers]
        answers = at_once(near, asked)
        assert len({granted(one) for one in answers}) == 1
        confirming = []
        for customer, answer in zip(customers, answers, strict=True):
            customer.last = answer
            confirming.append(customer.build(Kind.CERTCONF, confirmation(granted(answer))))
        assert Kind.PKICONF in {one.kind for one in at_once(near, confirming)}
        assert short.active(f"racer{number}").certificate == granted(answers[0])


def test_whoever_asks_again_while_it_is_being_signed(url: str) -> None:
    """Item 27: several ask at the moment at which the token works again; one signature counts, and all get that."""
    token = Troubled(0)
    rig = Rig(url, hook=token)
    customer = rig.begin()
    token.left = 1
    customer.request()
    assert rig.states() == [State.RECORDED]
    request = customer.build(Kind.POLLREQ, Poll())
    answers = at_once([rig.answer], [request] * 8)
    assert len({granted(one) for one in answers}) == 1
    assert rig.states() == [State.PENDING]
    rig.close()


def test_a_slow_token_lets_nobody_starve(url: str) -> None:
    """Each signature takes longer than a commit: whoever was recorded first is not put away while it is signed."""

    def slowly(sign: Callable[[], bytes]) -> bytes:
        time.sleep(0.03)
        return sign()

    rig = Rig(url, hook=slowly)
    rig.change_policy(validity_days=30)
    for number in range(2):
        refused = race(rig, [rig.answer], holders(rig, f"racer{number}", 4), Kind.KUR)
        assert {told(one)[0] for one in refused} == {"R107"}
        assert rig.states(f"racer{number}").count(State.VOID) == 0
    rig.close()
