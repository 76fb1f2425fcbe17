"""What everybody's programs are to start, and the record of it, is nobody else's to write."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tokenmgr import system
from tokenmgr.customer.installing import Installer
from tokenmgr.customer.installing_files import require_administrators, untrusted
from tokenmgr.customer.installing_record import FILE
from tokenmgr.domain.installation import Change, Part, WholeFile
from tokenmgr.errors import ModuleUnfit, RecordUnfit

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="folders have no such modes there")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "a/b/program"
    made.parent.mkdir(parents=True, mode=0o755)
    made.touch(0o755)
    return made


def test_what_its_owner_alone_can_write_is_trusted(file: Path) -> None:
    """Below a folder that is everybody's, too, where nobody removes another's."""
    file.parents[1].chmod(0o1777)
    assert untrusted(file) is None


@pytest.mark.parametrize("number", [0, 1, 2], ids=["itself", "its-folder", "a-folder-above"])
@pytest.mark.parametrize("mode", [0o775, 0o757])
def test_what_others_can_write_is_named(file: Path, number: int, mode: int) -> None:
    place = (file, *file.parents)[number]
    place.chmod(mode)
    assert untrusted(file) == (place, "written-by-others")
    with pytest.raises(ModuleUnfit) as told:
        require_administrators(file)
    assert told.value.facts == {"library": str(place), "reason": "written-by-others"}


def test_every_link_on_the_way_is_followed(file: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
    (tmp_path / "second/link").symlink_to(file.parent)
    (tmp_path / "first/link").symlink_to("../second/link")
    link = tmp_path / "first/link/program"
    assert untrusted(link) is None
    (tmp_path / "second").chmod(0o777)
    found = untrusted(link)
    assert found is not None
    assert found[0].samefile(tmp_path / "second")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_is_anothers_is_named(file: Path) -> None:
    os.chown(file.parent, 4711, -1)
    assert untrusted(file) == (file.parent, "owned-by-another")


@pytest.mark.parametrize("where", ["folder", "above", "sticky", "record"])
def test_a_machines_record_that_others_can_write_is_not_gone_by(tmp_path: Path, where: str) -> None:
    folder, target = tmp_path / "above/own", tmp_path / "target"
    changes = [Change(Part.MENU, WholeFile(target), "x")]
    installer = Installer(folder, is_public=True)
    installer.install(changes)
    place = {"folder": folder, "above": folder.parent, "sticky": folder, "record": folder / FILE}[where]
    place.chmod(0o1777 if where == "sticky" else 0o777)
    for act in (lambda: installer.install(changes), installer.uninstall, lambda: installer.look(changes)):
        with pytest.raises(RecordUnfit) as told:
            act()
        assert told.value.facts == {"file": str(place), "reason": "written-by-others"}
    assert target.read_text() == "x"
    Installer(folder).look(changes)  # one user's is that user's own affair


def test_hooks_are_judged_as_before(file: Path) -> None:
    file.parents[1].chmod(0o1777)
    assert system.distrust(file.parents[1]) == "written-by-others"
