"""Reports that a mail was not delivered: a real server's, as the RFC has them, and whatever else may come."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notices.exim import exim
from tests.notices.mailhouse import LOGIN, house, letter, password_file, settings
from tokenmgr.errors import BounceUnreadable
from tokenmgr.notices import bounces
from tokenmgr.notices.bounces import Action, Bounce
from tokenmgr.notices.mail import as_bytes
from tokenmgr.notices.post import Fate
from tokenmgr.notices.smtp import SmtpPost

ID = letter().message_id
FAILED = "Final-Recipient: rfc822; a@mihon.example\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 unknown\n"
DELAYED = "Final-Recipient: rfc822; a@mihon.example\nAction: delayed\nStatus: 4.4.1\n"
HEADERS = f"From: ib@mihon.example\nMessage-ID: {ID}\nSubject: x\n"


def report(*recipients: str, returned: str = HEADERS, kind: str = "text/rfc822-headers", encoding: str = "") -> bytes:
    blocks = "\n".join(["Reporting-MTA: dns; mta.example\n", *recipients])
    return f"""\
From: MAILER-DAEMON@mta.example
Content-Type: multipart/report; report-type=delivery-status; boundary=x

--x

It did not arrive.
--x
Content-Type: message/delivery-status

{blocks}
--x
Content-Type: {kind}
{encoding}
{returned}
--x--
""".encode()


def test_what_a_real_server_reports_of_a_recipient_that_was_refused(tmp_path: Path) -> None:
    """Ours → Exim, by STARTTLS and a login → outside, which refuses → Exim's report → outside."""
    with house() as outside, exim(outside.port) as relay:
        outside.answer("RCPT", "550 5.1.1 \u3042 no such user")
        way = SmtpPost(
            settings(
                relay.port,
                security="starttls",
                ca_file=str(relay.roots),
                user=LOGIN,
                password_file=password_file(tmp_path),
            )
        )
        assert way.send(letter()).fate is Fate.SENT
        way.close()
        relay.deliver()
    (reported,) = outside.taken
    assert (reported.sender, reported.to) == ("<>", "bounces@mihon.example")
    found = bounces.read(reported.data)
    assert (found.message_id, found.action, found.status[0]) == (ID, Action.FAILED, "5")
    assert "no such user" in found.told


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
def test_a_report_names_the_mail_and_what_became_of_it(newline: bytes) -> None:
    assert bounces.read(report(FAILED).replace(b"\n", newline)) == Bounce(ID, Action.FAILED, "5.1.1", "550 unknown")


@pytest.mark.parametrize("recipients", [(FAILED, DELAYED), (DELAYED, FAILED)])
def test_of_several_recipients_the_worst_counts(recipients: tuple[str, str]) -> None:
    assert bounces.read(report(*recipients)).action is Action.FAILED


def test_what_is_still_tried_is_no_failure() -> None:
    assert bounces.read(report(DELAYED)) == Bounce(ID, Action.DELAYED, "4.4.1", "")


def test_a_report_may_have_the_whole_mail_in_it() -> None:
    returned = as_bytes(letter()).decode().replace("\r\n", "\n")
    assert bounces.read(report(FAILED, returned=returned, kind="message/rfc822")).message_id == ID


def test_returned_headers_may_be_encoded() -> None:
    encoding = "Content-Transfer-Encoding: base64\n"
    assert (
        bounces.read(
            report(FAILED, returned="TWVzc2FnZS1JRDogPG4tMUBtaWhvbi5leGFtcGxlPg==", encoding=encoding)
        ).message_id
        == ID
    )


def test_a_servers_words_are_one_printable_line() -> None:
    said = FAILED.replace("550 unknown", "550 \x1b[31m\x00" + "よ" * 300 + "\n  end")
    told = bounces.read(report(said)).told
    assert told.isprintable()
    assert len(told) <= 200


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"", "no-report"),
        (b"hello", "no-report"),
        (as_bytes(letter()), "no-report"),
        (report(FAILED).replace(b"message/delivery-status", b"text/plain"), "no-report"),
        (report(), "no-recipient-told"),
        (report(FAILED.replace("failed", "eaten")), "no-recipient-told"),
        (report(FAILED, returned="Subject: x\n"), "no-message-id"),
        (report(FAILED, returned="Message-ID: none\n"), "no-message-id"),
        (report(FAILED, kind="text/plain"), "no-message-id"),
        (b"x" * (bounces.LARGEST + 1), "report-too-large"),
    ],
)
def test_what_is_no_report_is_told_as_none(raw: bytes, reason: str) -> None:
    with pytest.raises(BounceUnreadable) as raised:
        bounces.read(raw)
    assert raised.value.reason == reason


def read(raw: bytes) -> Bounce | None:
    try:
        found = bounces.read(raw)
    except BounceUnreadable:
        return None
    assert found.told.isprintable()
    assert found.message_id.isprintable()
    return found


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    read(raw)
    read(b"Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/delivery-status\n\n" + raw)
    read(report(FAILED, returned="") + raw)


@given(st.data())
def test_a_report_with_anything_in_it_is_read_or_refused(data: st.DataObject) -> None:
    raw = report(FAILED, kind=data.draw(st.sampled_from(["message/rfc822", "text/rfc822-headers"])))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(raw)))
        raw = raw[:at] + data.draw(st.binary(max_size=8)) + raw[at + data.draw(st.integers(0, 8)) :]
    read(raw)
