"""`tokenmgr bank profile`: what a customer's computer needs to know of a bank and its CA, as a file for banks.d."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import click

from tokenmgr.ca.certificate import to_pem
from tokenmgr.ca.folder import CaFolder
from tokenmgr.cli import options
from tokenmgr.cli.bank_registry import open_registry
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, speaks_unicode
from tokenmgr.domain.party import Bank
from tokenmgr.pki.p256 import public_pem
from tokenmgr.wiring.words import t

ROOTS, HANDOVER = "roots", "handover"
PEM = (ROOTS, HANDOVER)


@click.command(cls=Command, help=t("help.bank_profile"))
@click.argument("code")
@options.words
def profile(code: str, as_json: bool) -> int:
    with open_registry() as opened:
        keys = [one.public_key for one in opened.administration.handover_keys(code)]
        found = profile_of(opened.bank(code), opened.folder, keys)
    if as_json:
        Output().value(found)
    else:
        click.echo(as_toml(found, only_ascii=not speaks_unicode()), nl=False)
    return Exit.FINE


def profile_of(bank: Bank, folder: CaFolder, keys: Iterable[bytes]) -> dict[str, str]:
    """Every root that the CA has, the newest first: certificates that the older ones have issued are still renewed."""
    handed = "".join(map(public_pem, keys))
    told = {
        "code": bank.code,
        "name": bank.name,
        "service_name": bank.service_name,
        "contact": bank.contact,
        "media_page": bank.media_page,
        "address": folder.about.url,
        ROOTS: "".join(to_pem(one.certificates["root"].der) for one in reversed(folder.authorities)),
    }
    return told | ({HANDOVER: handed} if handed else {})


def as_toml(profile: Mapping[str, str], only_ascii: bool = False) -> str:
    """`only_ascii` where standard output is in another encoding: TOML is UTF-8, and the file is what is printed."""
    lines = [f'{key} = "{escaped(text, only_ascii)}"\n' for key, text in profile.items() if key not in PEM]
    blocks = [f"{key} = '''\n{profile[key]}'''\n" for key in PEM if key in profile]  # PEM has nothing that would end it
    return "".join([*lines, *blocks])


def escaped(text: str, only_ascii: bool) -> str:
    """In a basic string of TOML 1.0. JSON's escapes would not do: beyond the BMP those are two of UTF-16."""
    return "".join(
        f"\\U{ord(one):08X}" if one in '"\\\x7f' or one < " " or (only_ascii and not one.isascii()) else one
        for one in text
    )
