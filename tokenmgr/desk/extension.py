"""The browser extension as a browser takes it: one source, extension/, and a manifest for each of two kinds of browser,
with the banks' sites in it, on whose pages alone it runs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tokenmgr import __version__, data
from tokenmgr.domain.extension import EXTENSION_KEY, FIREFOX_ID
from tokenmgr.domain.handover import Place, place_of
from tokenmgr.errors import SitesMissing, SiteUnfit

MANIFEST = "manifest.json"
CHROMIUM, FIREFOX = "chromium", "firefox"
OLDEST_CHROMIUM, OLDEST_FIREFOX = "116", "140.0"
_USUAL = 443


def build(out: Path, origins: Sequence[str]) -> list[Path]:
    """A folder for each kind; a store wants the same as a ZIP file."""
    places = [_place(origin) for origin in origins]
    if not places:
        raise SitesMissing
    source = data.folder("extension")
    base = json.loads((source / MANIFEST).read_text(encoding="utf-8"))
    folders = []
    for kind, made in {CHROMIUM: chromium_manifest(base, places), FIREFOX: firefox_manifest(base, places)}.items():
        folder = Path(shutil.copytree(source, out / kind, dirs_exist_ok=True))
        (folder / MANIFEST).write_text(json.dumps(made, indent=2) + "\n", encoding="utf-8")
        folders.append(folder)
    return folders


def origin_of(place: Place) -> str:
    """As browsers write it."""
    host, port = place
    named = f"[{host}]" if ":" in host else host
    return f"https://{named}" if port == _USUAL else f"https://{named}:{port}"


def chromium_manifest(base: dict[str, Any], places: Sequence[Place]) -> dict[str, Any]:
    """`key` fixes the id, which the program goes by."""
    matches = [f"{origin_of(place)}/*" for place in places]
    background = {"service_worker": "worker.js"}
    return _with(base, matches) | {
        "key": EXTENSION_KEY,
        "minimum_chrome_version": OLDEST_CHROMIUM,
        "background": background,
    }


def firefox_manifest(base: dict[str, Any], places: Sequence[Place]) -> dict[str, Any]:
    """Its patterns have no port. On another port of the same host the program refuses, by its own list."""
    matches = [f"{origin_of((host, _USUAL))}/*" for host in dict.fromkeys(host for host, _ in places)]
    gecko = {
        "id": FIREFOX_ID,
        "strict_min_version": OLDEST_FIREFOX,
        "data_collection_permissions": {"required": ["none"]},
    }
    background = {"scripts": ["worker.js"]}
    return _with(base, matches) | {"background": background, "browser_specific_settings": {"gecko": gecko}}


def _with(base: dict[str, Any], matches: list[str]) -> dict[str, Any]:
    (script,) = base["content_scripts"]
    return base | {"version": __version__, "content_scripts": [{"matches": matches} | script]}


def _place(origin: str) -> Place:
    place = place_of(origin)
    if place is None:
        raise SiteUnfit(origin=origin)
    return place
