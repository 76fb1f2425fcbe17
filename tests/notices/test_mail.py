"""A letter as bytes: what a reader has of it is what was in it, the same each time, and no more headers than ours."""

from __future__ import annotations

import dataclasses
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.notices.mailhouse import DAY, letter
from tokenmgr.domain.party import is_sendable
from tokenmgr.notices.mail import as_bytes, on_wire, one_line

HEADERS = {"From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "Content-Language"}
HEADERS |= {"MIME-Version", "Content-Type"}
ANY = st.text(max_size=120)
LINES = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\0\v\f\x1c\x1d\x1e\x85\u2028\u2029"))


def read(data: bytes) -> EmailMessage:
    found = message_from_bytes(data, policy=policy.default)
    assert isinstance(found, EmailMessage)
    return found


def body(mail: EmailMessage, kind: str) -> str:
    part = mail.get_body([kind])
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def test_a_letter_has_both_its_bodies_and_says_that_a_machine_wrote_it() -> None:
    mail = read(as_bytes(letter()))
    assert sorted(mail.keys()) == sorted(HEADERS)
    (sender,) = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("みほん信用金庫", "ib@mihon.example")
    assert (mail["To"], mail["Subject"]) == ("tanaka@mihon.example", "電子証明書の更新をお願いします")
    assert (mail["Date"].datetime, mail["Message-ID"]) == (DAY, "<n-1@mihon.example>")
    assert (mail["Auto-Submitted"], mail["Content-Language"]) == ("auto-generated", "ja")
    assert mail.get_content_type() == "multipart/alternative"
    assert body(mail, "plain") == letter().text
    assert body(mail, "html").strip() == letter().html


def test_the_same_letter_is_the_same_bytes_and_another_one_is_not() -> None:
    assert as_bytes(letter()) == as_bytes(dataclasses.replace(letter()))
    assert as_bytes(letter(1)) != as_bytes(letter(2))


@given(name=ANY, subject=ANY, text=ANY)
def test_no_text_makes_a_header_and_every_server_can_carry_it(name: str, subject: str, text: str) -> None:
    data = as_bytes(letter(sender_name=name, subject=subject, text=text, html=text))
    assert data.isascii()
    assert data.count(b"\r") == data.count(b"\n") == data.count(b"\r\n")
    assert max(map(len, data.split(b"\r\n"))) <= 998  # RFC 5322, 2.1.1
    mail = read(data)
    assert sorted(mail.keys()) == sorted(HEADERS)
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]
    assert [one.addr_spec for one in mail["From"].addresses] == ["ib@mihon.example"]


@given(name=LINES, subject=LINES, text=LINES)
def test_what_is_written_is_what_is_read(name: str, subject: str, text: str) -> None:
    mail = read(as_bytes(letter(sender_name=name, subject=f"1 {subject}", text=text)))
    assert mail["Subject"] == one_line(f"1 {subject}", 1000)
    assert mail["From"].addresses[0].display_name == one_line(name, 1000)
    assert body(mail, "plain").rstrip("\n") == text.rstrip("\n")


@given(st.from_regex(r"[!#-'*+\-./-9=?A-Z^-~]{1,64}@[a-z]{1,9}\.example", fullmatch=True))
def test_any_address_that_is_sendable_is_read_back(address: str) -> None:
    assert is_sendable(address)
    mail = read(as_bytes(letter(to=address, sender=address)))
    for header in ("From", "To"):
        (found,) = mail[header].addresses
        assert f"{found.username}@{found.domain}" == address


@pytest.mark.parametrize(
    ("address", "sent"),
    [
        ("tanaka@mihon.example", True),
        ("a..b@mobile.example", True),
        ("田中@mihon.example", False),
        ("tanaka", False),
        ("=?utf-8?q?=0d=0aBcc=3ax=40y.example?=@mihon.example", False),
    ],
)
def test_only_what_every_server_on_the_way_takes_is_sendable(address: str, sent: bool) -> None:
    assert is_sendable(address) is sent


def test_dots_that_need_it_are_quoted() -> None:
    assert on_wire("a..b.@mobile.example") == '"a..b."@mobile.example'
    assert on_wire("a.b@mihon.example") == "a.b@mihon.example"
