"""What `tokenmgr desk install` changes on a computer, as values: for each of the three systems one list, made without a
look at any of them. customer/installing.py carries it out, and takes it back.

Written from the makers' own descriptions; on Windows and macOS nothing of it was tried (docs/desk-install.md).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from pathlib import PurePath

from tokenmgr.domain import edits
from tokenmgr.domain import installed_texts as texts
from tokenmgr.domain.extension import HOST, SCHEME
from tokenmgr.domain.installed_texts import Words
from tokenmgr.domain.login_policy import FIREFOX_PLACES


class Scope(Enum):
    USER = "user"
    MACHINE = "machine"


class Part(Enum):
    MENU = "menu"
    SCHEME = "scheme"
    PAGE = "page"  # the way from a bank's page to this program
    MODULES = "modules"  # the media's libraries, in browsers
    DEVICES = "devices"  # udev rules
    LOGIN = "at-login"


# --- where a value stands: `found` in a file's text, and the text `edited`; None is a file, or a value, that is not ---


@dataclass(frozen=True)
class WholeFile:
    path: PurePath
    executable: bool = False

    def found(self, text: str | None) -> str | None:
        return text

    def edited(self, text: str | None, value: str | None) -> str | None:
        return value


@dataclass(frozen=True)
class IniLine:
    path: PurePath
    section: str
    key: str

    def found(self, text: str | None) -> str | None:
        return edits.line_found(text or "", self.section, self.key)

    def edited(self, text: str | None, value: str | None) -> str | None:
        return edits.with_line(text or "", self.section, self.key, value)


@dataclass(frozen=True)
class NssModule:
    """Of one of NSS's databases: a paragraph of its pkcs11.txt."""

    path: PurePath
    name: str

    def found(self, text: str | None) -> str | None:
        return edits.paragraph_found(text or "", self.name)

    def edited(self, text: str | None, value: str | None) -> str | None:
        return edits.with_paragraph(text or "", self.name, value)


@dataclass(frozen=True)
class JsonValue:
    path: PurePath
    names: tuple[str, ...]

    def found(self, text: str | None) -> str | None:
        return edits.value_found(text or "", self.names)

    def edited(self, text: str | None, value: str | None) -> str | None:
        return edits.with_value(text or "", self.names, value)


@dataclass(frozen=True)
class RegistryValue:
    root: str  # HKCU or HKLM
    key: str
    name: str = ""  # the key's own


InFile = WholeFile | IniLine | NssModule | JsonValue
Target = InFile | RegistryValue


@dataclass(frozen=True)
class Change:
    part: Part
    target: Target
    value: str


# --- the plan ---


@dataclass(frozen=True)
class Places:
    """`own` is where our launcher and manifests go, of one user; all else follows from home, root and environment."""

    home: PurePath
    own: PurePath
    root: PurePath
    environment: Mapping[str, str]

    def named(self, variable: str, usual: PurePath) -> PurePath:
        """A folder that a variable names, if it names a whole path."""
        told = type(usual)(self.environment.get(variable, ""))
        return told if told.is_absolute() else usual


@dataclass(frozen=True)
class Registration:
    """A medium's library for one browser's database."""

    file: PurePath  # the database's pkcs11.txt
    name: str
    library: str


@dataclass(frozen=True)
class Wanted:
    program: tuple[str, ...]  # what starts tokenmgr
    words: Words
    icon: str  # SVG
    udev: str  # rules
    registrations: Sequence[Registration] = ()  # one user's
    libraries: Mapping[str, str] = field(default_factory=dict)  # of the whole machine, by name
    at_login: bool = False
    windowed: tuple[str, ...] = ()  # what starts its window, where that is another program
    devices: tuple[str, ...] = ("policies", "SecurityDevices", "Add")  # where Firefox's policy has libraries

    @property
    def window(self) -> tuple[str, ...]:
        return (*(self.windowed or self.program), "desk")

    @property
    def tray(self) -> tuple[str, ...]:
        return (*self.window, "--tray")

    @property
    def host(self) -> tuple[str, ...]:
        return (*self.program, "native-host")


def plan(system: str, scope: Scope, places: Places, wanted: Wanted) -> list[Change]:
    made = {"linux": _linux, "windows": _windows, "macos": _macos}[system](scope, places, wanted)
    return [*made, *_modules(scope, wanted, firefox_policy(system, places))]


def record_folder(system: str, scope: Scope, places: Places) -> PurePath:
    """Where it is written down what was done."""
    if scope is Scope.USER:
        return places.own
    return places.root / "var/lib/tokenmgr" if system == "linux" else _own_of_machine(system, places)


def _own_of_machine(system: str, places: Places) -> PurePath:
    if system == "windows":
        return places.named("ProgramFiles", places.root / "Program Files") / "tokenmgr"
    return places.root / {"linux": "usr/lib/tokenmgr", "macos": "Library/Application Support/tokenmgr"}[system]


def _own(system: str, scope: Scope, places: Places) -> PurePath:
    return places.own if scope is Scope.USER else _own_of_machine(system, places)


# --- Linux: https://specifications.freedesktop.org (desktop entry, MIME associations, autostart, icon theme) ---

_ENTRY = "tokenmgr.desktop"


def _linux(scope: Scope, places: Places, wanted: Wanted) -> Iterator[Change]:
    data, config = places.root / "usr/share", places.root / "etc/xdg"
    if scope is Scope.USER:
        data = places.named("XDG_DATA_HOME", places.home / ".local/share")
        config = places.named("XDG_CONFIG_HOME", places.home / ".config")
    handles = "Categories=Office;Finance;", f"MimeType=x-scheme-handler/{SCHEME};", "StartupNotify=true"
    entry = texts.desktop_entry(wanted.words, (*wanted.window, "%u"), *handles)
    yield Change(Part.MENU, WholeFile(data / "applications" / _ENTRY), entry)
    yield Change(Part.MENU, WholeFile(data / "icons/hicolor/scalable/apps/tokenmgr.svg"), wanted.icon)
    line = IniLine(config / "mimeapps.list", "Default Applications", f"x-scheme-handler/{SCHEME}")
    yield Change(Part.SCHEME, line, _ENTRY)
    folders = _linux_folders(scope, places, config)
    yield from _page_by_files(_own("linux", scope, places) / "native-host", wanted, folders)
    if scope is Scope.MACHINE:
        yield Change(Part.DEVICES, WholeFile(places.root / "etc/udev/rules.d/70-tokenmgr.rules"), wanted.udev)
    if wanted.at_login:
        hidden = texts.desktop_entry(wanted.words, wanted.tray, "NoDisplay=true")
        yield Change(Part.LOGIN, WholeFile(config / "autostart" / _ENTRY), hidden)


def _linux_folders(scope: Scope, places: Places, config: PurePath) -> dict[str, PurePath]:
    """Firefox has its own in ~/.mozilla wherever its profiles are."""
    if scope is Scope.USER:
        chromium = {"chromium": "chromium", "chrome": "google-chrome", "edge": "microsoft-edge"}
        found = {name: config / folder / "NativeMessagingHosts" for name, folder in chromium.items()}
        return {**found, "firefox": places.home / ".mozilla/native-messaging-hosts"}
    chromium = {"chromium": "etc/chromium", "chrome": "etc/opt/chrome", "edge": "etc/opt/edge"}
    found = {name: places.root / folder / "native-messaging-hosts" for name, folder in chromium.items()}
    libraries = {"firefox": "usr/lib", "firefox-64": "usr/lib64"}  # which one, its build has decided
    more = {name: places.root / folder / "mozilla/native-messaging-hosts" for name, folder in libraries.items()}
    return {**found, **more}


def _page_by_files(launcher: PurePath, wanted: Wanted, folders: Mapping[str, PurePath]) -> Iterator[Change]:
    yield Change(Part.PAGE, WholeFile(launcher, executable=True), texts.shell_launcher(wanted.host))
    for browser, folder in folders.items():
        yield Change(Part.PAGE, WholeFile(folder / f"{HOST}.json"), _manifest(browser, launcher))


def _manifest(browser: str, launcher: PurePath) -> str:
    return (texts.firefox_manifest if browser.startswith("firefox") else texts.chromium_manifest)(str(launcher))


# --- Windows ---

_BROWSERS = {"chromium": "Chromium", "chrome": r"Google\Chrome", "edge": r"Microsoft\Edge", "firefox": "Mozilla"}
_DEVICES = r"Software\Policies\Mozilla\Firefox\SecurityDevices\Add"


def _windows(scope: Scope, places: Places, wanted: Wanted) -> Iterator[Change]:
    root = "HKCU" if scope is Scope.USER else "HKLM"
    start = places.named("APPDATA", places.home / "AppData/Roaming")
    if scope is Scope.MACHINE:
        start = places.named("ProgramData", places.root / "ProgramData")
    menu = start / "Microsoft/Windows/Start Menu/Programs"
    yield Change(Part.MENU, WholeFile(menu / "tokenmgr.url"), texts.shortcut(wanted.window[0]))
    scheme = rf"Software\Classes\{SCHEME}"
    yield Change(Part.SCHEME, RegistryValue(root, scheme), f"URL:{SCHEME}")
    yield Change(Part.SCHEME, RegistryValue(root, scheme, "URL Protocol"), "")
    yield Change(Part.SCHEME, RegistryValue(root, rf"{scheme}\DefaultIcon"), texts.windows_line(wanted.window[:1]))
    opened = texts.windows_line(wanted.window, '"%1"')
    yield Change(Part.SCHEME, RegistryValue(root, rf"{scheme}\shell\open\command"), opened)
    own = _own("windows", scope, places)
    launcher = own / "native-host.bat"
    yield Change(Part.PAGE, WholeFile(launcher), texts.batch_launcher(wanted.host))
    for kind in ("chromium", "firefox"):
        yield Change(Part.PAGE, WholeFile(own / f"{HOST}.{kind}.json"), _manifest(kind, launcher))
    for browser, maker in _BROWSERS.items():
        kind = "firefox" if browser == "firefox" else "chromium"
        key = rf"Software\{maker}\NativeMessagingHosts\{HOST}"
        yield Change(Part.PAGE, RegistryValue(root, key), str(own / f"{HOST}.{kind}.json"))
    if wanted.at_login:
        run = RegistryValue(root, r"Software\Microsoft\Windows\CurrentVersion\Run", "tokenmgr")
        yield Change(Part.LOGIN, run, texts.windows_line(wanted.tray))


# --- macOS ---


def _macos(scope: Scope, places: Places, wanted: Wanted) -> Iterator[Change]:
    whose = places.home if scope is Scope.USER else places.root
    bundle = whose / "Applications/tokenmgr.app/Contents"
    starts = texts.shell_launcher(wanted.window)
    yield Change(Part.MENU, WholeFile(bundle / "MacOS/tokenmgr", executable=True), starts)
    yield Change(Part.SCHEME, WholeFile(bundle / "Info.plist"), texts.info_plist(wanted.words))
    launcher = _own("macos", scope, places) / "native-host"
    yield from _page_by_files(launcher, wanted, _macos_folders(scope, whose / "Library"))
    if wanted.at_login:
        agent = WholeFile(whose / "Library/LaunchAgents" / f"{HOST}.plist")
        yield Change(Part.LOGIN, agent, texts.launch_agent(wanted.tray))


def _macos_folders(scope: Scope, library: PurePath) -> dict[str, PurePath]:
    """Chrome and Edge read those of all users elsewhere than Chromium does."""
    support = library / "Application Support"
    makers = support if scope is Scope.USER else library
    folders = {
        "chromium": support / "Chromium",
        "chrome": makers / "Google/Chrome",
        "edge": (makers / "Microsoft Edge") if scope is Scope.USER else (makers / "Microsoft/Edge"),
        "firefox": support / "Mozilla",
    }
    return {browser: folder / "NativeMessagingHosts" for browser, folder in folders.items()}


# --- the media's libraries ---


def _modules(scope: Scope, wanted: Wanted, policy: PurePath | None) -> Iterator[Change]:
    """One user's in each database. For all users Firefox has a policy; Chromium has nothing of the kind."""
    if scope is Scope.USER:
        for one in wanted.registrations:
            yield Change(Part.MODULES, NssModule(one.file, one.name), edits.paragraph(one.name, one.library))
        return
    for name, library in wanted.libraries.items():
        if policy is None:
            yield Change(Part.MODULES, RegistryValue("HKLM", _DEVICES, name), library)
        else:
            value = json.dumps(library, ensure_ascii=False)
            yield Change(Part.MODULES, JsonValue(policy, (*wanted.devices, name)), value)


def firefox_policy(system: str, places: Places) -> PurePath | None:
    """None: in the registry."""
    return None if system == "windows" else places.root / FIREFOX_PLACES[system].lstrip("/")
