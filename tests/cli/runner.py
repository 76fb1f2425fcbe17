"""Runs `tokenmgr` as its own process (tests/warm.py) in a home of its own, and plays transcripts.

A transcript is what a person would see. Its lines:

    medium NAME            a simulated medium is made and plugged in; {NAME} stands for its number from then on
    state NAME WORD        brings it into a state of tests/cli/states.py
    unplug NAME, plug NAME
    write FILE             a file of the home; the lines after it that begin with | are its text
    $ tokenmgr …           a command; lines after it that begin with < are its standard input
    => 0                   its exit status, after its output (standard output, then standard error)

In the expected output … stands for anything within a line.
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path

from tests import formatted, warm
from tests.cli import states
from tokenmgr.testbed.simulated import SimulatedMedium

PROGRAM = Path(sys.executable).parent / "tokenmgr"
MAIN = "import sys\nfrom tokenmgr.__main__ import main\nsys.exit(main())\n"  # what is in it


@dataclass
class Result:
    status: int
    out: str
    err: str


class Home:
    """A user's state in a folder of the test. Only what the test plugs in is seen, not what this computer has."""

    program = MAIN

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.media: dict[str, SimulatedMedium] = {}
        self.numbers: dict[str, str] = {}
        self.written = folder / "nothing"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "settings.toml").write_text("catalogue = false\nusb = false\n")
        self.environment = {**os.environ, "TOKENMGR_HOME": str(folder), "LC_ALL": "C.UTF-8"}

    def plug_in(self, name: str) -> str:
        medium, self.numbers[name] = formatted.medium(self.folder / "testbed" / name, f"Medium {name}")
        medium.register(self.folder / "libraries.d")
        self.media[name] = medium
        return self.numbers[name]

    def prepare(self, words: list[str]) -> None:
        """A line of a transcript that only some homes know."""
        raise ValueError(f"a transcript has no line like this: {' '.join(words)}")

    @property
    def command(self) -> list[str]:
        """For a process that must be begun: it has a terminal, or descriptors."""
        return [sys.executable, "-c", self.program]

    def run(self, *arguments: str, typed: str = "") -> Result:
        done = warm.run(self.program, *arguments, environment=self.environment, typed=typed)
        return Result(done.returncode, done.stdout, done.stderr)


@dataclass
class Step:
    command: str
    typed: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=list)
    status: int | None = None


def play(path: Path, home: Home) -> list[str]:
    """Every difference between what the transcript says and what happened; none if it is true."""
    differences = []
    step: Step | None = None
    for line in [*path.read_text(encoding="utf-8").splitlines(), "$"]:
        if line.startswith("$"):
            step = Step(line[1:].strip())
        elif step is None or step.status is not None:
            _prepare(line, home)
        elif line.startswith("< "):
            step.typed.append(line[2:])
        elif line.startswith("=> "):
            step.status = int(line[3:])
            differences += _difference(step, home)
        else:
            step.expected.append(line)
    return differences


def _prepare(line: str, home: Home) -> None:
    match line.split():
        case [] | ["#", *_]:
            pass
        case ["medium", name]:
            home.plug_in(name)
        case ["state", name, word]:
            states.STATES[word](home.media[name], home.numbers[name])
        case ["unplug", name]:
            home.media[name].unplug()
        case ["plug", name]:
            home.media[name].plug()
        case ["write", file]:
            home.written = home.folder / file
            home.written.parent.mkdir(exist_ok=True)
            home.written.write_text("", encoding="utf-8")
        case ["|", *_]:
            with home.written.open("a", encoding="utf-8") as text:
                text.write(line[2:] + "\n")
        case words:
            home.prepare(words)


def _difference(step: Step, home: Home) -> list[str]:
    command = step.command
    for name, number in home.numbers.items():
        command = command.replace(f"{{{name}}}", number)
    command = command.replace("{home}", str(home.folder))
    program, *arguments = shlex.split(command)
    assert program == "tokenmgr"
    result = home.run(*arguments, typed="".join(f"{line}\n" for line in step.typed))
    seen = (result.out + result.err).rstrip("\n").replace(str(home.folder), "{home}")
    for name, number in home.numbers.items():
        seen = seen.replace(number, f"{{{name}}}")
    wanted = "\n".join(step.expected).rstrip("\n")
    pattern = ".*".join(re.escape(part) for part in wanted.split("…"))
    if re.fullmatch(pattern, seen) and result.status == step.status:
        return []
    return [f"$ {step.command}\n{seen}\n=> {result.status}"]
