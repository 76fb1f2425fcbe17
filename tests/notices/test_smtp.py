"""The way to a mail server, by real ones: what each can answer, and each way it can fail to."""

from __future__ import annotations

import contextlib
import logging
import socket
import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.notices.mailhouse import (
    LOGIN,
    SILENCE,
    House,
    Trust,
    endless,
    house,
    letter,
    password_file,
    scripted,
    settings,
    trust,
)
from tokenmgr.config import LONGEST_ANSWER, MailServer
from tokenmgr.domain.notice import AHEAD
from tokenmgr.errors import (
    MailLoginRefused,
    MailNotSet,
    MailSenderRefused,
    MailServerUnreachable,
    MailServerUntrusted,
    SettingsWrong,
)
from tokenmgr.notices.mail import as_bytes
from tokenmgr.notices.post import NO_ANSWER, WRONG_ADDRESS, Fate, Post
from tokenmgr.notices.smtp import FOR_ALL, SmtpPost
from tokenmgr.sql.outbox import LEASE

HELLO = (b"220 hello\r\n", b"250 localhost\r\n")
WRONG = "hunter3-41968"
OK = b"250 OK\r\n"


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> Trust:
    return trust(tmp_path_factory.mktemp("trust"))


@pytest.fixture
def plain() -> Iterator[House]:
    with house() as found:
        yield found


@contextlib.contextmanager
def post(found: MailServer) -> Iterator[Post]:
    made = SmtpPost(found)
    try:
        yield made
    finally:
        made.close()


# --- what goes well ---


def test_a_letter_arrives_byte_for_byte_and_its_report_goes_elsewhere(plain: House) -> None:
    with post(settings(plain.port)) as way:
        receipt = way.send(letter())
    assert (receipt.fate, receipt.told) == (Fate.SENT, "2.0.0 taken, as queueé one")
    (taken,) = plain.taken
    assert (taken.sender, taken.to) == ("bounces@mihon.example", "tanaka@mihon.example")
    assert taken.data == as_bytes(letter())


def test_many_letters_take_one_connection(plain: House) -> None:
    with post(settings(plain.port)) as way:
        for number in range(20):
            assert way.send(letter(number)).fate is Fate.SENT
    assert (len(plain.taken), plain.connections) == (20, 1)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_by_tls_and_with_a_login(trusted: Trust, tmp_path: Path, security: str) -> None:
    with house(trusted.context, is_implicit=security == "tls", login=True) as found:
        given = settings(
            found.port,
            security=security,
            ca_file=str(trusted.roots),
            user=LOGIN,
            password_file=password_file(tmp_path),
        )
        with post(given) as way:
            assert way.send(letter()).fate is Fate.SENT
    assert [(one.login, one.in_tls) for one in found.taken] == [(LOGIN, True)]


def test_an_address_with_two_dots_is_quoted(plain: House) -> None:
    """Which mobile carriers in Japan have given out for years."""
    with post(settings(plain.port)) as way:
        assert way.send(letter(to="a..b.@mobile.example")).fate is Fate.SENT
    assert plain.taken[0].mail["To"].addresses[0].username == "a..b."


# --- what a server says of one letter ---


@pytest.mark.parametrize("command", ["RCPT", "DATA"])
@pytest.mark.parametrize(
    ("said", "fate"),
    [
        ("550 5.1.1 no such user", Fate.REFUSED),
        ("554 5.7.1 no", Fate.REFUSED),
        ("451 4.7.1 greylisted", Fate.POSTPONED),
        ("452 4.2.2 full", Fate.POSTPONED),
    ],
)
def test_a_refusal_is_of_that_letter_alone(plain: House, command: str, said: str, fate: Fate) -> None:
    plain.answer(command, said)
    with post(settings(plain.port)) as way:
        receipt = way.send(letter(1))
        assert (receipt.fate, receipt.told) == (fate, said)
        assert way.send(letter(2)).fate is Fate.SENT
    assert [one.mail["Message-ID"] for one in plain.taken] == [letter(2).message_id]
    assert plain.connections == 1


def test_who_is_refused_for_now_is_taken_the_next_time_as_the_same_mail(plain: House) -> None:
    plain.answer("DATA", "451 4.3.0 later")
    with post(settings(plain.port)) as way:
        assert [way.send(letter()).fate for _ in range(2)] == [Fate.POSTPONED, Fate.SENT]
    assert plain.taken[0].data == as_bytes(letter())


def test_who_is_forwarded_is_taken(plain: House) -> None:
    plain.answer("RCPT", "251 will forward")
    with post(settings(plain.port)) as way:
        assert way.send(letter()).fate is Fate.SENT


@pytest.mark.parametrize("ending", ["", "421 4.3.2 closing"])
def test_a_connection_that_has_ended_between_letters_is_opened_again(plain: House, ending: str) -> None:
    with post(settings(plain.port)) as way:
        assert way.send(letter(1)).fate is Fate.SENT
        plain.answer("MAIL", ending)
        assert way.send(letter(2)).fate is Fate.SENT
    assert (len(plain.taken), plain.connections) == (2, 2)


@pytest.mark.parametrize("ending", ["", "421 4.3.2 closing"])
@pytest.mark.parametrize("command", ["RCPT", "DATA"])
def test_one_that_ends_in_the_middle_postpones_that_letter(plain: House, command: str, ending: str) -> None:
    """DATA with "": it has the mail, says nothing and is gone. Nobody knows, and the next time it is the same mail."""
    plain.answer(command, ending)
    with post(settings(plain.port)) as way:
        receipt = way.send(letter(1))
        assert (receipt.fate, receipt.told) == (Fate.POSTPONED, ending or NO_ANSWER)
        assert way.send(letter(1)).fate is Fate.SENT
    assert plain.connections == 2


@pytest.mark.parametrize(
    "lines",
    [
        (OK, OK, b"354 go\r\n"),
        (OK, OK, b"354 go\r\n", SILENCE),
        (OK, SILENCE),
        (OK, OK, b"what?\r\n"),
        (OK, OK, b"354 go\r\n", b"250 " + b"x" * 20000 + b"\r\n"),
        (OK, OK, b"354 go\r\n", b"\xff\x00\x1b[2J\r\n"),
        (OK, OK, b"354 go\r\n", b"250-yes\r\n"),
    ],
    ids=["closes mid-DATA", "vanishes", "silent", "no SMTP", "endless", "garbage", "half an answer"],
)
def test_whatever_is_no_answer_leaves_the_letter_for_later(lines: tuple[bytes, ...]) -> None:
    with scripted([*HELLO, *lines]) as port, post(settings(port, time_limit=0.03)) as way:
        receipt = way.send(letter())
    assert receipt.fate is Fate.POSTPONED
    assert receipt.told.isprintable()


@pytest.mark.parametrize(
    ("said", "pause", "time_limit"),
    [(b"220-", 0.01, 0.02), (b"220-wait\r\n", 0.01, 0.02), (b"220-" + b"x" * 500 + b"\r\n", 1e-6, 60)],
    ids=["drips", "drips lines", "floods"],
)
def test_an_answer_without_end_is_none(said: bytes, pause: float, time_limit: float) -> None:
    with (
        endless(said, pause) as port,
        post(settings(port, time_limit=time_limit)) as way,
        pytest.raises(MailServerUnreachable),
    ):
        way.send(letter())


def test_a_letter_is_over_before_another_process_may_take_it() -> None:
    assert timedelta(seconds=LONGEST_ANSWER * FOR_ALL) < LEASE - 2 * AHEAD


def test_a_servers_words_are_kept_as_one_short_line() -> None:
    said = b"".join(b"550-" + b"\x1b[31m\xe3\x81\x82" * 40 + b"\r\n" for _ in range(5)) + b"550 end\r\n"
    with scripted([*HELLO, OK, said]) as port, post(settings(port)) as way:
        receipt = way.send(letter())
    assert receipt.fate is Fate.REFUSED
    assert receipt.told.isprintable()
    assert len(receipt.told) <= 200


@pytest.mark.parametrize(
    "to",
    ["", "tanaka", "田中@mihon.example", "a@b.example>\r\nRCPT TO:<c@d.example", "a b@mihon.example", "@mihon.example"],
)
def test_an_address_that_is_none_is_refused_and_nobody_is_asked(to: str) -> None:
    with post(settings(9)) as way:
        receipt = way.send(letter(to=to))
    assert (receipt.fate, receipt.told) == (Fate.REFUSED, WRONG_ADDRESS)


# --- what it says of all of them ---


def test_without_a_server_there_is_no_way() -> None:
    with pytest.raises(MailNotSet):
        SmtpPost(MailServer())


def test_where_nobody_listens_the_letters_wait() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with post(settings(port)) as way, pytest.raises(MailServerUnreachable) as raised:
        way.send(letter())
    assert raised.value.server == f"localhost:{port}"


@pytest.mark.parametrize("greeting", [b"554 go away\r\n", b"", b"SSH-2.0-x\r\n"], ids=["no", "silent", "another"])
def test_who_does_not_greet_is_no_mail_server(greeting: bytes) -> None:
    with scripted([greeting]) as port, post(settings(port, time_limit=0.05)) as way:
        with pytest.raises(MailServerUnreachable) as raised:
            way.send(letter())
        assert raised.value.reason.isprintable()


def test_a_sender_that_is_refused_costs_no_letter(plain: House) -> None:
    plain.answer("MAIL", "550 5.7.1 not your domain")
    with post(settings(plain.port)) as way:
        with pytest.raises(MailSenderRefused) as raised:
            way.send(letter())
        assert (raised.value.sender, raised.value.told) == ("bounces@mihon.example", "5.7.1 not your domain")
        assert way.send(letter()).fate is Fate.SENT


def test_a_wrong_password_costs_no_letter_and_is_told_nowhere(
    trusted: Trust, tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with house(trusted.context, login=True) as found:
        given = settings(
            found.port,
            security="starttls",
            ca_file=str(trusted.roots),
            user=LOGIN,
            password_file=password_file(tmp_path, WRONG),
        )
        with post(given) as way, pytest.raises(MailLoginRefused) as raised:
            way.send(letter())
    told = "".join(traceback.TracebackException.from_exception(raised.value, capture_locals=True).format())
    for said in (told, caplog.text, *capfd.readouterr(), repr(given), str(vars(way))):
        assert WRONG not in said
    assert not found.taken


def test_a_server_that_wants_a_login_and_was_given_none_says_so(trusted: Trust) -> None:
    with house(trusted.context, login=True) as found:
        given = settings(found.port, security="starttls", ca_file=str(trusted.roots))
        with post(given) as way, pytest.raises(MailLoginRefused):
            way.send(letter())


def test_a_login_that_a_server_does_not_offer_is_refused(plain: House, tmp_path: Path) -> None:
    given = settings(plain.port, user=LOGIN, password_file=password_file(tmp_path))
    with post(given) as way, pytest.raises(MailLoginRefused):
        way.send(letter())


def test_a_login_that_fails_for_now_is_tried_later(tmp_path: Path) -> None:
    hello = (b"220 hello\r\n", b"250-localhost\r\n250 AUTH PLAIN\r\n", b"454 4.7.0 not now, AG5vdGljZXM=\r\n")
    with scripted(hello) as port:
        given = settings(port, user=LOGIN, password_file=password_file(tmp_path))
        with post(given) as way, pytest.raises(MailServerUnreachable) as raised:
            way.send(letter())
    assert raised.value.reason == "454"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_password_that_others_may_read_is_not_used(plain: House, tmp_path: Path, mode: int) -> None:
    file = password_file(tmp_path, mode=mode)
    given = settings(plain.port, user=LOGIN, password_file=file)
    with pytest.raises(SettingsWrong) as raised:
        SmtpPost(given)
    assert raised.value.file == file


@pytest.mark.parametrize("content", [None, b"", b"\xe3\x81\x82\n"], ids=["missing", "empty", "not ASCII"])
def test_a_password_file_without_a_password_is_named(plain: House, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "x"
    if content is not None:
        file.write_bytes(content)
        file.chmod(0o600)
    given = settings(plain.port, user=LOGIN, password_file=str(file))
    with pytest.raises(SettingsWrong):
        SmtpPost(given)


# --- TLS ---


def test_a_server_that_offers_no_starttls_is_told_nothing(plain: House, tmp_path: Path) -> None:
    """RFC 3207, 6: somebody on the way may have taken the offer out."""
    given = settings(plain.port, security="starttls", user=LOGIN, password_file=password_file(tmp_path))
    with post(given) as way, pytest.raises(MailServerUntrusted) as raised:
        way.send(letter())
    assert raised.value.reason == "no-starttls"
    assert not plain.taken


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(
    ("host", "days", "is_known", "reason"),
    [
        ("localhost", (-1, 30), False, "self-signed certificate in certificate chain"),
        ("mail.example", (-1, 30), True, "Hostname mismatch, certificate is not valid for 'localhost'."),
        ("localhost", (-30, -1), True, "certificate has expired"),
    ],
    ids=["unknown", "another host's", "expired"],
)
def test_a_certificate_that_is_not_to_be_believed(
    tmp_path: Path, security: str, host: str, days: tuple[int, int], is_known: bool, reason: str
) -> None:
    made, other = trust(tmp_path / "one", host, days), trust(tmp_path / "two")
    roots = made.roots if is_known else other.roots
    with house(made.context, is_implicit=security == "tls") as found:
        given = settings(found.port, security=security, ca_file=str(roots))
        with post(given) as way, pytest.raises(MailServerUntrusted) as raised:
            way.send(letter())
    if is_known:
        assert raised.value.reason == reason
    assert not found.taken


@pytest.mark.parametrize("content", [None, b"no certificate"])
def test_a_file_of_roots_that_is_none_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "roots.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsWrong) as raised:
        SmtpPost(settings(9, security="tls", ca_file=str(file)))
    assert raised.value.file == str(file)
