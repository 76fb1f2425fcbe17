"""A new CA key beside the old one: the steps of a ceremony, in a CA that is there and goes on.

1. PREPARED       alone; what killed changes have left is gone
2. WRITTEN_DOWN   which keys will be made: on the disk before there is any
3. KEYS_GENERATED root, issuing, cmp, ocsp of the next authority: on the same token, read back, and judged there
4. CERTIFIED      each certificate linted, signed, and its signature checked; each root by the other (RFC 4210, 4.4)
5. PROVEN         every key signs something new, and its certificate verifies it
6. WRITTEN        the certificates, then ca.toml, which names them: from then on the new authority issues
7. SETTLED        what was written down is done with

Killed before 6 is whole, the CA is as it was, and the next change removes what was made. Nothing of the old authority
is taken away: its certificates stay valid, and its list and its OCSP answers go on until its issuing CA expires.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tokenmgr.ca import own, staging
from tokenmgr.ca.about import PURPOSES, Held, crossing_files, file_of
from tokenmgr.ca.ceremony import KeyMaker, Step, Tell, new_key_id, prove, write_all
from tokenmgr.ca.certificate import Certificate
from tokenmgr.ca.folder import CaFolder
from tokenmgr.ca.issuer import Authority
from tokenmgr.ca.keys import CaKey
from tokenmgr.ca.profile import Kind, OwnOrder, Profile
from tokenmgr.ca.renewing import BEHIND
from tokenmgr.ca.signing import CaSigner
from tokenmgr.ca.staging import Record
from tokenmgr.domain.credential import KeyKind
from tokenmgr.errors import RolledOverBefore

SOON = timedelta(days=365)  # after one rollover another one is more likely a mistake


def refuse_soon(folder: CaFolder, now: datetime) -> None:
    """Before anybody is asked for a PIN."""
    begins = folder.current.certificates["root"].not_before
    if folder.current.number > 1 and now < begins + SOON:
        raise RolledOverBefore(number=folder.current.number, since=begins)


def roll_over(folder: CaFolder, kind: KeyKind, old_root: CaKey, maker: KeyMaker, now: datetime, tell: Tell) -> CaFolder:
    """Steps 2 to 7, for whoever is alone and has tidied. Here, and in its ceremony, a root's key signs."""
    about, number = folder.about, folder.current.number + 1
    holdings = {purpose: Held(new_key_id(), file_of(purpose, number)) for purpose in PURPOSES}
    ids = tuple(held.key_id.hex() for held in holdings.values())
    staging.write_record(folder.path, Record(about.library, about.serial if about.library else "", ids))
    tell(Step.WRITTEN_DOWN)
    signers = {purpose: maker.generate(f"{purpose}-{number}", kind, held.key_id) for purpose, held in holdings.items()}
    tell(Step.KEYS_GENERATED)
    begins = max(now.replace(microsecond=0) - BEHIND, old_root.facts.not_before)
    profile = folder.profile_of(number)
    certificates = own.certify(about.name, number, profile, signers, begins)
    crossing = cross(old_root, CaKey("root", signers["root"], certificates["root"]), profile, begins)
    tell(Step.CERTIFIED)
    prove(signers, certificates)
    tell(Step.PROVEN)
    files = {held.file: certificates[purpose] for purpose, held in holdings.items()}
    files |= zip(crossing_files(number), crossing, strict=True)
    made = write_all(folder.path, replace(about, authorities=(*about.authorities, holdings)), files)
    tell(Step.WRITTEN)
    (folder.path / staging.RECORD).unlink()
    tell(Step.SETTLED)
    return made


def cross(old: CaKey, new: CaKey, profile: Profile, begins: datetime) -> tuple[bytes, bytes]:
    """The new root with the old one, the old with the new; each as long as both are valid."""
    ends = min(old.facts.not_after, new.facts.not_after)
    return (
        _crossing(old.signer, old.facts, new.facts, profile, (begins, ends)),
        _crossing(new.signer, new.facts, old.facts, profile, (begins, ends)),
    )


def _crossing(
    signer: CaSigner, issuer: Certificate, root: Certificate, profile: Profile, valid: tuple[datetime, datetime]
) -> bytes:
    authority = Authority("root", issuer.subject, signer, issuer.not_before, issuer.not_after)
    order = OwnOrder(Kind.CROSS, own.serial_number(), root.subject, root.public_key, *valid)
    return own.signed(authority, profile, order)
