"""`tokenmgr pc make|passphrase|export`: the encrypted file store of this PC."""

from __future__ import annotations

from pathlib import Path

import click

from tokenmgr.cli import prompts, wiring
from tokenmgr.cli.help import Group
from tokenmgr.cli.libraries import settings
from tokenmgr.cli.output import Exit, Output, t
from tokenmgr.errors import FileNotWritten, PcStoreUnknown
from tokenmgr.keystore import export as outside
from tokenmgr.keystore import file, keyring
from tokenmgr.keystore.form import KEYRING, PASSPHRASE, name_of
from tokenmgr.log import Secret

_FILE = "file"


@click.group(cls=Group, help=t("help.pc"))
def pc() -> None:
    pass


def pc_option(command: wiring.Command) -> wiring.Command:
    return click.option("--pc", "store", metavar="NAME", default=_FILE, help=t("help.o_pc"))(command)


def keyring_option(command: wiring.Command) -> wiring.Command:
    return click.option("--keyring", "by_keyring", is_flag=True, help=t("help.o_keyring"))(command)


def path_of(name: str) -> Path:
    """`file`, where the settings have it, or `file:PLACE`."""
    kind, colon, place = name.partition(":")
    if kind != _FILE or (colon and not place):
        raise PcStoreUnknown(serial=name, known=(_FILE, f"{_FILE}:PATH"))
    try:
        return Path(place).expanduser().absolute() if place else settings().store_file
    except RuntimeError as error:  # nobody is called so
        raise PcStoreUnknown(serial=name, known=(_FILE, f"{_FILE}:PATH")) from error


@pc.command(help=t("help.pc_make"))
@pc_option
@keyring_option
@wiring.fd_option("new-pin-fd", "help.o_new_pass_fd")
@wiring.words
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
@wiring.fd_option("pin-fd", "help.o_pass_fd")
@wiring.fd_option("new-pin-fd", "help.o_new_pass_fd")
@wiring.words
def passphrase(store: str, by_keyring: bool, pin_fd: int | None, new_pin_fd: int | None, as_json: bool) -> int:
    path = path_of(store)
    with _opening(path, pin_fd) as old:
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
@wiring.fd_option("pin-fd", "help.o_pass_fd")
@wiring.fd_option("new-pin-fd", "help.o_out_pass_fd")
@wiring.words
def export(
    store: str, target: Path, certificate: str, pin_fd: int | None, new_pin_fd: int | None, as_json: bool
) -> int:
    path = path_of(store)
    if target.is_symlink() or target.exists():
        raise FileNotWritten(file=str(target), reason=t("pc.there_is_one"))
    with _opening(path, pin_fd) as known:
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


def _opening(path: Path, fd: int | None) -> Secret:
    if file.is_by_keyring(path):
        return keyring.secret_of(path)
    return prompts.passphrase(t("pc.ask", store=name_of(path)), fd)


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
