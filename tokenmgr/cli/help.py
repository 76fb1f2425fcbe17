"""Commands and groups whose --help is in the person's language too."""

from __future__ import annotations

import click

from tokenmgr.cli.output import t


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
