"""A notice to be written, as the outbox hands it over."""

from __future__ import annotations

from datetime import UTC, datetime

from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.look import Look
from tokenmgr.domain.notice import Kind, Notice
from tokenmgr.domain.party import Bank, Role
from tokenmgr.domain.policy import BankPolicy
from tokenmgr.notices.subject import Matter

NOW = datetime(2026, 11, 22, 0, 30, tzinfo=UTC)
ENDS = datetime(2026, 12, 21, 23, 59, 59, tzinfo=UTC)
SERIAL = 0x4FA1B2C3D4E5F607
SITE, PROGRAM, MEDIA = (
    "https://ib.mihon.example/1234",
    "https://www.mihon.example/program",
    "https://www.mihon.example/usb",
)
LOOK = Look(site=SITE, program_page=PROGRAM, sender="ib@mihon.example")


def bank(**policy: object) -> Bank:
    return Bank("1234", "みほん信用金庫", BankPolicy(**policy), "法人IB", "0120-000-000", MEDIA)  # type: ignore[arg-type]


def matter(kind: Kind = Kind.DUE, **more: object) -> Matter:
    values: dict[str, object] = {
        "notice": Notice(SERIAL, 1, kind.value, 30 if kind is Kind.DUE else 0),
        "number": 1,
        "message_id": "<n-1@mihon.example>",
        "bank": bank(),
        "look": LOOK,
        "contract": "C-1",
        "contract_name": "株式会社みほん",
        "user": "tanaka",
        "role": Role.USER,
        "store": StoreKind.MEDIUM,
        "not_after": ENDS,
        "address": "tanaka@mihon.example",
        "is_to_holder": True,
        "queued_at": NOW,
        "now": NOW,
    }
    return Matter(**(values | more))  # type: ignore[arg-type]  # as they are written above
