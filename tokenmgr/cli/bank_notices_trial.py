"""`tokenmgr bank notices test`: one mail to whoever sets this up, and what the mail server said of it."""

from __future__ import annotations

from contextlib import closing

import click

from tokenmgr import clock
from tokenmgr.cli import options
from tokenmgr.cli.bank_notices_seen import told_words
from tokenmgr.cli.bank_registry import open_registry
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.notices import trial
from tokenmgr.notices.post import Fate
from tokenmgr.notices.smtp import SmtpPost
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.words import t


@click.command("test", cls=Command, help=t("help.bank_notices_test"))
@click.option("--to", "address", metavar="ADDRESS", required=True, help=t("help.o_notices_to"))
@click.option("--bank", "code", metavar="CODE", required=True, help=t("help.o_notices_look"))
@options.words
def test(address: str, code: str, as_json: bool) -> int:
    mail = settings().mail
    with open_registry() as opened, closing(SmtpPost(mail)) as post:
        bank, look = opened.bank(code), opened.administration.look(code)
        receipt = post.send(trial.letter(bank, look, address, clock.now(), mail.return_path))
    if as_json:
        Output().value({"fate": receipt.fate.value, "server": post.name, "told": receipt.told})
    else:
        said = t(f"notices.trial_{receipt.fate.value}", server=post.name, to=address, told=told_words(receipt.told))
        click.echo(said)
    return Exit.FINE if receipt.fate is Fate.SENT else Exit.FINDINGS
