"""How a rule of the lint is written: one small function, true where the certificate is as it must be, with its source.

A rule that cannot read what it is about has found that it is not so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from tokenmgr.ca.profile import SHAPES, AnyOrder, Kind, Shape, kind_of_order
from tokenmgr.ca.tbs import Tbs


@dataclass(frozen=True)
class Wanted:
    """What was ordered, and whose signature is to go under it."""

    order: AnyOrder
    issuer: bytes  # the subject of the CA, DER
    issuer_key: bytes  # its SubjectPublicKeyInfo
    issuer_key_id: bytes
    issuer_begins: datetime
    issuer_ends: datetime
    algorithm: bytes  # of the signature that will stand outside, DER
    policies: tuple[str, ...]
    crl_url: str
    issuer_url: str
    ocsp_url: str

    @property
    def kind(self) -> Kind:
        return kind_of_order(self.order)

    @property
    def shape(self) -> Shape:
        return SHAPES[self.kind]


Check = Callable[[Tbs, Wanted], bool]


@dataclass(frozen=True)
class Rule:
    source: str
    check: Check

    @property
    def name(self) -> str:
        return self.check.__name__

    def breaks(self, tbs: Tbs, wanted: Wanted) -> str:
        """The finding, or ""."""
        try:
            return "" if self.check(tbs, wanted) else self.finding
        except (ValueError, LookupError, OverflowError):  # der.Malformed is a ValueError
            return self.finding

    @property
    def finding(self) -> str:
        return f"{self.name} ({self.source})"


RULES: dict[str, Rule] = {}


def rule(source: str) -> Callable[[Check], Check]:
    def enter(check: Check) -> Check:
        RULES[check.__name__] = Rule(source, check)
        return check

    return enter
