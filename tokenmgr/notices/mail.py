"""A letter as bytes (RFC 5322): the same letter is the same bytes, and nothing in it makes a header of its own."""

from __future__ import annotations

import hashlib
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage

from tokenmgr.notices.post import Letter

# In seven bits: not every server on the way takes more. Lines end as they do on the wire (RFC 5321, 2.3.8).
_POLICY = policy.SMTP.clone(cte_type="7bit")


def as_bytes(letter: Letter) -> bytes:
    mail = EmailMessage(_POLICY)
    mail["From"] = Address(_line(letter.sender_name), addr_spec=on_wire(letter.sender))
    mail["To"] = on_wire(letter.to)
    mail["Subject"] = _line(letter.subject)
    mail["Date"] = letter.written_at
    mail["Message-ID"] = letter.message_id
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: no machine answers that it is on holiday
    mail.set_content(_encodable(letter.text))
    mail.add_alternative(_encodable(letter.html), subtype="html")
    mail["Content-Language"] = ", ".join(letter.languages)
    mail.set_boundary(_boundary(letter))
    return mail.as_bytes()


def on_wire(address: str) -> str:
    """As headers, MAIL and RCPT take it. Mobile carriers in Japan have given out addresses with two dots on end, or
    one before the @: those are to be quoted (RFC 5321, 4.1.2)."""
    name, _, domain = address.rpartition("@")
    return address if all(name.split(".")) else f'"{name}"@{domain}'


def one_line(text: str, most: int = 200) -> str:
    """Of words from outside: what can be shown and kept anywhere."""
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())[:most]


def _line(text: str) -> str:
    return one_line(_encodable(text), len(text))


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _boundary(letter: Letter) -> str:
    """Neither of the encodings has "=_" in it (RFC 2045, 6.7), so no text can end a part before its time."""
    return "=_" + hashlib.sha256(letter.message_id.encode("utf-8", "replace")).hexdigest()[:40]
