"""`tokenmgr pc`: the stores on this PC, and what only the encrypted file among them needs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tokenmgr.cli import options, prompts
from tokenmgr.cli.help import Group
from tokenmgr.cli.output import Exit, Output, columns
from tokenmgr.cli.terminal import Terminal
from tokenmgr.errors import FileNotWritten, PcStoreUnknown
from tokenmgr.keystore import export as outside
from tokenmgr.keystore import file, keyring, nss
from tokenmgr.keystore.form import KEYRING, PASSPHRASE, name_of
from tokenmgr.log import Secret
from tokenmgr.wiring import places, stores
from tokenmgr.wiring.libraries import settings
from tokenmgr.wiring.looking import ours
from tokenmgr.wiring.places import FILE, Where, file_named
from tokenmgr.wiring.words import t


@click.group(cls=Group, help=t("help.pc"))
def pc() -> None:
    pass


def pc_option(command: options.Command) -> options.Command:
    return click.option("--pc", "store", metavar="NAME", default=FILE, help=t("help.o_pc_file"))(command)


def keyring_option(command: options.Command) -> options.Command:
    return click.option("--keyring", "by_keyring", is_flag=True, help=t("help.o_keyring"))(command)


def path_of(name: str) -> Path:
    path = file_named(name)
    if path is None:
        raise PcStoreUnknown(serial=name, known=(FILE, f"{FILE}:PATH"))
    return path


@pc.command("list", help=t("help.pc_list"))
@options.words
def show(as_json: bool) -> int:
    """What can be named, and is here."""
    found = [_of_database(one) for one in nss.databases(settings().user_home)]
    usual = places.canonical(FILE)
    files = [one for one in sorted(ours(settings().journal_folder)) if (path := file_named(one)) and path.exists()]
    found += [_of_other(FILE if one == usual else one, one) for one in files]
    chips = places.chips()
    found += [_of_other(places.TPM if len(chips) == 1 else one, one) for one in chips]
    if as_json:
        Output().value({"stores": found})
    elif found:
        heads = t("pc.head_name"), t("pc.head_place"), t("pc.head_programs")
        columns([heads, *((f"--pc {one['pc']}", one["name"], ", ".join(one["programs"])) for one in found)])
    else:
        click.echo(t("pc.none"))
    return Exit.FINE


def _of_other(pc: str, name: str) -> dict[str, Any]:
    return {"pc": pc, "name": name, "browser": None, "programs": []}


def _of_database(one: nss.Database) -> dict[str, Any]:
    return {"pc": one.nick, "name": one.name, "browser": one.browser, "programs": [*nss.programs(one)]}


@pc.command(help=t("help.pc_make"))
@pc_option
@keyring_option
@options.fd_option("new-pin-fd", "help.o_new_pass_fd")
@options.words
def make(store: str, by_keyring: bool, new_pin_fd: int | None, as_json: bool) -> int:
    path = path_of(store)
    file.require_absent(path)
    if by_keyring:
        keyring.make(path)
    else:
        with _new(name_of(path), new_pin_fd) as chosen:
            file.make(path, chosen)
    return _done(path, "pc.made", by_keyring, as_json)


@pc.command(help=t("help.pc_passphrase"))
@pc_option
@keyring_option
@options.fd_option("pin-fd", "help.o_pass_fd")
@options.fd_option("new-pin-fd", "help.o_new_pass_fd")
@options.words
def passphrase(store: str, by_keyring: bool, pin_fd: int | None, new_pin_fd: int | None, as_json: bool) -> int:
    path = path_of(store)
    with stores.passphrase(path, Where(pin_fd=pin_fd), Terminal()) as old:
        _opened(path, old).close()  # before anybody thinks of a new one
        if by_keyring:
            keyring.take_over(path, old)
        else:
            with _new(name_of(path), new_pin_fd) as chosen:
                keyring.hand_over(path, old, chosen)
    return _done(path, "pc.locked_anew", by_keyring, as_json)


@pc.command(help=t("help.pc_export"))
@pc_option
@click.option("--out", "target", metavar="FILE", required=True, type=click.Path(path_type=Path), help=t("help.o_out"))
@click.option("--certificate", metavar="SERIALNUMBER", default="", help=t("help.o_export"))
@options.fd_option("pin-fd", "help.o_pass_fd")
@options.fd_option("new-pin-fd", "help.o_out_pass_fd")
@options.words
def export(
    store: str, target: Path, certificate: str, pin_fd: int | None, new_pin_fd: int | None, as_json: bool
) -> int:
    path = path_of(store)
    if target.is_symlink() or target.exists():
        raise FileNotWritten(file=str(target), reason=t("pc.there_is_one"))
    with stores.passphrase(path, Where(pin_fd=pin_fd), Terminal()) as known:
        opened = _opened(path, known)
        try:
            one = outside.chosen(opened, certificate)
            questions = t("pc.ask_out", file=target), t("pc.ask_out_again")
            with prompts.new_passphrase(*questions, new_pin_fd, file.SHORTEST) as password:
                outside.write(target, outside.as_pkcs12(opened, one, password))
        finally:
            opened.close()
    assert one.facts is not None  # noqa: S101  that is how it was chosen
    number = f"{one.facts.serial_number:x}"
    if as_json:
        Output().value({"store": name_of(path), "file": str(target.absolute()), "serial_number": number})
    else:
        click.echo(t("pc.exported", file=target, number=number))
    click.secho(t("pc.outside"), err=True, fg="yellow")
    return Exit.FINE


def _opened(path: Path, known: Secret) -> file.FileStore:
    """Unlocked, and looked through."""
    opened = file.FileStore(path, known)
    opened.contents()
    return opened


def _new(name: str, fd: int | None) -> Secret:
    question = t("pc.ask_new", store=name, shortest=file.SHORTEST)
    return prompts.new_passphrase(question, t("pc.ask_new_again"), fd, file.SHORTEST)


def _done(path: Path, text: str, by_keyring: bool, as_json: bool) -> int:
    if as_json:
        Output().value({"store": name_of(path), "opened_by": KEYRING if by_keyring else PASSPHRASE})
        return Exit.FINE
    click.echo(t(text, store=name_of(path)))
    click.echo(t("pc.by_keyring" if by_keyring else "pc.by_passphrase"))
    return Exit.FINE
