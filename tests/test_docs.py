"""The docs name every command, option, setting and exit code, and no others."""

from __future__ import annotations

import re
import subprocess
from dataclasses import fields
from enum import Enum
from pathlib import Path

import click
import pytest

from tests.cli.test_help import every_command
from tokenmgr import config
from tokenmgr.catalogue import drivers
from tokenmgr.cli.output import Exit
from tokenmgr.customer import profiles
from tokenmgr.domain.generation import State
from tokenmgr.domain.login import Hindrance, Kind, Outcome, Role
from tokenmgr.domain.login import Step as LoginStep
from tokenmgr.domain.medium import PinState
from tokenmgr.domain.renewal import Step
from tokenmgr.domain.standing import Standing
from tokenmgr.domain.status import Next, Place, Verdict, Why
from tokenmgr.messages import Texts
from tokenmgr.renewal.cleanup import Kept, Removable
from tokenmgr.testbed.simulated import PIN

ROOT = Path(__file__).parent.parent
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
SETTINGS = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
RENEWAL = (ROOT / "docs" / "renewal.md").read_text(encoding="utf-8")
LOGIN = (ROOT / "docs" / "login.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMON = {"--json", "--lang", "--library", "-v", "--help"}
LEAVES = [
    (path, command)
    for path, command in every_command()
    if not isinstance(command, click.Group) or (path and command.invoke_without_command)
]


@pytest.mark.parametrize(
    ("path", "command"), LEAVES, ids=lambda value: " ".join(value) if isinstance(value, tuple) else ""
)
def test_every_command_is_documented_with_its_options(path: tuple[str, ...], command: click.Command) -> None:
    named = " ".join(path)
    others = [" ".join(other) for other, _ in LEAVES if other[: len(path)] == path and other != path]
    rows = [line for line in CLI.splitlines() if line.startswith(f"| `tokenmgr {named}")]
    (row,) = [one for one in rows if not any(one.startswith(f"| `tokenmgr {other}") for other in others)]
    options = {name for p in command.params if isinstance(p, click.Option) for name in p.opts}
    for option in options - COMMON:
        assert option in row, f"{option} is not in the row of {' '.join(path)}"
    for named in set(re.findall(r"`(--[a-z-]+)", row)):
        assert named in options, f"{' '.join(path)} has no {named}"


def test_every_documented_command_is_there() -> None:
    known = {" ".join(path) for path, _ in LEAVES}
    for row in re.findall(r"^\| `tokenmgr ([a-z ]+?)`", CLI, re.M):
        assert row in known or row.rsplit(" ", 1)[0] in known


def test_the_common_options_are_documented() -> None:
    for option in COMMON:
        assert option in CLI


def test_every_exit_code_is_documented() -> None:
    documented = {int(code) for code in re.findall(r"^\| (\d+) \|", CLI, re.M)}
    assert documented == {int(code) for code in Exit}


def test_every_setting_is_documented_with_its_default() -> None:
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| `([^|`]*)` \|", SETTINGS, re.M))
    limits = {f"time_limits.{f.name}": f"{f.default:g}" for f in fields(config.TimeLimits)}
    named = set(re.findall(r"`([a-z_.]+)`", " ".join(re.findall(r"^\| (`[a-z_.`, ]+) \|", SETTINGS, re.M))))
    limits["mail.time_limit"] = f"{config.MailServer().time_limit:g}"
    assert limits.items() <= rows.items()
    libraries = {"path", "family", "environment", "initialise"} | {f"mail.{f.name}" for f in fields(config.MailServer)}
    assert named == {"language", "catalogue", "usb", "staff", *limits} | libraries | set(profiles.KNOWN)


def test_the_nine_steps_are_called_as_on_the_screen() -> None:
    rows = re.findall(r"^\| (\d) \| ([A-Z_]+) \| ([^|]+) \|", RENEWAL, re.M)
    assert rows == [(str(step.value), step.name, Texts("ja")(f"steps.{step.name}_done")) for step in Step]


@pytest.mark.parametrize("words", [Verdict, Place, Why, Next, PinState, Removable, Kept, State])
def test_every_word_that_json_may_have_of_a_medium_is_documented(words: type[Enum]) -> None:
    for word in words:
        assert f"`{word.value}`" in RENEWAL, word


@pytest.mark.parametrize("words", [Outcome, Role, Hindrance, LoginStep, Kind])
def test_every_word_that_json_may_have_of_a_login_is_documented_and_said(words: type[Enum]) -> None:
    for word in words:
        assert f"`{word.value}`" in LOGIN, word
    areas = {Outcome: "login_outcome", Role: "login_role", Hindrance: "login_hindrance", LoginStep: "login_step"}
    unsaid = {LoginStep.NOTHING, LoginStep.CHOOSE}
    for word in set(words if words in areas else ()) - unsaid:
        assert Texts("ja")(f"{areas[words]}.{word.value}"), word


def test_every_key_that_json_may_have_of_a_key_at_the_ca_is_documented() -> None:
    for field in fields(Standing):
        assert f"`{field.name}`" in RENEWAL, field.name


def test_every_variable_that_is_read_is_documented() -> None:
    source = Path(config.__file__).read_text(encoding="utf-8")
    for variable in set(re.findall(r'"((?:TOKENMGR|LC|LANG)[A-Z_]*)"', source)):
        assert f"`{variable}`" in SETTINGS


def test_the_readmes_commands_links_and_pin_are_true() -> None:
    known = {" ".join(path) for path, _ in LEAVES}
    for command in re.findall(r"^\.venv/bin/tokenmgr ([a-z ]+?) +#", README, re.M):
        assert command in known
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"`?make ([a-z]+)", README):
        assert re.search(rf"^{target}:", makefile, re.M), target
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / link).exists(), link
    assert f"PIN is {PIN}" in README


def test_make_help_lists_every_target() -> None:
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for target in ("help", "setup", "run", "test", "crash", "check", "bench", "clean"):
        assert re.search(rf"^{target} ", listed, re.M), target


def test_every_room_and_file_of_the_house_is_on_its_map() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    for path in (ROOT / "tokenmgr").rglob("*.py"):
        if path.parent.name != "cli" and not path.name.startswith("__"):
            assert path.name in text or path.stem in text, path


def test_every_key_of_a_driver_file_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "drivers.md").read_text(encoding="utf-8")
    rows: dict[str, str] = {}
    for names, default in re.findall(r"^\| (`[a-z_`., ]+`) \| (?:`([^|`]*)`)? ?\|", text, re.M):
        rows |= dict.fromkeys(re.findall(r"`([a-z_.]+)`", names), default)
    known = {key: "" if kind is str else "false" for key, kind in drivers.TOP.items()}
    for table, kind in drivers.TABLES.items():
        for field in fields(kind):
            known[f"{table}.{field.name}"] = _as_toml(field.default)
    assert rows == known


def _as_toml(default: object) -> str:
    if isinstance(default, str | tuple):
        return f'"{default}"' if isinstance(default, str) and default else "[]" if default == () else ""
    return str(default).lower()
