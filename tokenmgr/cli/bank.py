"""`tokenmgr bank …`: the registry's command line, for bank staff and the CA's operator.

Loaded when they are asked for: a customer's PC has neither a registry nor the packages that one needs.
"""

from __future__ import annotations

import click

from tokenmgr.cli.help import LazyGroup
from tokenmgr.wiring.words import t

COMMANDS = {
    "add": "tokenmgr.cli.bank_banks:add",
    "list": "tokenmgr.cli.bank_banks:list_",
    "show": "tokenmgr.cli.bank_banks:show",
    "change": "tokenmgr.cli.bank_banks:change",
    "profile": "tokenmgr.cli.bank_profile:profile",
    "look": "tokenmgr.cli.bank_look:look",
    "contract": "tokenmgr.cli.bank_contracts:contract",
    "subscriber": "tokenmgr.cli.bank_subscribers:subscriber",
    "rehearse": "tokenmgr.cli.bank_rehearsal:rehearse",
    "notices": "tokenmgr.cli.bank_notices:notices",
    "handover": "tokenmgr.cli.bank_handover:handover",
    "serve": "tokenmgr.cli.bank_serve:serve",
    "page-worker": "tokenmgr.cli.bank_serve:worker",
    "import": "tokenmgr.cli.bank_import:import_",
    "export": "tokenmgr.cli.bank_export:export",
}


@click.group(cls=LazyGroup, lazy=COMMANDS, help=t("help.bank"))
def bank() -> None:
    pass
