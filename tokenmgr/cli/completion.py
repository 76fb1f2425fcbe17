"""`tokenmgr completion bash|zsh|fish`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit
from tokenmgr.wiring.words import t


@click.command(cls=Command, help=t("help.completion"))
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(context: click.Context, shell: str) -> int:
    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(shell)
    click.echo(kind(context.find_root().command, {}, "tokenmgr", "_TOKENMGR_COMPLETE").source())
    return Exit.FINE
