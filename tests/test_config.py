"""Settings are read once, checked whole, and wrong ones are named by file and reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from tokenmgr import config
from tokenmgr.errors import SettingsWrong


def settings(home: Path, text: str = "", **environment: str) -> config.Settings:
    (home / "settings.toml").write_text(text, encoding="utf-8")
    return config.load({"TOKENMGR_HOME": str(home), **environment})


def test_everything_has_a_default(tmp_path: Path) -> None:
    found = config.load({"TOKENMGR_HOME": str(tmp_path / "not there")})
    assert (found.language, found.catalogue, found.libraries) == ("en", True, ())
    assert found.time_limits == config.TimeLimits()


def test_tokenmgr_home_moves_all_of_a_users_state(tmp_path: Path) -> None:
    assert settings(tmp_path).home == tmp_path
    assert settings(tmp_path).library_folder == tmp_path / "libraries.d"


@pytest.mark.parametrize(
    ("environment", "language"),
    [
        ({"LANG": "ja_JP.UTF-8"}, "ja"),
        ({"LANG": "en_US.UTF-8"}, "en"),
        ({"LANG": "ja_JP.UTF-8", "LC_ALL": "C"}, "en"),
        ({"LANG": "C", "LC_MESSAGES": "ja_JP"}, "ja"),
        ({}, "en"),
    ],
)
def test_the_language_is_the_locales(tmp_path: Path, environment: dict[str, str], language: str) -> None:
    assert settings(tmp_path, **environment).language == language


def test_a_mark_that_notepad_puts_in_front_is_no_part_of_it(tmp_path: Path) -> None:
    assert settings(tmp_path, '\ufefflanguage = "ja"').language == "ja"


def test_a_home_that_no_user_has_is_a_wrong_setting() -> None:
    with pytest.raises(SettingsWrong) as raised:
        config.load({"TOKENMGR_HOME": "~nobody-of-that-name/x"})
    assert raised.value.file == "TOKENMGR_HOME"


def test_the_settings_win_over_the_locale(tmp_path: Path) -> None:
    assert settings(tmp_path, 'language = "ja"', LANG="en_US").language == "ja"


def test_a_library_beside_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "libraries.d").mkdir()
    (tmp_path / "libraries.d" / "a.toml").write_text('path = "/x.so"\nfamily = "softhsm"\n[environment]\nA = "b"\n')
    assert settings(tmp_path).libraries == (config.LibraryEntry("/x.so", "softhsm", {"A": "b"}),)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("langauge = 'ja'", "unknown: langauge"),
        ("language = 'fr'", "language is one of"),
        ("catalogue = 1", "true or false"),
        ("[time_limits]\nsign = 3", "unknown: sign"),
        ("[time_limits]\ncall = 0", "time_limits.call"),
        ("[time_limits]\ncall = 'fast'", "time_limits.call"),
        ("[time_limits]\ncall = true", "time_limits.call"),
        ("time_limits = 3", "time_limits is a table"),
        ("mail = 3", "mail is a table"),
        ("[mail]\nserver = 'x'", "unknown: server"),
        ("[mail]\nport = 25", "mail.host is needed"),
        ("[mail]\nhost = ''", "mail.host is needed"),
        ("[mail]\nhost = 3", "mail.host is a text"),
        ("[mail]\nhost = 'み.example'", "mail.host is a text in ASCII"),
        ('[mail]\nhost = "a\\r\\nb"', "mail.host is a text"),
        ("[mail]\nhost = 'x'\nport = 0", "mail.port"),
        ("[mail]\nhost = 'x'\nport = 25.5", "mail.port"),
        ("[mail]\nhost = 'x'\nport = 65536", "mail.port"),
        ("[mail]\nhost = 'x'\ntime_limit = 0", "mail.time_limit"),
        ("[mail]\nhost = 'x'\ntime_limit = 61", "at most 60"),
        ("[mail]\nhost = 'x'\ntime_limit = true", "mail.time_limit"),
        ("[mail]\nhost = 'x'\nsecurity = 'ssl'", "mail.security is one of"),
        ("[mail]\nhost = 'x'\nuser = 'u'", "go together"),
        ("[mail]\nhost = 'x'\npassword_file = 'p'", "go together"),
        ("[mail]\nhost = 'x'\nuser = 'u'\npassword_file = 'p'\nsecurity = 'none'", "would tell it to all"),
        ("[mail]\nhost = 'x'\nreturn_path = 'bounces'", "mail.return_path is an address"),
        ("[mail]\nhost = 'x'\nreturn_path = 'a@b>c'", "mail.return_path is an address"),
        ("not toml", "line 1"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(SettingsWrong) as raised:
        settings(tmp_path, text)
    assert reason in raised.value.reason
    assert raised.value.file == str(tmp_path / "settings.toml")


@pytest.mark.parametrize(
    "text",
    [
        "family = 'x'",
        "environment = 'x'\npath = '/x'",
        "path = '/x'\n[environment]\n'A=B' = 'x'",
        "path = 3",
        "path = '/x'\nfamily = 3",
        "path = '/x'\nlib = 1",
    ],
)
def test_a_wrong_library_entry_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "libraries.d").mkdir()
    (tmp_path / "libraries.d" / "b.toml").write_text(text)
    with pytest.raises(SettingsWrong) as raised:
        settings(tmp_path)
    assert raised.value.file.endswith("b.toml")


def test_a_mail_server_has_the_port_of_its_security_and_files_beside_the_settings(tmp_path: Path) -> None:
    assert settings(tmp_path).mail == config.MailServer()
    text = "[mail]\nhost = 'mail.example'\nuser = 'u'\npassword_file = 'mail.password'\nca_file = '/etc/ca.pem'\n"
    found = settings(tmp_path, text).mail
    assert (found.security, found.port, found.time_limit) == ("starttls", 587, 60)
    assert (found.password_file, found.ca_file) == (str(tmp_path / "mail.password"), "/etc/ca.pem")
    assert settings(tmp_path, text + "security = 'tls'").mail.port == 465
    assert settings(tmp_path, "[mail]\nhost = 'localhost'\nsecurity = 'none'").mail.port == 25
    assert settings(tmp_path, "[mail]\nhost = 'localhost'\nport = 2525").mail.port == 2525
