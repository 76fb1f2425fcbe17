"""`tokenmgr ca serve`, and the worker that it starts: where the CA's rooms are wired together."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import click

from tokenmgr import clock, config, log
from tokenmgr.api import jobs, workers
from tokenmgr.api.app import application
from tokenmgr.api.metrics import Metrics
from tokenmgr.api.service import Service
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.ca.issuer import Issuer
from tokenmgr.ca.renewing import renew_due
from tokenmgr.cli import prompts
from tokenmgr.cli.actors import machine
from tokenmgr.cli.authority import ca_folder, open_authority, pin_of
from tokenmgr.cli.output import Exit, Output, t
from tokenmgr.cli.tls import FOLDER as TLS
from tokenmgr.cli.tls import own_certificate
from tokenmgr.cli.watched import Watched
from tokenmgr.cli.wiring import fd_option, words
from tokenmgr.log import Secret
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.registry import SqlRegistry

SHARED = "PROMETHEUS_MULTIPROC_DIR"  # the folder that the workers share; prometheus_client is told it by this


def _address(_context: click.Context, _parameter: click.Parameter, value: str | None) -> workers.Address | None:
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(t("ca.address"))
    return workers.Address(host.strip("[]"), int(port))


@click.command(help=t("help.ca_serve"))
@click.option("--listen", metavar="HOST:PORT", callback=_address, help=t("help.o_listen"))
@click.option("--workers", "count", type=click.IntRange(1, 64), default=2, show_default=True, help=t("help.o_workers"))
@click.option("--tls-certificate", type=click.Path(path_type=Path), help=t("help.o_tls_certificate"))
@click.option("--tls-key", type=click.Path(path_type=Path), help=t("help.o_tls_key"))
@fd_option("pin-fd", "help.o_ca_pin_fd")
@words
def serve(
    listen: workers.Address | None,
    count: int,
    tls_certificate: Path | None,
    tls_key: Path | None,
    pin_fd: int | None,
    as_json: bool,
) -> int:
    if (tls_certificate is None) != (tls_key is None):
        raise click.UsageError(t("ca.tls_both"))
    if tls_certificate is not None:
        workers.check_tls(str(tls_certificate), str(tls_key))
    folder = open_folder(ca_folder())
    address = listen or _of_url(folder.about.url)
    with (
        prompts.pin(t("ca.ask_pin", name=folder.about.name), pin_fd) as pin,
        tempfile.TemporaryDirectory(prefix="tokenmgr-ca-") as shared,
    ):
        with pin_of(folder), _wired(folder, pin, shared) as service:  # what is wrong shows here, once
            jobs.renew_crl(service, clock.now())
            if tls_certificate is None or tls_key is None:
                tls_certificate, tls_key = own_certificate(service, folder, clock.now())
        tls = ("--certificate", str(tls_certificate), "--key", str(tls_key))
        changed = Watched(folder.path, tls_certificate, tls_key)
        _keep(address, ("ca", "worker", *tls), count, changed, pin, shared, as_json)
    return Exit.FINE


def _keep(
    address: workers.Address,
    command: Sequence[str],
    count: int,
    changed: Watched,
    pin: Secret,
    shared: str,
    as_json: bool,
) -> None:
    with workers.listen(address) as opened:
        environment = {**config.ENVIRONMENT, SHARED: shared}
        at = workers.Address(address.host, opened.getsockname()[1])
        keeper = workers.Keeper(command, count, opened, pin, environment, changed)
        log.setup_service()
        try:
            keeper.run(ready=lambda: _tell(at, count, as_json))
        except (KeyboardInterrupt, SystemExit):
            if not as_json:
                click.echo(t("ca.stopped"))


def _tell(address: workers.Address, count: int, as_json: bool) -> None:
    if as_json:
        Output().value({"host": address.host, "port": address.port, "workers": count})
    else:
        click.echo(t("ca.serving", host=address.host, port=address.port, count=count))
    sys.stdout.flush()


@click.command(hidden=True)
@click.option("--socket", "descriptor", type=int, required=True)
@click.option("--certificate", required=True)
@click.option("--key", required=True)
def worker(descriptor: int, certificate: str, key: str) -> int:
    log.setup_service()
    shared = config.ENVIRONMENT[SHARED]
    folder, chain = open_folder(ca_folder()), Path(certificate)
    with prompts.from_fd(0) as pin, _wired(folder, pin, shared) as service:
        more = (_renew_working(folder), *((_renew_tls(folder),) if chain.parent == folder.path / TLS else ()))
        workers.work(application(service), descriptor, certificate, key, partial(jobs.run, service, more=more))
    os._exit(0)  # threads that wait for a slow token or database would keep a process that has answered everybody


# What these renew is read by the next workers: their keeper sees the files change.


def _renew_working(folder: CaFolder) -> jobs.Job:
    def renew_working(service: Service, now: datetime) -> None:
        renew_due(folder.path, service.keys, now)

    return renew_working


def _renew_tls(folder: CaFolder) -> jobs.Job:
    def renew_tls(service: Service, now: datetime) -> None:
        own_certificate(service, folder, now)

    return renew_tls


@contextmanager
def _wired(folder: CaFolder, pin: Secret, shared: str) -> Iterator[Service]:
    database = Database.open(folder.database, new=False)
    try:
        database.migrate(clock.now(), new=False)
        with open_authority(folder, pin, Path(shared)) as keys:
            metrics = Metrics(config.ENVIRONMENT.get(SHARED))
            issuer = Issuer(keys, folder.profile)
            yield Service(
                SqlRegistry(database, machine()), Administration(database, machine()), issuer, keys, clock.now, metrics
            )
    finally:
        database.close()


def _of_url(url: str) -> workers.Address:
    """Where the CA says that it is reached; on every address of this computer."""
    parts = urlsplit(url)
    return workers.Address("0.0.0.0", parts.port or (443 if parts.scheme == "https" else 80))  # noqa: S104
