"""A notice as a letter: the text of its kind, language and reader, ours (texts/) or the bank's own (R16), filled in.

A text's first line is the subject. Paragraphs are parted by empty lines; a line that begins with "# " is a heading.
What is filled in is a closed list: a name in braces is one of it or a mistake, and nothing else is done with braces.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tokenmgr.domain.look import LONGEST_MAIL, LONGEST_WORD, WORDS
from tokenmgr.errors import MailNotSet, TextUnfit
from tokenmgr.messages import Texts
from tokenmgr.notices import advice, layout
from tokenmgr.notices.layout import Block, Heading, Paragraph, Section, Steps, Table
from tokenmgr.notices.post import Letter
from tokenmgr.notices.subject import Matter

BLOCKS = frozenset({"facts", "steps", "pages"})  # each on a line of its own
VALUES = advice.VALUES | WORDS
_NAME = re.compile(r"\{([a-z_]+)\}")


@dataclass(frozen=True)
class Mistake:
    """Of a bank's own text: `why` is a text of [look], `said` what is wrong there."""

    line: int
    why: str
    said: str = ""


@functools.cache
def usual(name: str) -> str:
    """Our own text, by ABOUT.LANGUAGE (domain/look.py)."""
    return (Path(__file__).parent / "texts" / f"{name}.txt").read_text(encoding="utf-8")


def mistakes(text: str) -> list[Mistake]:
    """All of them, each with its line."""
    return list(_mistakes(text))


def _mistakes(text: str) -> Iterator[Mistake]:
    subject, *body = text.split("\n")
    if not subject.strip() or len(subject) > LONGEST_WORD:
        yield Mistake(1, "text_subject")
    if not "".join(body).strip():
        yield Mistake(2, "text_body")
    if len(text) > LONGEST_MAIL:
        yield Mistake(1, "text_long")
    for number, line in enumerate((subject, *body), 1):
        if not line.replace("\t", " ").isprintable():
            yield Mistake(number, "text_unprintable")
        for name in _NAME.findall(line):
            if name in BLOCKS and (number == 1 or line.strip() != f"{{{name}}}"):
                yield Mistake(number, "text_block", name)
            elif name not in BLOCKS | VALUES:
                yield Mistake(number, "text_unknown", name)
        if set("{}") & set(_NAME.sub("", line)):
            yield Mistake(number, "text_brace")


def _told(name: str, own: str, t: Callable[..., str]) -> Iterator[str]:
    """The mistakes of a bank's own text, in words."""
    for one in mistakes(own):
        place = t("bank.line", line=one.line, key=f'mails."{name}"')
        yield t(f"look.{one.why}", place=place, said=one.said)


def write(matter: Matter, return_path: str = "") -> Letter:
    """The same letter whenever it is written: what changes with time in it is as of the day it is dated."""
    look = matter.look
    if not look.sender:
        raise MailNotSet(what=f"sender ({matter.bank.code})")
    sections = [_section(matter, language) for language in look.languages]
    subject = " / ".join(one.subject for one in sections)
    return Letter(
        message_id=matter.message_id,
        sender=look.sender,
        sender_name=look.sender_name or matter.bank.name,
        to=matter.address,
        subject=subject,
        text=layout.as_text(sections),
        html=layout.as_html(sections, matter.bank, look.colour),
        written_at=matter.queued_at,
        return_path=return_path or look.sender,
        languages=look.languages,
    )


def name_of(matter: Matter, language: str) -> str:
    reader = "" if matter.is_to_holder else "_administrator"
    return f"{matter.kind.value}{reader}.{language}"


def _section(matter: Matter, language: str) -> Section:
    said = advice.Advice(matter, language)
    name = name_of(matter, language)
    own = matter.look.mails.get(name)
    if own and (unfit := list(_told(name, own, Texts(language)))):  # it was set by a program that knew other names
        raise TextUnfit(what=name, reason=" ".join(unfit))
    subject, _, body = (own or usual(name)).strip().partition("\n")
    blocks: Mapping[str, Block] = {
        "facts": Table(tuple(said.facts())),
        "steps": Steps(tuple(said.steps())),
        "pages": Table(tuple(said.pages())),
    }
    return Section(language, _filled(subject, said.values), tuple(_blocks(body, said.values, blocks)))


def _blocks(body: str, values: Mapping[str, str], blocks: Mapping[str, Block]) -> Iterator[Block]:
    for part in re.split(r"\n\s*\n", "\n".join(line.rstrip() for line in body.strip().split("\n"))):
        lines: list[str] = []
        for line in part.split("\n"):
            block = blocks.get(line.strip()[1:-1]) if line.strip().startswith("{") else None
            if block is None and not line.startswith("# "):
                lines.append(_filled(line, values))
                continue
            yield from _paragraph(lines)
            lines = []
            yield block or Heading(_filled(line.removeprefix("# "), values))
        yield from _paragraph(lines)


def _paragraph(lines: list[str]) -> Iterator[Block]:
    if any(lines):
        yield Paragraph(tuple(lines))


def _filled(line: str, values: Mapping[str, str]) -> str:
    """Once: a brace in a value is just a brace."""
    return _NAME.sub(lambda found: values.get(found.group(1), found.group()), line)
