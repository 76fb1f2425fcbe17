"""`tokenmgr ca status`: one screen that says whether anything needs a hand. A probe survives the others' failure."""

from __future__ import annotations

import http.client
import os
import shutil
import time
import urllib.request
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from tokenmgr import __version__, clock
from tokenmgr.ca.certificate import from_pem, read_certificate
from tokenmgr.ca.checkpoints import FILE as CHECKPOINTS
from tokenmgr.ca.checkpoints import CheckpointFile
from tokenmgr.ca.folder import AuthorityFacts, CaFolder, open_folder
from tokenmgr.ca.keys import CaKey
from tokenmgr.ca.signing import CaSigner, signature_over
from tokenmgr.cli import prompts, tls
from tokenmgr.cli.authority import TURN, ca_folder, token_of
from tokenmgr.cli.options import fd_option, words
from tokenmgr.cli.output import Exit, Output
from tokenmgr.clock import japan_time
from tokenmgr.domain import condition
from tokenmgr.domain.condition import Area, DatabaseFacts, Line
from tokenmgr.errors import TokenmgrError
from tokenmgr.log import Secret
from tokenmgr.sql import closing, marks
from tokenmgr.sql.engine import Database
from tokenmgr.sql.overview import KNOWN, Overview
from tokenmgr.system import locked
from tokenmgr.token.session import Session
from tokenmgr.token.signer import signer
from tokenmgr.wiring.words import chosen_language, t, texts

PATIENCE = 2.0  # seconds for the service to answer
_END = "-----END CERTIFICATE-----\n"


@click.command(help=t("help.ca_status"))
@fd_option("pin-fd", "help.o_status_pin_fd")
@click.option("--no-service", is_flag=True, help=t("help.o_no_service"))
@words
def status(pin_fd: int | None, no_service: bool, as_json: bool) -> int:
    now, folder = clock.now(), open_folder(ca_folder())
    lines = list(_surroundings(folder, no_service, now))
    if pin_fd is None:
        lines += _probed(Area.TOKEN, lambda: [_token_seen(folder)])
    else:
        with prompts.pin("", pin_fd) as pin:
            lines += _probed(Area.TOKEN, lambda: _keys_sign(folder, pin, now))
    registry, is_closed = _registry(folder, now)
    found = condition.ordered([*lines, *registry], is_closed)
    if as_json:
        Output().value({"at": now.isoformat(), "fine": not any(one.trouble for one in found), "lines": _plain(found)})
    else:
        _tell(found, now)
    return Exit.FINDINGS if any(line.trouble for line in found) else Exit.FINE


def _probed(area: Area, probe: Callable[[], Iterable[Line]]) -> list[Line]:
    try:
        return list(probe())
    except TokenmgrError as error:
        return [condition.unknown(area, _reason(error))]
    except OSError as error:
        return [condition.unknown(area, error.strerror or str(error))]


def _reason(error: TokenmgrError) -> str:
    return f"{error.code} {texts().error(error)['what']}"


# --- keys, token, disk, service ---


def _surroundings(folder: CaFolder, no_service: bool, now: datetime) -> Iterable[Line]:
    for one in _going_on(folder, now):
        last = one.certificates["issuing"].not_after
        for purpose, certificate in one.certificates.items():
            yield condition.certificate(one.number, purpose, certificate.not_after, last, one is folder.current, now)
    chain = folder.path / tls.FOLDER / "chain.pem"
    if chain.exists():
        yield from _probed(Area.KEYS, lambda: [condition.tls(_end_of(chain), last, now)])
    yield from _probed(
        Area.DISK, lambda: [condition.disk(str(at), shutil.disk_usage(at).free) for at in _places(folder)]
    )
    if not no_service:
        yield _service(f"{folder.about.status_url}/healthz")


def _going_on(folder: CaFolder, now: datetime) -> list[AuthorityFacts]:
    """The one that issues, and whoever may have certificates out; an older one has ended with its issuing CA."""
    return [one for one in folder.authorities if one is folder.current or now <= one.certificates["issuing"].not_after]


def _end_of(chain: Path) -> datetime:
    try:
        return read_certificate(from_pem(chain.read_text(encoding="ascii").partition(_END)[0] + _END)).not_after
    except ValueError as error:
        raise OSError(f"{chain}: {error}") from error


def _places(folder: CaFolder) -> list[Path]:
    """Each file system once."""
    places = [folder.path]
    if folder.database.startswith("sqlite"):
        places.append(Path(folder.database.removeprefix("sqlite:///")).parent)
    return list({place.stat().st_dev: place for place in reversed(places) if place.is_dir()}.values())


def _service(url: str) -> Line:
    try:
        direct = urllib.request.build_opener(
            urllib.request.ProxyHandler({})
        )  # what is asked is near, whatever the way out
        with direct.open(url, timeout=PATIENCE) as answer:
            return condition.service(url, "" if answer.status == 200 else str(answer.status))
    except (OSError, ValueError, http.client.HTTPException) as error:
        return condition.service(url, str(getattr(error, "reason", error)) or type(error).__name__)


def _token_seen(folder: CaFolder) -> Line:
    serial = folder.about.serial
    with token_of(folder.path, folder.about.library, serial) as library:
        try:
            library.find(serial)
        except TokenmgrError as error:
            return condition.token(serial, _reason(error))
    return condition.token(serial, "")


def _keys_sign(folder: CaFolder, pin: Secret, now: datetime) -> list[Line]:
    about = folder.about
    with ExitStack() as stack:
        library = stack.enter_context(token_of(folder.path, about.library, about.serial))
        stack.enter_context(locked(folder.path / TURN))  # SoftHSM writes its token's files at a login
        session = stack.enter_context(Session.open(library, about.serial))
        session.login(pin)
        lines = [condition.token(about.serial, "")]
        for one in _going_on(folder, now):
            lines += [condition.key(one.number, purpose, _trial(session, one, purpose)) for purpose in one.holdings]
        return lines


def _trial(session: Session, one: AuthorityFacts, purpose: str) -> str:
    """What is wrong with this key: it signs something new, and its certificate verifies that, or not."""
    try:
        found = signer(session, session.contents().key(one.holdings[purpose].key_id))
        assert isinstance(found, CaSigner)  # noqa: S101  no CA has a key of another kind
        signature_over(CaKey(purpose, found, one.certificates[purpose].der).signer, os.urandom(32), purpose)
    except TokenmgrError as error:
        return _reason(error)
    return ""


# --- the registry ---


def _registry(folder: CaFolder, now: datetime) -> tuple[list[Line], bool]:
    """Looked at as it is: nothing is migrated by a look."""
    with ExitStack() as stack:
        try:
            database = Database.open(folder.database, new=False)
            stack.callback(database.close)
            Overview(database).applied()
            return _probes(Overview(database), folder, database, now), marks.closed(database) is not None
        except TokenmgrError as error:
            line = Line(Area.DATABASE, "unknown", {"reason": _reason(error)}, "database_unreachable")
            return [line], False


@dataclass(frozen=True)
class _Probe:
    area: Area
    look: Callable[[], Iterable[Line]]


def _probes(seen: Overview, folder: CaFolder, database: Database, now: datetime) -> list[Line]:
    numbers = [one.number for one in folder.authorities if now <= one.certificates["issuing"].not_after]
    probes = (
        _Probe(Area.CLOSED, lambda: _closed(database)),
        _Probe(Area.DATABASE, lambda: [_database(seen)]),
        _Probe(Area.QUEUES, lambda: condition.queues(seen.queues(now), now)),
        _Probe(
            Area.LISTS, lambda: [condition.revocation_list(seen.revocation_list(number), now) for number in numbers]
        ),
        _Probe(Area.ANSWERS, lambda: [condition.answers(*seen.answers(now))]),
        _Probe(Area.TRAIL, lambda: [condition.trail(seen.trail(_filed(folder)), now)]),
        _Probe(Area.NODES, lambda: condition.nodes(seen.nodes(), __version__, now)),
        _Probe(Area.CLOCK, lambda: _clocks(seen, now)),
    )
    return [line for one in probes for line in _probed(one.area, one.look)]


def _filed(folder: CaFolder) -> tuple[int, bytes] | None:
    try:
        last = CheckpointFile(folder.path / CHECKPOINTS).last()
    except ValueError:
        return 0, b""  # its last line is none: nothing in the registry is what it says
    return (last.number, last.hash) if last else None


def _database(seen: Overview) -> Line:
    seen.applied()  # connects; what is measured is a question to whoever knows us
    begun = time.perf_counter()
    applied = seen.applied()
    took = timedelta(seconds=time.perf_counter() - begun)
    return condition.database(DatabaseFacts(seen.kind, seen.size(), took, applied, KNOWN))


def _closed(database: Database) -> list[Line]:
    found = marks.closed(database)
    return [] if found is None else [condition.closed(found.at, closing.is_finished(database))]


def _clocks(seen: Overview, now: datetime) -> list[Line]:
    lines = [condition.trail_clock(seen.trail(None).last, now)]
    before = clock.now()
    told = seen.clock()
    if told is not None:
        lines.append(condition.database_clock(before + (clock.now() - before) / 2 - told))
    return lines


# --- told ---


def _tell(found: list[Line], now: datetime) -> None:
    click.echo(t("status.title", now=japan_time(now, chosen_language())))
    area = None
    for line in found:
        if line.area is not area:
            click.secho(t(f"status_area.{line.area.value}"), bold=True)
            area = line.area
        mark = "!!" if line.trouble else "  "
        click.secho(f"{mark} {_text('status', line.seen, line)}", fg="red" if line.trouble else None)
    troubles = list(dict.fromkeys(_text("status_next", line.trouble, line) for line in found if line.trouble))
    click.echo("\n" + (t("status.hand", count=len(troubles)) if troubles else t("status.fine")))
    for trouble in troubles:
        click.echo(f"- {trouble}")


def _text(area: str, name: str, line: Line) -> str:
    facts = {key: _word(key, value) for key, value in line.facts.items()}
    return t(f"{area}.{name}", **facts)


def _word(key: str, value: object) -> object:
    if isinstance(value, datetime):
        return japan_time(value, chosen_language())
    if key == "purpose":
        return t(f"ca.{value}")
    return t("words.none") if value is None else value


def _plain(found: list[Line]) -> list[dict[str, Any]]:
    return [
        {
            "area": line.area.value,
            "seen": line.seen,
            "trouble": line.trouble,
            "facts": {k: v.isoformat() if isinstance(v, datetime) else v for k, v in line.facts.items()},
        }
        for line in found
    ]
