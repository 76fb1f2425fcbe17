"""`tokenmgr csr`: a request for a CA that is not ours, signed by a key on the medium."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import click

from tokenmgr.cli import opened
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output, table
from tokenmgr.customer import requesting
from tokenmgr.customer.medium_store import MediumStore
from tokenmgr.domain.credential import Key, KeyKind
from tokenmgr.errors import FileNotWritten, RequestWrong
from tokenmgr.pki.names import common_name
from tokenmgr.pki.request import Extras
from tokenmgr.pki.subject import read_name, written_name
from tokenmgr.wiring.words import t

_LISTS = ("dns", "email", "eku", "key_usage")
_TEXTS = ("subject", "kind")


@dataclass(frozen=True)
class Wanted:
    subject: bytes
    extensions: Sequence[bytes] = ()
    kind: KeyKind | None = None
    key_id: bytes = b""  # of the key that is there; empty: a new one is made


@dataclass(frozen=True)
class Made:
    """`others` are keys of earlier requests that wait, too."""

    request: bytes
    key: Key
    others: Sequence[Key]


@click.command(cls=Command, help=t("help.csr"))
@click.option("--subject", metavar="NAME", help=t("help.o_csr_subject"))
@click.option("--dns", multiple=True, metavar="HOST", help=t("help.o_csr_dns"))
@click.option("--email", multiple=True, metavar="ADDRESS", help=t("help.o_csr_email"))
@click.option("--eku", multiple=True, metavar="NAME|OID", help=t("help.o_csr_eku"))
@click.option("--key-usage", multiple=True, metavar="NAME", help=t("help.o_csr_usage"))
@click.option("--from", "file", type=click.Path(path_type=Path), metavar="FILE.toml", help=t("help.o_csr_from"))
@click.option("--kind", type=click.Choice([kind.value for kind in KeyKind]), help=t("help.o_renew_kind"))
@click.option("--key", "key_id", metavar="ID", help=t("help.o_csr_key"))
@click.option("--out", type=click.Path(path_type=Path), metavar="FILE", help=t("help.o_csr_out"))
@click.option("--der", "as_der", is_flag=True, help=t("help.o_csr_der"))
@opened.medium_and_pin
def csr(file: Path | None, out: Path | None, as_der: bool, as_json: bool, **named: Any) -> int:
    asked = {name: named.pop(name) for name in (*_LISTS, *_TEXTS, "key_id")}
    wanted = _wanted({**(_read(file) if file else {}), **{name: value for name, value in asked.items() if value}})
    with _new_file(out) as written, opened.medium_store(**named) as store:
        made = _made(store, wanted, lambda request: _deliver(request, written, as_der, as_json))
        serial = store.name
    if as_json:
        Output().value(_as_json(made, wanted, out, serial))
    else:
        _tell(made, wanted, out, serial)
    return Exit.FINE


def _made(store: MediumStore, wanted: Wanted, deliver: Callable[[bytes], None]) -> Made:
    """A key that is made here is told of, whatever becomes of its request."""
    if wanted.key_id:
        made = _signed(store, requesting.known_key(store, wanted.key_id), wanted)
        deliver(made.request)
        return made
    others = requesting.waiting(store)
    key = requesting.new_key(store, wanted.kind, wanted.subject, _tell_left)
    with requesting.telling(key.key_id, _tell_left):
        made = _signed(store, key, wanted, others)
        deliver(made.request)
    return made


def _signed(store: MediumStore, key: Key, wanted: Wanted, others: Sequence[Key] = ()) -> Made:
    return Made(requesting.signed(store, key, wanted.subject, wanted.extensions), key, others)


# --- what is asked for ---


def _wanted(told: Mapping[str, Any]) -> Wanted:
    """Everything is understood before a medium is looked for."""
    if told.get("key_id") and told.get("kind"):
        raise RequestWrong(reason="request-both")
    kind = told.get("kind")
    if kind and kind not in [one.value for one in KeyKind]:
        raise RequestWrong(reason="request-text", subject="kind")
    extras = Extras(*(told.get(name, ()) for name in _LISTS))
    return Wanted(
        read_name(told.get("subject") or ""),
        extras.encoded(),
        KeyKind(kind) if kind else None,
        _id(told["key_id"]) if told.get("key_id") else b"",
    )


def _id(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise RequestWrong(reason="request-id", subject=text) from error


def _read(file: Path) -> dict[str, Any]:
    """The options of the command by their names; what the command line says goes before."""
    try:
        told = tomllib.loads(opened.read_file(file).decode("utf-8-sig"))
    except ValueError as error:
        raise RequestWrong(reason="request-file", subject=str(file)) from error
    for name, value in told.items():
        if name not in (*_LISTS, *_TEXTS):
            raise RequestWrong(reason="request-unknown", subject=name)
        texts = value if name in _LISTS else [value]
        if not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
            raise RequestWrong(reason="request-text", subject=name)
    return told


# --- where it goes ---


@contextmanager
def _new_file(path: Path | None) -> Iterator[BinaryIO | None]:
    """Made before a key is, and over nothing; gone again where nothing came of it."""
    if path is None:
        yield None
        return
    try:
        file = path.open("xb")
    except FileExistsError as error:
        raise FileNotWritten(file=str(path), reason="exists") from error
    except OSError as error:
        raise FileNotWritten(file=str(path), reason=error.strerror or "") from error
    try:
        with file:
            yield file
    except BaseException:
        path.unlink(missing_ok=True)
        raise


def _deliver(request: bytes, file: BinaryIO | None, as_der: bool, as_json: bool) -> None:
    data = request if as_der else _pem(request).encode()
    if file is None:
        if not as_json:
            click.echo(data, nl=False)
        return
    try:
        file.write(data)
        file.flush()
    except OSError as error:
        raise FileNotWritten(file=file.name, reason=error.strerror or "") from error


def _pem(request: bytes) -> str:
    import base64

    text = base64.b64encode(request).decode("ascii")
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\n".join(["-----BEGIN CERTIFICATE REQUEST-----", *lines, "-----END CERTIFICATE REQUEST-----", ""])


# --- what is told ---


def _tell_left(key_id: bytes) -> None:
    click.secho(t("csr.left", key_id=key_id.hex()), err=True, fg="yellow")


def _tell(made: Made, wanted: Wanted, out: Path | None, serial: str) -> None:
    """On standard error where the request itself is on standard output."""
    is_piped = out is None
    click.secho(t("csr.done" if out else "csr.made", file=out or ""), err=is_piped, fg="green")
    rows = [
        (t("labels.subject"), written_name(wanted.subject)),
        (t("csr.key"), f"{made.key.key_id.hex()} ({made.key.kind})"),
        (t("csr.fingerprint"), made.key.fingerprint),
        (t("labels.store"), t("renewing.on_medium", serial=serial)),
    ]
    table(rows, indent="  ", err=is_piped)
    click.echo(t("csr.next", serial=serial), err=is_piped)
    for one in made.others:
        click.echo(t("csr.waits", key_id=one.key_id.hex(), label=one.label), err=True)


def _as_json(made: Made, wanted: Wanted, out: Path | None, serial: str) -> dict[str, Any]:
    return {
        "serial": serial,
        "key": made.key.key_id.hex(),
        "kind": made.key.kind,
        "label": made.key.label,
        "is_new": not wanted.key_id,
        "fingerprint": made.key.fingerprint,
        "subject": written_name(wanted.subject),
        "common_name": common_name(wanted.subject) or None,
        "file": str(out) if out else None,
        "request": None if out else _pem(made.request),
        "waiting": [one.key_id.hex() for one in made.others],
    }
