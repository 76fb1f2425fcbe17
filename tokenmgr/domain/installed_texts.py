"""The files that an installation writes, as texts: each is a pure function of how tokenmgr is started and called."""

from __future__ import annotations

import json
import plistlib
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tokenmgr.domain.extension import CHROMIUM_ORIGIN, FIREFOX_ID, HOST, SCHEME

Command = Sequence[str]


@dataclass(frozen=True)
class Words:
    """What a menu shows of it, in English and Japanese."""

    name: tuple[str, str]
    comment: tuple[str, str]


# --- Linux ---


def desktop_entry(words: Words, command: Command, *more: str) -> str:
    """`more` are further lines, in place of what a start at login has not."""
    lines = ["[Desktop Entry]", "Type=Application", *_named("Name", words.name), *_named("Comment", words.comment)]
    lines += [f"Exec={exec_line(command)}", "Icon=tokenmgr", "Terminal=false", *more]
    return "\n".join([*lines, ""])


def _named(key: str, told: tuple[str, str]) -> list[str]:
    return [f"{key}={_escaped(told[0])}", f"{key}[ja]={_escaped(told[1])}"]


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def exec_line(command: Command) -> str:
    """The desktop entry specification quotes an argument first, and escapes the whole value after that. %u is no
    argument, but a place for one."""
    return _escaped(" ".join(one if one == "%u" else _argument(one) for one in command))


_RESERVED = set(" \t\n\"'\\><~|&;$*?#()`")


def _argument(text: str) -> str:
    """Quoted where it must be, and only there: xdg-open by itself, without a desktop, knows no quotes."""
    doubled = text.replace("%", "%%")
    if text and not _RESERVED & set(text):
        return doubled
    for letter in '\\"`$':
        doubled = doubled.replace(letter, f"\\{letter}")
    return f'"{doubled}"'


def shell_launcher(command: Command) -> str:
    """A native messaging manifest names a program without arguments; the browser adds its own."""
    return f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n'


# --- Windows ---


def windows_line(command: Command, *more: str) -> str:
    """As CreateProcess splits it. Paths have no quotes, and `more` is taken as it is."""
    return " ".join([*(f'"{one}"' if " " in one or "\\" in one else one for one in command), *more])


def batch_launcher(command: Command) -> str:
    """cmd reads a file in the system's code page; a user's folder may have any name."""
    line = windows_line([one.replace("%", "%%") for one in command])
    return "\r\n".join(["@echo off", "chcp 65001 >nul", f"{line} %*", ""])


def shortcut(program: str) -> str:
    """By the scheme, so that it starts what the scheme starts."""
    return "\r\n".join(["[InternetShortcut]", f"URL={SCHEME}://open", f"IconFile={program}", "IconIndex=0", ""])


# --- macOS ---


def info_plist(words: Words) -> str:
    """With a scheme in it, Launch Services sends such addresses as an Apple event to what the bundle starts."""
    return _plist(
        {
            "CFBundleIdentifier": HOST,
            "CFBundleName": "tokenmgr",
            "CFBundleDisplayName": words.name[0],
            "CFBundleExecutable": "tokenmgr",
            "CFBundlePackageType": "APPL",
            "CFBundleURLTypes": [{"CFBundleURLName": HOST, "CFBundleURLSchemes": [SCHEME]}],
        }
    )


def launch_agent(command: Command) -> str:
    return _plist({"Label": HOST, "ProgramArguments": list(command), "RunAtLoad": True})


def _plist(told: dict[str, Any]) -> str:
    return plistlib.dumps(told, sort_keys=False).decode()


# --- browsers ---


def chromium_manifest(launcher: str) -> str:
    return _manifest(launcher, {"allowed_origins": [CHROMIUM_ORIGIN]})


def firefox_manifest(launcher: str) -> str:
    return _manifest(launcher, {"allowed_extensions": [FIREFOX_ID]})


def _manifest(launcher: str, who: dict[str, list[str]]) -> str:
    told = {"name": HOST, "description": "tokenmgr", "path": launcher, "type": "stdio", **who}
    return json.dumps(told, ensure_ascii=False, indent=2) + "\n"
