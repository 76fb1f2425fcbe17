"""What happens by itself (S7, RFC 5280, 5), and what does when something is out of order."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.api.asgi import Client
from tests.api.rig import BANK, NOW, Rig, granted
from tests.api.test_http import CLAIM, CMP, FIELDS, HOME, refused
from tests.api.test_status import World
from tests.sql import postgres
from tokenmgr.api import jobs, list_making, lists
from tokenmgr.api.app import application
from tokenmgr.ca import crl
from tokenmgr.cmp import oids
from tokenmgr.cmp.messages import CertReply, Info, Kind, Status, certificate_request, parse
from tokenmgr.domain.generation import RevocationReason
from tokenmgr.errors import SignatureUnfit
from tokenmgr.sql import postgresql


@pytest.fixture
def client(quick: Rig) -> Client:
    return Client(application(quick.service))


# --- when something is out of order -----------------------------------------------------------------------------------


def failing(error: Exception) -> Callable[..., Any]:
    def fail(*_: object, **__: object) -> None:
        raise error

    return fail


def test_a_database_that_does_not_answer() -> None:
    """R115, to be tried again; what the database said stays in the log. It has really gone."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.Server.started() as server:
        rig = Rig(server.database())
        client = Client(application(rig.service))
        data = rig.begin().build(Kind.GENM, Info(oids.CA_CERTS))
        server.stop()
        for response in (
            client.post(HOME, content=data, headers=CMP),
            client.post(CLAIM, json=FIELDS),
            client.get(f"/banks/{BANK}"),
            client.get("/ca.crl"),
            client.get("/readyz"),
        ):
            said = refused(response, 503, "R115")
            assert said["retriable"]
            assert response.headers["retry-after"]
            assert str(server.folder) not in response.text
        assert client.get("/healthz").status_code == 200
        jobs.round_of(rig.service)  # the next round is as good
        asyncio.run(_one_round(rig))
        rig.close()


BEARABLE = 3 * postgresql.ANSWER  # seconds; without a bound it would be for ever


def test_a_database_that_hangs() -> None:
    """As one that does not answer, and not for as long as it hangs: memory goes on, the rest is told to come again."""
    if reason := postgres.missing():
        pytest.skip(reason)
    with postgres.Server.started() as server, ThreadPoolExecutor(12) as pool:
        rig = Rig(server.database())
        world = World(rig)
        client = Client(application(rig.service, world.status))
        certificate = rig.with_certificate().certificate
        jobs.round_of(rig.service)
        rig.enrol("user02")
        crl, good = client.get("/ca.crl"), world.get(certificate)
        customer = rig.begin("user02")
        data = customer.build(Kind.IR, certificate_request(customer.key, customer.subject))
        time.sleep(lists.EVERY)
        with server.hanging():
            began = time.monotonic()
            asked = [pool.submit(client.post, HOME, content=data, headers=CMP) for _ in range(4)]
            looked = [pool.submit(client.get, "/ca.crl") for _ in range(6)]
            assert world.get(certificate).content == good.content
            assert time.monotonic() - began < 1
            for one in looked:
                assert one.result(BEARABLE).content == crl.content
            for one in asked:
                assert refused(one.result(BEARABLE), 503, "R115")["retriable"]
            jobs.round_of(rig.service)
            assert time.monotonic() - began < 2 * BEARABLE
        time.sleep(postgresql.SHUT)
        assert isinstance(parse(client.post(HOME, content=data, headers=CMP).content).body, CertReply)
        rig.close()


async def _one_round(rig: Rig) -> None:
    ending = asyncio.Event()
    running = asyncio.create_task(jobs.Jobs(rig.service).run(ending))
    await asyncio.sleep(0.05)
    assert not running.done()
    ending.set()
    await running


def test_a_job_with_a_bug_stops_no_other(quick: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(quick.registry), "expire_unconfirmed", failing(ZeroDivisionError()))
    jobs.round_of(quick.service)
    assert quick.administration.crl() is not None


def test_a_ca_key_that_signs_wrongly_is_no_fault_of_the_customers(url: str) -> None:
    rig = Rig(url, hook=failing(SignatureUnfit(key="issuing")))
    customer = rig.begin()
    data = customer.build(Kind.IR, certificate_request(customer.key, customer.subject))
    answer = parse(Client(application(rig.service)).post(HOME, content=data, headers=CMP).content)
    assert isinstance(answer.body, CertReply)
    assert answer.body.status is Status.WAITING  # 27: the record stands
    rig.close()


def test_a_probe_reads_no_list(quick: Rig, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a hundred thousand entries it is four megabytes, and a balancer asks every second."""
    monkeypatch.setattr(type(quick.administration), "crl", failing(ZeroDivisionError()))
    assert client.get("/readyz").json() == {"ready": True}


def test_a_bug_is_said_to_be_one(quick: Rig, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(quick.registry), "bank", failing(ZeroDivisionError("secret")))
    response = client.get(f"/banks/{BANK}")
    refused(response, 500, "X000")
    assert "secret" not in response.text


def test_a_crowd_of_guesses_keeps_no_renewal_waiting(quick: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As many claims as there are threads for answers, none of which ends: CMP is answered all the same."""
    go = threading.Event()
    monkeypatch.setattr("tokenmgr.ra.passcodes.match", lambda *_: go.wait(20) and False)
    client = Client(application(quick.service))
    with ThreadPoolExecutor(24) as pool:
        claims = [pool.submit(client.post, CLAIM, json={**FIELDS, "user": f"u{n}"}) for n in range(24)]
        time.sleep(0.2)
        started = time.monotonic()
        assert client.post(HOME, content=b"x", headers=CMP).status_code == 200
        waited = time.monotonic() - started
        go.set()
        assert waited < 10
        assert {one.result().status_code for one in claims} == {403}


# --- the list of revoked ones -----------------------------------------------------------------------------------------


def on_the_list(rig: Rig, certificate: bytes) -> bool:
    found = rig.administration.crl()
    assert found
    serial = x509.load_der_x509_certificate(certificate).serial_number
    return x509.load_der_x509_crl(found.der).get_revoked_certificate_by_serial_number(serial) is not None


def test_whatever_is_taken_back_is_on_the_next_list(rig: Rig) -> None:
    customer = rig.with_certificate()
    jobs.round_of(rig.service)
    rig.now += timedelta(seconds=20)
    rig.registry.revoke(rig.of(customer.certificate).serial, RevocationReason.KEY_COMPROMISE, rig.now)
    jobs.round_of(rig.service)
    assert on_the_list(rig, customer.certificate)


def test_what_was_taken_back_just_before_a_list_and_durable_just_after_it(rig: Rig) -> None:
    """Its moment is the request's; the list was made between that and the commit."""
    customer = rig.with_certificate()
    moment = rig.now
    rig.now += timedelta(seconds=5)
    jobs.round_of(rig.service)
    rig.registry.revoke(rig.of(customer.certificate).serial, RevocationReason.KEY_COMPROMISE, moment)
    rig.now += timedelta(seconds=20)
    jobs.round_of(rig.service)
    assert on_the_list(rig, customer.certificate)


def test_unconfirmed_ones_are_taken_back_and_listed(rig: Rig) -> None:
    certificate = granted(rig.begin().request())
    rig.now += timedelta(hours=168, seconds=1)
    jobs.round_of(rig.service)
    assert on_the_list(rig, certificate)
    assert isinstance(rig.begin().request().body, CertReply)


def test_a_list_of_a_node_whose_clock_is_ahead_hides_nothing(rig: Rig) -> None:
    """Neither what is revoked afterwards nor the node's own mistake lasts longer than a round."""
    customer = rig.with_certificate()
    there, rig.now = rig.now, rig.now + timedelta(days=200)
    jobs.round_of(rig.service)
    rig.now = there
    rig.registry.revoke(rig.of(customer.certificate).serial, RevocationReason.KEY_COMPROMISE, rig.now)
    jobs.round_of(rig.service)
    made = rig.administration.crl()
    assert made is not None
    read = x509.load_der_x509_crl(made.der)
    assert read.last_update_utc == there.replace(microsecond=0)
    assert [one.serial_number for one in read] == [rig.of(customer.certificate).serial]


def test_no_list_is_made_where_nothing_was_revoked(rig: Rig) -> None:
    jobs.round_of(rig.service)
    first = rig.administration.crl()
    jobs.round_of(rig.service)
    assert rig.administration.crl() == first


# --- complete lists and deltas ----------------------------------------------------------------------------------------


def numbers(rig: Rig) -> tuple[int, int, int]:
    """Of the complete list, of the delta, and of the base that the delta is on."""
    complete, delta = rig.administration.crl(), rig.administration.delta_crl()
    assert complete
    assert delta
    number, base = x509.CRLNumber, x509.DeltaCRLIndicator
    read = [x509.load_der_x509_crl(one).extensions for one in (complete.der, delta.delta)]
    return (
        read[0].get_extension_for_class(number).value.crl_number,
        read[1].get_extension_for_class(number).value.crl_number,
        read[1].get_extension_for_class(base).value.crl_number,
    )


def on_the_delta(rig: Rig) -> dict[int, str]:
    found = rig.administration.delta_crl()
    assert found
    return {
        one.serial_number: one.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
        for one in x509.load_der_x509_crl(found.delta)
    }


def test_a_delta_says_what_has_changed_since_its_base(rig: Rig) -> None:
    rig.enrol("user02")
    first, second = rig.with_certificate(), rig.with_certificate("user02")
    serials = [rig.of(one.certificate).serial for one in (first, second)]
    jobs.round_of(rig.service)
    assert rig.administration.delta_crl() is None
    rig.registry.hold(serials[0], rig.now)
    jobs.round_of(rig.service)
    assert (numbers(rig), on_the_delta(rig)) == ((2, 2, 1), {serials[0]: "certificateHold"})
    rig.now += timedelta(hours=13)
    jobs.round_of(rig.service)  # a new base, and what it is by the one before
    assert (numbers(rig), on_the_delta(rig)) == ((3, 3, 1), {serials[0]: "certificateHold"})
    rig.registry.release(serials[0])
    rig.registry.revoke(serials[1], RevocationReason.KEY_COMPROMISE, rig.now)
    jobs.round_of(rig.service)
    assert numbers(rig) == (4, 4, 3)
    assert on_the_delta(rig) == {serials[0]: "removeFromCRL", serials[1]: "keyCompromise"}
    assert not on_the_list(rig, first.certificate)
    assert on_the_list(rig, second.certificate)


def test_a_list_and_its_delta_are_of_one_moment(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5280, 5.2.4: they have one number. What is revoked between the making of the two is on the next ones."""
    rig.enrol("user02")
    first, second = (rig.of(rig.with_certificate(user).certificate).serial for user in ("user01", "user02"))
    jobs.round_of(rig.service)
    rig.registry.revoke(first, RevocationReason.KEY_COMPROMISE, rig.now)
    build = crl.build

    def overtaken(*said: Any) -> bytes:
        made = build(*said)
        rig.registry.revoke(second, RevocationReason.KEY_COMPROMISE, rig.now)
        return made

    with monkeypatch.context() as patch:
        patch.setattr(crl, "build", overtaken)
        jobs.round_of(rig.service)
    assert (numbers(rig), list(on_the_delta(rig))) == ((2, 2, 1), [first])
    jobs.round_of(rig.service)
    assert (numbers(rig), set(on_the_delta(rig))) == ((3, 3, 1), {first, second})


def test_a_long_list_waits_and_its_delta_does_not(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_making, "SMALL", 0)
    certificate = rig.with_certificate().certificate
    jobs.round_of(rig.service)
    rig.registry.revoke(rig.of(certificate).serial, RevocationReason.KEY_COMPROMISE, rig.now)
    jobs.round_of(rig.service)
    jobs.round_of(rig.service)
    assert numbers(rig) == (1, 2, 1)
    assert not on_the_list(rig, certificate)
    assert list(on_the_delta(rig)) == [rig.of(certificate).serial]
    rig.now += list_making.LONG_WAIT
    jobs.round_of(rig.service)
    assert numbers(rig) == (3, 3, 1)
    assert on_the_list(rig, certificate)


def test_a_long_delta_is_followed_by_a_new_base(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(list_making, "LONGEST_DELTA", 0)
    for user in ("user02", "user03", "user04"):
        rig.enrol(user)
        jobs.round_of(rig.service)
        found = rig.of(rig.with_certificate(user).certificate)
        rig.registry.revoke(found.serial, RevocationReason.KEY_COMPROMISE, rig.now)
    jobs.round_of(rig.service)
    assert numbers(rig) == (4, 4, 3)


def test_only_one_of_several_is_at_the_jobs(rig: Rig) -> None:
    other = Rig(rig.url)
    with other.administration.alone(jobs.ALONE) as is_mine:
        assert is_mine
        jobs.round_of(rig.service)
        assert rig.administration.crl() is None
    jobs.round_of(rig.service)
    assert rig.administration.crl()
    other.close()


def test_what_one_has_just_done_no_other_does_again(rig: Rig) -> None:
    """Among all workers of all nodes; but what looks after a worker's own folder, each does for itself."""
    other = Rig(rig.url)
    acts: list[str] = []

    def says(name: str) -> jobs.Job:
        return name.partition(" ")[0], jobs.EVERY, lambda _now: acts.append(name)

    workers = [jobs.Jobs(rig.service, [says("own")]), jobs.Jobs(other.service, [says("own of the other")])]
    for worker, name in zip(workers, ("shared by the first", "shared by the second"), strict=True):
        worker.shared = (says(name),)
    steps = [
        (0.0, 0, ["shared by the first", "own"]),
        (0.5, 1, ["own of the other"]),
        (jobs.EVERY, 1, ["shared by the second"]),
        (jobs.EVERY + 1, 0, []),
        (-1.0, 0, ["shared by the first"]),  # the other one's clock was ahead
    ]
    for seconds, which, expected in steps:
        other.now = rig.now = NOW + timedelta(seconds=seconds)
        workers[which].round()
        assert acts == expected, seconds
        acts.clear()
    other.close()


def test_a_disk_that_is_full_keeps_the_old_list_and_heals(tmp_path: Path) -> None:
    """A process that may write no longer file than there is: SQLite gets what a full disk gives it."""
    url = f"sqlite:///{tmp_path / 'registry.db'}"
    rig = Rig(url)
    certificate = rig.with_certificate().certificate
    jobs.round_of(rig.service)
    serial = rig.of(certificate).serial
    rig.registry.revoke(serial, RevocationReason.KEY_COMPROMISE, rig.now)
    rig.close()
    done = subprocess.run([sys.executable, "-c", _FULL, url], capture_output=True, text=True, timeout=60)
    assert done.stdout.split() == ["R115", "1"], done.stdout + done.stderr
    rig = Rig(url)
    assert not on_the_list(rig, certificate)
    jobs.round_of(rig.service)
    assert on_the_list(rig, certificate)
    rig.close()


_FULL = """
import resource, signal, sys
from tests.api.rig import Rig
from tokenmgr.api import jobs
rig = Rig(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
jobs.round_of(rig.service)
said = rig.service.metrics.text().decode().splitlines()
print(*{line.split('outcome="')[1][:4] for line in said if 'job="renew_crl"' in line and "_total" in line})
print(rig.administration.crl().number)
"""
