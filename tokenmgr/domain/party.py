"""Who takes part: banks, their contracts, and the subscribers (IDs) under a contract. Checked at birth, then frozen."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import Enum

from tokenmgr.domain.policy import BankPolicy

_CODE = re.compile(r"[0-9]{4}")
_NUMBER = re.compile(r"[0-9A-Za-z-]{1,32}")  # as printed on the bank's papers: 契約者ID, 利用者番号
_EMAIL = re.compile(r"[^@\s\x00-\x1f\x7f-\x9f<>\"(),:;\\\[\]]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})+")
_PAGE = re.compile(r"https?://[A-Za-z0-9.\[\]-][^\s\x00-\x1f\x7f-\x9f<>\"]*")
LONGEST_NAME = 64  # ub-organization-name, RFC 5280 appendix A.1


class Role(Enum):
    ADMINISTRATOR = "administrator"  # 管理者
    USER = "user"  # 利用者


def _hold(holds: bool, field_name: str) -> None:
    if not holds:
        raise ValueError(field_name)


def is_name(text: str) -> bool:
    return bool(text.strip()) and text == text.strip() and text.isprintable() and len(text) <= LONGEST_NAME


def is_number(text: str) -> bool:
    """Of a contract, or an ID under one."""
    return bool(_NUMBER.fullmatch(text))


def is_email(text: str) -> bool:
    return bool(_EMAIL.fullmatch(text))


def is_page(text: str) -> bool:
    return bool(_PAGE.fullmatch(text)) and len(text) <= 256


def is_sendable(text: str) -> bool:
    """Beyond ASCII it would take SMTPUTF8 (RFC 6531) on the whole way. What looks like an encoded word has no place in
    an address (RFC 2047, 5), and mail programs that decode it there find another one, or the end of the line."""
    return is_email(text) and text.isascii() and "=?" not in text


@dataclass(frozen=True)
class Bank:
    """A tenant of the CA (信用金庫). What its customers read is its own (R16)."""

    code: str
    name: str
    policy: BankPolicy = field(default_factory=BankPolicy)
    service_name: str = ""
    contact: str = ""
    media_page: str = ""

    def __post_init__(self) -> None:
        _hold(bool(_CODE.fullmatch(self.code)), "code")
        _hold(is_name(self.name), "name")
        for name in ("service_name", "contact", "media_page"):
            value = getattr(self, name)
            _hold(len(value) <= 256 and (not value or value.isprintable()), name)


@dataclass(frozen=True)
class Subscriber:
    """One ID under a contract. `id` is the registry's own number for it."""

    id: int
    bank: str
    contract: str
    user: str
    role: Role
    email: str = ""

    @property
    def name(self) -> str:
        return f"{self.bank}/{self.contract}/{self.user}"

    def administers(self, other: Subscriber) -> bool:
        """R10: a contract's administrator looks after its users; after itself and its like, the bank does."""
        same = (self.bank, self.contract) == (other.bank, other.contract)
        return same and self.role is Role.ADMINISTRATOR and other.role is Role.USER

    def __post_init__(self) -> None:
        _hold(bool(_CODE.fullmatch(self.bank)), "bank")
        _hold(is_number(self.contract), "contract")
        _hold(is_number(self.user), "user")
        _hold(not self.email or is_email(self.email), "email")
