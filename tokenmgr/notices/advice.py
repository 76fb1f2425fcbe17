"""What a notice has to say of its certificate, and what its reader is to do now: in one language, in the bank's words.

Who does what differs: the holder renews (each ID its own, R3), an administrator re-issues for a user, the bank for an
administrator (R10). What is said of a store is true of that one (R7).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from tokenmgr.clock import JAPAN, japan_time
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.look import LANGUAGES, WORDS, Reminder
from tokenmgr.domain.notice import Kind
from tokenmgr.domain.party import Role
from tokenmgr.domain.policy import renewal_opens
from tokenmgr.messages import Texts
from tokenmgr.notices.subject import Matter

VALUES = frozenset(
    {
        "bank_name",
        "service",
        "contract_number",
        "contract_name",
        "user_id",
        "role",
        "serial",
        "store",
        "expires",
        "expires_on",
        "days_left",
        "as_of",
        "site",
        "program_page",
        "media_page",
        "contact",
    }
)
_TEXTS = {language: Texts(language) for language in LANGUAGES}


class Advice:
    def __init__(self, matter: Matter, language: str) -> None:
        self._matter, self._texts = matter, _TEXTS[language]
        self.values = self._words(language) | self._values(language)

    def facts(self) -> Iterator[tuple[str, str]]:
        """R3: serial number, role, ID. A medium's own number is on the customer's side alone."""
        matter, values = self._matter, self.values
        line = self._said("contract_line", number=matter.contract, name=matter.contract_name)
        yield values["contract"], line
        yield values["user"], self._said("user_line", user=matter.user, role=values["role"])
        yield self._said("serial"), values["serial"]
        if values["store"]:
            yield self._said("store"), values["store"]
        yield self._said("expires"), values["expires"]
        if matter.kind is Kind.DUE:
            left = "left_days" if self._days_left else "left_none"
            yield self._said("left"), self._said(left, days=self._days_left, day=values["as_of"])
        if matter.kind is Kind.EXPIRED and matter.bank.policy.grace_days:
            yield self._said("acquire_until"), self._moment(self._acquire_until)

    def steps(self) -> Iterator[str]:
        matter = self._matter
        if matter.kind is Kind.DUE:
            opens = renewal_opens(matter.not_after, matter.bank.policy)
            if matter.queued_at < opens:  # a bank may write earlier than it lets renew
                yield self._said("opens", opens=self._moment(opens))
            yield from self._to_renew() if matter.is_to_holder else self._to_see_to_it()
        elif matter.kind is Kind.EXPIRED:
            yield from self._to_acquire() if matter.is_to_holder else self._to_have_acquired()
        elif matter.is_to_holder:
            yield self._at_site("log_in_new")
            yield self._said("choose_new")
            yield self._said(f"old_{matter.bank.policy.old_generation.value.split()[-1]}")

    def pages(self) -> Iterator[tuple[str, str]]:
        look, bank = self._matter.look, self._matter.bank
        if look.site:
            yield self._said("site"), look.site
        if look.program_page:
            yield self._said("program"), look.program_page
        if bank.media_page and bank.policy.media_offered:
            yield self._said("media"), bank.media_page
        if bank.contact:
            yield self._said("contact"), bank.contact

    # --- what is to be done ---

    def _to_renew(self) -> Iterator[str]:
        if self._matter.store is StoreKind.MEDIUM:
            yield self._said("insert")
        if self._matter.store is StoreKind.PC:
            yield self._said("same_pc")
        yield self._at_site("open")
        by = {Reminder.NOTICES: "by_notices", Reminder.BUTTONS: "by_buttons", Reminder.CHECKBOX: "by_checkbox"}
        yield self._said(by[self._matter.look.reminder])
        yield self._keep()
        yield self._said("look")

    def _to_see_to_it(self) -> Iterator[str]:
        yield self._said("tell")
        if self._matter.bank.policy.grace_days:
            yield self._said("then_acquire", until=self._moment(self._acquire_until))
        else:
            yield self._said("then_reissue" if self._matter.role is Role.USER else "then_branch")

    def _to_acquire(self) -> Iterator[str]:
        policy = self._matter.bank.policy
        if policy.grace_days:
            yield self._at_site("acquire")
            yield self._said("acquire_ids")
            yield self._keep()
            return
        yield self._said("ask_administrator" if self._matter.role is Role.USER else "ask_bank")
        yield self._said("acquire_within", days=policy.acquisition_days)

    def _to_have_acquired(self) -> Iterator[str]:
        policy = self._matter.bank.policy
        if policy.grace_days:
            yield self._said("tell_acquire")
            return
        yield self._said("reissue" if self._matter.role is Role.USER else "ask_bank")
        yield self._said("tell_acquire_within", days=policy.acquisition_days)

    def _keep(self) -> str:
        policy = self._matter.bank.policy
        if policy.media_offered and policy.pc_allowed:
            return self._said("keep_either")
        return self._said("keep_medium" if policy.media_offered else "keep_pc")

    def _at_site(self, key: str) -> str:
        return self._said(key if self._matter.look.site else f"{key}_service")

    # --- the words and values of it ---

    def _words(self, language: str) -> dict[str, str]:
        own = self._matter.look.words.get(language, {})
        return {name: own.get(name) or self._texts(f"portal_word.{name}") for name in WORDS}

    def _values(self, language: str) -> dict[str, str]:
        matter, bank, look = self._matter, self._matter.bank, self._matter.look
        return {
            "bank_name": bank.name,
            "service": bank.service_name or self._texts("portal_word.service"),
            "contract_number": matter.contract,
            "contract_name": matter.contract_name,
            "user_id": matter.user,
            "role": self._texts(f"letter.role_{matter.role.value}"),
            "serial": f"{matter.serial:x}",
            "store": self._texts(f"letter.store_{matter.store.value}") if matter.store else "",
            "expires": japan_time(matter.not_after, language),
            "expires_on": _day(matter.not_after, language),
            "days_left": str(self._days_left),
            "as_of": _day(matter.queued_at, language),
            "site": look.site,
            "program_page": look.program_page,
            "media_page": bank.media_page,
            "contact": bank.contact,
        }

    @property
    def _days_left(self) -> int:
        """As a calendar in Japan counts them: from the day that is named beside it."""
        last, first = (moment.astimezone(JAPAN).date() for moment in (self._matter.not_after, self._matter.queued_at))
        return max((last - first).days, 0)

    @property
    def _acquire_until(self) -> datetime:
        return self._matter.not_after + timedelta(days=self._matter.bank.policy.grace_days)

    def _moment(self, moment: datetime) -> str:
        return japan_time(moment, self._texts.language)

    def _said(self, key: str, /, **facts: object) -> str:
        return self._texts(f"letter.{key}", **{**self.values, **facts})


def _day(moment: datetime, language: str) -> str:
    return japan_time(moment, language).split(" ")[0]
