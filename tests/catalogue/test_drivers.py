"""A file of drivers/ is read whole: each kind of mistake has its line and its reason, and all are told at once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr import catalogue
from tokenmgr.catalogue import drivers
from tokenmgr.errors import DriverWrong
from tokenmgr.messages import Texts

GOOD = """\
title = "A token"
[libraries]
linux = ["/opt/liba.so"]
source = "seen: on my desk"
[usb]
ids = ["1234:abcd"]
source = "seen: on my desk"
"""
# The name of the mistake -> (text of the file, line, what it is about)
MISTAKES = {
    "syntax": ("title = A token\n", 1, "Invalid value"),
    "syntax at the end": ('title = "A token', 1, "Unterminated string"),
    "unknown-key": ('title = "x"\nquirk = 1\n', 2, "quirk"),
    "unknown-key, a table": ('title = "x"\n\n[quirks]\nby = "user"\n', 3, "quirks"),
    "unknown-key, in a table": ('title = "x"\n[keys]\nbye = "user"\nsource = "s"\n', 3, "bye"),
    "wrong-type": ("title = 1\n", 1, "title"),
    "wrong-type, in a table": ('title = "x"\n[usb]\nsource = "s"\nids = "1234:abcd"\n', 4, "usb.ids"),
    "wrong-type, no table": ('title = "x"\nusb = 1\n', 2, "usb"),
    "wrong-type, source": ('title = "x"\n[usb]\nids = ["1234:abcd"]\nsource = 1\n', 4, "usb.source"),
    "wrong-type, a number": ('title = "x"\n[time]\nload = "10"\nsource = "s"\n', 3, "time.load"),
    "wrong-type, yes and no": ('title = "x"\n[time]\nload = true\nsource = "s"\n', 3, "time.load"),
    "missing": ('[usb]\nids = ["1234:abcd"]\nsource = "s"\n', 1, "title"),
    "no-source": ('title = "x"\n\n[usb]\nids = ["1234:abcd"]\n', 3, "usb"),
    "recognises-nothing": ('title = "x"\n', 1, ""),
    "no-picture": ('title = "x"\npicture = "none.svg"\n', 2, "none.svg"),
    "empty-text": ('title = "x"\n[token]\nmodels = [""]\nsource = "s"\n', 3, "token.models"),
    "not-one-of": ('title = "x"\nbase = "opensc"\n[keys]\nby = "everybody"\nsource = "s"\n', 4, "everybody"),
    "not-a-usb-id": ('title = "x"\n[usb]\nids = [\n  "1234:abcd",\n  "1234:ABCD",\n]\nsource = "s"\n', 5, "1234:ABCD"),
    "not-a-key-id": ('title = "x"\n[keys]\nplaces = ["01", "2"]\nsource = "s"\n', 3, "2"),
    "not-an-answer": ('title = "x"\n[space]\nfull = ["full"]\nsource = "s"\n', 3, "full"),
    "not-a-full-path": ('title = "x"\n[libraries]\nlinux = ["libx.so"]\nsource = "s"\n', 3, "libx.so"),
    "not-a-full-path, Windows": (
        "title = 'x'\n[libraries]\nwindows = ['/usr/lib/x.dll']\nsource = 's'\n",
        3,
        "/usr/lib/x.dll",
    ),
    "out-of-range": ('title = "x"\n[time]\nload = -1\nsource = "s"\n', 3, "-1"),
    "not-a-mechanism": ('title = "x"\nbase = "opensc"\n[keys]\navoid = ["CKM_ECDSA"]\nsource = "s"\n', 4, "CKM_ECDSA"),
    "not-in-order": (
        'title = "x"\nbase = "opensc"\n[pin]\nshortest = 9\nlongest = 4\nsource = "s"\n',
        5,
        "pin.longest",
    ),
    "out-of-range, without end": ('title = "x"\nbase = "opensc"\n[time]\nload = inf\nsource = "s"\n', 4, "inf"),
    "twice": ('title = "x"\n[usb]\nids = ["1234:abcd", "1234:abcd"]\nsource = "s"\n', 3, "1234:abcd"),
}


def reasons() -> set[str]:
    """Every one that the code knows."""
    source = "".join(Path(module.__file__ or "").read_text(encoding="utf-8") for module in (drivers, catalogue))
    kinds = r"(?:not|no|unknown|wrong|recognises|empty)-[a-z0-9-]+|missing|twice|out-of-range|syntax|claimed"
    return set(re.findall(rf'"({kinds})"', source))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "drivers.d"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_has_its_line_and_its_reason(own: Path, mistake: str) -> None:
    text, line, subject = MISTAKES[mistake]
    path = own / "x.toml"
    path.write_text(text, encoding="utf-8")
    found = [one for one in drivers.read(path).mistakes if one.reason == mistake.partition(",")[0].partition(" ")[0]]
    assert [(one.file, one.line) for one in found] == [(str(path), line)]
    assert subject in found[0].subject
    with pytest.raises(DriverWrong) as raised:
        catalogue.load(own)
    assert raised.value.file == str(path)


def test_every_reason_of_a_mistake_is_provoked_here() -> None:
    provoked = {mistake.partition(",")[0].partition(" ")[0] for mistake in MISTAKES}
    between_files_and_of_files = {"no-such-base", "claimed", "not-utf8", "not-readable", "not-a-name"}
    assert provoked | between_files_and_of_files == reasons()


def test_a_mistake_is_told_in_words(own: Path) -> None:
    (own / "x.toml").write_text(MISTAKES["not-one-of"][0])
    with pytest.raises(DriverWrong) as raised:
        catalogue.load(own)
    assert (
        Texts("en").error(raised.value)["what"].endswith("x.toml, line 4: everybody is none of: user, officer, nobody")
    )
    assert (
        "4 行目: everybody は使えません。使えるもの: user、officer、nobody" in Texts("ja").error(raised.value)["what"]
    )


def test_all_mistakes_are_told_at_once(own: Path) -> None:
    (own / "x.toml").write_text('titel = "x"\n[usb]\nids = ["1"]\n[time]\nload = -1\n')
    found = {one.reason for one in drivers.read(own / "x.toml").mistakes}
    assert found == {"unknown-key", "missing", "not-a-usb-id", "no-source", "out-of-range"}


def test_a_file_that_is_not_text_and_one_that_cannot_be_read(own: Path) -> None:
    (own / "x.toml").write_bytes('title = "専用"'.encode("shift_jis"))
    assert [one.reason for one in drivers.read(own / "x.toml").mistakes] == ["not-utf8"]
    (own / "y.toml").mkdir()
    assert [one.reason for one in drivers.read(own / "y.toml").mistakes] == ["not-readable"]


def test_a_file_whose_name_no_command_could_take_is_named(own: Path) -> None:
    (own / "Our Stick.toml").write_text(GOOD)
    assert [(one.reason, one.subject) for one in drivers.read(own / "Our Stick.toml").mistakes] == [
        ("not-a-name", "Our Stick.toml")
    ]


def test_notepads_mark_in_front_is_no_mistake(own: Path) -> None:
    (own / "x.toml").write_text("\ufeff" + GOOD, encoding="utf-8")
    assert drivers.read(own / "x.toml").mistakes == ()


def test_two_families_of_one_folder_may_not_claim_one_id(own: Path) -> None:
    (own / "a.toml").write_text(GOOD)
    (own / "b.toml").write_text(GOOD)
    (mistake,) = catalogue.read(own)["b"].mistakes
    assert (mistake.reason, mistake.subject, mistake.allowed, mistake.line) == ("claimed", "1234:abcd", ("a",), 6)
    assert catalogue.read(own)["a"].mistakes == ()


def test_a_base_that_does_not_come_with_tokenmgr_is_named(own: Path) -> None:
    (own / "a.toml").write_text('base = "nothing"\n' + GOOD)
    (mistake,) = catalogue.read(own)["a"].mistakes
    assert (mistake.reason, mistake.subject, mistake.line) == ("no-such-base", "nothing", 1)
    assert "opensc" in mistake.allowed
    (own / "a.toml").write_text('title = "x"\nbase = "b"\n')
    (own / "b.toml").write_text('title = "x"\nbase = "a"\n')
    found = catalogue.read(own)
    assert [one.reason for name in ("a", "b") for one in found[name].mistakes] == ["no-such-base"] * 2


@given(st.text(alphabet="ab:\"=[]{}\n#\\ 0123456789,.'", max_size=200))
def test_no_text_whatever_ends_the_reader(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.toml"
    path.write_text(text, encoding="utf-8")
    for mistake in drivers.read(path).mistakes:
        assert 1 <= mistake.line <= text.count("\n") + 1
        assert mistake.reason in reasons()
