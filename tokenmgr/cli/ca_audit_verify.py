"""`tokenmgr ca audit verify [FILE]`: every hash and every signature anew; each thing that is wrong, by its number."""

from __future__ import annotations

import json
import sys
from codecs import BOM_UTF8
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from tokenmgr import clock
from tokenmgr.ca.certificate import from_pem
from tokenmgr.ca.checkpoints import FILE, CheckpointFile, Signers
from tokenmgr.ca.folder import open_folder
from tokenmgr.cli import ca_audit_words as audit_words
from tokenmgr.cli import options
from tokenmgr.cli.authority import ca_folder
from tokenmgr.cli.bank_registry import open_registry
from tokenmgr.cli.help import Command
from tokenmgr.cli.output import Exit, Output
from tokenmgr.clock import japan_time
from tokenmgr.domain.audit_check import Findings, Kept, Sealed, Verdict, check
from tokenmgr.domain.audit_export import checkpoints_of, entries_of
from tokenmgr.domain.audit_lines import END, checkpoint_value
from tokenmgr.errors import AuthorityMissing, TrailBroken
from tokenmgr.wiring.words import chosen_language, t

LAG = timedelta(minutes=2)  # of a file beside a service that runs: a checkpoint a minute, in the round after it
NEVER = datetime.min.replace(tzinfo=UTC)  # a copy that was taken away need not be the newest
_LONGEST = 1 << 20  # of a line
_STEP = 1000

_PATH = click.Path(exists=True, dir_okay=False, path_type=Path)


@click.command(cls=Command, help=t("help.ca_audit_verify"))
@click.argument("file", required=False, type=_PATH)
@click.option("--root", "roots", multiple=True, type=_PATH, metavar="FILE", help=t("help.o_audit_root"))
@click.option("--checkpoints", "copy", type=_PATH, metavar="FILE", help=t("help.o_audit_checkpoints"))
@options.words
def verify(file: Path | None, roots: tuple[Path, ...], copy: Path | None, as_json: bool) -> int:
    _refuse_table(file)
    signers = Signers(_roots(roots, is_file=file is not None))
    found = Findings()
    held = CheckpointFile(copy).read(found) if copy else None
    verdict = _of_export(file, held, signers, found) if file else _of_registry(held, signers, found)
    if verdict.findings:
        if not as_json:
            _tell_findings(verdict, is_file=file is not None)
        raise TrailBroken(findings=tuple(map(str, verdict.findings)), count=verdict.count)
    if as_json:
        Output().value(_as_json(verdict))
    else:
        _tell(verdict)
    return Exit.FINE


def _refuse_table(file: Path | None) -> None:
    """An export for Excel has no more than words: nothing in it could be verified."""
    if file is not None:
        with file.open("rb") as content:
            if content.read(len(BOM_UTF8)) == BOM_UTF8:
                raise click.BadParameter(t("audit.takes_jsonl"), param_hint="FILE")


def _roots(files: Sequence[Path], is_file: bool) -> list[bytes]:
    if not files:
        try:
            return [one.certificates["root"].der for one in open_folder(ca_folder()).authorities]
        except AuthorityMissing as error:
            if is_file:
                raise click.UsageError(t("audit.needs_root")) from error
            raise
    try:
        return [from_pem(one.read_text(encoding="ascii")) for one in files]
    except (OSError, ValueError) as error:
        raise click.BadParameter(t("audit.takes_pem"), param_hint="--root") from error


def _of_registry(held: Iterable[Sealed] | None, signers: Signers, found: Findings) -> Verdict:
    """The file is read up to where it is now, before the registry is: what comes later is in neither."""
    until = NEVER if held is not None else clock.now() - LAG
    with open_registry() as opened:
        trail = opened.administration.trail
        if held is None:
            held = _so_far(CheckpointFile(ca_folder() / FILE), found)
        table = (Sealed(one) for one in trail.checkpoints())
        total = trail.head()[0]
        return check(_shown(trail.whole(), total), table, held, signers, until, found)


def _so_far(file: CheckpointFile, found: Findings) -> Iterator[Sealed]:
    """Nothing of it, where there is none: then the table tells whether there should be."""
    with file.alone():
        ends = file.path.stat().st_size if file.path.exists() else 0
    return file.read(found, ends) if ends else iter(())


def _of_export(file: Path, held: Iterable[Sealed] | None, signers: Signers, found: Findings) -> Verdict:
    with file.open("rb") as one, file.open("rb") as other:
        rows = _shown(entries_of(_lines(one), found), _expected(file))
        return check(rows, checkpoints_of(_lines(other), found), held, signers, NEVER, found)


def _lines(file: Any) -> Iterator[str]:
    """What is no UTF-8 was edited: it shows, since no other line is like it."""
    for line in iter(lambda: file.readline(_LONGEST), b""):
        yield line.decode("utf-8", errors="replace")


def _expected(file: Path) -> int:
    """How many entries it says that it has, for whoever watches; 0 where it does not say."""
    with file.open("rb") as one:
        one.seek(max(0, file.stat().st_size - 200))
        line = one.read().splitlines()[-1:] or [b""]
    try:
        return int(json.loads(line[0])["end"]["entries"]) if line[0].startswith(END.encode()) else 0
    except (ValueError, KeyError, TypeError):
        return 0


def _shown(rows: Iterable[Kept], total: int) -> Iterator[Kept]:
    """Quiet where nobody watches."""
    is_watched = sys.stderr is not None and sys.stderr.isatty()
    bar: Any = click.progressbar(
        length=max(total, 1), label=t("audit.progress"), hidden=not is_watched, show_pos=True, file=sys.stderr
    )
    with bar:
        count = 0
        for count, row in enumerate(rows, start=1):
            if count % _STEP == 0:
                bar.update(_STEP)
            yield row
        bar.update(count % _STEP)


# --- what is told ---------------------------------------------------------------------------------------------------


def _tell(verdict: Verdict) -> None:
    click.echo(t("audit.fine", count=verdict.last))
    if verdict.vouched is None:
        click.echo(t("audit.not_vouched"))
        return
    at = japan_time(verdict.vouched.at, chosen_language())
    click.echo(t("audit.vouched", number=verdict.vouched.number, at=at, rest=verdict.last - verdict.vouched.number))


def _as_json(verdict: Verdict) -> dict[str, Any]:
    vouched = checkpoint_value(verdict.vouched) if verdict.vouched else None
    return {"entries": verdict.last, "hash": verdict.hash.hex(), "vouched": vouched, "findings": []}


def _tell_findings(verdict: Verdict, is_file: bool) -> None:
    for one in verdict.findings:
        click.echo(audit_words.finding_words(one, is_file))
    if verdict.count > len(verdict.findings):
        click.echo(t("audit.more", count=verdict.count - len(verdict.findings)))
