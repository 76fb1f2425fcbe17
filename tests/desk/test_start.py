"""The program as the system starts it: one for each user, a second hands over, and it ends in order."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from tests.cli.runner import Home
from tests.contract.services import until
from tests.desk.bank import SITE, HandingBank, jti_of
from tests.desk.rig import at_desk
from tests.interop.running import BANK, Authority
from tokenmgr import clock, system
from tokenmgr.__main__ import meant
from tokenmgr.desk import app, instance, start
from tokenmgr.desk.flow import JUST_OPEN
from tokenmgr.desk.handovers import Handovers
from tokenmgr.desk.instance import Instance, first_or_told
from tokenmgr.desk.pages.home import HomePage
from tokenmgr.desk.pages.trouble import TroublePage
from tokenmgr.desk.parts import Page
from tokenmgr.domain.handover import OPENED, Progress, State
from tokenmgr.errors import SettingsWrong
from tokenmgr.testbed.bed import Testbed
from tokenmgr.wiring import libraries, words

LINK = "tokenmgr://handover/abc"
BOUND = 30.0  # seconds: only what hangs gets there


@pytest.fixture
def run() -> Iterator[Path]:
    """Short: the name of a socket has 108 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.fixture
def home(tmp_path: Path, run: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(run))
    return Home(tmp_path / "pc")


@contextmanager
def started(home: Home, *arguments: str, told: str = "") -> Iterator[subprocess.Popen[str]]:
    environment = {**home.environment, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "tokenmgr", "desk", *arguments]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, env=environment, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
    assert process.stdin is not None
    process.stdin.write(told)
    process.stdin.close()
    process.stdin = None  # or communicate() would close it again
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until_it_listens(home: Home, process: subprocess.Popen[str]) -> str:
    end = time.monotonic() + BOUND
    name = home.folder / "desk.name"
    while not name.exists() or not name.read_text():
        assert time.monotonic() < end
        assert process.poll() is None
        time.sleep(0.01)
    return name.read_text()


def children(process: int) -> list[str]:
    """Of each thread's."""
    return [one for file in Path(f"/proc/{process}/task").glob("*/children") for one in file.read_text().split()]


@pytest.mark.parametrize("way", ["argument", "input"])
def test_a_second_start_hands_its_link_to_the_first_and_goes(home: Home, run: Path, qtbot: QtBot, way: str) -> None:
    argument, told = (LINK, "") if way == "argument" else ("-", LINK)
    lock = first_or_told(home.folder, "")
    assert not isinstance(lock, bool)
    with lock:
        first = Instance(home.folder)
        with (
            qtbot.waitSignal(first.asked, timeout=int(BOUND * 1000)) as heard,
            started(home, argument, told=told) as second,
        ):
            qtbot.waitUntil(lambda: second.poll() is not None, timeout=int(BOUND * 1000))
            assert second.returncode == 0
        assert heard.args == [LINK]
        path = next(run.iterdir())
        assert path.stat().st_mode & 0o077 == 0, "others may not even knock"
        first.close()


def test_a_banks_link_is_taken_up_by_the_window_that_is_open(home: Home, ca: Authority) -> None:
    bank = HandingBank(BANK, roots=ca.root.read_text())
    bank.hand_out(home.folder, address=ca.url)
    ticket, handovers = bank.ticket(), Handovers(home.folder)

    def heard() -> Progress | None:
        return handovers.progress(jti_of(ticket), SITE)

    with bank.registered(ca), started(home, JUST_OPEN) as first:
        until_it_listens(home, first)
        handovers.begin(jti_of(ticket), SITE, clock.now())
        with started(home, f"tokenmgr://renew?t={ticket}") as second:
            assert second.wait(BOUND) == 0
        until(lambda: heard() == OPENED, first)
        first.send_signal(signal.SIGTERM)
        _, said = first.communicate(timeout=BOUND)
        assert first.returncode == 0
        assert "Traceback" not in said
    assert heard() == Progress(State.DECLINED)


@pytest.mark.parametrize(
    ("program", "given", "meant_"),
    [
        ("/opt/tokenmgr/tokenmgr-desk", [], ["desk"]),
        ("TokenMgr-Desk.exe", [LINK], ["desk", LINK]),
        ("tokenmgr-desk.exe", ["TOKENMGR://open"], ["desk", "TOKENMGR://open"]),
        ("tokenmgr-desk.exe", ["desk", "--tray"], ["desk", "--tray"]),
        ("tokenmgr-desk.exe", ["native-host", "x"], ["native-host", "x"]),
        ("tokenmgr", [], []),
        ("tokenmgr.exe", [LINK], [LINK]),
    ],
)
def test_the_windows_own_program_opens_it_unasked(program: str, given: list[str], meant_: list[str]) -> None:
    assert meant(program, given) == meant_


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order_even_while_a_token_hangs(
    home: Home, testbed_store: Path, kind: signal.Signals
) -> None:
    """And what a killed one leaves is no obstacle."""
    bed = Testbed(home.folder / "testbed", home.environment, home.folder / "libraries.d", testbed_store)
    (stick,) = bed.up("fresh")
    with stick.held("C_GetTokenInfo") as held:
        with started(home) as killed:
            before = until_it_listens(home, killed)
            held.wait()
        (home.folder / "desk.name").write_text(before)
    with stick.held("C_GetTokenInfo") as held, started(home, "--tray") as first:
        held.wait()
        assert until_it_listens(home, first) != before
        those = children(first.pid)
        assert those
        began = time.monotonic()
        first.send_signal(kind)
        _, said = first.communicate(timeout=BOUND)
        assert time.monotonic() - began < 4.0
        assert first.returncode == 0
        assert "Traceback" not in said
        assert "notification area" in said
        assert not [one for one in those if Path(f"/proc/{one}/exe").exists()], "a child is left"
    bed.down()


@pytest.fixture
def wrong(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[Home]:
    """Its settings are."""
    (home.folder / "settings.toml").write_text("language = 1\n")
    monkeypatch.setenv("TOKENMGR_HOME", str(home.folder))
    libraries.settings.cache_clear()
    words.speak("ja")
    yield home
    libraries.settings.cache_clear()


def closing(seen: list[str]) -> QTimer:
    """Reads the page that stands alone, and presses its button, as soon as it is there."""

    def look() -> None:
        for page in QApplication.topLevelWidgets():
            if isinstance(page, Page) and page.isVisible() and not seen:
                seen.extend(one.text() for one in page.findChildren(QLabel) if one.isVisible())
                (button,) = page.findChildren(QPushButton)
                assert button.text() == "このウィンドウを閉じる"
                button.click()

    made = QTimer()
    made.timeout.connect(look)
    made.start(10)
    return made


def test_wrong_settings_are_told_in_a_window_of_their_own(wrong: Home, qtbot: QtBot) -> None:
    seen: list[str] = []
    timer = closing(seen)
    with pytest.raises(SettingsWrong):
        start.main()
    timer.stop()
    assert "設定ファイル" in seen[0]
    assert "パソコンの管理者に設定ファイルを直すよう" in "".join(seen)
    assert "U101" in "".join(seen)


def test_a_first_one_that_is_silent_is_told_in_a_window(
    home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKENMGR_HOME", str(home.folder))
    monkeypatch.setattr(instance, "PATIENCE", 0.0)
    libraries.settings.cache_clear()
    words.speak("ja")
    seen: list[str] = []
    timer = closing(seen)
    with system.hold(home.folder / "desk.lock"):
        assert start.main() == start.SILENT
    timer.stop()
    libraries.settings.cache_clear()
    assert "応答しません" in "".join(seen)


def test_without_a_screen_wrong_settings_are_told_where_it_was_started(wrong: Home) -> None:
    for one in "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM":
        wrong.environment.pop(one, None)
    with started(wrong) as process:
        _, said = process.communicate(timeout=BOUND)
    assert "U101" in said
    assert process.returncode == 2


def test_what_a_slot_does_not_expect_is_a_page_and_no_traceback(
    home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with at_desk(home.folder, qtbot, monkeypatch) as hands:
        ended: list[bool] = []
        with start.in_order(lambda: ended.append(True), hands.desk.flow.trouble):
            sys.excepthook(ValueError, ValueError("secret"), None)
            hands.until(TroublePage)
            os.kill(os.getpid(), signal.SIGTERM)
            qtbot.waitUntil(lambda: bool(ended), timeout=5000)
        app.asked(hands.desk, LINK)
        hands.until(TroublePage, lambda _: "H10" in hands.words())
    assert "secret" not in "".join(capfd.readouterr())


def test_the_window_comes_back_where_it_was_and_in_a_tray_it_only_hides(
    home: Home, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    with at_desk(home.folder, qtbot, monkeypatch) as hands:
        hands.desk.window.resize(640, 480)
        hands.desk.window.stays = True
        with qtbot.waitSignal(hands.desk.window.hidden):
            hands.desk.window.close()
        app.asked(hands.desk, JUST_OPEN)
        assert hands.desk.window.isVisible()
        assert isinstance(hands.page, HomePage)
        assert not hands.desk.work.is_busy
        hands.desk.window.stays = False
    with at_desk(home.folder, qtbot, monkeypatch) as hands:
        assert (hands.desk.window.width(), hands.desk.window.height()) == (640, 480)


@pytest.fixture
def screen() -> Iterator[str]:
    """A real one, with a notification area."""
    if missing := [one for one in ("Xvfb", "trayer") if shutil.which(one) is None]:
        pytest.skip(f"not installed: {', '.join(missing)}")
    ear, mouth = os.pipe()
    with ExitStack() as stack:
        command = ["Xvfb", "-displayfd", str(mouth), "-screen", "0", "900x700x24", "-nolisten", "tcp"]
        stack.enter_context(running(command, dict(os.environ), pass_fds=[mouth]))
        os.close(mouth)
        with os.fdopen(ear) as told:
            display = f":{told.readline().strip()}"
        stack.enter_context(running(["trayer"], {**os.environ, "DISPLAY": display}))
        yield display


@contextmanager
def running(command: list[str], environment: dict[str, str], pass_fds: Sequence[int] = ()) -> Iterator[None]:
    null = subprocess.DEVNULL
    process = subprocess.Popen(command, env=environment, pass_fds=pass_fds, stdout=null, stderr=null)
    try:
        yield
    finally:
        process.terminate()
        process.wait(BOUND)


PROBE = """
import sys, time
from PySide6.QtWidgets import QApplication, QSystemTrayIcon
application = QApplication([])
while not QSystemTrayIcon.isSystemTrayAvailable():
    application.processEvents()
    time.sleep(0.02)
"""


def test_in_a_real_notification_area_it_waits_without_a_window_and_ends_in_order(
    home: Home, testbed_store: Path, screen: str
) -> None:
    """A window that only hides when it is closed does not keep the program from ending."""
    bed = Testbed(home.folder / "testbed", home.environment, home.folder / "libraries.d", testbed_store)
    bed.up("due-today")
    on_screen = {"DISPLAY": screen, "QT_QPA_PLATFORM": "xcb"}
    subprocess.run([sys.executable, "-c", PROBE], env={**os.environ, **on_screen}, check=True, timeout=BOUND)
    home.environment.update(on_screen)
    with started(home, "--tray") as first:
        until_it_listens(home, first)
        told, end = home.folder / "desk-told.json", time.monotonic() + BOUND
        while not told.exists():
            assert time.monotonic() < end, "nobody was told that it is due"
            time.sleep(0.01)
        with started(home) as second:
            assert second.wait(BOUND) == 0
        first.send_signal(signal.SIGTERM)
        _, said = first.communicate(timeout=BOUND)
        assert first.returncode == 0
        assert "Traceback" not in said
        assert "notification area" not in said, "there is one"
    bed.down()
