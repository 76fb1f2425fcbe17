"""A Chromium in a home of its own, whose database knows a CA's root and media's libraries: for a person, who is asked
which certificate to show and for the medium's PIN; and without a screen, where what is asked would be asked of nobody.
The only importer of Playwright."""

from __future__ import annotations

import contextlib
import json
import logging
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from tokenmgr import system
from tokenmgr.errors import ProgramMissing, ShownOtherwise
from tokenmgr.testbed.own_ca import PATIENCE, ends_with_parent
from tokenmgr.testbed.simulated import SimulatedMedium

if TYPE_CHECKING:
    from playwright.sync_api import Page

PROGRAM, NSS_TOOL = "chromium", "certutil"
PACKAGES = {PROGRAM: "chromium", NSS_TOOL: "libnss3-tools"}  # Debian's
DATA = "browser-"  # begins the names of folders that browsers have for themselves
# It asks nobody on the net about anything, and shows no page of its own before ours.
QUIET = ("--no-first-run", "--no-default-browser-check", "--disable-background-networking", "--disable-quic")


@dataclass(frozen=True)
class ChromiumHome:
    """`own` is what whoever lives there has in their environment beside HOME: programs that a browser starts see it."""

    folder: Path
    environment: Mapping[str, str]
    language: str = "ja"  # that pages are asked for in
    own: Mapping[str, str] = field(default_factory=dict)

    @property
    def database(self) -> Path:
        return self.folder / ".pki" / "nssdb"

    def make(self, root: str) -> None:
        """With an empty password: nobody is asked for one. `root`, a PEM, is believed of hosts."""
        system.private_folder(self.database)
        _nss("-N", "-d", f"sql:{self.database}", "--empty-password")
        _nss("-A", "-d", f"sql:{self.database}", "-n", "root", "-t", "CT,,", typed=root)

    def load(self, media: Iterable[SimulatedMedium]) -> None:
        """As `tokenmgr desk install` has them loaded. By hand: NSS's tool would load them to see what they are."""
        with (self.database / "pkcs11.txt").open("a", encoding="utf-8") as modules:
            modules.writelines(f"library={medium.path}\nname={medium.name}\n\n" for medium in media)

    def of_one(self, folder: Path, label: str) -> ChromiumHome:
        """A copy as its owner has it whose certificates have this in their names: without the others', and without any
        windows, cookies or settings."""
        made = replace(self, folder=folder)
        shutil.copytree(self.database, made.database)
        listed = _nss("-L", "-d", f"sql:{made.database}").splitlines()
        with_keys = [line.rpartition("u,u,u")[0].rstrip() for line in listed]
        others = [name for name in with_keys if name and f"{label} " not in f"{name} "]
        batch = folder / "others"
        batch.write_text("".join(f'-D -n "{name}"\n' for name in others), encoding="utf-8")
        _nss("-B", "-i", str(batch), "-d", f"sql:{made.database}")
        return made

    @property
    def variables(self) -> dict[str, str]:
        return {**self.own, "HOME": str(self.folder)}

    @property
    def flags(self) -> list[str]:
        """Chromium refuses root its sandbox."""
        return [*QUIET, f"--accept-lang={self.language}", *(["--no-sandbox"] if system.IS_ROOT else [])]

    @property
    def line(self) -> str:
        """For a shell. A browser of its own each time, since to one site a browser shows the one certificate that was
        chosen until it ends."""
        data = f'"$(mktemp -d {shlex.quote(str(self.folder))}/{DATA}XXXXXX)"'
        return f"{shlex.join([PROGRAM, *self.flags])} --user-data-dir={data}"

    @contextlib.contextmanager
    def opened(self, address: str) -> Iterator[None]:
        """Before whoever sits at the screen."""
        data = tempfile.mkdtemp(dir=self.folder, prefix=DATA)
        with subprocess.Popen(
            [*ends_with_parent(), PROGRAM, *self.flags, f"--user-data-dir={data}", address],
            env={**self.environment, **self.variables},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # it has children of its own
        ) as browser:
            try:
                yield
            finally:
                browser.terminate()  # in order: it puts away what it has in the folder of everybody's temporary files
                with contextlib.suppress(subprocess.TimeoutExpired):
                    browser.wait(PATIENCE)
                system.end_group(browser.pid)


class Walker:
    """Browsers that nobody sees, each in a home that is copied for it, and has the certificates of one person."""

    def __init__(self, home: ChromiumHome, site: str) -> None:
        self._home, self._site = home, site

    def __enter__(self) -> Self:
        from playwright.sync_api import sync_playwright  # here: it takes as long to load as all the rest

        logging.getLogger("asyncio").setLevel(logging.CRITICAL)  # a driver that Ctrl-C has ended is no news
        self._running = sync_playwright()
        with system.interrupts_held_back():
            self._playwright = self._running.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        with _undisturbed():
            self._running.__exit__()

    @contextlib.contextmanager
    def browser(self, label: str, media: Iterable[SimulatedMedium] = ()) -> Iterator[Window]:
        """Of `label`, and of the media, what ends last is shown to the site without asking: what an administrator's
        policy says for all of a computer (customer/login_policies.py) stands here as this profile's own setting."""
        with tempfile.TemporaryDirectory(dir=self._home.folder, prefix="walk-") as folder:
            home, data = self._home.of_one(Path(folder), label), Path(folder) / "chromium"
            home.load(media)
            chosen: dict[str, object] = {f"{self._site},*": {"setting": {"filters": [{}]}}}
            settings = {"profile": {"content_settings": {"exceptions": {"auto_select_certificate": chosen}}}}
            (data / "Default").mkdir(parents=True)
            (data / "Default" / "Preferences").write_text(json.dumps(settings), encoding="utf-8")
            with _undisturbed() as failed:
                opened = self._playwright.chromium.launch_persistent_context(
                    data,
                    executable_path=shutil.which(PROGRAM),
                    args=home.flags,
                    env={**home.environment, **home.variables},
                    locale={"ja": "ja-JP", "en": "en-US"}[home.language],
                    timezone_id="Asia/Tokyo",
                    viewport={"width": 1280, "height": 900},
                )
            _require_none(failed, self._site, PROGRAM)
            try:
                yield Window(opened.pages[0])
            finally:
                with _undisturbed():
                    opened.close()


class Window:
    """One of its pages. What is not there as it should be is a ShownOtherwise."""

    def __init__(self, page: Page) -> None:
        self._page = page

    def go(self, address: str) -> None:
        with self._held_to(address):
            self._page.goto(address)

    def press(self, element: str) -> None:
        """What leads to another page."""
        with self._held_to(element), self._page.expect_navigation():
            self._page.locator(element).first.click()

    def fill(self, element: str, text: str) -> None:
        with self._held_to(element):
            self._page.locator(element).fill(text)

    def text(self, element: str) -> str:
        """Empty where there is none."""
        found: list[str] = []
        with self._held_to(element):
            found = self._page.locator(element).all_inner_texts()
        return "".join(found).strip()

    @property
    def title(self) -> str:
        return self.text("head > title")

    @property
    def path(self) -> str:
        return urlsplit(self._page.url).path

    @contextlib.contextmanager
    def _held_to(self, expected: str) -> Iterator[None]:
        with _undisturbed() as failed:
            yield
        _require_none(failed, self._page.url, expected)


def _require_none(failed: list[Exception], visit: str, expected: str) -> None:
    for error in failed:
        found, *_ = str(error).splitlines() or [""]
        raise ShownOtherwise(visit=visit, expected=expected, found=found) from error


@contextlib.contextmanager
def _undisturbed() -> Iterator[list[Exception]]:
    """Ctrl-C is answered at the end, before anything that has failed by it: the driver, which is a process of this
    terminal's too, ends at once."""
    from playwright.sync_api import Error

    failed: list[Exception] = []
    with system.interrupts_held_back():
        try:
            yield failed
        except Error as error:
            failed.append(error)


def require() -> None:
    for program, package in PACKAGES.items():
        if shutil.which(program) is None:
            raise ProgramMissing(program=program, package=package)


def _nss(*words: str, typed: str = "") -> str:
    done = subprocess.run([NSS_TOOL, *words], input=typed, encoding="utf-8", capture_output=True, check=True)
    return done.stdout
