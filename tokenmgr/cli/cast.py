"""Who plays in `tokenmgr testbed bank`: two banks that differ (R16), and everybody's certificate with what became of
it. Whole certificates of a year (R1), of which so much is left today."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

from tokenmgr import testbed
from tokenmgr.domain.look import Look, Reminder
from tokenmgr.domain.party import Bank, Role
from tokenmgr.domain.policy import BankPolicy

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEAR = 365 * DAY
LOGOS = Path(testbed.__file__).parent / "logos"
PC, FIRST, SECOND = "pc", "usb-1", "usb-2"  # where a certificate is: in the PC's store, or on a medium of this name


class Fate(Enum):
    """What became of it since."""

    NONE = "none"
    HELD = "held"
    LOCKED = "locked"  # by wrong login PINs
    REISSUED = "reissued"  # taken back, and the new one not acquired yet
    PENDING = "pending"  # its renewal was broken off before the CA heard that all is well
    MOVED = "moved"  # renewed onto the second medium, whose certificate has logged in: the PC's is superseded


@dataclass(frozen=True)
class Player:
    user: str
    left: timedelta  # until it runs out; negative: since it has
    role: Role = Role.USER
    place: str = PC
    fate: Fate = Fate.NONE


@dataclass(frozen=True)
class Troupe:
    bank: Bank
    look: Look
    contract: str
    contract_name: str
    players: tuple[Player, ...]


MIHON = Troupe(
    Bank(
        "1001",
        "みほん信用金庫",
        BankPolicy(grace_days=90),
        "法人IBサービス",
        "みほん信用金庫 EBセンター 0120-000-001（平日 9時～17時）",
        "https://mihon.example/usb",
    ),
    Look(
        "#0b4f8a",
        (LOGOS / "1001.png").read_bytes(),
        program_page="https://mihon.example/program",
        sender="ib@mihon.example",
        sender_name="みほん信用金庫",
    ),
    "1234567",
    "株式会社みほん商店",
    (
        Player("kanri", 29 * DAY + 12 * HOUR, Role.ADMINISTRATOR, FIRST),
        Player("sato", YEAR - HOUR),
        Player("tanaka", 11 * DAY + 23 * HOUR),
        Player("suzuki", 5 * HOUR),
        Player("ito", -3 * DAY),
        Player("kato", -120 * DAY),
        Player("mori", 200 * DAY, fate=Fate.HELD),
        Player("abe", 180 * DAY, fate=Fate.LOCKED),
        Player("hara", 150 * DAY, fate=Fate.REISSUED),
        Player("ono", 20 * DAY, fate=Fate.PENDING),
        Player("ueda", 8 * DAY, fate=Fate.MOVED),
    ),
)
TONARI = Troupe(
    Bank(
        "1002",
        "となり信用金庫",
        BankPolicy(media_offered=False),
        "WEB-FB",
        "となり信用金庫 WEB-FBデスク 0120-000-002",
    ),
    Look(
        "#7a1f3d",
        (LOGOS / "1002.png").read_bytes(),
        Reminder.BUTTONS,
        {
            "ja": {
                "user": "利用者番号",
                "login_title": "WEB-FB ログイン",
                "main_title": "WEB-FB メニュー",
                "notice_title": "電子証明書更新通知",
            }
        },
        sender="web-fb@tonari.example",
        sender_name="となり信用金庫",
        languages=("ja", "en"),
    ),
    "7654321",
    "有限会社となり工業",
    (
        Player("keiri", YEAR - 65 * DAY, Role.ADMINISTRATOR),
        Player("yamada", 11 * DAY + 23 * HOUR),
        Player("kondo", -10 * DAY),
    ),
)
TROUPES = (MIHON, TONARI)
