"""How a bank looks to its customers (R16): its colours, its logo, its own words, and in whose name its mails are sent.

What a bank does not say is said as most say it. Its service's name, its contact and its page about media are the
bank's own fields (party.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from tokenmgr.domain.party import is_name, is_sendable

LANGUAGES = ("ja", "en")
LARGEST_LOGO = 64 * 1024
LONGEST_WORD, LONGEST_MAIL = 120, 8000
_LAID_OUT = str.maketrans("\n\t", "  ")
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_PNG = b"\x89PNG\r\n\x1a\n"
_SITE = re.compile(r"https://[a-z0-9.-]{1,253}(:[0-9]{1,5})?(/[0-9A-Za-z._~/-]*)?")

# What a bank may call by its own name; the usual names are texts of [portal_word], under the same keys.
WORDS = frozenset(
    {
        "bank",  # 当金庫, 当行
        "contract",  # 契約者ID, 利用者番号
        "user",  # 利用者ID
        "login_pin",  # 利用者暗証番号
        "confirmation_pin",  # 利用者確認暗証番号
        "log_in",  # ログイン, ログオン
        "log_out",
        "login_title",  # 利用者ログイン
        "main_title",  # メイン画面, 契約法人ステータス画面
        "notices_title",  # 重要なお知らせ
        "notice_title",  # 電子証明書の更新をお願いします
        "notice_link",  # 電子証明書の更新はこちら
        "renew",  # 更新, 電子証明書を更新する
        "renew_now",  # 今すぐ更新する
        "renew_later",  # 後で更新する
        "renew_next_time",  # 次回ログイン時に更新する
        "renew_button",  # 証明書更新
        "acquire_button",  # 電子証明書取得
    }
)


class Reminder(Enum):
    """What comes between login and main page from 30 days before expiry: the procedures know three ways."""

    NOTICES = "notices"  # 重要なお知らせ, a list of notices, one of which asks to renew
    BUTTONS = "buttons"  # 今すぐ更新する / 後で更新する
    CHECKBOX = "checkbox"  # 次へ, with 次回ログイン時に更新する to be ticked


# What a mail is about, and to whom: to the holder, or to an administrator of its contract about one of its IDs.
_ABOUT = ("due", "expired", "renewed", "due_administrator", "expired_administrator", "renewed_administrator")
MAILS = frozenset(f"{about}.{language}" for about in _ABOUT for language in LANGUAGES)


@dataclass(frozen=True)
class Look:
    colour: str = "#0b4f8a"  # of the head and the buttons, under white letters
    logo: bytes = field(default=b"", repr=False)  # PNG
    reminder: Reminder = Reminder.NOTICES
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # by language, then by name
    site: str = ""  # where its customers log in, as mails name it: https://ib.example/1234, or without a path
    program_page: str = ""  # where the management software (管理ソフト) is to be had
    sender: str = ""  # the address that its mails are from
    sender_name: str = ""
    languages: tuple[str, ...] = ("ja",)  # of a mail, one below the other
    mails: Mapping[str, str] = field(
        default_factory=dict
    )  # by ABOUT.LANGUAGE: its own text, the first line its subject

    def __post_init__(self) -> None:
        _hold(bool(_COLOUR.fullmatch(self.colour)) and contrast_with_white(self.colour) >= 4.5, "colour")
        _hold(not self.logo or (self.logo.startswith(_PNG) and len(self.logo) <= LARGEST_LOGO), "logo")
        _hold(set(self.words) <= set(LANGUAGES), "words")
        for own in self.words.values():
            _hold(set(own) <= WORDS and all(_is_line(text) for text in own.values()), "words")
        for name in ("site", "program_page"):
            _hold(not getattr(self, name) or bool(_SITE.fullmatch(getattr(self, name))), name)
        _hold(not self.sender or is_sendable(self.sender), "sender")
        _hold(not self.sender_name or is_name(self.sender_name), "sender_name")
        named = bool(self.languages) and len(set(self.languages)) == len(self.languages)
        _hold(named and set(self.languages) <= set(LANGUAGES), "languages")
        _hold(set(self.mails) <= MAILS and all(map(_is_mail, self.mails.values())), "mails")


def _hold(holds: bool, name: str) -> None:
    if not holds:
        raise ValueError(name)


def _is_line(text: str) -> bool:
    return bool(text.strip()) and text.isprintable() and len(text) <= LONGEST_WORD


def _is_mail(text: str) -> bool:
    return bool(text.strip()) and text.translate(_LAID_OUT).isprintable() and len(text) <= LONGEST_MAIL


def origin_of(site: str) -> str:
    """https://HOST[:PORT], as browsers write it (RFC 6454, 6.2): without the path that a site may have."""
    return "/".join(site.split("/")[:3]).removesuffix(":443")


def contrast_with_white(colour: str) -> float:
    """WCAG 2.2, relative luminance: 4.5 is what text needs."""
    red, green, blue = (_linear(int(colour[at : at + 2], 16) / 255) for at in (1, 3, 5))
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
