"""A mail in a bank's look that says only that it arrived: before the first notice is due, setting up is known to work.

It is in no outbox, and its Message-ID is none of a notice's: a report about it changes nothing.
"""

from __future__ import annotations

import secrets
from datetime import datetime

from tokenmgr.domain.look import Look
from tokenmgr.domain.party import Bank
from tokenmgr.errors import MailNotSet
from tokenmgr.messages import Texts
from tokenmgr.notices import layout
from tokenmgr.notices.layout import Paragraph, Section
from tokenmgr.notices.post import Letter


def letter(bank: Bank, look: Look, to: str, now: datetime, return_path: str = "") -> Letter:
    if not look.sender:
        raise MailNotSet(what=f"sender ({bank.code})")
    sections = [_section(Texts(language), language) for language in look.languages]
    return Letter(
        message_id=f"<trial.{secrets.token_hex(20)}@{look.sender.rpartition('@')[2]}>",
        sender=look.sender,
        sender_name=look.sender_name or bank.name,
        to=to,
        subject=" / ".join(one.subject for one in sections),
        text=layout.as_text(sections),
        html=layout.as_html(sections, bank, look.colour),
        written_at=now,
        return_path=return_path or look.sender,
        languages=look.languages,
    )


def _section(texts: Texts, language: str) -> Section:
    return Section(language, texts("letter.trial_subject"), (Paragraph((texts("letter.trial"),)),))
