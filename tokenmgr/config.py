"""Settings: read once at start, checked whole, then handed on. The only reader of the environment.

TOKENMGR_HOME            everything of this user's: settings.toml, libraries.d/, simulated media
settings.toml            language, usb, catalogue, staff, [time_limits], [mail]      (docs/settings.md lists every key)
libraries.d/NAME.toml    a PKCS#11 library beside those of the catalogue
drivers.d/NAME.toml      a token family beside those of drivers/, or in place of one
banks.d/NAME.toml        a bank, as it hands it out (customer/profiles.py)
journal/                 what this user's operations have written down
hooks/before/, after/    this user's own scripts (customer/hooks.py)
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tokenmgr import system
from tokenmgr.errors import SettingsWrong

LANGUAGES = ("ja", "en")
ENVIRONMENT: Mapping[str, str] = os.environ  # for whoever wires objects together without settings


@dataclass(frozen=True)
class TimeLimits:
    """Seconds for one call. Real sticks take 10 s to load and a minute for RSA-4096; three times that is a hang."""

    load: float = 30.0
    call: float = 20.0
    generate: float = 240.0
    format: float = 120.0
    answer: float = 20.0  # of the CA
    hook: float = 60.0  # a user's own script, before or after an operation

    def of(self, verb: str) -> float:
        return {"generate": self.generate, "init_token": self.format, "restart": self.load}.get(verb, self.call)


LONGEST_ANSWER = 60.0  # eighteen of them are all that a mail may take (notices/smtp.py)


@dataclass(frozen=True)
class MailServer:
    """Who takes the notices to customers. Without `host` there is none."""

    host: str = ""
    port: int = 0  # 0: as `security` has it
    security: str = "starttls"
    user: str = ""
    password_file: str = ""  # as ca_file, beside settings.toml where it is no whole path; its first line
    ca_file: str = ""  # PEM; without it, whom the system trusts
    time_limit: float = LONGEST_ANSWER
    return_path: str = ""  # where it is told that a mail was not delivered; without it, the bank's own address


SECURITY = {
    "starttls": 587,
    "tls": 465,
    "none": 25,
}  # and their ports (RFC 6409, 3.1; RFC 8314, 7.3; RFC 5321, 4.5.4.2)
LOOPBACK = ("localhost", "127.0.0.1", "::1")


@dataclass(frozen=True)
class LibraryEntry:
    """A library to look into, and what its process is told by the environment."""

    path: str
    family: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)
    initialise: str = ""  # what C_Initialize is told; NSS wants to know its folder by it


@dataclass(frozen=True)
class Settings:
    home: Path
    language: str
    usb: bool  # whether the USB bus is looked at
    catalogue: bool  # whether the libraries that drivers/ knows are looked into, besides those of libraries.d
    time_limits: TimeLimits
    libraries: tuple[LibraryEntry, ...]
    environment: Mapping[str, str]
    staff: str = ""  # who is at the keyboard, for the audit trail; the system's user where it is not said
    mail: MailServer = MailServer()

    @property
    def library_folder(self) -> Path:
        return self.home / "libraries.d"

    @property
    def reader_service(self) -> str:
        """The socket of pcscd, by the variable that its own clients read."""
        return self.environment.get("PCSCLITE_CSOCK_NAME") or system.READER_SERVICE

    @property
    def bank_folder(self) -> Path:
        return self.home / "banks.d"

    @property
    def journal_folder(self) -> Path:
        return self.home / "journal"

    @property
    def hook_folder(self) -> Path:
        return self.home / "hooks"

    @property
    def store_file(self) -> Path:
        """The PC's own store, where none is named."""
        return self.home / "certificates.store"

    @property
    def user_home(self) -> Path:
        """Where browsers keep what is this user's."""
        return Path(self.environment.get("USERPROFILE" if system.NAME == "windows" else "HOME") or Path.home())

    @property
    def driver_folder(self) -> Path:
        return self.home / "drivers.d"


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    home = home_folder(environment)
    content = _toml(home / "settings.toml")
    _known(home / "settings.toml", content, {"language", "catalogue", "usb", "time_limits", "staff", "mail"})
    for name in ("catalogue", "usb"):
        if not isinstance(content.get(name, True), bool):
            raise SettingsWrong(file=str(home / "settings.toml"), reason=f"{name} is true or false")
    language = content.get("language") or language_of(environment)
    if language not in LANGUAGES:
        raise SettingsWrong(file=str(home / "settings.toml"), reason=f"language is one of {', '.join(LANGUAGES)}")
    return Settings(
        home=home,
        language=language,
        usb=content.get("usb", True),
        catalogue=content.get("catalogue", True),
        time_limits=_time_limits(home / "settings.toml", content.get("time_limits", {})),
        libraries=tuple(_entry(path) for path in sorted((home / "libraries.d").glob("*.toml"))),
        environment=environment,
        staff=_staff(
            home / "settings.toml", environment.get("TOKENMGR_STAFF") or content.get("staff") or system.user()
        ),
        mail=_mail(home / "settings.toml", content.get("mail", {})),
    )


def home_folder(environment: Mapping[str, str] = os.environ) -> Path:
    if named := environment.get("TOKENMGR_HOME"):
        try:
            return Path(named).expanduser().absolute()
        except RuntimeError as error:
            raise SettingsWrong(file="TOKENMGR_HOME", reason=str(error)) from error
    import platformdirs  # here, because it takes longer to load than the rest of this file

    return Path(platformdirs.user_data_dir("tokenmgr", appauthor=False))


def has_screen(environment: Mapping[str, str] = os.environ) -> bool:
    """Where there is none Qt ends the whole program."""
    named = ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    return system.NAME != "linux" or any(environment.get(one) for one in named)


def language_of(environment: Mapping[str, str] = os.environ) -> str:
    """Of the messages: the POSIX order of precedence, else what the system says of its user."""
    named = next((environment[n] for n in ("LC_ALL", "LC_MESSAGES", "LANG") if environment.get(n)), None)
    return "ja" if (named or system.user_language()).lower().startswith("ja") else "en"


def _toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))  # Notepad puts a mark in front
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SettingsWrong(file=str(path), reason=str(error)) from error


def _known(path: Path, content: Mapping[str, Any], known: set[str]) -> None:
    if unknown := sorted(set(content) - known):
        raise SettingsWrong(file=str(path), reason=f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(known))}")


def _staff(path: Path, name: Any) -> str:
    if not isinstance(name, str) or not name.isprintable() or len(name) > 64 or name != name.strip():
        raise SettingsWrong(file=str(path), reason="staff is a name of at most 64 letters")
    return name


def _time_limits(path: Path, content: Any) -> TimeLimits:
    if not isinstance(content, dict):
        raise SettingsWrong(file=str(path), reason="time_limits is a table")
    _known(path, content, {f.name for f in fields(TimeLimits)})
    for name, value in content.items():
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 3600:
            raise SettingsWrong(file=str(path), reason=f"time_limits.{name} is seconds, more than 0 and at most 3600")
    return TimeLimits(**content)


def _mail(path: Path, content: Any) -> MailServer:
    if not isinstance(content, dict):
        raise SettingsWrong(file=str(path), reason="mail is a table")
    _known(path, content, {f.name for f in fields(MailServer)})
    for one in fields(MailServer):
        value = content.get(one.name, one.default)
        is_file = one.name.endswith("_file")
        if one.type == "str" and not (isinstance(value, str) and value.isprintable() and (is_file or value.isascii())):
            raise SettingsWrong(file=str(path), reason=f"mail.{one.name} is a text{'' if is_file else ' in ASCII'}")
    _number(path, "mail.port", content.get("port", 1), 65535, whole=True)
    _number(path, "mail.time_limit", content.get("time_limit", 1), LONGEST_ANSWER)
    if not content:
        return MailServer()
    if not content.get("host"):
        raise SettingsWrong(file=str(path), reason="mail.host is needed")
    found = MailServer(**content)
    if found.security not in SECURITY:
        raise SettingsWrong(file=str(path), reason=f"mail.security is one of {', '.join(SECURITY)}")
    if bool(found.user) != bool(found.password_file):
        raise SettingsWrong(file=str(path), reason="mail.user and mail.password_file go together")
    if found.user and found.security == "none" and found.host not in LOOPBACK:
        raise SettingsWrong(
            file=str(path), reason="mail.password_file is for starttls and tls: none would tell it to all"
        )
    if found.return_path and not re.fullmatch(r"[^@\s<>]{1,64}@[A-Za-z0-9.-]{1,255}", found.return_path):
        raise SettingsWrong(file=str(path), reason="mail.return_path is an address")
    return replace(
        found,
        port=found.port or SECURITY[found.security],
        password_file=found.password_file and str(path.parent / found.password_file),
        ca_file=found.ca_file and str(path.parent / found.ca_file),
    )


def _number(path: Path, name: str, value: Any, most: float, whole: bool = False) -> None:
    kind = int if whole else int | float
    if isinstance(value, bool) or not isinstance(value, kind) or not 0 < value <= most:
        raise SettingsWrong(file=str(path), reason=f"{name} is a number, more than 0 and at most {most:g}")


def _entry(path: Path) -> LibraryEntry:
    content = _toml(path)
    _known(path, content, {"path", "family", "environment", "initialise"})
    variables = content.get("environment", {})
    if not isinstance(variables, dict) or any(set(name) & {"=", "\0"} for name in variables):
        raise SettingsWrong(file=str(path), reason="environment is a table of variables")
    texts = [content.get("path"), content.get("family", ""), content.get("initialise", ""), *variables.values()]
    if not content.get("path") or not all(isinstance(text, str) and "\0" not in text for text in texts):
        raise SettingsWrong(file=str(path), reason="path is needed; all but environment are texts")
    return LibraryEntry(content["path"], content.get("family", ""), variables, content.get("initialise", ""))
