"""The CA's working certificates, CMP and OCSP, renewed ahead of time: for the same key, or with a new one.

With the same key nothing but the issuing key is needed, which is in service: the running CA does it by itself. A new
key, for one that is lost or doubtful, is generated and judged as in the ceremony, whose steps these are.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from tokenmgr.ca import changing, own, staging
from tokenmgr.ca.about import About, Held
from tokenmgr.ca.ceremony import KeyMaker, Step, Tell, new_key_id, prove, write_all
from tokenmgr.ca.folder import AuthorityFacts, CaFolder, open_folder
from tokenmgr.ca.issuer import Authority
from tokenmgr.ca.keys import CaKey, CaKeys
from tokenmgr.ca.profile import OwnOrder
from tokenmgr.ca.signing import CaSigner, spki_of
from tokenmgr.ca.staging import Record
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import CeremonyBusy

EARLY = {"cmp": timedelta(days=60), "ocsp": timedelta(days=30)}  # before its end
BEHIND = timedelta(hours=1)  # so far a clock may be behind, of somebody who verifies what is signed today


@dataclass(frozen=True)
class Due:
    number: int  # the authority's
    purpose: str


def due(folder: CaFolder, now: datetime) -> tuple[Due, ...]:
    """What ends soon, and would end later if it were made today. An older authority answers by OCSP only."""
    return tuple(
        Due(one.number, purpose)
        for one in folder.authorities
        for purpose in EARLY
        if (purpose == "ocsp" or one is folder.current) and _is_due(one, purpose, now)
    )


def _is_due(one: AuthorityFacts, purpose: str, now: datetime) -> bool:
    ends, last = one.certificates[purpose].not_after, one.certificates["issuing"].not_after
    return ends - EARLY[purpose] <= now <= last and ends < last


def renew_due(
    path: Path, keys: CaKeys, now: datetime, is_closed: Callable[[], bool] = lambda: False
) -> tuple[Due, ...]:
    """By the running CA, with the keys that it has in service; what was renewed. Nothing where another does it, nor
    where the CA is closed, which nobody does meanwhile."""
    if not due(open_folder(path), now):
        return ()
    try:
        with changing.alone(path) as folder:
            by_number = {one.number: one for one in keys.authorities}
            wanted = [one for one in due(folder, now) if one.number in by_number]
            if not wanted or is_closed():
                return ()
            changing.tidy_files(folder)
            files, about = {}, folder.about
            for one in wanted:
                signer = (keys.cmp if one.purpose == "cmp" else by_number[one.number].ocsp).signer
                der = certify(folder, one, by_number[one.number].issuing, spki_of(signer), now)
                prove({one.purpose: signer}, {one.purpose: der})
                held = _held_anew(folder, one)
                about, files[held.file] = with_held(about, one, held), der
            write_all(path, about, files)
            return tuple(wanted)
    except CeremonyBusy:
        return ()


def renew(folder: CaFolder, what: Due, issuing: CaKey, signer: CaSigner, now: datetime, tell: Tell) -> CaFolder:
    """For the same key. Only for whoever is alone, and has tidied."""
    made = _renew(folder, what, _held_anew(folder, what), (issuing, signer), now, tell)
    tell(Step.SETTLED)
    return made


def replace_key(
    folder: CaFolder, what: Due, issuing: CaKey, maker: KeyMaker, kind: KeyKind, now: datetime, tell: Tell
) -> CaFolder:
    """With a new key. The old one is destroyed once nothing names it, if it is still there."""
    old = folder.authorities[what.number - 1].holdings[what.purpose]
    held, about = Held(new_key_id(), _next_file(folder, what)), folder.about
    ids = held.key_id.hex(), old.key_id.hex()
    staging.write_record(folder.path, Record(about.library, about.serial if about.library else "", ids))
    tell(Step.WRITTEN_DOWN)
    signer = maker.generate(f"{what.purpose}-{what.number}", kind, held.key_id)
    tell(Step.KEYS_GENERATED)
    made = _renew(folder, what, held, (issuing, signer), now, tell)
    maker.destroy(old.key_id)
    (folder.path / staging.RECORD).unlink()
    tell(Step.SETTLED)
    return made


def _renew(
    folder: CaFolder, what: Due, held: Held, keys: tuple[CaKey, CaSigner], now: datetime, tell: Tell
) -> CaFolder:
    issuing, signer = keys
    der = certify(folder, what, issuing, spki_of(signer), now)
    tell(Step.CERTIFIED)
    prove({what.purpose: signer}, {what.purpose: der})
    tell(Step.PROVEN)
    made = write_all(folder.path, with_held(folder.about, what, held), {held.file: der})
    tell(Step.WRITTEN)
    return made


def certify(folder: CaFolder, what: Due, issuing: CaKey, public_key: bytes, now: datetime) -> bytes:
    """Called as before; linted, signed, and the signature checked."""
    before, above = folder.authorities[what.number - 1].certificates[what.purpose], issuing.facts
    begins = max(above.not_before, now.replace(microsecond=0) - BEHIND)
    order = OwnOrder(
        own.KINDS_OF[what.purpose],
        own.serial_number(),
        before.subject,
        public_key,
        begins,
        min(own.ends(what.purpose, begins), above.not_after),
    )
    authority = Authority(issuing.name, above.subject, issuing.signer, above.not_before, above.not_after)
    return own.signed(authority, folder.profile_of(what.number), order)


def with_held(about: About, what: Due, held: Held) -> About:
    holdings: list[Mapping[str, Held]] = list(about.authorities)
    holdings[what.number - 1] = {**holdings[what.number - 1], what.purpose: held}
    return replace(about, authorities=tuple(holdings))


def _held_anew(folder: CaFolder, what: Due) -> Held:
    return Held(folder.authorities[what.number - 1].holdings[what.purpose].key_id, _next_file(folder, what))


def _next_file(folder: CaFolder, what: Due) -> str:
    """cmp.pem, cmp.2.pem, cmp.3.pem …: what is in service is never written over."""
    name = folder.authorities[what.number - 1].holdings[what.purpose].file
    first, _, count = name.removesuffix(".pem").partition(".")
    return f"{first}.{int(count) + 1 if re.fullmatch('[0-9]+', count) else 2}.pem"
