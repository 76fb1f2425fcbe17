"""The plan of an installation, by value, for all three systems; and that others read its files as they are meant."""

from __future__ import annotations

import base64
import json
import plistlib
import subprocess
from dataclasses import replace
from pathlib import PurePath, PurePosixPath, PureWindowsPath

import pytest
from cryptography.hazmat.primitives.serialization import load_der_public_key

from tokenmgr.domain.extension import CHROMIUM_ORIGIN, EXTENSION_KEY, FIREFOX_ID, HOST, chromium_id
from tokenmgr.domain.installation import Change, Part, Places, Registration, RegistryValue, Scope, Wanted, plan
from tokenmgr.domain.installed_texts import Words, exec_line

WORDS = Words(("Certificates", "電子証明書"), ("Comment", "説明"))
LINUX = Places(PurePosixPath("/home/a"), PurePosixPath("/home/a/.local/share/tokenmgr"), PurePosixPath("/"), {})
MACOS = Places(PurePosixPath("/Users/a"), PurePosixPath("/Users/a/Library/own"), PurePosixPath("/"), {})
PROGRAM_FILES = {"ProgramFiles": r"D:\Programs", "ProgramData": r"C:\ProgramData", "APPDATA": "not whole"}
WINDOWS = Places(PureWindowsPath(r"C:\Users\田中"), PureWindowsPath(r"C:\own"), PureWindowsPath("C:\\"), PROGRAM_FILES)
PLACES = {"linux": LINUX, "windows": WINDOWS, "macos": MACOS}
LIBRARY = "/usr/lib/libykcs11.so"


def planned(system: str, scope: Scope, program: str = "/opt/t/tokenmgr", windowed: str = "") -> list[Change]:
    file = PLACES[system].home / "nssdb/pkcs11.txt"
    registered = [Registration(file, "tokenmgr-yubikey", LIBRARY)]
    wanted = Wanted((program,), WORDS, "<svg/>", "# rules\n", registered, {"tokenmgr-yubikey": LIBRARY}, at_login=True)
    wanted = replace(wanted, windowed=(windowed,)) if windowed else wanted
    return plan(system, scope, PLACES[system], wanted)


def places(changes: list[Change], part: Part) -> list[str]:
    """Of files their paths, as on the system; of the registry keys and names."""
    found = [one.target for one in changes if one.part is part]
    return [f"{one.root}\\{one.key}|{one.name}" if isinstance(one, RegistryValue) else str(one.path) for one in found]


def value(changes: list[Change], place: str) -> str:
    (found,) = [one.value for part in Part for one in changes if one.part is part and places([one], part) == [place]]
    return found


def test_the_extensions_id_is_chromiums_rule_of_an_rsa_key_of_2048_bits() -> None:
    key = load_der_public_key(base64.b64decode(EXTENSION_KEY))
    assert getattr(key, "key_size", 0) == 2048
    assert chromium_id() == "chjfamnnbddcofglgfelkcbjfiafhgfl"


def test_linux_for_one_user() -> None:
    made = planned("linux", Scope.USER)
    config, own = "/home/a/.config", "/home/a/.local/share/tokenmgr"
    assert {part: places(made, part) for part in Part} == {
        Part.MENU: [
            "/home/a/.local/share/applications/tokenmgr.desktop",
            "/home/a/.local/share/icons/hicolor/scalable/apps/tokenmgr.svg",
        ],
        Part.SCHEME: [f"{config}/mimeapps.list"],
        Part.PAGE: [
            f"{own}/native-host",
            f"{config}/chromium/NativeMessagingHosts/{HOST}.json",
            f"{config}/google-chrome/NativeMessagingHosts/{HOST}.json",
            f"{config}/microsoft-edge/NativeMessagingHosts/{HOST}.json",
            f"/home/a/.mozilla/native-messaging-hosts/{HOST}.json",
        ],
        Part.MODULES: ["/home/a/nssdb/pkcs11.txt"],
        Part.DEVICES: [],
        Part.LOGIN: [f"{config}/autostart/tokenmgr.desktop"],
    }
    manifest = json.loads(value(made, f"{config}/chromium/NativeMessagingHosts/{HOST}.json"))
    assert manifest["path"] == f"{own}/native-host"
    assert (manifest["name"], manifest["type"], manifest["allowed_origins"]) == (HOST, "stdio", [CHROMIUM_ORIGIN])
    firefox = json.loads(value(made, f"/home/a/.mozilla/native-messaging-hosts/{HOST}.json"))
    assert firefox["allowed_extensions"] == [FIREFOX_ID]
    assert "allowed_origins" not in firefox


def test_linux_for_the_whole_machine() -> None:
    made = planned("linux", Scope.MACHINE)
    assert places(made, Part.PAGE) == [
        "/usr/lib/tokenmgr/native-host",
        f"/etc/chromium/native-messaging-hosts/{HOST}.json",
        f"/etc/opt/chrome/native-messaging-hosts/{HOST}.json",
        f"/etc/opt/edge/native-messaging-hosts/{HOST}.json",
        f"/usr/lib/mozilla/native-messaging-hosts/{HOST}.json",
        f"/usr/lib64/mozilla/native-messaging-hosts/{HOST}.json",
    ]
    assert places(made, Part.SCHEME) == ["/etc/xdg/mimeapps.list"]
    assert places(made, Part.DEVICES) == ["/etc/udev/rules.d/70-tokenmgr.rules"]
    assert places(made, Part.LOGIN) == ["/etc/xdg/autostart/tokenmgr.desktop"]
    assert places(made, Part.MODULES) == ["/etc/firefox/policies/policies.json"]
    assert all(not place.startswith("/home") for part in Part for place in places(made, part))


def test_windows_for_one_user() -> None:
    made = planned("windows", Scope.USER, r"C:\Program Files\t\tokenmgr.exe", r"C:\Program Files\t\tokenmgr-desk.exe")
    assert places(made, Part.MENU) == [
        r"C:\Users\田中\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\tokenmgr.url"
    ]
    command = r"HKCU\Software\Classes\tokenmgr\shell\open\command|"
    assert value(made, command) == r'"C:\Program Files\t\tokenmgr-desk.exe" desk "%1"'
    assert value(made, r"HKCU\Software\Classes\tokenmgr|URL Protocol") == ""
    chrome = rf"HKCU\Software\Google\Chrome\NativeMessagingHosts\{HOST}|"
    firefox = rf"HKCU\Software\Mozilla\NativeMessagingHosts\{HOST}|"
    assert json.loads(value(made, value(made, chrome)))["allowed_origins"] == [CHROMIUM_ORIGIN]
    assert json.loads(value(made, value(made, firefox)))["allowed_extensions"] == [FIREFOX_ID]
    assert json.loads(value(made, value(made, firefox)))["path"] == r"C:\own\native-host.bat"
    run = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run|tokenmgr"
    assert value(made, run) == r'"C:\Program Files\t\tokenmgr-desk.exe" desk --tray'
    assert value(made, r"C:\own\native-host.bat").split("\r\n") == [
        "@echo off",
        "chcp 65001 >nul",
        r'"C:\Program Files\t\tokenmgr.exe" native-host %*',
        "",
    ]


def test_windows_for_the_whole_machine() -> None:
    made = planned("windows", Scope.MACHINE)
    every = [place for part in Part for place in places(made, part)]
    assert not [place for place in every if place.startswith(("HKCU", r"C:\Users", r"C:\own"))]
    assert places(made, Part.MENU) == [r"C:\ProgramData\Microsoft\Windows\Start Menu\Programs\tokenmgr.url"]
    assert rf"D:\Programs\tokenmgr\{HOST}.firefox.json" in every
    device = r"HKLM\Software\Policies\Mozilla\Firefox\SecurityDevices\Add|tokenmgr-yubikey"
    assert value(made, device) == LIBRARY


@pytest.mark.parametrize(("scope", "whose"), [(Scope.USER, "/Users/a"), (Scope.MACHINE, "")])
def test_macos(scope: Scope, whose: str) -> None:
    made = planned("macos", scope)
    told = plistlib.loads(value(made, f"{whose}/Applications/tokenmgr.app/Contents/Info.plist").encode())
    assert told["CFBundleURLTypes"][0]["CFBundleURLSchemes"] == ["tokenmgr"]
    assert f"{whose}/Applications/tokenmgr.app/Contents/MacOS/{told['CFBundleExecutable']}" in places(made, Part.MENU)
    agent = plistlib.loads(value(made, f"{whose}/Library/LaunchAgents/{HOST}.plist").encode())
    assert (agent["ProgramArguments"], agent["RunAtLoad"]) == (["/opt/t/tokenmgr", "desk", "--tray"], True)
    support = f"{whose}/Library/Application Support"
    edge = {
        Scope.USER: f"{support}/Microsoft Edge/NativeMessagingHosts/{HOST}.json",
        Scope.MACHINE: f"/Library/Microsoft/Edge/NativeMessagingHosts/{HOST}.json",
    }
    assert {edge[scope], f"{support}/Mozilla/NativeMessagingHosts/{HOST}.json"} < set(places(made, Part.PAGE))


def test_what_is_not_asked_for_is_not_planned() -> None:
    for system, here in PLACES.items():
        for scope in Scope:
            made = plan(system, scope, here, Wanted(("tokenmgr",), WORDS, "", ""))
            assert not {Part.LOGIN, Part.MODULES} & {one.part for one in made}
            assert len({one.target for one in made}) == len(made)


def test_the_folders_that_variables_name_are_taken_where_they_are_whole() -> None:
    named = {"XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "relative"}
    here = Places(LINUX.home, LINUX.own, LINUX.root, named)
    made = plan("linux", Scope.USER, here, Wanted(("tokenmgr",), WORDS, "", ""))
    assert places(made, Part.MENU)[0] == "/data/applications/tokenmgr.desktop"
    assert places(made, Part.SCHEME) == ["/home/a/.config/mimeapps.list"]


def test_a_desktop_entrys_command_is_read_as_it_was_meant() -> None:
    """The value is unescaped first; what is quoted is as a shell's double quotes have it; then %% is one %."""
    command = ["/opt/a b/tokenmgr", 'q"uote', "back\\slash\\", "$HOME", "`id`", "100%", "%u", "日本", "", "-x", "'"]
    *quoted, code = exec_line([*command[:6], *command[7:], "%u"]).replace("\\\\", "\\").rsplit(" ", 1)
    read = subprocess.run(
        ["sh", "-c", f"printf '%s\\n' {quoted[0]}"], capture_output=True, text=True, check=True
    ).stdout
    assert [one.replace("%%", "%") for one in read.splitlines()] == [*command[:6], *command[7:]]
    assert code == "%u"


def test_every_path_is_one_of_its_system() -> None:
    for system, here in PLACES.items():
        for scope in Scope:
            for one in planned(system, scope):
                if not isinstance(one.target, RegistryValue):
                    assert isinstance(one.target.path, PurePath)
                    assert type(one.target.path) is type(here.home)
                    assert one.target.path.is_absolute()
