"""A notice laid out twice from the same blocks: as plain text, and as HTML that mail programs agree on.

Those know tables and styles on each element; Outlook takes a width from the attribute, telephones from the style. There
is no picture, no script and nothing to be loaded: what would load tells that it was read.
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from tokenmgr.domain.party import Bank

_URL = re.compile(r"https?://[0-9A-Za-z._~:/?#@!$&'*+,;=%-]+")
_TABLE = "border-collapse:collapse;border-top:1px solid #d5dbe1"
_CELL = "padding:8px 8px 8px 0;border-bottom:1px solid #d5dbe1"
_LABEL = f"{_CELL};font-weight:normal;color:#4a5560"
_RULE = "─" * 30
_FONT = "font-family:'Hiragino Sans','Yu Gothic UI',Meiryo,'Noto Sans CJK JP',sans-serif"


@dataclass(frozen=True)
class Paragraph:
    lines: tuple[str, ...]

    def as_text(self) -> str:
        return "\n".join(self.lines)

    def as_html(self) -> str:
        return f'<p style="margin:0 0 16px">{"<br>".join(map(_linked, self.lines))}</p>'


@dataclass(frozen=True)
class Heading:
    line: str

    def as_text(self) -> str:
        return f"■ {self.line}"

    def as_html(self) -> str:
        return f'<h2 style="margin:24px 0 12px;font-size:17px">{html.escape(self.line)}</h2>'


@dataclass(frozen=True)
class Table:
    rows: tuple[tuple[str, str], ...]

    def as_text(self) -> str:
        return "\n".join(f"{name}: {value}" for name, value in self.rows)

    def as_html(self) -> str:
        rows = "".join(
            f'<tr><th scope="row" align="left" valign="top" width="34%" style="{_LABEL}">{html.escape(name)}</th>'
            f'<td valign="top" style="{_CELL}">{_linked(value)}</td></tr>\n'
            for name, value in self.rows
        )
        return f'<table width="100%" cellspacing="0" cellpadding="0" style="margin:0 0 16px;{_TABLE}">{rows}</table>'


@dataclass(frozen=True)
class Steps:
    steps: tuple[str, ...]

    def as_text(self) -> str:
        return "\n".join(f"{number}. {step}" for number, step in enumerate(self.steps, 1))

    def as_html(self) -> str:
        items = "".join(f'<li style="margin:0 0 8px">{_linked(step)}</li>' for step in self.steps)
        return f'<ol style="margin:0 0 16px;padding-left:28px">{items}</ol>' if items else ""


Block = Paragraph | Heading | Table | Steps


@dataclass(frozen=True)
class Section:
    """All of it in one language."""

    language: str
    subject: str
    blocks: tuple[Block, ...]


def as_text(sections: Sequence[Section]) -> str:
    texts = ("\n\n".join(text for block in one.blocks if (text := block.as_text())) for one in sections)
    return f"\n\n{_RULE}\n\n".join(texts) + "\n"


def as_html(sections: Sequence[Section], bank: Bank, colour: str) -> str:
    bodies = "".join(_section(one) for one in sections)
    service = f'<br><span style="font-size:14px;font-weight:normal">{html.escape(bank.service_name)}</span>'
    return (
        f'<!DOCTYPE html>\n<html lang="{sections[0].language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(sections[0].subject)}</title></head>\n"
        f'<body style="margin:0;padding:0;background:#eef1f4"><table role="presentation" width="100%" cellspacing="0" '
        'cellpadding="0" style="background:#eef1f4"><tr><td align="center" style="padding:16px 8px">\n'
        '<table role="presentation" width="600" cellspacing="0" cellpadding="0" '
        f'style="width:100%;max-width:600px;background:#ffffff;color:#1c2329;{_FONT};font-size:16px;line-height:1.7">\n'
        f'<tr><td bgcolor="{colour}" style="background:{colour};color:#ffffff;padding:16px 24px;font-size:18px;'
        f'font-weight:bold">{html.escape(bank.name)}{service if bank.service_name else ""}</td></tr>\n'
        f"{bodies}</table>\n</td></tr></table></body></html>\n"
    )


def _section(section: Section) -> str:
    inner = "\n".join(block.as_html() for block in section.blocks)
    return (
        f'<tr><td lang="{section.language}" style="padding:24px;border-bottom:1px solid #d5dbe1;word-break:break-word">'
        f'<h1 style="margin:0 0 20px;font-size:20px;line-height:1.4">{html.escape(section.subject)}</h1>\n'
        f"{inner}</td></tr>\n"
    )


def _linked(text: str) -> str:
    """Escaped, its addresses to be clicked; the full stop behind one is no part of it."""
    parts, at = [], 0
    for found in _URL.finditer(text):
        url = found.group().rstrip(".,:;!?'")
        parts += [html.escape(text[at : found.start()]), f'<a href="{html.escape(url)}">{html.escape(url)}</a>']
        at = found.start() + len(url)
    return "".join([*parts, html.escape(text[at:])])
