"""The trail in an enemy's hands, on both databases: whatever he does without the key is found, and named."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.api.rig import CREATED, NOW, PROFILE, Rig, _ceremony, authority
from tests.api.rig import DAY as A_DAY
from tests.sql.forging import chain_anew, forge
from tokenmgr.api import jobs
from tokenmgr.api.checkpoints import EVERY, make_checkpoint, make_last
from tokenmgr.api.service import Service
from tokenmgr.ca.about import PURPOSES
from tokenmgr.ca.checkpoints import FILE, CheckpointFile, Signers, seal
from tokenmgr.ca.keys import AuthorityKeys, CaKey, CaKeys
from tokenmgr.ca.own import certify
from tokenmgr.domain.audit import Checkpoint
from tokenmgr.domain.audit_check import Findings, Forged, Sealed, Verdict, check
from tokenmgr.domain.audit_export import checkpoints_of, entries_of, lines_of
from tokenmgr.errors import TrailBroken
from tokenmgr.sql.audit import Trail

ADDED = 8  # entries between two checkpoints


@dataclasses.dataclass
class Watched:
    rig: Rig
    service: Service
    file: CheckpointFile

    @property
    def trail(self) -> Trail:
        return self.service.administration.trail

    def go_on(self) -> int:
        """More is done, and signed for a minute later."""
        for _ in range(ADDED):
            self.rig.administration.unlock(self.rig.subscriber.id)
        self.rig.pass_time(EVERY)
        make_checkpoint(self.service, self.rig.now)
        last = self.trail.last_checkpoint()
        assert last is not None
        return last.number

    def verdict(self, file: CheckpointFile | None = None) -> Verdict:
        found, genuine = Findings(), Signers([self.service.keys.root])
        table = (Sealed(one) for one in self.trail.checkpoints())
        return check(self.trail.whole(), table, (file or self.file).read(found), genuine, self.rig.now, found)

    def named(self) -> list[str]:
        return [str(one) for one in self.verdict().findings]

    def exported(self) -> list[str]:
        rows = (row.entry for row in self.trail.whole())
        return [f"{line}\n" for line in lines_of(rows, self.trail.checkpoints())]


@pytest.fixture
def watched(rig: Rig, tmp_path: Path) -> Watched:
    """Three checkpoints, and something after them."""
    file = CheckpointFile(tmp_path / FILE)
    made = Watched(rig, dataclasses.replace(rig.service, checkpoint_file=file), file)
    for _ in range(3):
        made.go_on()
    rig.administration.unlock(rig.subscriber.id)
    return made


def marks(watched: Watched) -> list[int]:
    return [one.number for one in watched.trail.checkpoints()]


# --- in order ---------------------------------------------------------------------------------------------------------


def test_a_trail_that_nobody_touched_is_fine(watched: Watched) -> None:
    verdict = watched.verdict()
    assert verdict.findings == ()
    assert verdict.vouched is not None
    assert verdict.vouched.number == marks(watched)[-1] == verdict.last - 1
    assert [one.checkpoint.number for one in watched.file.read(Findings())] == marks(watched)


def test_one_a_minute_and_only_where_something_was_done(watched: Watched) -> None:
    before = marks(watched)
    make_checkpoint(watched.service, watched.rig.now)
    assert marks(watched) == before  # a minute has not gone by
    watched.rig.pass_time(EVERY)
    make_checkpoint(watched.service, watched.rig.now)
    assert len(marks(watched)) == len(before) + 1
    watched.rig.pass_time(EVERY)
    make_checkpoint(watched.service, watched.rig.now)
    assert len(marks(watched)) == len(before) + 1  # nothing new
    watched.rig.administration.unlock(watched.rig.subscriber.id)
    make_last(watched.service)
    assert len(marks(watched)) == len(before) + 2  # the end waits for no minute


def test_the_round_of_jobs_makes_them(watched: Watched) -> None:
    before = len(marks(watched))
    watched.rig.pass_time(EVERY)
    jobs.round_of(watched.service)
    assert len(marks(watched)) == before + 1


def test_a_checkpoint_from_a_clock_that_was_ahead_holds_up_nobody(watched: Watched) -> None:
    before = len(marks(watched))
    watched.rig.pass_time(timedelta(days=-1))
    make_checkpoint(watched.service, watched.rig.now)
    assert len(marks(watched)) == before + 1


def test_the_certificates_go_with_the_first_only(watched: Watched) -> None:
    kept, filed = list(watched.trail.checkpoints()), [one.checkpoint for one in watched.file.read(Findings())]
    assert [bool(one.chain) for one in kept] == [bool(one.chain) for one in filed] == [True, False, False]


def test_what_a_power_cut_has_kept_from_the_file_is_added_at_the_next_start(watched: Watched) -> None:
    whole = watched.file.path.read_bytes()
    watched.file.path.write_bytes(whole[: whole.rindex(b"\n", 0, -1) + 30])
    make_last(watched.service)
    assert watched.file.path.read_bytes().startswith(whole)
    assert watched.named() == []


def test_another_nodes_file_is_given_all_of_them_and_proves_itself(watched: Watched, tmp_path: Path) -> None:
    other = CheckpointFile(tmp_path / "other" / FILE)
    other.path.parent.mkdir()
    make_checkpoint(dataclasses.replace(watched.service, checkpoint_file=other), watched.rig.now)
    assert other.path.read_bytes() == watched.file.path.read_bytes()
    assert [str(one) for one in watched.verdict(other).findings] == []


def test_a_new_cmp_key_goes_on_and_both_are_proven(watched: Watched) -> None:
    keys = watched.service.keys
    signers, _ = _ceremony()
    new = ec.generate_private_key(ec.SECP256R1())
    made = certify("みほん認証局", 1, PROFILE, {**signers, "cmp": new}, CREATED)
    watched.service = dataclasses.replace(
        watched.service, keys=dataclasses.replace(keys, cmp=CaKey("cmp", new, made["cmp"]))
    )
    watched.go_on()
    watched.go_on()
    assert watched.named() == []
    assert [bool(one.chain) for one in watched.trail.checkpoints()] == [True, False, False, True, False]


# --- the registry's tables --------------------------------------------------------------------------------------------


COLUMNS = {
    "at": "at + 1",
    "actor_kind": "'operator'",
    "actor": "'mallory'",
    "origin": "''",
    "action": "'bank.added'",
    "bank": "'5678'",
    "whom": "whom || 'x'",
    "serial": "'0'",
    "before": "'[1]'",
    "after": "'{}'||' '",
    "hash": "(SELECT hash FROM audit a WHERE a.number = 3)",
    "changes_status": "1 - changes_status",
}


@pytest.mark.parametrize("column", COLUMNS)
def test_an_entry_that_was_altered(watched: Watched, column: str) -> None:
    number = marks(watched)[0] + 3
    forge(watched.rig.database, f"UPDATE audit SET {column} = {COLUMNS[column]} WHERE number = {number}")  # noqa: S608
    assert watched.named() == [f"altered {number}"]


def test_an_entry_that_was_dropped(watched: Watched) -> None:
    number = marks(watched)[0] + 3
    forge(watched.rig.database, f"DELETE FROM audit WHERE number = {number}")  # noqa: S608
    assert watched.named() == [f"missing {number}"]


def test_an_entry_that_was_put_in_at_the_end(watched: Watched) -> None:
    last = watched.trail.head()[0]
    columns = "at, actor_kind, actor, origin, action, bank, whom, serial, before, after, hash, changes_status"
    forge(
        watched.rig.database,
        f"INSERT INTO audit (number, {columns}) SELECT {last + 1}, {columns} FROM audit WHERE number = 2",  # noqa: S608
    )
    assert watched.named() == [f"altered {last + 1}"]


def test_two_entries_that_were_swapped(watched: Watched) -> None:
    one, other = marks(watched)[0] + 2, marks(watched)[1] + 2
    renumber = "UPDATE audit SET number = {} WHERE number = {}"
    forge(watched.rig.database, renumber.format(-1, one), renumber.format(one, other), renumber.format(other, -1))
    assert watched.named() == [f"misplaced {one} was {other}", f"misplaced {other} was {one}"]


def test_a_tail_that_was_cut_off(watched: Watched) -> None:
    _, second, third = marks(watched)
    forge(watched.rig.database, f"DELETE FROM audit WHERE number > {second + 2}")  # noqa: S608
    assert watched.named() == [f"cut {second + 3}..{third}"]


def test_a_tail_that_was_cut_off_with_its_checkpoints_is_known_by_the_file(watched: Watched) -> None:
    """As it is when the database was taken back to an earlier copy. Nothing is signed over it, and it stays found."""
    _, second, third = marks(watched)
    forge(
        watched.rig.database,
        f"DELETE FROM audit WHERE number > {second}",  # noqa: S608
        f"DELETE FROM checkpoint WHERE number > {second}",  # noqa: S608
    )
    assert watched.named() == [f"cut {second + 1}..{third}"]
    with pytest.raises(TrailBroken):
        watched.go_on()
    for _ in range(ADDED):
        watched.rig.administration.unlock(watched.rig.subscriber.id)
    with pytest.raises(TrailBroken):
        make_checkpoint(watched.service, watched.rig.now + A_DAY)
    assert marks(watched)[-1] == second
    assert watched.named() == [f"unkept {third} line 3", f"rewritten {second + 1}..{third}"][::-1]


def test_a_rest_that_was_written_anew_with_a_right_chain_is_known_by_a_checkpoint(watched: Watched) -> None:
    _, second, third = marks(watched)
    forge(watched.rig.database, f"UPDATE audit SET actor = 'mallory' WHERE number = {second + 1}")  # noqa: S608
    chain_anew(watched.rig.database, second + 1)
    assert watched.named() == [f"rewritten {second + 1}..{third}"]
    chain_anew(watched.rig.database, 1)
    assert watched.verdict().vouched is not None


def test_a_checkpoint_that_was_replaced(watched: Watched) -> None:
    """The rest written anew, and a checkpoint for it by the key of another CA of that name."""
    _, second, third = marks(watched)
    forge(watched.rig.database, f"UPDATE audit SET actor = 'mallory' WHERE number = {third}")  # noqa: S608
    chain_anew(watched.rig.database, third)
    digest = watched.trail.hash_of(third)
    assert digest is not None
    fake = seal(stranger(), third, digest, watched.rig.now, with_chain=True)
    forge(
        watched.rig.database,
        f"UPDATE checkpoint SET hash = :hash, signature = :signature, chain = :chain WHERE number = {third}",  # noqa: S608
        hash=digest,
        signature=fake.signature,
        chain=fake.chain,
    )
    assert watched.named() == [f"rewritten {second + 1}..{third}", f"forged {third}", f"different {third} line 3"]


def test_a_checkpoint_that_was_dropped(watched: Watched) -> None:
    _, second, _ = marks(watched)
    forge(watched.rig.database, f"DELETE FROM checkpoint WHERE number = {second}")  # noqa: S608
    assert watched.named() == [f"unkept {second} line 2"]


@pytest.mark.parametrize("column", ["hash", "at", "serial", "signature"])
def test_a_checkpoint_that_was_altered(watched: Watched, column: str) -> None:
    _, second, _ = marks(watched)
    changes = {"at": "at + 1", "serial": "'nothing'", "hash": ":it", "signature": ":it"}
    change = f"UPDATE checkpoint SET {column} = {changes[column]} WHERE number = {second}"  # noqa: S608
    forge(watched.rig.database, change, it=b"x" * 32)
    assert watched.named() == [f"forged {second}", f"different {second} line 2"]


# --- the file beside them ---------------------------------------------------------------------------------------------


def test_a_file_that_was_cut_edited_or_swapped(watched: Watched) -> None:
    first, second, third = marks(watched)
    lines = watched.file.path.read_text(encoding="ascii").splitlines(keepends=True)
    edited = lines[1].replace(f'"number":{second}', f'"number":{second + 1}')
    cases = {
        "".join(lines[:2]): [f"unfiled {third}"],
        "".join(lines)[:-20]: ["unreadable 3 line 3", f"unfiled {third}"],
        lines[0] + lines[2]: [f"unfiled {second}"],
        lines[0] + edited + lines[2]: [f"unfiled {second}", f"forged {second + 1} line 2"],
        lines[0] + lines[1].replace(",", ", ") + lines[2]: ["unreadable 2 line 2", f"unfiled {second}"],
        lines[0] + lines[2] + lines[1]: [f"unfiled {second}", f"unordered {second} line 3"],
        "": [f"unfiled {first}..{third}"],
    }
    for text, named in cases.items():
        watched.file.path.write_text(text, encoding="ascii")
        assert watched.named() == named, text


# --- an exported file -------------------------------------------------------------------------------------------------


def exported(watched: Watched, lines: list[str]) -> list[str]:
    found, genuine = Findings(), Signers([watched.service.keys.root])
    verdict = check(entries_of(lines, found), checkpoints_of(lines, found), None, genuine, watched.rig.now, found)
    return [str(one) for one in verdict.findings]


def test_an_exported_file_proves_itself(watched: Watched) -> None:
    assert exported(watched, watched.exported()) == []


EDITS: dict[str, tuple[Callable[[list[str]], list[str]], list[str]]] = {
    "a line cut": (lambda it: [*it[:-1], it[-1][:-5]], ["unreadable {all} line {all}", "unended {all} line {all}"]),
    "the end cut": (lambda it: it[:-1], ["unended {less} line {less}"]),
    "the tail cut": (lambda it: it[:20], ["unended 20 line 20"]),
    "a line edited": (lambda it: [*it[:4], it[4].replace("tester", "nobody"), *it[5:]], ["altered 5 line 5"]),
    "a line written otherwise": (
        lambda it: [*it[:4], it[4].replace(":", ": ", 1), *it[5:]],
        ["missing 5", "unreadable 5 line 5", "unended {all} line {all}"],
    ),
    "a line dropped": (lambda it: it[:4] + it[5:], ["missing 5", "unended {less} line {less}"]),
    "a line twice": (lambda it: it[:5] + it[4:], ["misplaced 5 was 5 line 6", "unended {more} line {more}"]),
    "lines swapped": (lambda it: [*it[:4], it[5], it[4], *it[6:]], ["misplaced 5 was 5 line 6"]),
    "a checkpoint moved up": (lambda it: [*it[:4], it[-2], *it[4:-2], it[-1]], []),
    "something after the end": (lambda it: [*it, "\n"], ["unreadable {more} line {more}"]),
    "no text at all": (lambda it: [], ["unended 0"]),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_exported_file_that_was_cut_edited_swapped_or_ordered_otherwise(watched: Watched, edit: str) -> None:
    change, named = EDITS[edit]
    lines = watched.exported()
    numbers = {"less": len(lines) - 1, "all": len(lines), "more": len(lines) + 1}
    found = exported(watched, change(list(lines)))
    if edit == "a checkpoint moved up":
        assert found[0] == "unordered 5 line 6"
    else:
        assert found == [one.format(**numbers) for one in named]


# --- who signs --------------------------------------------------------------------------------------------------------


def stranger() -> CaKeys:
    """Another CA that calls itself the same."""
    signers = {purpose: ec.generate_private_key(ec.SECP256R1()) for purpose in PURPOSES}
    made = certify("みほん認証局", 1, PROFILE, dict(signers), CREATED)
    keys = {name: CaKey(name, signers[name], made[name]) for name in ("issuing", "cmp", "ocsp")}
    return CaKeys(keys["cmp"], (AuthorityKeys(1, keys["issuing"], keys["ocsp"], made["root"]),))


def sealed(keys: CaKeys, **changes: object) -> Checkpoint:
    return dataclasses.replace(seal(keys, 1, b"h" * 32, NOW, with_chain=True), **changes)  # type: ignore[arg-type]


def test_only_this_cas_cmp_key_signs_checkpoints() -> None:
    keys, _ = authority()
    Signers([keys.root])(sealed(keys))
    ocsp = dataclasses.replace(keys, cmp=keys.ocsp)  # the right issuer, for another purpose
    for bad in (
        sealed(stranger()),
        sealed(ocsp),
        sealed(keys, chain=b""),
        sealed(keys, chain=keys.cmp.certificate),
        sealed(keys, chain=b"0\x00"),
        sealed(keys, signature=b""),
        sealed(keys, hash=b"i" * 32),
        sealed(keys, at=NOW + timedelta(seconds=1)),
        sealed(keys, serial=1),
    ):
        with pytest.raises(Forged):
            Signers([keys.root])(bad)
    after_its_end = seal(keys, 1, b"h" * 32, keys.cmp.facts.not_after + A_DAY, with_chain=True)
    with pytest.raises(Forged):
        Signers([keys.root])(after_its_end)


def test_a_customers_key_signs_none(rig: Rig) -> None:
    """Its certificate is of the same issuer."""
    keys, _ = authority()
    customer = rig.with_certificate()
    key = customer.key
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    with pytest.raises(Forged):
        Signers([keys.root])(sealed(dataclasses.replace(keys, cmp=CaKey("cmp", key, customer.certificate))))


def test_none_is_signed_over_a_trail_that_the_table_says_is_another(watched: Watched) -> None:
    """The file was cut, or this node is new: the registry's own last checkpoint is held against it all the same."""
    first, last = watched.go_on(), watched.go_on()
    lines = watched.file.path.read_bytes().splitlines(keepends=True)
    watched.file.path.write_bytes(lines[0])
    forge(watched.rig.database, "UPDATE audit SET actor = 'mallory' WHERE number = :number", number=first + 2)
    chain_anew(watched.rig.database, first + 2)
    with pytest.raises(TrailBroken, match=f"rewritten {last}"):
        watched.go_on()


def test_a_clock_outside_the_signers_time_signs_nothing(watched: Watched) -> None:
    """It would be a forgery for ever."""
    before = watched.go_on()
    watched.rig.administration.unlock(watched.rig.subscriber.id)
    make_checkpoint(watched.service, CREATED - A_DAY)
    found = watched.trail.last_checkpoint()
    assert found is not None
    assert found.number == before
