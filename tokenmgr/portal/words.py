"""A bank's own words (R16), in the visitor's language: what the bank calls a thing goes before what most call it."""

from __future__ import annotations

from collections.abc import Iterable

from tokenmgr.clock import japan_time
from tokenmgr.domain.look import LANGUAGES, WORDS, Look
from tokenmgr.domain.party import Bank
from tokenmgr.errors import TokenmgrError
from tokenmgr.messages import Texts

_TEXTS = {language: Texts(language) for language in LANGUAGES}


class Words:
    """Called with a text's name: words("portal.left"), its {facts} filled in. A bank's own words are facts of every
    text: {renew_now}, {user}, {service}."""

    def __init__(self, bank: Bank, look: Look, language: str) -> None:
        self.language, self._texts = language, _TEXTS[language]
        own = look.words.get(language, {})
        self.own = {name: own.get(name) or self._texts(f"portal_word.{name}") for name in sorted(WORDS)}
        self.own["service"] = bank.service_name or self._texts("portal_word.service")
        self.own["bank_name"] = bank.name

    def __call__(self, key: str, /, **facts: object) -> str:
        return self._texts(key, **{**self.own, **facts})

    def error(self, error: TokenmgrError) -> dict[str, str]:
        return self._texts.error(error, own=self.own)

    def of_code(self, code: str) -> str:
        """What happened in the customer's program, which tells a page no more than the error's number."""
        return self._texts.of_code(code).replace(f" {self._texts('words.this_one')}", "")

    def next_of_code(self, code: str) -> str:
        return self._texts.next_of_code(code)

    def moment(self, at: object) -> str:
        return japan_time(at, self.language)  # type: ignore[arg-type]  # templates hand over anything


def language_of(asked: str, kept: str, accepted: str) -> str:
    """What the visitor has just chosen, or once, or the browser asks for; Japanese where none of that helps."""
    for one in (asked, kept, *_preferred(accepted)):
        if one in LANGUAGES:
            return one
    return LANGUAGES[0]


def _preferred(accepted: str) -> Iterable[str]:
    """Accept-Language in its order: browsers write the first choice first."""
    return (part.partition(";")[0].strip().lower()[:2] for part in accepted.split(",")[:8])
