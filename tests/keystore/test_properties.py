"""Any sequence of changes is what a model in memory says; a program that begins anew sees the same."""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from tests.keystore.kept import CHEAP, NOW, authority, certificate, made, opened
from tokenmgr import errors
from tokenmgr.domain.credential import Credential, KeyKind
from tokenmgr.keystore import file, form, sealed
from tokenmgr.log import Secret

IDS = st.sampled_from([bytes([number]) * 4 for number in range(4)])
LABELS = st.text(st.characters(codec="utf-8", categories=["L", "N", "P"]), min_size=1, max_size=20)


class Store(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.passphrase = "the first one"
        self.store = made(Path(self.folder.name) / "store", self.passphrase)
        self.labels: dict[bytes, str] = {}
        self.public: dict[bytes, bytes] = {}
        self.certified: dict[bytes, bytes] = {}
        self.has_chain = False

    def teardown(self) -> None:
        self.folder.cleanup()

    @rule(key_id=IDS, label=LABELS)
    def generate(self, key_id: bytes, label: str) -> None:
        if key_id in self.labels:
            with pytest.raises(errors.KeyIdTaken):
                self.store.generate(KeyKind.ED25519, key_id, label)
            return
        key = self.store.generate(KeyKind.ED25519, key_id, label)
        assert key.public_key is not None
        self.labels[key_id], self.public[key_id] = label, key.public_key

    @rule(key_id=IDS)
    def write(self, key_id: bytes) -> None:
        if key_id not in self.labels:
            with pytest.raises(errors.KeyMissing):
                self.store.write(authority().chain[0], key_id, "label", [])
            return
        der = self.certified.get(key_id) or certificate(self.public[key_id])
        self.store.write(der, key_id, self.labels[key_id], authority().chain)
        self.certified[key_id], self.has_chain = der, True

    @rule(key_id=IDS, label=LABELS)
    def rename(self, key_id: bytes, label: str) -> None:
        if key_id not in self.labels:
            with pytest.raises(errors.ObjectMissing):
                self.store.rename(key_id, label)
            return
        self.store.rename(key_id, label)
        self.labels[key_id] = label

    @rule(key_id=IDS, successor=st.none() | IDS, late=st.booleans())
    def remove(self, key_id: bytes, successor: bytes | None, late: bool) -> None:
        found = {one.key.key_id: one for one in self.store.credentials()}
        if key_id not in found:
            return
        heir = found.get(successor) if successor else None
        now = NOW + timedelta(days=1000 if late else 0)
        has_heir = heir is not None and heir.certificate is not None and successor != key_id and not late
        may_go = has_heir if heir is not None else key_id not in self.certified
        try:
            self.store.remove(found[key_id].parts, heir, now)
        except errors.DeletionRefused:
            assert not may_go
        else:
            assert may_go
            for known in (self.labels, self.public, self.certified):
                known.pop(key_id, None)

    @rule()
    def begin_anew(self) -> None:
        self.store.close()
        self.store = opened(self.store.path, self.passphrase)

    @rule(new=st.sampled_from(["the second one", "３番目のパスワード"]))
    def lock_anew(self, new: str) -> None:
        lock = sealed.new_lock(cost=CHEAP)
        file.lock_anew(self.store.path, Secret(self.passphrase), Secret(new), lock)
        self.passphrase = new
        self.begin_anew()

    @precondition(lambda self: self.certified)
    @rule()
    def verify(self) -> None:
        for key_id, der in self.certified.items():
            self.store.verify_afresh(der, key_id)

    @invariant()
    def is_what_the_model_says(self) -> None:
        mine, others = self.store.contents(), file.contents(self.store.path)
        assert mine == others
        assert {key.key_id: (key.label, key.public_key) for key in mine.keys} == {
            key_id: (label, self.public[key_id]) for key_id, label in self.labels.items()
        }
        assert {one.key.key_id: one.certificate.der for one in mine.credentials if one.certificate} == self.certified
        assert [c.der for c in mine.certificates if not c.key_id] == (authority().chain if self.has_chain else [])
        assert all(self._has_one_label(one) for one in mine.credentials)

    @staticmethod
    def _has_one_label(one: Credential) -> bool:
        return one.certificate is None or one.certificate.label == one.key.label


TestStore = Store.TestCase
TestStore.settings = settings(max_examples=15, stateful_step_count=15)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=5,
)


@given(data=st.data(), value=JSON)
@settings(max_examples=200)
def test_whatever_a_value_is_replaced_by_is_read_as_it_was_or_refused(data: st.DataObject, value: object) -> None:
    """By somebody who makes the digest anew: no other error comes out of reading than one that says so."""
    path = Path("/store")
    lock = form.Lock(form.PASSPHRASE, CHEAP, bytes(16), bytes(60))
    keys = (form.KeyEntry(b"id", "label", "p256", b"public", b"private", bytes(32)),)
    whole = form.Content(path, bytes(16), lock, keys, (form.CertificateEntry(b"id", "label", b"der", bytes(32)),))
    told = form._body(form.Content(**{**vars(whole), "seal": bytes(32)}))
    place = data.draw(st.sampled_from([told, told["lock"], told["keys"][0], told["certificates"][0]]))
    name = data.draw(st.sampled_from([*place, "another"]))
    place[name] = value
    text = form.encoded({**told, "sha256": form.digest(told)})
    try:
        content = form.read(path, text)
    except (errors.PcStoreDamaged, errors.PcStoreNewer):
        return
    assert form.read(path, form.written(content)) == content
