"""`tokenmgr bank look`: what is shown can be set, and every mistake of a file is told at once."""

from __future__ import annotations

import subprocess
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.cli.bank_rig import BANK, BankHome, make_ca
from tests.cli.runner import PROGRAM
from tokenmgr.cli.bank_look_toml import as_toml, read
from tokenmgr.domain.look import LANGUAGES, LARGEST_LOGO, MAILS, WORDS, Look, Reminder
from tokenmgr.errors import TextUnfit, ValueUnfit
from tokenmgr.notices.texts import usual

PNG = b"\x89PNG\r\n\x1a\nrest"
OWN = '''
colour = "#7a1f1f"
reminder = "buttons"
site = "https://ib.mihon.example/1234"
sender = "ib@mihon.example"
languages = ["ja", "en"]

[words.ja]
renew_now = "すぐに更新"

[mails]
"due.ja" = """
{user_id} 様
期限は {expires} です。

{facts}
"""
'''


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> BankHome:
    return BankHome(tmp_path_factory.mktemp("made") / "home", make_ca(tmp_path_factory.mktemp("ca"))).founded()


def test_what_was_set_is_shown_and_can_be_set_again(home: BankHome) -> None:
    file, logo = home.write(OWN, "own.toml"), home.write(PNG, "logo.png")
    said = home.fine("look", "set", BANK, file, "--logo", logo)
    assert "みほん信用金庫" in said
    shown = home.fine("look", "show", BANK, "--mails")
    assert 'renew_now = "すぐに更新"' in shown
    assert '# renew_later = "後で更新する"' in shown
    found = home.json("look", "show", BANK)
    assert (found["colour"], found["reminder"], found["logo"]) == ("#7a1f1f", "buttons", len(PNG))
    assert found["mails"] == {"due.ja": "{user_id} 様\n期限は {expires} です。\n\n{facts}\n"}
    assert home.json("look", "set", BANK, home.write(shown, "again.toml")) == found
    assert "look.colour" in home.run("ca", "audit", "list", "--json").out

    usual_again = home.fine("look", "set", BANK, home.write("", "empty.toml"), "--no-logo")
    assert "sender" in usual_again
    assert home.json("look", "show", BANK)["logo"] == 0


def test_it_is_toml_whatever_the_terminal_speaks(home: BankHome) -> None:
    home.fine("look", "set", BANK, home.write(OWN, "own.toml"))
    environment = {**home.environment, "PYTHONIOENCODING": "ascii"}  # a process of its own: it is read at the start
    done = subprocess.run([PROGRAM, "bank", "look", "show", BANK], env=environment, capture_output=True, check=True)
    assert tomllib.loads(done.stdout.decode("ascii"))["words"]["ja"] == {"renew_now": "すぐに更新"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("set", "9999", "own.toml"), "R114"),
        (("show", "9999"), "R114"),
        (("set", BANK, "missing.toml"), "U114"),
        (("set", BANK, "own.toml", "--logo", "missing.png"), "U114"),
        (("set", BANK, "own.toml", "--logo", "own.toml"), "R119"),
        (("set", BANK, "own.toml", "--logo", "large.png"), "R119"),
    ],
)
def test_what_cannot_be_is_said_with_its_code(home: BankHome, arguments: tuple[str, ...], code: str) -> None:
    home.write(OWN, "own.toml")
    home.write(PNG + bytes(LARGEST_LOGO), "large.png")
    places = [str(home.folder / one) if "." in one else one for one in arguments]
    done = home.bank("look", *places)
    assert (done.status != 0, code in done.err) == (True, True), done.err


def test_a_logo_is_brought_or_taken_away_and_not_both(home: BankHome) -> None:
    own = home.write(OWN, "own.toml")
    done = home.bank("look", "set", BANK, own, "--logo", own, "--no-logo")
    assert (done.status, "--no-logo" in done.err) == (2, True)


def test_every_mistake_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "look.toml"
    file.write_text(
        'color = "#ffffff"\ncolour = "#ffffff"\nreminder = "often"\nsite = 3\nsender = "みほん"\nlanguages = ["fr"]\n'
        'sender_name = " x"\nprogram_page = "x"\n[words.fr]\n[words.ja]\nrenew_nov = "x"\nrenew_now = ""\n'
        '[mails]\n"due.fr" = "x"\n',
        encoding="utf-8",
    )
    with pytest.raises(ValueUnfit) as raised:
        read(file)
    reason = raised.value.reason
    for line, said in enumerate(("color", "colour", "reminder", "site", "sender", "languages", "sender_name"), 1):
        assert f"{line}行目 {said}: " in reason or f"line {line}, {said}: " in reason or f"{said}: " in reason
    for said in ("program_page", "words.fr", "words.ja.renew_nov", "words.ja.renew_now", "mails.due.fr"):
        assert f"{said}: " in reason, said
    assert "renew_button" in reason  # what there is instead


def test_every_mistake_of_a_text_is_told(tmp_path: Path) -> None:
    file = tmp_path / "look.toml"
    file.write_text(
        '[mails]\n"due.ja" = """\n件名\n{expirs}\nx {facts}\n{"""\n"due.en" = "subject"\n', encoding="utf-8"
    )
    with pytest.raises(TextUnfit) as raised:
        read(file)
    reason = raised.value.reason
    for said in ("{expirs}", "{facts}", "{user_id}", "due.ja", "due.en"):
        assert said in reason
    assert reason.count("{contract_number}") == 1  # what there is instead
    assert [number for number in range(9) if f"line {number}, " in reason or f"{number}行目 " in reason] == [4, 5, 6, 7]


@pytest.mark.parametrize(
    "content", [b"colour = ", b"\xff", b"words = 3", b"mails = [1]", b'[words]\nja = "x"', b"languages = 3"]
)
def test_a_file_that_says_no_look_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "look.toml"
    file.write_bytes(content)
    with pytest.raises(ValueUnfit):
        read(file)


LINE = st.text(min_size=1, max_size=20).filter(lambda text: bool(text.strip()) and text.isprintable())
TEXT = st.lists(LINE.filter(lambda line: not set(line) & set("{}")), min_size=2, max_size=4).map("\n".join)
LOOKS = st.builds(
    Look,
    reminder=st.sampled_from(Reminder),
    words=st.dictionaries(
        st.sampled_from(LANGUAGES), st.dictionaries(st.sampled_from(sorted(WORDS)), LINE, max_size=3)
    ),
    languages=st.sampled_from([("ja",), ("en", "ja")]),
    mails=st.dictionaries(st.sampled_from(sorted(MAILS)), TEXT | st.sampled_from(sorted(MAILS)).map(usual), max_size=3),
)


@settings(max_examples=20)
@given(look=LOOKS, only_ascii=st.booleans())
def test_any_look_comes_back_from_its_toml(
    tmp_path_factory: pytest.TempPathFactory, look: Look, only_ascii: bool
) -> None:
    file = tmp_path_factory.getbasetemp() / "look.toml"
    file.write_text("\n".join(as_toml(look, mails=True, only_ascii=only_ascii)), encoding="utf-8")
    found = read(file)
    assert found.words == {language: own for language, own in look.words.items() if own}
    assert (found.mails, found.reminder, found.languages) == (look.mails, look.reminder, look.languages)
