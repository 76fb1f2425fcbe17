"""In which language all of this speaks: --lang, settings, locale; or as somebody has switched it since."""

from __future__ import annotations

import functools
import sys

from tokenmgr import config, system
from tokenmgr.errors import InputError
from tokenmgr.messages import Texts
from tokenmgr.wiring.libraries import settings


@functools.cache
def chosen_language() -> str:
    """Needed before click has parsed anything, since the help is in that language too."""
    for index, argument in enumerate(sys.argv):
        if argument.startswith("--lang="):
            named = argument.partition("=")[2]
        elif argument == "--lang" and index + 1 < len(sys.argv):
            named = sys.argv[index + 1]
        else:
            continue
        if named in config.LANGUAGES:
            return named
    try:
        return settings().language
    except InputError:
        return config.language_of()


_spoken: list[str] = []  # what somebody has switched to


def speak(language: str) -> None:
    """From now on."""
    _spoken[:] = [language]


def language() -> str:
    return _spoken[0] if _spoken else chosen_language()


@functools.cache
def _texts_in(language: str) -> Texts:
    return Texts(language, system.NAME)


def texts() -> Texts:
    return _texts_in(language())


def t(key: str, /, **facts: object) -> str:
    return texts()(key, **facts)
