"""A CA for who only looks: one try, and not for long. Beside counter.py, which takes three times as long to load."""

from __future__ import annotations

import time

from tokenmgr.customer.profiles import Profile
from tokenmgr.customer.standings import PATIENCE
from tokenmgr.renewal.authority import Authority
from tokenmgr.wiring.libraries import settings


def glimpse(profile: Profile) -> Authority:
    seconds = min(settings().time_limits.answer, PATIENCE)
    return Authority(profile.address, profile.code, profile.tls_roots, time.sleep, seconds, profile.proxies, ())
