"""The extension's two builds: where it runs, what it may, and that it is the one that the program answers."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.cli.runner import Home
from tests.desk.bank import HandingBank
from tokenmgr import __version__, data
from tokenmgr.desk.extension import build, origin_of
from tokenmgr.domain.extension import EXTENSION_KEY, FIREFOX_ID, HOST
from tokenmgr.domain.handover import LONGEST, place_of
from tokenmgr.errors import SitesMissing, SiteUnfit

SOURCE = data.folder("extension")
SITES = ["https://ib.example", "https://ib.example:8443", "https://[2001:db8::1]"]


def manifest(folder: Path) -> dict[str, Any]:
    told: dict[str, Any] = json.loads((folder / "manifest.json").read_text())
    return told


def test_it_runs_on_the_banks_sites_alone_and_may_speak_to_the_program_alone(tmp_path: Path) -> None:
    chromium, firefox = (manifest(folder) for folder in build(tmp_path, SITES))
    (here,), (there,) = chromium["content_scripts"], firefox["content_scripts"]
    assert here["matches"] == ["https://ib.example/*", "https://ib.example:8443/*", "https://[2001:db8::1]/*"]
    assert there["matches"] == ["https://ib.example/*", "https://[2001:db8::1]/*"]  # its patterns have no port
    for one in (chromium, firefox):
        assert one["permissions"] == ["nativeMessaging"]
        assert not {"host_permissions", "optional_permissions", "web_accessible_resources"} & set(one)
        assert one["content_security_policy"]["extension_pages"] == "default-src 'none'; script-src 'self'"
        assert one["content_scripts"][0]["all_frames"] is False
        assert one["version"] == __version__
        assert re.fullmatch(r"\d+(\.\d+){0,3}", one["version"])  # browsers take no other
    assert chromium["key"] == EXTENSION_KEY
    assert firefox["browser_specific_settings"]["gecko"]["id"] == FIREFOX_ID


def test_each_build_has_every_file_that_its_manifest_names_and_the_source_is_not_touched(tmp_path: Path) -> None:
    before = {one: one.read_bytes() for one in SOURCE.rglob("*") if one.is_file()}
    for folder in build(tmp_path, SITES) + build(tmp_path, SITES[:1]):  # over an older one, too
        told = manifest(folder)
        background = told["background"]
        named = [*told["content_scripts"][0]["js"], background.get("service_worker") or background["scripts"][0]]
        assert all((folder / one).is_file() for one in named)
        assert (folder / "_locales" / told["default_locale"] / "messages.json").is_file()
    assert before == {one: one.read_bytes() for one in SOURCE.rglob("*") if one.is_file()}


def test_both_languages_say_what_the_manifest_asks_for() -> None:
    asked = set(re.findall(r"__MSG_(\w+)__", (SOURCE / "manifest.json").read_text()))
    for language in ("ja", "en"):
        told = json.loads((SOURCE / "_locales" / language / "messages.json").read_text(encoding="utf-8"))
        assert set(told) == asked
        assert len(told["description"]["message"]) <= 132  # Chrome's store takes no longer one


@pytest.mark.parametrize(
    "origin", ["http://ib.example", "https://IB.example", "https://ib.example/", "https://*.example"]
)
def test_what_is_no_site_is_refused_before_anything_is_written(tmp_path: Path, origin: str) -> None:
    with pytest.raises(SiteUnfit):
        build(tmp_path / "out", [SITES[0], origin])
    with pytest.raises(SitesMissing):
        build(tmp_path / "out", [])
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("origin", SITES)
def test_an_origin_is_written_as_browsers_write_it(origin: str) -> None:
    place = place_of(origin)
    assert place
    assert origin_of(place) == origin


def test_the_command_takes_the_banks_of_this_computer_where_none_is_named(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    out = str(tmp_path / "out")
    assert home.run("desk", "extension", "--out", out).status == 2
    HandingBank().hand_out(home.folder, "https://ib.example:8443", "https://ib2.example")
    told = json.loads(home.run("desk", "extension", "--out", out, "--json").out)
    (script,) = manifest(Path(told["chromium"]))["content_scripts"]
    assert script["matches"] == ["https://ib.example:8443/*", "https://ib2.example/*"]
    assert home.run("desk", "extension", "--out", out, "--origin", "https://only.example").status == 0
    (script,) = manifest(Path(told["chromium"]))["content_scripts"]
    assert script["matches"] == ["https://only.example/*"]


def test_its_scripts_say_the_same_as_the_program() -> None:
    content, worker = ((SOURCE / name).read_text(encoding="utf-8") for name in ("content.js", "worker.js"))
    assert f'const HOST = "{HOST}";' in worker
    assert f"{{1,{LONGEST}}}" in content
    assert not re.search(r"\beval\b|innerHTML|\bimport\b|https?://(?!\")|Function\(", content + worker)
