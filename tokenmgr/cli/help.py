"""Commands and groups whose --help is in the person's language too."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click

from tokenmgr.errors import PartMissing
from tokenmgr.wiring.words import t


class _Help(click.Command):
    def get_help_option(self, ctx: click.Context) -> click.Option | None:
        option = super().get_help_option(ctx)
        if option is not None:
            option.help = t("help.o_help")
        return option


class Command(_Help):
    pass


class Group(_Help, click.Group):
    command_class = Command


class LazyGroup(Group):
    """Beside its own commands some that are loaded when they are asked for: name -> "module:command"."""

    def __init__(self, *arguments: Any, lazy: Mapping[str, str], **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self._lazy]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._lazy:
            return super().get_command(ctx, cmd_name)
        module, _, name = self._lazy[cmd_name].partition(":")
        try:
            command: click.Command = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            raise PartMissing(command=f"{ctx.command_path} {cmd_name}") from error
        return command
