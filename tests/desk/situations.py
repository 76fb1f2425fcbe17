"""Every error that the window can meet, with facts as a customer would have them: what docs/situations.md lists."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from tokenmgr import errors
from tokenmgr.desk import troubles
from tokenmgr.errors import TokenmgrError

DAY = datetime(2027, 4, 1, 0, 0, 0, tzinfo=UTC)
SERIAL = "A1B2C3D4"
FACTS: dict[str, object] = {
    "address": "https://ca.example.jp:8443",
    "allowed": ("pkcs11",),
    "answer": "CKR_DEVICE_ERROR",
    "bank": "1234",
    "banks": ("1234 みやび信用金庫", "5678 さくら信用金庫"),
    "built_for": ("x86",),
    "call": "C_Sign",
    "certificates": ("山田太郎 4f1a", "鈴木花子 4f1b"),
    "device": "ePass2003",
    "family": "epass2003",
    "file": "settings.toml",
    "folder": "banks.d",
    "get": "https://www.example.jp/media",
    "hook": "10-backup",
    "key_id": "01",
    "known": ("firefox", "file"),
    "library": "libcastle.so",
    "line": 3,
    "longest": 16,
    "name": "epass2003",
    "needed": "x86_64",
    "other": "banks.d/old.toml",
    "place": "store.json",
    "places": ("01", "02"),
    "programs": ("Firefox",),
    "proxy": "http://proxy.example.jp:8080",
    "reader": "ePass 00 00",
    "said": "disk full",
    "seconds": 60,
    "seen": ("E5F6A7B8",),
    "serial": SERIAL,
    "serials": (SERIAL, "E5F6A7B8"),
    "shortest": 8,
    "source": "E5F6A7B8",
    "status": 1,
    "subject": "山田太郎",
    "there": DAY,
    "tokens": ("User PIN",),
    "tries_left": 4,
    "until": DAY,
    "unblock": "officer",
    "version": "3",
    "who": "user",
    "failed": "M105",
    "act": "sign",
    "origin": "https://ib.example.jp",
}
OF_ITS_OWN: dict[str, dict[str, object]] = {
    "A105": {"findings": ("serial-number",)},
    "A106": {"reason": "known-weak"},
    "D101": {"reason": "the last working certificate"},
    "H101": {"reason": "no ticket"},
    "H102": {"bank": "みやび信用金庫"},
    "H105": {"bank": "みやび信用金庫"},
    "H107": {"bank": "みやび信用金庫"},
    "J101": {"file": "renewal.journal", "reason": "altered"},
    "J102": {"file": "renewal.journal"},
    "J103": {"file": "renewal.journal", "reason": "No space left on device"},
    "J104": {"file": "renewal.journal"},
    "J105": {"reason": "no JSON"},
    "J106": {"fail": "badRequest", "text": "not now"},
    "J107": {"reason": "timed out"},
    "J108": {"reason": "certificate verify failed"},
    "J109": {"findings": ("key-does-not-sign",)},
    "J111": {"file": "banks.d/1234.toml", "reason": "profile-no-toml"},
    "J115": {"operation": "renewal"},
    "J120": {"file": "banks.d/1234.toml", "reason": "twice"},
    "J130": {"reason": "proxy-wants-login"},
    "J134": {"reason": "written-by-others"},
    "J142": {"reason": "J107"},
    "K101": {"findings": ("key-extractable",)},
    "K105": {"key_id": "0a"},
    "L102": {"reason": "no PKCS#11 library"},
    "L104": {"status": 139},
    "M102": {"seen": "E5F6A7B8"},
    "M110": {"wanted": "new-key"},
    "M116": {"places": ("slot 0", "slot 1")},
    "M124": {"officer": "pin"},
    "P101": {"state": "low"},
    "P106": {"rule": "length", "shortest": 6},
    "P109": {"unblock": "elsewhere"},
    "R107": {"serial": "4f1a"},
    "R113": {"reason": "not JSON"},
    "R115": {"reason": "HTTP 503"},
    "S109": {"reason": "keyring-none"},
    "S105": {"reason": "store-not-whole"},
    "S107": {"reason": "Permission denied"},
    "S112": {"software": "libnss3", "get": "libnss3"},
    "U101": {"reason": "language"},
    "U107": {"file": "support.zip", "reason": "No space left on device"},
    "U108": {"file": "drivers.d/castle.toml", "reason": "missing"},
}
ON_PC = {"S": "file:store.json", "S102": "firefox", "S103": "firefox", "S109": "file:store.json", "S112": "firefox"}
VARIANTS: dict[str, list[dict[str, object]]] = {
    "P101": [{"state": "final try"}],
    "P102": [{"unblock": "elsewhere"}, {"unblock": "nobody"}],
    "R102": [{"tries_left": 0}],
    "R104": [
        {"reason": "too-early", "way": "wait"},
        {"reason": "expired", "way": "acquire"},
        {"reason": "pending", "way": "resume"},
        {"reason": "has-one", "way": "renew", "until": None},
        {"reason": "store-forbidden", "way": "other-store", "until": None},
        {"reason": "key-forbidden", "way": "other-key", "until": None},
        {"reason": "revoked", "way": "ask-administrator", "until": None},
        {"reason": "grace-over", "way": "visit-branch"},
    ],
}


@dataclass(frozen=True)
class Situation:
    """`name` is its picture's: the code, and a number where an error has several next steps."""

    name: str
    error: TokenmgrError


def classes(root: type[TokenmgrError] = TokenmgrError) -> list[type[TokenmgrError]]:
    every = [root, *(leaf for one in root.__subclasses__() for leaf in classes(one))]
    coded = {one.code: one for one in every if "code" in vars(one) and one.__module__.startswith(errors.__name__)}
    return [coded[code] for code in sorted(coded)]


def situations() -> Iterator[Situation]:
    for kind in classes():
        if troubles.is_met(kind.code):
            first: list[dict[str, object]] = [] if kind is errors.NotPermittedNow else [{}]
            for number, facts in enumerate([*first, *VARIANTS.get(kind.code, [])]):
                yield Situation(kind.code + (f"-{number}" if number else ""), made(kind, **facts))


def made(kind: type[TokenmgrError], **facts: object) -> TokenmgrError:
    on_pc = ON_PC.get(kind.code, ON_PC.get(kind.code[0]))
    here = FACTS | OF_ITS_OWN.get(kind.code, {}) | ({"serial": on_pc} if on_pc else {}) | facts
    return kind(**{name: here[name] for name in kind._names() if name in here})
