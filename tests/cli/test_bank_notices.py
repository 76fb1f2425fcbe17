"""`tokenmgr bank notices`: mails that a real mail server takes, refuses, and reports; and clocks that are wrong."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from datetime import timedelta
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.actors import TESTER
from tests.cli.bank_rig import BANK, BankHome, make_ca, now
from tests.notices.mailhouse import House, house
from tokenmgr.sql.administration import Administration

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """kanri's certificate ends in 20 days, tanaka's in 5; each has an address."""
    home = BankHome(tmp_path_factory.mktemp("founded") / "home", make_ca(tmp_path_factory.mktemp("made"))).founded()
    for user, role, days in (("kanri", "administrator", 20), ("tanaka", "user", 5)):
        home.enrol(user, role)
        home.fine("subscriber", "change", BANK, "C-1", user, "--email", f"{user}@mihon.example")
        home.certify(user, now() + days * DAY)
    with home.database() as database:
        Administration(database, TESTER).change_look(
            BANK, lambda look: dataclasses.replace(look, sender="ib@mihon.example", site="https://ib.example/1234")
        )
    return home.folder / "ca"


@pytest.fixture
def mails() -> Iterator[House]:
    with house() as found:
        yield found


@pytest.fixture
def home(tmp_path: Path, founded: Path, mails: House) -> BankHome:
    home = BankHome(tmp_path / "home", founded)
    settings = f'[mail]\nhost = "127.0.0.1"\nport = {mails.port}\nsecurity = "none"\n'
    (home.folder / "settings.toml").write_text(settings)
    return home


def shift(home: BankHome, by: timedelta) -> None:
    """The last run, as if it had been then."""
    with home.database() as database:
        administration = Administration(database, TESTER)
        done = administration.jobs_done()
        administration.keep_jobs_done(["notices"], done["notices"] + by)


def report(mail: EmailMessage, action: str = "failed", status: str = "5.1.1") -> str:
    """RFC 3464, as mail servers write it."""
    fields = f"Final-Recipient: rfc822; {mail['To']}\nAction: {action}\nStatus: {status}\n"
    return (
        'Content-Type: multipart/report; report-type=delivery-status; boundary="="\nMIME-Version: 1.0\n\n'
        "--=\nContent-Type: text/plain\n\nIt did not arrive.\n"
        f"--=\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n{fields}"
        f"Diagnostic-Code: smtp; 550 no such user\n\n"
        f"--=\nContent-Type: text/rfc822-headers\n\nMessage-ID: {mail['Message-ID']}\n\n--=--\n"
    )


def test_a_run_its_list_and_what_comes_back(home: BankHome, mails: House) -> None:
    previewed = home.json("notices", "preview")
    assert [(one["user"], one["to"], one["lead"], one["skipped"]) for one in previewed if not one["skipped"]] == [
        ("tanaka", "tanaka", 10, None),
        ("kanri", "kanri", 30, None),
    ]
    assert home.json("notices", "run", "--dry-run") == {"due": 2, "skipped": {"overtaken": 1}, "waiting": 0}
    written = home.fine("notices", "preview", "--text")
    assert "From: みほん信用金庫 <ib@mihon.example>" in written
    assert "To: tanaka@mihon.example" in written
    done = home.json("notices", "run")
    assert done == {"sent": 2, "refused": 0, "postponed": 0, "skipped": {"overtaken": 1}, "left": 0, "banks": {}}
    assert {one.to for one in mails.taken} == {"tanaka@mihon.example", "kanri@mihon.example"}
    assert "Sent     0" in home.fine("notices", "run")

    (to_tanaka,) = [one.mail for one in mails.taken if one.to.startswith("tanaka")]
    (entry,) = home.json("notices", "list", "--user", "tanaka", "--state", "sent")
    number = str(entry["number"])
    refused = home.bank("notices", "retry", number)
    assert (refused.status, "N109" in refused.err, "it was sent" in refused.err) == (4, True, True)
    assert home.fine("notices", "list", "--state", "bounced") == "There is no such notice.\n"
    assert home.fine("notices", "preview").count("\n") == 2  # the heading, and who was left out
    assert str(to_tanaka["Subject"]) in home.fine("notices", "preview", "--show", number)
    assert "not delivered yet" in home.fine("notices", "bounced", typed=report(to_tanaka, "delayed", "4.4.7"))
    assert "passed on" in home.fine("notices", "bounced", typed=report(to_tanaka, "relayed", "2.0.0"))
    file = home.write(report(to_tanaka), "bounce.eml")
    assert f"Notice {number} was not delivered: 5.1.1" in home.fine("notices", "bounced", file)
    assert "noted already" in home.fine("notices", "bounced", file)
    assert "配信不能" in home.fine("notices", "list", "--lang", "ja")
    forged = EmailMessage()
    forged["To"], forged["Message-ID"] = "x@y.example", f"<{number}.{'0' * 40}@mihon.example>"
    refused = home.bank("notices", "bounced", typed=report(forged))
    assert (refused.status, "N107" in refused.err) == (4, True)

    assert home.json("notices", "retry", "--all-failed", "--bank", BANK) == {"retried": [int(number)]}
    assert home.json("notices", "run", "--bank", BANK)["sent"] == 1
    again = mails.taken[-1].mail
    assert (again["To"], again["Message-ID"] == to_tanaka["Message-ID"]) == (to_tanaka["To"], False)
    assert home.json("notices", "retry", "--all-failed") == {"retried": []}


def test_a_mail_that_is_refused_needs_a_hand(home: BankHome, mails: House) -> None:
    mails.answer("RCPT", "550 5.1.1 no such user")
    done = home.bank("notices", "run")
    assert done.status == 5
    assert "Refused                           1" in done.out
    listed = home.fine("notices", "list", "--state", "refused")
    assert "550 5.1.1 no such user" in listed


@pytest.mark.parametrize(("by", "code", "status"), [(DAY, "N105", 3), (-4 * DAY, "N106", 4)])
def test_a_clock_that_is_wrong_writes_to_nobody(
    home: BankHome, mails: House, by: timedelta, code: str, status: int
) -> None:
    home.fine("notices", "run")
    shift(home, by)
    for arguments in ((), ("--bank", BANK)):
        done = home.bank("notices", "run", *arguments, "--json")
        assert (done.status, json.loads(done.out)["error"]["code"]) == (status, code)
    assert home.bank("notices", "run", "--dry-run").status == 0
    home.fine("notices", "run", *(("--bank", BANK) if code == "N105" else ()), "--after-pause")
    home.fine("notices", "run")


def test_a_bank_without_a_sender_keeps_nobody_else(home: BankHome, mails: House) -> None:
    with home.database() as database:
        Administration(database, TESTER).change_look(BANK, lambda look: dataclasses.replace(look, sender=""))
    done = home.bank("notices", "run")
    assert done.status == 5
    assert "Bank 1234:" in done.err
    assert "N101" in done.err
    assert mails.taken == []
    assert "Waiting                           2" in done.out


def test_setting_up_is_tried_before_anything_is_due(home: BankHome, mails: House) -> None:
    trial = ("notices", "test", "--to", "staff@mihon.example", "--bank", BANK)
    assert "has taken the mail to staff@mihon.example: 2.0.0 taken" in home.fine(*trial)
    (mail,) = [one.mail for one in mails.taken]
    assert (str(mail["To"]), str(mail["Subject"])) == ("staff@mihon.example", "お知らせメールの送信テスト")
    assert "みほん信用金庫" in str(mail["From"])
    assert home.json("notices", "list") == []
    mails.answer("RCPT", "550 5.1.1 no such user")
    refused = home.bank(*trial, "--json")
    assert (refused.status, json.loads(refused.out)["told"]) == (5, "550 5.1.1 no such user")
    home.fine("notices", "run")  # then there is nothing due

    settings = home.folder / "settings.toml"
    named = settings.read_text().replace("none", "tls") + 'user = "notices"\npassword_file = "mail.password"\n'
    settings.write_text(named)
    assert home.bank("notices", "run").status == 2
    (home.folder / "mail.password").write_text("hunter2-70815\n")
    (home.folder / "mail.password").chmod(0o644)
    done = home.bank("notices", "run")
    assert (done.status, "mail.password" in done.err) == (2, True)
    (home.folder / "mail.password").chmod(0o600)
    home.fine("notices", "run")
    assert home.bank(*trial).status in (3, 4)  # no TLS there
