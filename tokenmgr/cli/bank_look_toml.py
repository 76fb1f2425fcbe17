"""A bank's look <-> TOML. Every mistake is found before anything is said of the first, as in bank_policy.py."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenmgr.catalogue.drivers import line_of
from tokenmgr.cli.bank_profile import escaped
from tokenmgr.cli.output import several
from tokenmgr.domain.look import LANGUAGES, LARGEST_LOGO, MAILS, WORDS, Look, Reminder
from tokenmgr.errors import FileUnreadable, TextUnfit, ValueUnfit
from tokenmgr.messages import Texts
from tokenmgr.notices import texts
from tokenmgr.wiring.words import t

USUAL = Look()
PLACEHOLDERS = tuple(f"{{{name}}}" for name in sorted(texts.VALUES | texts.BLOCKS))
KEYS = tuple(one.name for one in dataclasses.fields(Look) if one.name != "logo")
_READ: dict[str, Callable[[Any], Any]] = {
    "reminder": Reminder,
    "languages": tuple,
    "words": lambda tables: {language: own for language, own in tables.items() if own},
}


def read(file: Path) -> Look:
    """The whole of it but the logo: what the file does not say is as usual."""
    try:
        text = file.read_text(encoding="utf-8-sig")  # Notepad puts a mark in front
    except OSError as error:
        raise FileUnreadable(file=str(file), reason=error.strerror or "") from error
    except UnicodeDecodeError as error:
        raise ValueUnfit(what=str(file), reason=t("facts.not-utf8")) from error
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ValueUnfit(what=str(file), reason=t("bank.takes_toml", said=error)) from error
    values, faults, unfit = _values(text, content)
    if faults:
        raise ValueUnfit(what=str(file), reason=_said([*faults, *unfit]))
    if unfit:
        raise TextUnfit(what=str(file), reason=_said(unfit))
    return Look(**values)


def logo(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            found = opened.read(LARGEST_LOGO + 1)
        return Look(logo=found).logo
    except OSError as error:
        raise FileUnreadable(file=str(file), reason=error.strerror or "") from error
    except ValueError as error:
        raise ValueUnfit(what=str(file), reason=t("look.takes_logo", kib=LARGEST_LOGO // 1024)) from error


@dataclass(frozen=True)
class _Fault:
    said: str
    known: tuple[str, ...] = ()  # what there is instead


def _said(faults: Sequence[_Fault]) -> str:
    """What there is instead comes once, however many there are that are nothing of it."""
    lists = dict.fromkeys(one.known for one in faults if one.known)
    return several([*(one.said for one in faults), *(t("look.known", words=" ".join(one)) for one in lists)])


def _values(text: str, content: Mapping[str, Any]) -> tuple[dict[str, Any], list[_Fault], list[_Fault]]:
    """What was read, what is wrong with it, and what is wrong with a mail's text."""
    values: dict[str, Any] = {}
    faults: list[_Fault] = []
    unfit: list[_Fault] = []
    for key, value in content.items():
        place = t("bank.line", line=line_of(text, key), key=key)
        if key not in KEYS:
            faults.append(_Fault(t("look.takes_key", place=place), KEYS))
        elif key == "words":
            faults += _of_words(text, value)
        elif key == "mails" and (named := list(_of_names(text, value))):
            faults += named
        elif key == "mails":
            unfit += [fault for name, own in value.items() for fault in _of_text(text, name, own)]
        elif not _fits(key, value):
            faults.append(_Fault(_takes(key, place)))
        values[key] = value
    if not faults:
        values = {key: _READ.get(key, lambda same: same)(value) for key, value in values.items()}
    return values, faults, unfit


def _fits(key: str, value: object) -> bool:
    kind = list if key == "languages" else str
    if not isinstance(value, kind) or (isinstance(value, list) and not all(isinstance(one, str) for one in value)):
        return False
    try:
        dataclasses.replace(USUAL, **{key: _READ.get(key, lambda same: same)(value)})
    except ValueError:
        return False
    return True


def _takes(key: str, place: str) -> str:
    words = {"reminder": [one.value for one in Reminder], "languages": LANGUAGES}.get(key, ())
    return t(f"look.takes_{key}", place=place, words=", ".join(f'"{one}"' for one in words))


def _of_words(text: str, value: object) -> Iterator[_Fault]:
    tables = value if isinstance(value, dict) else {"": value}
    for language, own in tables.items():
        key = f"words.{language}".strip(".")
        if language not in LANGUAGES or not isinstance(own, dict):
            yield _Fault(t("look.takes_words", place=t("bank.line", line=line_of(text, key), key=key)))
            continue
        for name, word in own.items():
            place = t("bank.line", line=line_of(text, f"{key}.{name}"), key=f"{key}.{name}")
            if name not in WORDS:
                yield _Fault(t("look.takes_key", place=place), tuple(sorted(WORDS)))
            elif not isinstance(word, str) or not _fits_word(language, name, word):
                yield _Fault(t("look.takes_word", place=place))


def _fits_word(language: str, name: str, word: str) -> bool:
    try:
        Look(words={language: {name: word}})
    except ValueError:
        return False
    return True


def _of_names(text: str, value: object) -> Iterator[_Fault]:
    mails = value if isinstance(value, dict) else {"": value}
    for name, own in mails.items():
        if name not in MAILS or not isinstance(own, str):
            line = _line_of_mail(text, name) if name else line_of(text, "mails")
            place = t("bank.line", line=line, key=f"mails.{name}".strip("."))
            yield _Fault(t("look.takes_mails", place=place), tuple(f'"{one}"' for one in sorted(MAILS)))


def _of_text(text: str, name: str, own: str) -> Iterator[_Fault]:
    for mistake in texts.mistakes(own):
        place = t("bank.line", line=_line_of_mail(text, name, mistake.line), key=f'mails."{name}"')
        said = t(f"look.{mistake.why}", place=place, said=mistake.said)
        yield _Fault(said, PLACEHOLDERS if mistake.why == "text_unknown" else ())


def _line_of_mail(text: str, name: str, line: int = 0) -> int:
    """In the file: where the text's own `line` is, or for 0 its name. A text of one line has `\\n` in it."""
    found = re.search(
        rf"""^[ \t]*(?:mails\.)?["\']{re.escape(name)}["\'][ \t]*=[ \t]*("{{3}}|'{{3}})?(\n?)""", text, re.M
    )
    if found is None:
        return line_of(text, "mails")
    at = text.count("\n", 0, found.start()) + 1
    return at + max(line - 1, 0) + (line > 0 and bool(found[2])) if found[1] else at


# --- as TOML --------------------------------------------------------------------------------------------------------


def as_json(look: Look) -> dict[str, object]:
    said = {key: getattr(look, key) for key in KEYS}
    return said | {"reminder": look.reminder.value, "languages": list(look.languages), "logo": len(look.logo)}


def as_toml(look: Look, mails: bool = False, only_ascii: bool = False) -> Iterator[str]:
    """Lines that `set` takes: what is the bank's own, and in comments what would take its place. Where standard output
    is in another encoding there are no comments, since TOML is UTF-8."""
    for line in _lines(look, mails, only_ascii):
        if line.isascii() or not only_ascii:
            yield line


def _lines(look: Look, mails: bool, only_ascii: bool) -> Iterator[str]:
    for key, value in as_json(look).items():
        if key in KEYS and key not in ("words", "mails"):
            yield f"# {t(f'look.{key}')}"
            several = ", ".join(_quoted(one, only_ascii) for one in value) if isinstance(value, list) else None
            yield f"{key} = {_quoted(str(value), only_ascii) if several is None else f'[{several}]'}"
    yield f"# {t('look.logo', size=len(look.logo))}" if look.logo else f"# {t('look.no_logo')}"
    for language in LANGUAGES:
        own, usual = look.words.get(language, {}), Texts(language)
        yield ""
        yield f"[words.{language}]"
        for name in sorted(WORDS):
            is_own = name in own
            word = own[name] if is_own else usual(f"portal_word.{name}")
            yield f"{'' if is_own else '# '}{name} = {_quoted(word, only_ascii)}"
    yield ""
    yield "[mails]"
    yield f"# {t('look.mails', words=' '.join(PLACEHOLDERS))}"
    for name in sorted(MAILS):
        if name in look.mails:
            yield from _block(name, look.mails[name], only_ascii).split("\n")
        elif mails:
            yield from (f"# {line}" for line in _block(name, texts.usual(name), only_ascii).split("\n"))


def _quoted(text: str, only_ascii: bool) -> str:
    return f'"{escaped(text, only_ascii)}"'


def _block(name: str, text: str, only_ascii: bool) -> str:
    """Quotation marks and backslashes are escaped wherever they are: three on end would close it."""
    return f'"{name}" = """\n' + "\n".join(escaped(line, only_ascii) for line in text.split("\n")) + '"""'
