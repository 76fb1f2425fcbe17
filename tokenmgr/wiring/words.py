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


@functools.cache
def texts() -> Texts:
    return Texts(chosen_language(), system.NAME)


def t(key: str, /, **facts: object) -> str:
    return texts()(key, **facts)
