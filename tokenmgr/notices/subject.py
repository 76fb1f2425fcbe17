"""What a mail is about: everything that its text may name, of one moment. (texts.py writes it, courier.py sends it.)"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.look import Look
from tokenmgr.domain.notice import Kind, Notice
from tokenmgr.domain.party import Bank, Role


@dataclass(frozen=True)
class Matter:
    notice: Notice
    number: int  # in the outbox, as staff name it
    message_id: str  # <…@…>; the notice's own, so the same at every try
    bank: Bank
    look: Look
    contract: str
    contract_name: str
    user: str  # whose certificate it is
    role: Role
    store: StoreKind | None
    not_after: datetime
    address: str = field(repr=False)
    is_to_holder: bool  # otherwise an administrator of the contract is written to about one of its users
    queued_at: datetime  # as the mail is dated: it stays the same bytes
    now: datetime

    @property
    def kind(self) -> Kind:
        return Kind(self.notice.kind)

    @property
    def serial(self) -> int:
        return self.notice.serial
