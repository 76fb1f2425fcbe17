"""`tokenmgr ca serve`, and the worker that it starts: where the CA's rooms are wired together."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from urllib.parse import urlsplit

import click

from tokenmgr import __version__, clock, config, log, system
from tokenmgr.api import jobs
from tokenmgr.api.app import applications
from tokenmgr.api.checkpoints import make_last
from tokenmgr.api.metrics import Metrics
from tokenmgr.api.service import Service
from tokenmgr.api.status import Status
from tokenmgr.ca import checkpoints
from tokenmgr.ca.folder import CaFolder, open_folder
from tokenmgr.ca.issuer import Issuer
from tokenmgr.ca.renewing import renew_due
from tokenmgr.cli import prompts
from tokenmgr.cli.actors import machine
from tokenmgr.cli.authority import ca_folder, open_authority, pin_of
from tokenmgr.cli.ca_registry import lineage_of
from tokenmgr.cli.options import fd_option, words
from tokenmgr.cli.output import Exit, Output
from tokenmgr.cli.tls import FOLDER as TLS
from tokenmgr.cli.tls import adopt_own, own_certificate
from tokenmgr.cli.watched import Watched
from tokenmgr.errors import NothingToServe, RegistryUnavailable
from tokenmgr.log import Secret
from tokenmgr.serving import workers
from tokenmgr.sql import marks
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.engine import Database
from tokenmgr.sql.nodes import Node
from tokenmgr.sql.registry import SqlRegistry
from tokenmgr.wiring.words import t

SOCKETS = ("--socket", "--status-socket", "--est-socket")  # as a worker is told of them; the last one may be missing
SHARED = "PROMETHEUS_MULTIPROC_DIR"  # the folder that the workers share; prometheus_client is told it by this


def address_of(_context: click.Context, _parameter: click.Parameter, value: str | None) -> workers.Address | None:
    if value is None:
        return None
    host, _, port = value.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise click.BadParameter(t("ca.address"))
    return workers.Address(host.strip("[]"), int(port))


@click.command(help=t("help.ca_serve"))
@click.option("--listen", metavar="HOST:PORT", callback=address_of, help=t("help.o_listen"))
@click.option("--status-listen", metavar="HOST:PORT", callback=address_of, help=t("help.o_status_listen"))
@click.option("--est-listen", metavar="HOST:PORT", callback=address_of, help=t("help.o_est_listen"))
@click.option("--workers", "count", type=click.IntRange(1, 64), default=2, show_default=True, help=t("help.o_workers"))
@click.option("--tls-certificate", type=click.Path(path_type=Path), help=t("help.o_tls_certificate"))
@click.option("--tls-key", type=click.Path(path_type=Path), help=t("help.o_tls_key"))
@fd_option("pin-fd", "help.o_ca_pin_fd")
@words
def serve(
    listen: workers.Address | None,
    status_listen: workers.Address | None,
    est_listen: workers.Address | None,
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
    at = {
        "--listen": listen or _of_url(folder.about.url),
        "--status-listen": status_listen or _of_url(folder.about.status_url),
    } | ({"--est-listen": est_listen} if est_listen else {})
    with (
        prompts.pin(t("ca.ask_pin", name=folder.about.name), pin_fd) as pin,
        tempfile.TemporaryDirectory(prefix="tokenmgr-ca-") as shared,
    ):
        with pin_of(folder), _wired(folder, pin, shared) as service:  # what is wrong shows here, once
            adopt_own(service)
            service.administration.catch_up(lineage_of(folder))
            jobs.renew_crl(service, clock.now())
            if tls_certificate is None or tls_key is None:
                tls_certificate, tls_key = own_certificate(service, folder, clock.now())
        tls = ("--certificate", str(tls_certificate), "--key", str(tls_key))
        changed = Watched(folder.path, tls_certificate, tls_key)
        with contextlib.ExitStack() as sockets:
            opened = [sockets.enter_context(workers.listen(one, option)) for option, one in at.items()]
            node = _node(opened[0])
            _at_registry(folder, lambda registry: registry.node_started(node))
            _keep(opened, ("ca", "worker", *tls), count, changed, pin, shared, as_json, lambda: _stopping(folder, node))
    return Exit.FINE


def _keep(
    opened: Sequence[socket.socket],
    command: Sequence[str],
    count: int,
    changed: Watched,
    pin: Secret,
    shared: str,
    as_json: bool,
    stopping: Callable[[], None],
) -> None:
    environment = {**config.ENVIRONMENT, SHARED: shared}
    at = [workers.Address(*one.getsockname()[:2]) for one in opened]
    keeper = workers.Keeper(command, count, dict(zip(SOCKETS, opened, strict=False)), pin, environment, changed)
    log.setup_service()
    try:
        keeper.run(lambda: _tell(at, count, as_json), stopping)
    except (KeyboardInterrupt, SystemExit):
        if not as_json:
            click.echo(t("ca.stopped"))


def _stopping(folder: CaFolder, node: Node) -> None:
    """Before the workers end, whose last checkpoint signs for it. Without a registry they end all the same."""
    with contextlib.suppress(RegistryUnavailable):
        _at_registry(folder, lambda registry: registry.node_stopped(node))


def _at_registry(folder: CaFolder, act: Callable[[Administration], None]) -> None:
    with contextlib.closing(Database.open(folder.database, new=False)) as database:
        act(Administration(database, machine()))


def _node(listening: socket.socket) -> Node:
    now, (host, port, *_) = clock.now(), listening.getsockname()
    return Node(f"{system.computer()}/{host}:{port}", __version__, now, now)


def _tell(at: Sequence[workers.Address], count: int, as_json: bool) -> None:
    address, status, *more = at
    if as_json:
        one, two, *rest = ({"host": one.host, "port": one.port} for one in at)
        Output().value({**one, "workers": count, "status": two, "est": rest[0] if rest else None})
    else:
        told = {"status_host": status.host, "status_port": status.port}
        click.echo(t("ca.serving", host=address.host, port=address.port, count=count, **told))
        for est in more:
            click.echo(t("ca.serving_est", host=est.host, port=est.port))
    sys.stdout.flush()


@click.command(hidden=True)
@click.option(SOCKETS[0], "descriptor", type=int, required=True)
@click.option(SOCKETS[1], "status_descriptor", type=int, required=True)
@click.option(SOCKETS[2], "est_descriptor", type=int)
@click.option("--certificate", required=True)
@click.option("--key", required=True)
def worker(descriptor: int, status_descriptor: int, est_descriptor: int | None, certificate: str, key: str) -> int:
    log.setup_service()
    shared = config.ENVIRONMENT[SHARED]
    folder, chain = open_folder(ca_folder()), Path(certificate)
    with socket.socket(fileno=os.dup(descriptor)) as listening:
        node = _node(listening)
    with prompts.from_fd(0) as pin, _wired(folder, pin, shared, node) as service:
        adopt_own(service)  # what has been renewed since the start, too
        more = (
            _renew_working(folder, service),
            *((_renew_tls(folder, service),) if chain.parent == folder.path / TLS else ()),
        )
        status, own_jobs = Status(service), jobs.Jobs(service, more)
        main, est = applications(service, status)
        served = [
            workers.Served(main, descriptor, certificate, key),
            workers.Served(status.application(), status_descriptor),
        ]
        if est_descriptor is not None:
            served.append(workers.Served(est, est_descriptor, certificate, key, service.keys.anchors))

        async def during(ending: asyncio.Event) -> None:
            await asyncio.gather(own_jobs.run(ending), status.ocsp.follow(ending))

        workers.work(served, during)
        make_last(service)
    os._exit(0)  # threads that wait for a slow token or database would keep a process that has answered everybody


# What these renew is read by the next workers: their keeper sees the files change.


def _renew_working(folder: CaFolder, service: Service) -> jobs.Job:
    def is_closed() -> bool:
        return service.administration.is_closed

    def renew(now: datetime) -> object:
        renewed = renew_due(folder.path, service.keys, now, is_closed)
        if renewed:
            service.administration.catch_up(lineage_of(open_folder(folder.path)))
        return renewed

    return "renew_working", jobs.MINUTE, renew


def _renew_tls(folder: CaFolder, service: Service) -> jobs.Job:
    return "renew_tls", jobs.MINUTE, lambda now: own_certificate(service, folder, now)


@contextmanager
def _wired(folder: CaFolder, pin: Secret, shared: str, node: Node | None = None) -> Iterator[Service]:
    database = Database.open(folder.database, new=False)
    try:
        database.migrate(clock.now(), new=False)
        if marks.closed(database):
            raise NothingToServe(folder=str(folder.path / "closed"))
        with open_authority(folder, pin, Path(shared)) as keys:
            metrics = Metrics(config.ENVIRONMENT.get(SHARED))
            issuer = Issuer(keys, folder.profile)
            registry, administration = SqlRegistry(database, machine()), Administration(database, machine())
            file = checkpoints.CheckpointFile(folder.path / checkpoints.FILE)
            yield Service(registry, administration, issuer, keys, clock.now, metrics, file, node)
    finally:
        database.close()


def _of_url(url: str) -> workers.Address:
    """Where the CA says that it is reached; on every address of this computer."""
    parts = urlsplit(url)
    return workers.Address("0.0.0.0", parts.port or (443 if parts.scheme == "https" else 80))  # noqa: S104
