"""`tokenmgr bank serve`, and the worker that it starts: the pages where banks' customers log in."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import click

from tokenmgr import clock, config, log
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.cli import options
from tokenmgr.cli.actors import machine
from tokenmgr.cli.authority import ca_folder
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.cli.serve import address_of
from tokenmgr.cli.tls import FOLDER as TLS
from tokenmgr.cli.watched import Watched
from tokenmgr.errors import FileUnreadable, ValueUnfit
from tokenmgr.log import Secret
from tokenmgr.pki import p256
from tokenmgr.portal.app import application
from tokenmgr.portal.visit import Portal
from tokenmgr.serving import workers
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.looks import look_of
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.sql.sessions import Sessions
from tokenmgr.wiring.words import t

SOCKET = "--socket"
KEYS = "[0-9][0-9][0-9][0-9].pem"
USUAL = workers.Address("127.0.0.1", 8443)


@click.command(cls=Command, help=t("help.bank_serve"))
@click.option("--listen", metavar="HOST:PORT", callback=address_of, help=t("help.o_pages_listen"))
@click.option("--workers", "count", type=click.IntRange(1, 64), default=2, show_default=True, help=t("help.o_workers"))
@click.option("--tls-certificate", type=click.Path(path_type=Path), help=t("help.o_pages_tls_certificate"))
@click.option("--tls-key", type=click.Path(path_type=Path), help=t("help.o_tls_key"))
@click.option("--keys", metavar="FOLDER", type=click.Path(path_type=Path), help=t("help.o_pages_keys"))
@options.words
def serve(
    listen: workers.Address | None,
    count: int,
    tls_certificate: Path | None,
    tls_key: Path | None,
    keys: Path | None,
    as_json: bool,
) -> int:
    if (tls_certificate is None) != (tls_key is None):
        raise click.UsageError(t("ca.tls_both"))
    folder = open_folder(ca_folder())
    if tls_certificate is None or tls_key is None:  # that of `tokenmgr ca serve`, which makes and renews it
        tls_certificate, tls_key = folder.path / TLS / "chain.pem", folder.path / TLS / "key.pem"
        if not tls_certificate.exists():
            raise ValueUnfit(what=str(tls_certificate), reason=t("bank.pages_no_tls"))
    workers.check_tls(str(tls_certificate), str(tls_key))
    with _wired(folder, keys):  # what is wrong shows here, once
        pass
    command = ["bank", "page-worker", "--certificate", str(tls_certificate), "--key", str(tls_key)]
    command += ["--keys", str(keys)] if keys else []
    with contextlib.closing(workers.listen(listen or USUAL)) as opened:
        at = workers.Address(*opened.getsockname()[:2])
        changed = Watched(folder.path, tls_certificate, tls_key, *_files_of(keys))
        keeper = workers.Keeper(command, count, {SOCKET: opened}, Secret(b""), config.ENVIRONMENT, changed)
        log.setup_service()
        try:
            keeper.run(lambda: _tell(at, count, as_json))
        except (KeyboardInterrupt, SystemExit):
            if not as_json:
                click.echo(t("ca.stopped"))
    return Exit.FINE


def _tell(at: workers.Address, count: int, as_json: bool) -> None:
    if as_json:
        Output().value({"host": at.host, "port": at.port, "workers": count})
    else:
        click.echo(t("bank.pages_serving", host=at.host, port=at.port, count=count))
    sys.stdout.flush()


@click.command(hidden=True)
@click.option(SOCKET, "descriptor", type=int, required=True)
@click.option("--certificate", required=True)
@click.option("--key", required=True)
@click.option("--keys", type=click.Path(path_type=Path))
def worker(descriptor: int, certificate: str, key: str, keys: Path | None) -> int:
    log.setup_service()
    folder = open_folder(ca_folder())
    with _wired(folder, keys) as portal:
        served = workers.Served(application(portal), descriptor, certificate, key, _anchors(folder), takes_expired=True)

        async def during(ending: asyncio.Event) -> None:
            await ending.wait()

        workers.work([served], during)
    os._exit(0)  # threads that wait for a slow database would keep a process that has answered everybody


@contextmanager
def _wired(folder: CaFolder, keys: Path | None) -> Iterator[Portal]:
    database = Database.open(folder.database, new=False)
    try:
        database.migrate(clock.now(), new=False)
        registry, administration = SqlRegistry(database, machine()), Administration(database, machine())
        own = _handover_keys(keys) if keys else {}
        yield Portal(registry, administration, Sessions(database), lambda code: look_of(database, code), clock.now, own)
    finally:
        database.close()


def _anchors(folder: CaFolder) -> tuple[bytes, ...]:
    """What customers' certificates are checked by, of whichever authority they are."""
    return tuple(one.certificates[name].der for one in folder.authorities for name in ("issuing", "root"))


def _files_of(keys: Path | None) -> tuple[Path, ...]:
    """What is to be watched: the folder too, in which a bank's first key appears."""
    return (keys, *keys.glob(KEYS)) if keys else ()


def _handover_keys(folder: Path) -> Mapping[str, p256.PrivateKey]:
    """CODE.pem of each bank that hands its customers over, as `tokenmgr bank handover key make` writes it."""
    found: dict[str, p256.PrivateKey] = {}
    for file in sorted(folder.glob(KEYS)):
        try:
            found[file.stem] = p256.read_private(file.read_bytes())
        except OSError as error:
            raise FileUnreadable(file=str(file), reason=error.strerror or "") from error
        except ValueError as error:
            raise ValueUnfit(what=str(file), reason=t("bank.fits_private_key")) from error
    return found
