"""T: what was asked of the testbed is impossible. Nothing was touched."""

from __future__ import annotations

from tokenmgr.errors.asked import InputError


class TestbedError(InputError):
    """The root of what testers are told."""


class ScenarioUnknown(TestbedError):
    code = "T101"
    name: str
    nearest: tuple[str, ...]


class ScenariosConflict(TestbedError):
    """Both say something else of the same thing."""

    code = "T102"
    subject: str
    first: str
    second: str


class SimulatedUnknown(TestbedError):
    """No simulated medium of this name is up."""

    code = "T103"
    name: str
    up: tuple[str, ...]


class NameTaken(TestbedError):
    code = "T104"
    name: str


class NameWrong(TestbedError):
    code = "T105"
    name: str


class CompilerMissing(TestbedError):
    code = "T106"


class FaultWrong(TestbedError):
    """`reason` names a text; `subject` and `nearest` fill it in."""

    code = "T107"
    reason: str
    subject: str
    nearest: tuple[str, ...] = ()
    place: str = ""


class RuleFileWrong(TestbedError):
    code = "T108"
    file: str
    reason: str


class LayerMissing(TestbedError):
    """This medium is plain SoftHSM: it was made where there was no compiler."""

    code = "T109"
    name: str


class BusMissing(TestbedError):
    """A made-up USB bus is wanted, and umockdev is not there."""

    code = "T110"
    reason: str


class DayWrong(TestbedError):
    code = "T111"
    day: str


class MediumOutdated(TestbedError):
    """Made by another version of tokenmgr."""

    code = "T112"
    name: str


class CompilerFailed(TestbedError):
    code = "T113"
    reason: str


class SwapWithItself(TestbedError):
    code = "T114"
    name: str


class FolderWrong(TestbedError):
    code = "T115"
    folder: str


class NothingUp(TestbedError):
    code = "T116"


class ScenarioFileWrong(TestbedError):
    code = "T117"
    file: str
    reason: str


class CommandFailed(TestbedError):
    """A command that a demonstration has started; what it said tells the rest."""

    code = "T118"
    command: str
    status: int
    said: str


class ProgramMissing(TestbedError):
    """A program that a demonstration needs."""

    code = "T119"
    program: str
    package: str  # Debian's


class ShownOtherwise(TestbedError):
    """A demonstration has come to a page, and it is another one than it should be."""

    code = "T120"
    visit: str
    expected: str
    found: str
