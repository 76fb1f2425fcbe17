"""The passphrase in the keyring of a real desktop, and nowhere else."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import ClassVar

import keyring as library
import pytest
from keyring.backend import KeyringBackend

from tests.keystore.kept import CHEAP, NOW, PASSPHRASE, filled, made, opened
from tokenmgr import errors
from tokenmgr.keystore import disk, file, form, keyring, sealed
from tokenmgr.keystore.file import FileStore
from tokenmgr.log import Secret


def kept(path: Path) -> str | None:
    return library.get_password(keyring.SERVICE, disk.read(path).lock.salt.hex())


@pytest.mark.usefixtures("in_session")
def test_a_store_that_the_keyring_opens(tmp_path: Path) -> None:
    path = tmp_path / "store"
    keyring.make(path)
    assert file.is_by_keyring(path)
    one = filled(FileStore(path, keyring.secret_of(path)))
    FileStore(path, keyring.secret_of(path)).require_works(one, NOW)
    told = kept(path)
    assert told is not None
    assert len(bytes.fromhex(told)) == 32
    assert told not in path.read_text()
    with pytest.raises(errors.PcStoreExists):
        keyring.make(path)
    assert kept(path) == told


@pytest.mark.usefixtures("in_session")
def test_from_a_passphrase_to_the_keyring_and_back(tmp_path: Path) -> None:
    store = made(tmp_path / "store")
    one = filled(store)
    keyring.take_over(store.path, Secret(PASSPHRASE))
    first = disk.read(store.path).lock
    FileStore(store.path, keyring.secret_of(store.path)).require_works(one, NOW)
    with pytest.raises(errors.PassphraseWrong):
        opened(store.path).contents()
    keyring.take_over(store.path, keyring.secret_of(store.path))  # another secret
    assert library.get_password(keyring.SERVICE, first.salt.hex()) is None
    FileStore(store.path, keyring.secret_of(store.path)).require_works(one, NOW)
    second = disk.read(store.path).lock
    lock = sealed.new_lock(cost=CHEAP)
    keyring.hand_over(store.path, keyring.secret_of(store.path), Secret(PASSPHRASE), lock)
    opened(store.path).require_works(one, NOW)
    assert library.get_password(keyring.SERVICE, second.salt.hex()) is None
    assert not file.is_by_keyring(store.path)


@pytest.mark.usefixtures("in_session")
def test_where_the_file_cannot_be_locked_anew_the_keyring_keeps_what_opens_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = made(tmp_path / "store")
    numbers: list[bytes] = []
    new_lock = sealed.new_lock

    def noted(by: str, cost: form.Cost) -> form.Lock:
        lock = new_lock(by, cost)
        numbers.append(lock.salt)
        return lock

    monkeypatch.setattr(sealed, "new_lock", noted)
    with pytest.raises(errors.PassphraseWrong):
        keyring.take_over(store.path, Secret("not this one"))
    opened(store.path).contents()
    keyring.take_over(store.path, Secret(PASSPHRASE))
    store.path.with_name("store.new").mkdir()  # in the way of every change
    with pytest.raises(errors.PcStoreUnwritable):
        keyring.take_over(store.path, keyring.secret_of(store.path))
    with pytest.raises(errors.PcStoreUnwritable):
        keyring.hand_over(store.path, keyring.secret_of(store.path), Secret(PASSPHRASE), new_lock(cost=CHEAP))
    FileStore(store.path, keyring.secret_of(store.path)).contents()
    left = [library.get_password(keyring.SERVICE, number.hex()) is not None for number in numbers]
    assert left == [False, True, False]  # only the one that opens it


@pytest.mark.usefixtures("in_session")
def test_a_file_that_came_from_another_pc(tmp_path: Path) -> None:
    path = tmp_path / "store"
    keyring.make(path)
    library.delete_password(keyring.SERVICE, disk.read(path).lock.salt.hex())
    with pytest.raises(errors.KeyringUnavailable) as told:
        keyring.secret_of(path)
    assert told.value.reason == "keyring-has-none"
    assert file.contents(path).keys == []  # it can be looked at


class PlainText(KeyringBackend):
    """As there is one: whatever is said to it lies in a file."""

    priority = 1
    told: ClassVar[list[str]] = []

    def set_password(self, service: str, username: str, password: str) -> None:
        self.told.append(password)

    def get_password(self, service: str, username: str) -> str | None:
        return self.told[-1] if self.told else None


@pytest.mark.usefixtures("in_session")
def test_what_keeps_nothing_or_keeps_it_as_plain_text_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("null", "fail"):
        monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"keyring.backends.{module}.Keyring")
        library.core.init_backend()
        with pytest.raises(errors.KeyringUnavailable) as told:
            keyring.make(tmp_path / "store")
        assert told.value.reason == "keyring-none"
    library.set_keyring(PlainText())  # type: ignore[no-untyped-call]
    with pytest.raises(errors.KeyringUnavailable):
        keyring.make(tmp_path / "store")
    assert PlainText.told == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.usefixtures("in_session")
def test_a_desktop_that_has_gone_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring.make(tmp_path / "store")
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={tmp_path / 'nobody'}")
    with pytest.raises(errors.KeyringUnavailable):  # the library has chosen its backend before
        keyring.secret_of(tmp_path / "store")
    monkeypatch.setattr(library.core, "_keyring_backend", None)
    with pytest.raises(errors.KeyringUnavailable):
        keyring.secret_of(tmp_path / "store")


def test_without_the_package_it_is_said_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(errors.PcStoreSoftware) as told:
        keyring.make(tmp_path / "store")
    assert "tokenmgr[keyring]" in told.value.get
    assert list(tmp_path.iterdir()) == []
