"""At a real terminal: each step is shown, Ctrl-C leaves something to resume, a medium that is pulled is waited for."""

from __future__ import annotations

from pathlib import Path

import pexpect
import pytest

from tests.cli.runner import PROGRAM
from tests.interop.customer import Customer
from tests.interop.running import CONFIRMATION_PIN, LOGIN_PIN, Authority, free_port
from tokenmgr.domain.generation import State
from tokenmgr.domain.renewal import Step
from tokenmgr.errors import MediumGone
from tokenmgr.messages import Texts

TEXTS = Texts("en")


@pytest.fixture
def customer(tmp_path: Path, ca: Authority, testbed_store: Path) -> Customer:
    return Customer(tmp_path / "home", ca, testbed_store)


def terminal(customer: Customer, *arguments: str) -> pexpect.spawn:
    size = (40, 120)
    child = pexpect.spawn(
        str(PROGRAM), list(arguments), env=customer.environment, encoding="utf-8", timeout=60, dimensions=size
    )
    child.expect(f"PIN of medium {customer.stick.serial}")
    child.sendline(customer.stick.pin)
    return child


def finish(child: pexpect.spawn) -> tuple[str, int]:
    child.expect(pexpect.EOF)
    child.close()
    return str(child.before), int(child.exitstatus or 0)


def done(step: Step) -> str:
    return f"✓\x1b[0m {step.value}/9  {TEXTS(f'steps.{step.name}_done')}"


def test_each_step_is_shown_and_no_pin(customer: Customer) -> None:
    child = terminal(customer, "acquire", *customer.who)
    for question, pin in (("[Ll]ogin PIN", LOGIN_PIN), ("[Cc]onfirmation PIN", CONFIRMATION_PIN)):
        child.expect(question)
        child.sendline(pin)
    for step in Step:
        child.expect_exact(done(step))
    shown, status = finish(child)
    assert status == 0
    (made,) = customer.holdings()
    assert made.facts is not None
    assert f"{made.facts.serial_number:x}" in shown
    for secret in (customer.stick.pin, LOGIN_PIN, CONFIRMATION_PIN):
        assert f"{secret}\r\n" not in shown


def test_ctrl_c_leaves_something_to_resume(ca: Authority, customer: Customer) -> None:
    customer.acquire()
    with customer.stick.held("C_CreateObject") as held:
        child = terminal(customer, "renew")
        held.wait()
        child.sendintr()
        shown, status = finish(child)
    assert status == 130
    assert "J131" in shown
    assert done(Step.ISSUED) in shown
    assert ca.states(customer.user) == [State.ACTIVE, State.PENDING]
    child = terminal(customer, "resume")
    for step in (Step.CHECKED, Step.WRITTEN, Step.CONFIRMED, Step.RETIRED):
        child.expect_exact(done(step))
    shown, status = finish(child)
    assert status == 0
    assert done(Step.KEY_GENERATED) not in shown
    assert ca.states(customer.user) == [State.SUPERSEDED, State.ACTIVE]
    assert len(customer.holdings()) == 2


def test_a_medium_that_is_pulled_is_waited_for(ca: Authority, customer: Customer) -> None:
    customer.acquire()
    with customer.stick.held("C_CreateObject") as held:
        child = terminal(customer, "renew")
        held.wait()
        customer.stick.unplug()
    child.expect_exact(TEXTS("steps.kept_renewing"))
    child.expect_exact(TEXTS("steps.insert", serial=customer.serial))
    assert TEXTS.error(MediumGone(serial=""))["next"] not in str(child.before)
    customer.stick.plug()
    for step in (Step.CHECKED, Step.WRITTEN, Step.RETIRED):
        child.expect_exact(done(step))
    assert finish(child)[1] == 0
    assert ca.states(customer.user) == [State.SUPERSEDED, State.ACTIVE]


def test_another_medium_in_its_place_pauses_it_and_the_right_one_is_named(ca: Authority, customer: Customer) -> None:
    """S4."""
    customer.acquire()
    other = customer.plugged("other")
    other.unplug()
    with customer.stick.held("C_CreateObject") as held:
        child = terminal(customer, "renew")
        held.wait()
        customer.stick.swap(other)
    child.expect_exact(TEXTS("steps.insert", serial=customer.serial))
    another = TEXTS("desk_progress.other", serial=customer.serial, seen=customer.stick.serial)
    child.expect_exact(another)
    assert other.serial == customer.serial
    with customer.stick.library() as library:
        assert library.find(customer.stick.serial).serial != customer.serial
    customer.stick.swap(other)
    child.expect_exact(done(Step.RETIRED))
    assert another not in str(child.before)  # once
    assert finish(child)[1] == 0
    assert ca.states(customer.user) == [State.SUPERSEDED, State.ACTIVE]
    assert len(customer.holdings()) == 2


def test_where_it_is_left_for_later_ctrl_c_says_so(customer: Customer) -> None:
    customer.acquire()
    with customer.stick.held("C_CreateObject") as held:
        child = terminal(customer, "renew")
        held.wait()
        customer.stick.unplug()
    child.expect_exact(TEXTS("steps.insert", serial=customer.serial))
    child.sendintr()
    shown, status = finish(child)
    assert (status, "J131" in shown) == (130, True)
    customer.stick.plug()
    assert customer.resume().status == 0


def test_while_a_ca_does_not_answer_something_is_shown_and_whoever_leaves_has_begun_nothing(customer: Customer) -> None:
    """There would be nothing for `tokenmgr resume` to go on with."""
    text = customer.profile.read_text(encoding="utf-8")
    customer.profile.write_text(text.replace(customer.ca.url, f"https://127.0.0.1:{free_port()}"), encoding="utf-8")
    child = terminal(customer, "acquire", *customer.who)
    child.expect_exact(f"1/9  {TEXTS('steps.CHECKED')}")
    child.sendintr()
    shown, status = finish(child)
    assert (status, "U105" in shown, "J131" in shown) == (130, True, False)
