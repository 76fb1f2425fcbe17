"""Every command has help in both languages, and the shells can complete it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from tests.cli.runner import PROGRAM, Home
from tokenmgr.cli.main import cli


def every_command(
    group: click.Group = cli, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if command.hidden:  # not for people: one that another command starts
            continue
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from every_command(command, (*path, name))


COMMANDS = [path for path, _ in every_command()]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_has_help_in_both_languages(path: tuple[str, ...], tmp_path: Path) -> None:
    home = Home(tmp_path)
    english, japanese = home.run(*path, "--help"), home.run("--lang", "ja", *path, "--help")
    assert english.status == japanese.status == 0
    assert english.out.isascii() or path == ("completion",)
    assert not japanese.out.isascii()


def test_no_arguments_is_help(tmp_path: Path) -> None:
    done = Home(tmp_path).run()
    assert "Commands:" in done.out + done.err
    assert done.status == 2


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_completion_script_names_the_program(shell: str, tmp_path: Path) -> None:
    assert "_TOKENMGR_COMPLETE" in Home(tmp_path).run("completion", shell).out


def test_bash_completes_commands_and_options(tmp_path: Path) -> None:
    home = Home(tmp_path)
    script = (
        f'eval "$({PROGRAM} completion bash)"; COMP_WORDS=(tokenmgr me); COMP_CWORD=1; _tokenmgr_completion tokenmgr'
    )
    environment = home.environment | {"PATH": f"{PROGRAM.parent}:{home.environment['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", f'{script}; echo "${{COMPREPLY[@]}}"'],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.split() == ["media", "medium"]
