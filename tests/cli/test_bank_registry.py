"""Which database, and what is said when it is not there. On PostgreSQL too, where it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.bank_rig import BANK, BankHome, make_ca, now, row, rows
from tests.cli.runner import Home
from tests.sql import postgres


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_ca(tmp_path_factory.mktemp("made"))


def test_postgresql_does_the_same(tmp_path: Path, server: postgres.Server) -> None:
    ca = make_ca(tmp_path / "made", "--database", server.database())
    home = BankHome(tmp_path / "home", ca).founded("--set", "grace_days=90")
    home.enrol("u1")
    home.certify("u1", now().replace(microsecond=0))
    content = rows(row("u1"), row("u2", "C-2", "つぎ"), row("u3", "C-2", email="u\0@a.example"))
    said = home.json("import", home.write(content))
    assert [(one["row"], one["faults"][0]["column"]) for one in said["refused"]] == [(2, "user"), (4, "email")]
    assert (said["added"], said["contracts_added"]) == (1, 1)
    assert home.json("import", home.write(rows(row("u3", "C-3", "さん"))), "--all-or-nothing")["added"] == 1
    assert [one["user"] for one in home.json("subscriber", "list", "--bank", BANK)] == ["u1", "u2", "u3"]
    assert [one["state"] for one in home.json("export", "-")] == ["expired", "none", "none"]
    assert "R117" in home.bank("contract", "add", BANK, "C-2", "--name", "つぎ").err
    assert "R114" in home.bank("contract", "add", "0009", "C-2", "--name", "つぎ").err
    assert home.fine("subscriber", "unlock", BANK, "C-1", "u1")
    assert home.json("show", BANK)["subscribers"] == 3


def test_a_database_that_does_not_answer_is_said_so(tmp_path: Path, ca: Path) -> None:
    home = BankHome(tmp_path / "home", ca)
    about = home.folder / "ca" / "ca.toml"
    text = about.read_text(encoding="utf-8")
    about.write_text(text.replace('database = ""', 'database = "postgresql://nobody@/none?host=/nowhere"'))
    done = home.bank("list", "--lang", "ja")
    assert (done.status, "R115" in done.err) == (3, True), done.err


def test_a_registry_of_a_newer_program_is_left_alone(tmp_path: Path, ca: Path) -> None:
    home = BankHome(tmp_path / "home", ca)
    home.fine("list")
    with home.database() as database, database.engine.connect() as connection:
        connection.exec_driver_sql("INSERT INTO migration VALUES (999, 'later', 0)")
    done = home.bank("list")
    assert (done.status, "R116" in done.err) == (4, True), done.err


def test_without_a_ca_there_is_no_registry(tmp_path: Path) -> None:
    done = Home(tmp_path / "home").run("bank", "list")
    assert (done.status, "A101" in done.err) == (2, True)


def test_the_registry_is_for_its_owner_alone(tmp_path: Path, ca: Path) -> None:
    home = BankHome(tmp_path / "home", ca).founded()
    for path in (home.folder / "ca").glob("registry.sqlite*"):
        assert path.stat().st_mode & 0o077 == 0, path
