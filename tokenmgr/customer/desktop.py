"""A word on the desktop, for whoever sits there: by libnotify's notify-send, where there is one."""

from __future__ import annotations

import shutil
import subprocess

from tokenmgr import system

SECONDS = 10.0  # that it may take to hand it over


def notify(title: str, text: str, is_urgent: bool) -> bool:
    """Whether it was taken. Everybody on this computer can read a command line, so nobody's name is in it."""
    program = shutil.which("notify-send")
    if program is None:
        return False
    urgency = "critical" if is_urgent else "normal"
    command = [program, "--app-name=tokenmgr", f"--urgency={urgency}", "--", title, text]
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=SECONDS,
            check=False,
            creationflags=system.CHILD_FLAGS,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
