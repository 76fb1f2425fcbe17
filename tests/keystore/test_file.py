"""The encrypted file as a store: what a medium does, it does; and what only a file can do to one."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

from tests.keystore.kept import CHEAP, NOW, PASSPHRASE, authority, certificate, filled, made, opened
from tokenmgr import errors, system
from tokenmgr.cmp import algorithms
from tokenmgr.cmp.faults import FailInfo
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.domain.generation import StoreKind
from tokenmgr.keystore import disk, file, form, sealed
from tokenmgr.keystore.file import FileStore
from tokenmgr.log import Secret

DER = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return made(tmp_path / "certificates.store")


def test_what_it_says_of_itself(store: FileStore) -> None:
    assert (store.kind, store.name, store.keeps_labels) == (StoreKind.PC, f"file:{store.path}", True)
    assert store.path.is_absolute()
    assert store.is_here()
    assert list(store.obstacles(KeyKind.P256)) == []
    assert not store.contents().keys + store.contents().certificates
    assert len({store.free_key_id() for _ in range(8)}) == 8


@pytest.mark.parametrize("kind", [kind for kind in KeyKind if kind is not KeyKind.RSA_4096])
def test_a_key_of_each_kind_is_made_and_signs_as_its_certificate_says(store: FileStore, kind: KeyKind) -> None:
    one = filled(store, kind=kind)
    again = opened(store.path)
    assert one.facts is not None
    assert one.certificate is not None
    again.verify_afresh(one.certificate.der, one.key.key_id)
    again.require_works(one, NOW)
    key = again.signer(one.key)
    how, made_by = algorithms.signature_algorithm(key), algorithms.sign(key, b"a request")
    public = algorithms.load_key(one.facts.public_key)
    algorithms.verify(public, how, made_by, b"a request", FailInfo.badPOP)
    assert one.key.kind == kind.value


def test_the_largest_key_is_what_it_says(store: FileStore) -> None:
    key = store.generate(KeyKind.RSA_4096, b"big", "big")
    assert store.signer(key).public_key().key_size == 4096  # type: ignore[union-attr]


def test_without_the_passphrase_everything_is_seen_but_a_private_key(store: FileStore) -> None:
    one = filled(store)
    seen = file.contents(store.path)
    assert seen.credentials == [one]
    assert seen.credentials == opened(store.path).credentials()
    assert seen.findings == []
    assert {c.label for c in seen.certificates} == {"鍵 1", "CN=Throw-away Issuing CA", "CN=Throw-away Root"}
    assert not file.is_by_keyring(store.path)
    told = store.path.read_text(encoding="utf-8")
    assert "鍵 1" in told
    assert "correct horse" not in told


def test_what_is_there_is_not_written_twice(store: FileStore) -> None:
    one = filled(store)
    assert one.certificate is not None
    before = store.path.read_bytes()
    store.write(one.certificate.der, one.key.key_id, "another label", [*authority().chain, *authority().chain])
    assert store.path.read_bytes() == before
    filled(store, 2)
    assert len(store.contents().certificates) == 4  # the chain is the same


def test_a_certificate_goes_beside_its_own_key_only(store: FileStore) -> None:
    first, second = filled(store, 1), filled(store, 2)
    assert first.certificate is not None
    with pytest.raises(errors.CertificateForNoKey):
        store.write(first.certificate.der, second.key.key_id, "wrong", [])
    with pytest.raises(errors.KeyMissing):
        store.write(first.certificate.der, b"nobody's", "wrong", [])
    with pytest.raises(errors.NotACertificate):
        store.write(b"0\x00", first.key.key_id, "wrong", [])


def test_ids_and_labels_are_refused_as_a_medium_refuses_them(store: FileStore) -> None:
    one = filled(store)
    with pytest.raises(errors.KeyIdTaken):
        store.generate(KeyKind.P256, one.key.key_id, "again")
    for wrong in (b"", b"x" * 33):
        with pytest.raises(errors.KeyIdWrong):
            store.generate(KeyKind.P256, wrong, "label")
    for label in ("", " ", "a\x1b[31m", "a" * 256):
        with pytest.raises(errors.LabelWrong):
            store.generate(KeyKind.P256, b"new", label)
        with pytest.raises(errors.LabelWrong):
            store.rename(one.key.key_id, label)


def test_a_new_label_is_the_keys_and_its_certificates(store: FileStore) -> None:
    one, other = filled(store, 1), filled(store, 2)
    store.rename(one.key.key_id, "tokenmgr left over")
    (renamed,) = (found for found in store.credentials() if found.key.key_id == one.key.key_id)
    assert renamed.certificate is not None
    assert renamed.key.label == renamed.certificate.label == "tokenmgr left over"
    assert other in store.credentials()
    with pytest.raises(errors.ObjectMissing):
        store.rename(b"nobody's", "label")


def test_one_that_was_added_and_taken_away_leaves_the_bytes_that_were_there(store: FileStore) -> None:
    kept = filled(store, 1)
    before = store.path.read_bytes()
    gone = filled(store, 2)
    store.rename(kept.key.key_id, "meanwhile")
    store.rename(kept.key.key_id, kept.key.label)
    store.remove(gone.parts, kept, NOW)
    assert store.path.read_bytes() == before


# --- S2 ---


def test_the_last_working_certificate_stays(store: FileStore) -> None:
    one = filled(store)
    for gone in (one.parts, (one.key,), (one.certificate,), ()):
        with pytest.raises(errors.DeletionRefused):
            store.remove(gone, None, NOW)  # type: ignore[arg-type]
    with pytest.raises(errors.DeletionRefused):
        store.remove(one.parts, one, NOW)
    assert store.credentials() == [one]


def test_an_idle_key_may_go(store: FileStore) -> None:
    key = store.generate(KeyKind.P256, b"idle", "tokenmgr pending")
    store.remove([key], None, NOW)
    assert store.contents().keys == []


def test_an_old_one_goes_for_a_successor_that_works_today(store: FileStore) -> None:
    old, new = filled(store, 1, days=10), filled(store, 2, days=365)
    with pytest.raises(errors.DeletionRefused, match="not valid"):
        store.remove(old.parts, new, NOW + timedelta(days=366))
    store.remove(old.parts, new, NOW)
    assert store.credentials() == [new]


def test_a_successor_whose_chain_is_not_whole_lets_nothing_go(store: FileStore) -> None:
    old = store.generate(KeyKind.P256, b"old", "old")
    new = store.generate(KeyKind.P256, b"new", "new")
    for key in (old, new):
        assert key.public_key is not None
        store.write(certificate(key.public_key), key.key_id, key.label, authority().chain[:1])
    first, second = store.credentials()
    with pytest.raises(errors.DeletionRefused, match="chain"):
        store.remove(first.parts, second, NOW)
    with pytest.raises(errors.DeletionRefused, match="chain"):
        store.require_works(second, NOW)


def test_a_successor_in_another_store_is_proven_there(store: FileStore, tmp_path: Path) -> None:
    old, other = filled(store, 1), made(tmp_path / "other")
    new = filled(other, 2)
    with pytest.raises(errors.DeletionRefused):
        store.remove(old.parts, new, NOW)  # it is not here, and nobody says where
    other.path.rename(tmp_path / "away")
    with pytest.raises(errors.PcStoreMissing):
        store.remove(old.parts, new, NOW, kept_in=other)
    (tmp_path / "away").rename(other.path)
    store.remove(old.parts, new, NOW, kept_in=other)
    assert store.credentials() == []
    assert other.credentials() == [new]


# --- the passphrase ---


def test_a_wrong_passphrase_is_told_and_not_tried_again(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = opened(store.path, "correct horse battery")
    with pytest.raises(errors.PassphraseWrong):
        wrong.contents()
    monkeypatch.delattr(sealed, "unlocked")
    with pytest.raises(errors.PassphraseWrong):
        wrong.generate(KeyKind.P256, b"id", "label")
    assert wrong.is_here()


def test_another_passphrase_opens_the_same_keys(store: FileStore) -> None:
    one, before = filled(store), file.contents(store.path)
    new = "まったく別のパスワード"
    with pytest.raises(errors.PassphraseWrong):
        file.lock_anew(store.path, Secret("nobody's"), Secret(new), cheaply())
    file.lock_anew(store.path, Secret(PASSPHRASE), Secret(new), cheaply())
    assert file.contents(store.path) == before
    opened(store.path, new).require_works(one, NOW)
    with pytest.raises(errors.PassphraseWrong):
        opened(store.path).contents()
    store.require_works(one, NOW)  # who has it open goes on


def cheaply() -> form.Lock:
    return sealed.new_lock(cost=CHEAP)


def test_what_is_not_there_is_not_locked_anew(tmp_path: Path) -> None:
    with pytest.raises(errors.PcStoreMissing):
        file.lock_anew(tmp_path / "store", Secret(PASSPHRASE), Secret(PASSPHRASE), cheaply())
    assert list(tmp_path.iterdir()) == []


def test_of_two_windows_that_change_the_passphrase_one_does(store: FileStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have been told the old one, and the other was quicker."""
    unlocked = sealed.unlocked

    def slowly(content: form.Content, passphrase: Secret) -> Secret:
        monkeypatch.undo()
        file.lock_anew(store.path, Secret(PASSPHRASE), Secret("of the other window"), cheaply())
        return unlocked(content, passphrase)

    monkeypatch.setattr(sealed, "unlocked", slowly)
    with pytest.raises(errors.PcStoreBusy):
        file.lock_anew(store.path, Secret(PASSPHRASE), Secret("of this window"), cheaply())
    opened(store.path, "of the other window").contents()


def test_full_width_letters_are_the_same_passphrase(tmp_path: Path) -> None:
    store = made(tmp_path / "store", "ｐａｓｓ　１２３４")
    assert opened(store.path, "pass 1234").contents().keys == []


def test_a_short_passphrase_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    for short in ("", "1234567", "１２３４５６７"):
        with pytest.raises(errors.PassphraseUnfit) as told:
            file.make(tmp_path / "store", Secret(short))
        assert told.value.shortest == 8
    assert list(tmp_path.iterdir()) == []


def test_the_usual_cost_is_paid_and_written_down(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "store"
    file.make(path, Secret(PASSPHRASE))
    opened(path).contents()
    lock = json.loads(path.read_bytes())["lock"]
    assert (lock["kdf"], lock["memory"], lock["passes"], lock["lanes"]) == ("argon2id", 65536, 3, 4)
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_one_that_is_there_is_not_made_anew(store: FileStore, tmp_path: Path) -> None:
    before = store.path.read_bytes()
    with pytest.raises(errors.PcStoreExists):
        file.make(store.path, Secret(PASSPHRASE))
    assert store.path.read_bytes() == before
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for there, reason in ((tmp_path / "link", "store-no-file"), (tmp_path / "other", "store-no-json")):
        if not there.is_symlink():
            there.write_text("what somebody else has written")
        with pytest.raises(errors.PcStoreDamaged) as refused:  # "use it as it is" would lead in a circle
            file.make(there, Secret(PASSPHRASE))
        assert refused.value.reason == reason


# --- what becomes of a file ---


def test_two_windows_see_what_each_other_has_done(store: FileStore) -> None:
    other = opened(store.path)
    first, second = filled(store, 1), filled(other, 2)
    assert store.credentials() == other.credentials() == [first, second]


def test_while_another_program_writes_nothing_is_changed(store: FileStore) -> None:
    held = system.hold(store.path.with_name(store.path.name + ".lock"))
    with held, pytest.raises(errors.PcStoreBusy):
        store.generate(KeyKind.P256, b"id", "label")
    with system.hold(store.path.with_name(store.path.name + ".lock")):
        assert [type(one) for one in store.obstacles(KeyKind.P256)] == [errors.PcStoreBusy]
        assert file.contents(store.path).keys == []  # and everybody may look
    store.generate(KeyKind.P256, b"id", "label")


def test_one_that_is_gone_and_comes_back(store: FileStore) -> None:
    one, away = filled(store), store.path.with_name("away")
    store.path.rename(away)
    assert not store.is_here()
    for ask in (store.contents, lambda: store.signer(one.key), lambda: store.obstacles(KeyKind.P256)):
        with pytest.raises(errors.PcStoreMissing):
            ask()
    away.rename(store.path)
    assert store.is_here()
    store.require_works(one, NOW)


def test_another_store_in_its_place_is_noticed_and_left_alone(store: FileStore, tmp_path: Path) -> None:
    """S4: with the same passphrase, too."""
    filled(store)
    other = made(tmp_path / "other")
    other.path.replace(store.path)
    before = store.path.read_bytes()
    assert not store.is_here()
    with pytest.raises(errors.PcStoreDamaged) as told:
        store.generate(KeyKind.P256, b"id", "label")
    assert told.value.reason == "store-another"
    assert store.path.read_bytes() == before


@pytest.mark.parametrize("what", ["folder", "link", "pipe"])
def test_what_is_no_file_is_not_touched(store: FileStore, tmp_path: Path, what: str) -> None:
    path = tmp_path / what
    match what:
        case "folder":
            path.mkdir()
        case "link":
            path.symlink_to(store.path)
        case "pipe":
            os.mkfifo(path)
    before = store.path.read_bytes()
    with pytest.raises(errors.PcStoreDamaged) as told:
        opened(path).generate(KeyKind.P256, b"id", "label")
    assert told.value.reason == "store-no-file"
    assert store.path.read_bytes() == before
    assert path.is_symlink() or not path.is_file()


def test_a_later_version_is_left_to_that(store: FileStore) -> None:
    told = json.loads(store.path.read_bytes())
    store.path.write_text(json.dumps({**told, "tokenmgr store": 2, "new": True}))
    before = store.path.read_bytes()
    for ask in (store.contents, lambda: file.contents(store.path), lambda: store.rename(b"id", "label")):
        with pytest.raises(errors.PcStoreNewer) as newer:
            ask()
        assert newer.value.version == "2"
    assert store.path.read_bytes() == before


@pytest.mark.parametrize("data", [b"", b"{", b"[" * 100_000, b"[1]", b"{}", b'{"tokenmgr store": true}', b"\xff\xfe"])
def test_what_is_no_store_is_told(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "store"
    path.write_bytes(data)
    with pytest.raises(errors.PcStoreDamaged):
        file.contents(path)


def test_an_endless_file_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "store").open("wb") as large:
        large.truncate(1 << 40)
    with pytest.raises(errors.PcStoreDamaged) as told:
        file.contents(tmp_path / "store")
    assert told.value.reason == "store-too-large"


@pytest.mark.parametrize(
    "cost",
    [
        {"memory": 1 << 30},
        {"passes": 1 << 30},
        {"memory": 1 << 18, "passes": 9},
        {"lanes": 0},
        {"lanes": 4},
        {"passes": 0},
        {"memory": -1},
        {"memory": 8.0},
    ],
)
def test_a_crafted_file_cannot_ask_for_all_memory_or_time(
    store: FileStore, cost: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rewrite(store.path, lambda told: told["lock"].update(cost))
    monkeypatch.delattr(sealed, "Argon2id")
    with pytest.raises(errors.PcStoreDamaged):
        opened(store.path).contents()


def rewrite(path: Path, alter: object) -> None:
    """By somebody who knows how the file is made, and not its passphrase."""
    told = json.loads(path.read_bytes())
    assert callable(alter)
    alter(told)
    del told["sha256"]
    path.write_text(json.dumps({**told, "sha256": form.digest(told)}))


def test_an_altered_entry_is_named_when_it_is_unlocked(store: FileStore) -> None:
    one, other = filled(store, 1), filled(store, 2)
    assert one.certificate is not None
    good = store.path.read_bytes()
    stolen = certificate(opened(store.path).signer(other.key).public_key().public_bytes(*DER))

    def damage(alter: object) -> tuple[str, str]:
        store.path.write_bytes(good)
        rewrite(store.path, alter)
        with pytest.raises(errors.PcStoreDamaged) as told:
            opened(store.path).require_works(other, NOW)
        with pytest.raises(errors.PcStoreDamaged):
            store.rename(other.key.key_id, "label")  # nor does who has it open believe it
        return told.value.reason, told.value.subject

    assert damage(lambda told: told["keys"][0].update(label="mine")) == ("store-key-altered", "mine")
    assert damage(lambda told: told["keys"][0].update(private=told["keys"][1]["private"])) == (
        "store-key-altered", "鍵 1",
    )  # fmt: skip
    assert damage(lambda told: told["certificates"][2].update(der=form._text(stolen))) == (
        "store-certificate-altered", "鍵 1",
    )  # fmt: skip
    for alter in (
        lambda told: told["certificates"].pop(),
        lambda told: told["keys"].pop(0),
        lambda told: told["keys"].reverse(),
        lambda told: told["keys"].append(told["keys"][0]),
        lambda told: told.update(seal="00" * 32),
    ):
        assert damage(alter) == ("store-altered", "")


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    if isinstance(value, dict | list):
        for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*path, name))
    else:
        yield path


def test_no_value_can_be_altered_by_somebody_who_makes_the_digest_anew(store: FileStore) -> None:
    """One letter or number at a time, of everything that is in the file."""
    filled(store)
    good = store.path.read_bytes()
    places = [place for place in leaves(json.loads(good)) if place != ("sha256",)]
    assert len(places) == 28
    for place in places:

        def alter(told: Any, place: tuple[str | int, ...] = place) -> None:
            *way, name = place
            for step in way:
                told = told[step]
            at = told[name]
            if isinstance(at, int):
                told[name] = at + 1
            elif not at:
                told[name] = "aa"
            else:
                middle = len(at) // 2
                told[name] = at[:middle] + ("a" if at[middle] != "a" else "b") + at[middle + 1 :]

        store.path.write_bytes(good)
        rewrite(store.path, alter)
        with pytest.raises((errors.PcStoreDamaged, errors.PcStoreNewer, errors.PassphraseWrong)):
            opened(store.path).contents()
        assert not opens(store), place


def opens(store: FileStore) -> bool:
    """Who has it open needs no passphrase any more, and believes the seals alone."""
    try:
        store.contents()
    except errors.PcStoreError:
        return False
    return True


def test_a_private_key_is_bound_to_its_id_and_its_public_key(store: FileStore) -> None:
    """Even for somebody who could make every other seal."""
    one, other = filled(store, 1), filled(store, 2)
    content = disk.read(store.path)
    master = sealed.unlocked(content, Secret(PASSPHRASE))
    first, second = content.keys
    for keys in ((form.KeyEntry(**{**vars(first), "private": second.private}), second),
                 (form.KeyEntry(**{**vars(first), "key_id": b"other"}), second)):  # fmt: skip
        disk.write(sealed.sealed(form.Content(**{**vars(content), "keys": keys}), master))
        fresh = opened(store.path)
        with pytest.raises(errors.PcStoreDamaged):
            fresh.signer(fresh.contents().keys[0])
        fresh.require_works(other, NOW)
    assert one.key != other.key


def test_every_flipped_byte_is_noticed(store: FileStore) -> None:
    """Without the passphrase, as an accident; blanks between the values are nobody's."""
    filled(store)
    good = store.path.read_bytes()
    seen = file.contents(store.path)
    noticed = 0
    for place in range(0, len(good), 3):
        store.path.write_bytes(good[:place] + bytes([good[place] ^ 1 << place % 8]) + good[place + 1 :])
        try:
            harmless = file.contents(store.path) == seen
        except (errors.PcStoreDamaged, errors.PcStoreNewer):
            noticed += 1
        else:
            assert harmless
            assert re.fullmatch(rb"\s", good[place : place + 1])
            opened(store.path).contents()
    assert noticed > 0.9 * len(good) / 3


def test_line_ends_of_windows_do_no_harm(store: FileStore) -> None:
    one = filled(store)
    store.path.write_bytes(store.path.read_bytes().replace(b"\n", b"\r\n"))
    opened(store.path).require_works(one, NOW)


# --- a disk that does not take it ---


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "none", str(place)]
    done = subprocess.run(mount, capture_output=True, check=False)
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_folder_that_cannot_be_written_is_an_obstacle_and_can_be_read(small: Path) -> None:
    store = made(small / "store")
    one = filled(store)
    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    (found,) = store.obstacles(KeyKind.P256)
    assert found.facts["reason"] == os.strerror(30)
    with pytest.raises(errors.PcStoreUnwritable):
        store.rename(one.key.key_id, "label")
    store.require_works(one, NOW)


def fill_up(store: FileStore) -> None:
    for number in range(2, 64):
        filled(store, number)


def test_a_full_disk_loses_nothing(small: Path) -> None:
    store = made(small / "store")
    one = filled(store)
    assert [type(found) for found in store.obstacles(KeyKind.P256)] == [errors.PcStoreUnwritable]
    (small / "other").write_bytes(bytes(40_000))
    with pytest.raises(errors.PcStoreUnwritable) as told:
        fill_up(store)
    assert told.value.reason == os.strerror(28)
    assert not told.value.uncertain
    assert sorted(path.name for path in small.iterdir()) == ["other", "store", "store.lock"]
    opened(store.path).require_works(one, NOW)
    (small / "other").unlink()
    filled(store, 99)


def test_a_certificate_of_any_subject_makes_a_label(store: FileStore) -> None:
    key = store.generate(KeyKind.P256, b"id", "label")
    assert key.public_key is not None
    parts = [*("長" * 21 for _ in range(5)), "a\x07b"]
    odd = x509.Name([x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, part) for part in parts])
    ends = NOW + timedelta(days=1)
    there = authority().certify(store.signer(key).public_key().public_bytes(*DER), odd, NOW, ends)
    store.write(there, b"id", "label", [there, *authority().chain])
    one: Credential = store.credentials()[0]
    assert one.certificate is not None
    assert len(opened(store.path).contents().certificates) == 4
