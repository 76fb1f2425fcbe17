"""The banks of the five procedures, each in its own words and with what it lets its customers do (R16); and the IDs
that walk them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from tokenmgr.domain.look import Look, Reminder
from tokenmgr.domain.party import Bank, Role
from tokenmgr.domain.policy import BankPolicy, OldGeneration

YEAR = timedelta(days=365)  # R1


@dataclass(frozen=True)
class Procedure:
    bank: Bank
    look: Look
    contract: str
    has_media: bool  # its certificates are on one; else in the computer
    users: dict[str, Role]
    left: timedelta = timedelta(days=25)  # of the year of its certificates

    @property
    def age(self) -> timedelta:
        return YEAR - self.left


MIHON = Procedure(  # 000: the text that every bank is to adapt
    Bank("1000", "みほん信用金庫", BankPolicy(), "法人IBサービス", "03-0000-1000", "https://mihon.example/usb"),
    Look(program_page="https://mihon.example/program", sender="ib@mihon.example", sender_name="みほん信用金庫"),
    "0010001",
    True,
    {"keiri": Role.ADMINISTRATOR},
)
KUSHIRO = Procedure(  # 001: a bank that has
    Bank("1001", "釧路信用金庫", BankPolicy(), "WEB-FBサービス", "03-0000-1001", "https://kushiro.example/usb"),
    Look(
        "#7a1f3d",
        program_page="https://kushiro.example/program",
        sender="web-fb@kushiro.example",
        sender_name="釧路信用金庫",
    ),
    "0010002",
    False,
    {"tanaka": Role.USER},
)
TOKO = Procedure(  # 002: a bank, which has no media
    Bank(
        "0002",
        "みほん銀行",
        BankPolicy(media_offered=False, old_generation=OldGeneration.AT_EXPIRY),
        "法人インターネットバンキング",
        "03-0000-0002",
    ),
    Look(
        "#1d5c3a",
        reminder=Reminder.CHECKBOX,
        words={
            "ja": {
                "bank": "当行",
                "log_in": "ログオン",
                "log_out": "ログオフ",
                "main_title": "契約法人ステータス画面",
                "notice_title": "電子証明書更新のお知らせ",
                "renew": "実行",
                "renew_later": "キャンセル",
            }
        },
    ),
    "0010003",
    False,
    {"suzuki": Role.USER, "yamada": Role.USER},
)
TWO_BUTTONS = Procedure(  # 003: each of two IDs renews its own
    Bank(
        "1003",
        "となりの信用金庫",
        BankPolicy(media_offered=False, old_generation=OldGeneration.AT_CONFIRMATION),
        "法人IBサービス",
        "03-0000-1003",
    ),
    Look(
        "#5b3a8c",
        reminder=Reminder.BUTTONS,
        words={"ja": {"notice_title": "電子証明書更新通知"}},
        sender="ib@tonari.example",
    ),
    "0010004",
    False,
    {"kanri": Role.ADMINISTRATOR, "riyo": Role.USER},
)
OVER = Procedure(  # 004: what was acquired then is over by now
    Bank(
        "1885",
        "ほしのしんきん",
        BankPolicy(media_offered=False, grace_days=180),
        "法人インターネットバンキング",
        "03-0000-1885",
    ),
    Look("#8a4b00", words={"ja": {"contract": "契約者ID（利用者番号）", "main_title": "利用者ステータス画面"}}),
    "0010005",
    False,
    {"sato": Role.USER},
    left=timedelta(days=-10),
)
ALL = (MIHON, KUSHIRO, TOKO, TWO_BUTTONS, OVER)
