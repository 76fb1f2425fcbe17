"""Mails are handed to it by Python's own client, and are there as files."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.interop.running import free_port
from tokenmgr.testbed.postbox import Caught, Postbox, serving

HOST = "127.0.0.1"


def mail(subject: str, text: str, html: str = "") -> EmailMessage:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "ib@mihon.example", "kanri@mihon.example", subject
    made.set_content(text)
    if html:
        made.add_alternative(html, subtype="html")
    return made


@pytest.fixture(scope="module")
def postbox(tmp_path_factory: pytest.TempPathFactory) -> Postbox:
    told: list[Caught] = []
    made, port = Postbox(tmp_path_factory.mktemp("box") / "mails", told.append), free_port()
    with serving(made, HOST, port), smtplib.SMTP(HOST, port) as server:
        server.send_message(mail("お知らせ", "期限が近づいています。\n.ドットで始まる行\n", "<h1>お知らせ</h1>"))
        server.send_message(mail("<script>alert(1)</script>", "a < b"))
    assert told == made.caught
    return made


def test_each_is_kept_as_it_came_and_told(postbox: Postbox) -> None:
    first, second = postbox.caught
    assert (first.to, first.subject) == ("kanri@mihon.example", "お知らせ")
    assert "\r\n.ドットで始まる行".encode() in first.file.read_bytes()  # the second dot was the transport's
    assert [path.name for path in sorted(postbox.folder.glob("*.eml"))] == [first.file.name, second.file.name]


def test_a_page_leads_to_each_and_runs_nothing_of_it(postbox: Postbox) -> None:
    index = postbox.index.read_text(encoding="utf-8")
    assert index.count("<li>") == 2
    assert '<a href="1.html">お知らせ</a>' in index
    assert "<script>" not in index
    first, second = (Path(one.file).with_suffix(".html").read_text(encoding="utf-8") for one in postbox.caught)
    assert "<iframe sandbox" in first
    assert "&lt;h1&gt;お知らせ&lt;/h1&gt;" in first
    assert "a &lt; b" in second
    assert "<script>" not in second


def test_of_none_there_is_a_page_too(tmp_path: Path) -> None:
    assert "<ol></ol>" in Postbox(tmp_path / "mails").index.read_text(encoding="utf-8")
