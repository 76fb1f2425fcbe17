"""What browsers are told by an administrator's policy: read, as far as it selects certificates, and written.

Chromium, Chrome and Edge: AutoSelectCertificateForUrls. Firefox: policies.json. What is written was tried on Linux.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

AUTO_SELECT = "AutoSelectCertificateForUrls"
CHOOSES = "security.default_personal_cert"
BY_ITSELF = "Select Automatically"
FILE = "tokenmgr-login.json"
HTTPS = 443
SHORT = {"CN": "common_name", "O": "organization_name", "OU": "organizational_unit_name", "L": "locality_name"}
Parts = Mapping[str, Sequence[str]]  # of a name: what it says of each kind

# Where a system keeps them: folders of files, or keys of the registry.
CHROMIUM_PLACES = {
    "linux": {
        "Chromium": "/etc/chromium/policies/managed",
        "Chrome": "/etc/opt/chrome/policies/managed",
        "Edge": "/etc/opt/edge/policies/managed",
    },
    "windows": {
        "Chrome": r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Google\Chrome",
        "Edge": r"HKEY_LOCAL_MACHINE\SOFTWARE\Policies\Microsoft\Edge",
    },
    "macos": {"Chrome": "com.google.Chrome", "Edge": "com.microsoft.Edge"},
}
FIREFOX_PLACES = {
    "linux": "/etc/firefox/policies/policies.json",
    "windows": r"C:\Program Files\Mozilla Firefox\distribution\policies.json",
    "macos": "/Applications/Firefox.app/Contents/Resources/distribution/policies.json",
}


@dataclass(frozen=True)
class AutoSelect:
    """One entry of the list. An empty filter names every certificate."""

    pattern: str
    issuer: Mapping[str, str] = field(default_factory=dict)
    subject: Mapping[str, str] = field(default_factory=dict)

    def fits(self, host: str, port: int) -> bool:
        """As far as banks' hosts need it: `https://host`, with a port or for all of them, `[*.]domain`, and `*`. None
        fits an address of digits (it was not taken in a test)."""
        pattern = self.pattern.rstrip("/")
        if pattern == "*":
            return True
        scheme, separator, rest = pattern.rpartition("://")
        if separator and scheme not in ("https", "*"):
            return False
        name, _, named_port = rest.partition(":") if not rest.startswith("[*.]") else _wild(rest)
        if named_port not in ("", "*", str(port)):
            return False
        if name.startswith("[*.]"):
            domain = name.removeprefix("[*.]").lower()
            return host.lower() == domain or host.lower().endswith(f".{domain}")
        return name.lower() == host.lower()

    def names(self, subject: Parts, issuer: Parts) -> bool:
        wanted = ((self.issuer, issuer), (self.subject, subject))
        return all(text in told.get(SHORT.get(kind, ""), ()) for want, told in wanted for kind, text in want.items())

    def as_text(self) -> str:
        """The list has texts, each of which is JSON again."""
        told = {"ISSUER": dict(self.issuer), "SUBJECT": dict(self.subject)}
        return json.dumps(
            {"pattern": self.pattern, "filter": {name: parts for name, parts in told.items() if parts}},
            ensure_ascii=False,
        )


def _wild(rest: str) -> tuple[str, str, str]:
    name, colon, port = rest.removeprefix("[*.]").partition(":")
    return f"[*.]{name}", colon, port


def read_auto_select(text: str) -> AutoSelect | None:
    """None for what is no entry: Chromium passes over it, too."""
    try:
        told = json.loads(text)
        parts = [told.get("filter", {}).get(name, {}) for name in ("ISSUER", "SUBJECT")]
        issuer, subject = ({str(kind): str(one) for kind, one in part.items()} for part in parts)
        return AutoSelect(str(told["pattern"]), issuer, subject)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def pattern_of(host: str, port: int) -> str:
    return f"https://{host}" if port == HTTPS else f"https://{host}:{port}"


# --- written ---


def chromium(entries: Sequence[AutoSelect]) -> dict[str, Any]:
    return {AUTO_SELECT: [one.as_text() for one in entries]}


def registry(entries: Sequence[AutoSelect]) -> str:
    """As regedit imports it. Not tried."""
    lines = ["Windows Registry Editor Version 5.00"]
    for key in CHROMIUM_PLACES["windows"].values():
        lines += ["", rf"[{key}\{AUTO_SELECT}]"]
        lines += [f'"{number}"={_quoted(one.as_text())}' for number, one in enumerate(entries, 1)]
    return "\n".join([*lines, ""])


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def firefox(libraries: Mapping[str, str], by_itself: bool) -> dict[str, Any]:
    """`libraries` by the names that Firefox is to call them."""
    told: dict[str, Any] = {}
    if libraries:
        told["SecurityDevices"] = {"Add": dict(libraries)}
    if by_itself:
        told["Preferences"] = {CHOOSES: {"Value": BY_ITSELF, "Status": "locked"}}
    return {"policies": told}
