"""Several nodes on one PostgreSQL: any of them answers any message; whoever dies loses nothing and doubles nothing."""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from tests.api.rig import Customer, granted, new_key
from tests.nodes.cluster import Cluster
from tests.sql.postgres import Server
from tokenmgr.cmp.messages import Kind, certificate_request, confirmation, parse
from tokenmgr.domain.audit import FIRST
from tokenmgr.domain.generation import RevocationReason, State
from tokenmgr.sql import schema
from tokenmgr.sql.trail import entry_of

CUSTOMERS, EACH = 8, 4  # renewals under load


def whole(pair: Cluster) -> Counter[str]:
    """The trail is one chain without a gap; how often each action is in it, apart from the CA's own."""
    columns = [column for column in schema.audit.c if column.name != "changes_status"]
    previous, actions = FIRST, Counter[str]()
    for number, row in enumerate(pair.database.read(select(*columns).order_by(schema.audit.c.number)), start=1):
        one = entry_of(tuple(row))
        previous = one.digest(previous)
        assert (one.number, one.hash) == (number, previous)
        actions[one.action if one.whom else f"own {one.action}"] += 1
    return actions


def test_any_node_answers_any_message_of_a_transaction(pair: Cluster) -> None:
    first = pair.certified(pair.customer(), turn=0)
    first.transaction = os.urandom(16)
    request = first.build(Kind.KUR, certificate_request(new_key(), first.subject))
    answers = [parse(pair.post(number, request)[1]) for number in (0, 1, 0, 1)]
    (certificate,) = {granted(one) for one in answers}  # S6
    first.last = answers[1]
    confirming = first.build(Kind.CERTCONF, confirmation(certificate))
    assert {parse(pair.post(number, confirming)[1]).kind for number in (0, 1)} == {Kind.PKICONF}
    assert pair.ca.states(first.user) == [State.SUPERSEDED, State.ACTIVE]


def test_a_node_killed_under_load_loses_nothing_and_doubles_nothing(pair: Cluster) -> None:
    """Every customer goes on with the same bytes at the node that is left, and has what was promised."""
    halfway = threading.Barrier(CUSTOMERS + 1)
    before = whole(pair)
    customers = [pair.certified(pair.customer(), turn=number) for number in range(CUSTOMERS)]

    def life(number: int) -> list[bytes]:
        one, had = customers[number], [customers[number].certificate]
        for turn in range(EACH):
            if turn == 1:
                halfway.wait(60)
            one = pair.certified(one, turn=number + turn)
            had.append(one.certificate)
        return had

    with ThreadPoolExecutor(CUSTOMERS) as pool:
        lives = [pool.submit(life, number) for number in range(CUSTOMERS)]
        halfway.wait(60)  # all of them have begun, none is through
        pair.nodes[0].kill()
        had = [one.result(120) for one in lives]
    for customer, certificates in zip(customers, had, strict=True):
        known = pair.ca.generations(customer.user)
        assert [one.certificate for one in known] == certificates  # every promise was kept, and none made twice
        assert [one.state for one in known] == [State.SUPERSEDED] * EACH + [State.ACTIVE]
    actions = whole(pair) - before
    assert actions["certificate.issued"] == actions["certificate.confirmed"] == CUSTOMERS * (EACH + 1)
    pair.mend()
    pair.certified(pair.customer(), turn=0)


def test_a_database_that_goes_away_is_waited_for(pair: Cluster, server: Server) -> None:
    """503 with what to do, no half answer; and once it is back, the same bytes bring what they ask for."""
    customer = pair.certified(pair.customer())
    customer.transaction = os.urandom(16)
    request = customer.build(Kind.KUR, certificate_request(new_key(), customer.subject))
    server.stop()
    for number in (0, 1, 2, 3):
        status, said = pair.post(number, request)
        told = json.loads(said)["error"]
        assert (status, told["code"], told["retriable"]) == (503, "R115", True)
        assert str(server.folder) not in said.decode()
    server.start()
    server.wait()
    customer.last = pair.ask(1, request)
    certificate = granted(customer.last)
    assert pair.ask(0, customer.build(Kind.CERTCONF, confirmation(certificate))).kind is Kind.PKICONF
    assert pair.ca.states(customer.user) == [State.SUPERSEDED, State.ACTIVE]
    whole(pair)


def test_a_database_that_is_killed_in_the_middle_of_it(pair: Cluster, server: Server) -> None:
    """Crashed and recovered while everybody writes: what was answered is there."""
    customers = [pair.certified(pair.customer(), turn=number) for number in range(4)]
    begun = threading.Barrier(5)

    def life(number: int) -> Customer:
        begun.wait(60)
        return pair.certified(customers[number], turn=number)

    with ThreadPoolExecutor(4) as pool:
        lives = [pool.submit(life, number) for number in range(4)]
        begun.wait(60)
        server.process.kill()
        server.process.wait(30)
        server.recover()
        renewed = [one.result(120) for one in lives]
    for one in renewed:
        (active,) = (known for known in pair.ca.generations(one.user) if known.state is State.ACTIVE)
        assert active.certificate == one.certificate
    whole(pair)


def test_jobs_run_once_among_all_of_them(pair: Cluster) -> None:
    """Four workers on two nodes: one list for one revocation, and none for none."""
    customer = pair.certified(pair.customer())
    pair.wait_for_rounds(1)
    before = whole(pair)["own list.made"]
    (one,) = pair.ca.generations(customer.user)
    pair.registry.revoke(one.serial, RevocationReason.KEY_COMPROMISE, pair.now)
    pair.wait_for_rounds(3)
    assert whole(pair)["own list.made"] - before == 1
