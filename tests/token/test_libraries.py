"""Files that are no library, or a bad one: said to be so, and nothing else is disturbed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.token.helpers import compiled, only
from tokenmgr.config import TimeLimits
from tokenmgr.domain.family import Family, Time, Token
from tokenmgr.errors import (
    LibraryCrashed,
    LibraryMissing,
    LibraryNotReady,
    LibraryUnusable,
    TokenmgrError,
)
from tokenmgr.testbed.simulated import SimulatedMedium, softhsm
from tokenmgr.token.module import Library


def load(path: str | Path) -> TokenmgrError:
    with Library(str(path), os.environ, limits=TimeLimits(load=30)) as library:
        with pytest.raises(TokenmgrError) as raised:
            library.media()
        with pytest.raises(type(raised.value)):
            library.media()
    return raised.value


def test_a_missing_file_is_a_missing_library(tmp_path: Path) -> None:
    assert isinstance(load(tmp_path / "not-there.so"), LibraryMissing)


def test_a_text_a_directory_and_another_kind_of_library_are_unusable_with_a_reason(tmp_path: Path) -> None:
    text = tmp_path / "text.so"
    text.write_text("hello")
    empty = tmp_path / "empty.so"
    empty.touch()
    for path in (text, empty, tmp_path, "libc.so.6", "no-such-library.so"):
        error = load(path)
        assert isinstance(error, LibraryUnusable), path
        assert error.reason


def test_a_path_with_0x_in_it_is_a_path_and_not_an_answer(tmp_path: Path) -> None:
    path = tmp_path / "0xyz lib.so"
    path.write_text("hello")
    assert isinstance(load(path), LibraryUnusable)


def test_a_library_that_crashes_when_loaded_is_said_to_have_crashed(tmp_path: Path) -> None:
    source = "#include <stdlib.h>\n__attribute__((constructor)) static void start(void) { abort(); }"
    error = load(compiled(source, tmp_path, "aborts"))
    assert isinstance(error, LibraryCrashed)
    assert error.status == -signal.SIGABRT


def test_a_library_that_leaves_the_process_when_loaded_is_said_to_have_crashed(tmp_path: Path) -> None:
    source = "#include <unistd.h>\n__attribute__((constructor)) static void start(void) { _exit(3); }"
    error = load(compiled(source, tmp_path, "exits"))
    assert isinstance(error, LibraryCrashed)
    assert error.status == 3


def test_a_library_that_will_not_give_its_functions_is_a_clear_error(tmp_path: Path) -> None:
    error = load(compiled("unsigned long C_GetFunctionList(void **list) { return 5; }", tmp_path, "refuses"))
    assert isinstance(error, LibraryNotReady)
    assert error.answer == "CKR_GENERAL_ERROR"


def test_what_a_library_prints_disturbs_nothing(tmp_path: Path, medium: SimulatedMedium) -> None:
    source = f"""
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
static void noise(void) {{
    for (int i = 0; i < 3000; i++) {{ printf("PIN 1234 on stdout\\n"); fprintf(stderr, "PIN 1234 on stderr\\n"); }}
    fflush(stdout);
    write(1, "\\0\\0\\0\\x10{{}}", 6);
}}
__attribute__((constructor)) static void start(void) {{ noise(); }}
static unsigned long list[100], (*initialize)(void *);
static unsigned long loud(void *arguments) {{ noise(); return initialize(arguments); }}
unsigned long C_GetFunctionList(void **given) {{
    unsigned long *real;
    void *library = dlopen("{softhsm()}", RTLD_NOW);
    ((unsigned long (*)(void *))dlsym(library, "C_GetFunctionList"))(&real);
    memcpy(list, real, 69 * sizeof *list);
    initialize = (unsigned long (*)(void *))list[1];
    list[1] = (unsigned long)loud;
    noise();
    *given = list;
    return 0;
}}
"""
    loud = compiled(source, tmp_path, "loud")
    quiet = medium.library()
    script = f"""
import os
from tokenmgr.token.module import Library
library = Library({str(loud)!r}, dict(os.environ))
print([m.serial for m in library.media() + library.media() if m.initialised])
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=dict(quiet.worker._environment),
        capture_output=True,
        text=True,
        timeout=40,
        check=False,
    )
    with quiet:
        assert done.stdout.strip() == str([only(quiet).serial] * 2)
    assert done.stderr == ""


def test_a_library_that_takes_ten_seconds_to_load_is_waited_for(tmp_path: Path, medium: SimulatedMedium) -> None:
    """Settings are impatient; its family is known to be slow, and wins."""
    source = f"""
#include <dlfcn.h>
#include <unistd.h>
unsigned long C_GetFunctionList(void **given) {{
    sleep(10);
    return ((unsigned long (*)(void *))dlsym(dlopen("{softhsm()}", RTLD_NOW), "C_GetFunctionList"))(given);
}}
"""
    slow, plain = compiled(source, tmp_path, "slow"), medium.library()
    family = Family(time=Time(load=60), token=Token(spare_slot=True))
    with Library(str(slow), plain.worker._environment, family, TimeLimits(load=1)) as library, plain:
        assert only(library).serial == only(plain).serial


def test_a_child_that_talks_nonsense_is_a_crash_and_not_a_hang(tmp_path: Path, medium: SimulatedMedium) -> None:
    """A library that scribbles over what it does not own, the pipe to us included."""
    source = """
#include <unistd.h>
#include <string.h>
static char nested[65536];
__attribute__((constructor)) static void start(void) {
    memset(nested, '[', sizeof nested);
    for (int fd = 3; fd < 20; fd++) {
        write(fd, "\\0\\1\\0\\10\\0\\1\\0\\0", 8);
        write(fd, nested, sizeof nested);
    }
}
"""
    with Library(str(compiled(source, tmp_path, "scribbles")), os.environ, limits=TimeLimits(load=20)) as library:
        started = time.monotonic()
        with pytest.raises(LibraryCrashed):
            library.media()
        assert time.monotonic() - started < 15, "it was waited for until the limit"
