"""pytest_tokenmgr: simulated media for the tests of any PKCS#11 program. pytest finds it where tokenmgr is installed.

    def test_a_wrong_pin_is_said(medium, program):
        program("--module", medium.path, typed="9999")

    @pytest.mark.scenario("due-in-12-days", "final-try")
    def test_the_last_try_is_not_spent(medium): ...

    def test_the_plug_is_pulled_while_it_signs(medium, fault):
        fault("C_Sign", "unplug")

docs/testers.md has the scenarios and the faults. Nothing of this is loaded before a test asks for it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Generator, Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tokenmgr.testbed.bed import Testbed
    from tokenmgr.testbed.simulated import SimulatedMedium
    from tokenmgr.testbed.usb_mirror import Mirror


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "scenario(*names, name, seed, day, kind): what the simulated medium of the test is to be"
    )


CALLS_SHOWN = 20
_up = pytest.StashKey["list[SimulatedMedium]"]()  # of a test


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """A test that fails shows what its media were asked last."""
    report = (yield).get_result()
    for medium in item.stash.get(_up, []) if report.failed and report.when == "call" else ():
        with contextlib.suppress(OSError):
            last = (medium.folder / "calls").read_text(encoding="ascii").splitlines()[-CALLS_SHOWN:]
            report.sections.append(
                (f"last calls of {medium.name}: process, function, answer, ms, rule", "\n".join(last))
            )


@contextlib.contextmanager
def _said_in_words() -> Iterator[None]:
    """What is wrong with the test, and not a traceback through us."""
    from tokenmgr.errors import TestbedError
    from tokenmgr.messages import Texts

    try:
        yield
    except TestbedError as error:
        words = Texts("en").error(error)
        pytest.fail(f"{error.code}  {words['what']}\n  {words['next']}", pytrace=False)


@pytest.fixture(scope="session")
def testbed_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was compiled and prepared once is there for all tests, and for all processes of pytest-xdist."""
    base = tmp_path_factory.getbasetemp()
    return (base.parent if base.name.startswith("popen-") else base) / "tokenmgr-store"


@pytest.fixture
def tokenmgr_testbed(tmp_path: Path, testbed_store: Path) -> Iterator[Testbed]:
    """Where media come up: this test's own. They are gone at its end."""
    from tokenmgr import config
    from tokenmgr.testbed.bed import Testbed

    bed = Testbed(tmp_path / "testbed", config.ENVIRONMENT, store=testbed_store, plain=False)
    yield bed
    bed.down()


@pytest.fixture
def testbed(tokenmgr_testbed: Testbed) -> Testbed:
    """The short name of it. What follows asks for the long one: a project may have a `testbed` of its own."""
    return tokenmgr_testbed


@pytest.fixture
def scenario(request: pytest.FixtureRequest, tokenmgr_testbed: Testbed) -> Callable[..., SimulatedMedium]:
    """Makes a medium that is all of the named scenarios: `scenario("full", name="second", day="2027-04-01")`."""

    def make(
        *names: str, name: str = "", seed: int = 0, day: date | str | None = None, kind: str = "p256", **how: Any
    ) -> SimulatedMedium:
        from tokenmgr.domain.credential import KeyKind

        if not name:  # a second one of the same is called valid-2
            taken = {medium.name for medium in tokenmgr_testbed.media()}
            first = names[0] if names else "fresh"
            name = next(one for one in [first, *(f"{first}-{n}" for n in range(2, 10_000))] if one not in taken)
        day = date.fromisoformat(day) if isinstance(day, str) else day
        with _said_in_words():
            made = tokenmgr_testbed.up(*names, name=name, seed=seed, day=day, kind=KeyKind(kind), **how)
        request.node.stash.setdefault(_up, []).extend(made)
        if len(made) > 1:
            raise ValueError(f"{' '.join(names)} is {len(made)} media: ask the fixture `testbed` for them, with up()")
        return made[0]

    return make


@pytest.fixture
def tokenmgr_medium(request: pytest.FixtureRequest, scenario: Callable[..., SimulatedMedium]) -> SimulatedMedium:
    """The one that `@pytest.mark.scenario` says, else a fresh one. `path` is its PKCS#11 library, `pin` its PIN."""
    mark = request.node.get_closest_marker("scenario")
    return scenario(*mark.args, **mark.kwargs) if mark else scenario("fresh")


@pytest.fixture
def medium(tokenmgr_medium: SimulatedMedium) -> SimulatedMedium:
    """The short name of it."""
    return tokenmgr_medium


@pytest.fixture
def fault(tokenmgr_medium: SimulatedMedium) -> Callable[..., int]:
    """Lets it fail from now on: `fault("C_Sign", "answer", "CKR_DEVICE_ERROR", after=True, skip=1, times=1)`."""

    def set_rule(*rule: Any, **when: Any) -> int:
        with _said_in_words():
            return tokenmgr_medium.fault(*rule, **when)

    return set_rule


@pytest.fixture
def unplug(tokenmgr_medium: SimulatedMedium) -> Callable[[], None]:
    """Pulls it, under whatever is running."""
    return tokenmgr_medium.unplug


@pytest.fixture
def plug(tokenmgr_medium: SimulatedMedium) -> Callable[[], None]:
    """Plugs it in again."""
    return tokenmgr_medium.plug


@pytest.fixture
def usb(tokenmgr_testbed: Testbed) -> Iterator[Mirror]:
    """A USB bus (Linux, umockdev) on which the media of the test come and go as they do in their slots. Programs that
    are started with its `environment` see it; `settle()` waits until it shows what is plugged in."""
    with tokenmgr_testbed.usb() as mirror:
        yield mirror
