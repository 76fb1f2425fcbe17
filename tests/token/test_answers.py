"""Every PKCS#11 answer is one of our errors, once; and errors.py draws them as they are."""

from __future__ import annotations

import inspect
import itertools
import re

import pkcs11.exceptions
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tokenmgr import errors
from tokenmgr.errors import TokenmgrError
from tokenmgr.token import answers
from tokenmgr.token.answers import ANSWERS, translate
from tokenmgr.token.child import describe
from tokenmgr.token.cryptoki import CryptokiError


def failure(answer: int | None = None, name: str = "PKCS11Error", call: str = "C_Sign") -> dict[str, object]:
    return {"call": call, "answer": answer, "name": name, "text": "secret text"}


def test_every_answer_has_one_row() -> None:
    rows = [(number, name) for names in answers._TABLE.values() for number, name in names.items()]
    assert len({number for number, _ in rows}) == len(rows) == len(ANSWERS)
    assert len({name for _, name in rows}) == len(rows)


@pytest.mark.parametrize(("number", "name", "kind"), [(n, *row) for n, row in ANSWERS.items()])
def test_an_answer_becomes_its_error_with_function_and_name(number: int, name: str, kind: type[TokenmgrError]) -> None:
    error = translate(failure(number))
    assert type(error) is kind
    assert (error.call, error.answer) == ("C_Sign", name)


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (0x05, errors.MediumTroubled),
        (0x31, errors.MediumFull),
        (0x32, errors.MediumGone),
        (0xA0, errors.PinWrong),
        (0xA4, errors.PinLocked),
        (0xB3, errors.ConnectionLost),
        (0xE0, errors.MediumGone),
        (0xE2, errors.MediumReadOnly),
        (0x101, errors.NotPermitted),
        (0x102, errors.PinNotSet),
    ],
)
def test_the_numbers_are_those_of_the_standard(number: int, kind: type[TokenmgrError]) -> None:
    assert ANSWERS[number][1] is kind


# Not answers of a token to anything that we ask: python-pkcs11's own words, and the wrapping and encryption of keys.
FALL_THROUGH = {
    "EncryptedDataInvalid",
    "EncryptedDataLenRange",
    "MultipleObjectsReturned",
    "MultipleTokensReturned",
    "NoEvent",
    "NoSuchKey",
    "NoSuchToken",
    "PKCS11Error",
    "UnwrappingKeyHandleInvalid",
    "UnwrappingKeySizeRange",
    "UnwrappingKeyTypeInconsistent",
    "WrappedKeyInvalid",
    "WrappedKeyLenRange",
    "WrappingKeyHandleInvalid",
    "WrappingKeySizeRange",
    "WrappingKeyTypeInconsistent",
}
CLASSES = {
    name: kind
    for name, kind in inspect.getmembers(pkcs11.exceptions, inspect.isclass)
    if issubclass(kind, pkcs11.exceptions.PKCS11Error)
}


def test_every_exception_of_python_pkcs11_is_an_answer_that_we_know_but_for_these() -> None:
    unknown = {name for name, kind in CLASSES.items() if answers.number(describe(kind(), "sign")) is None}
    assert unknown == FALL_THROUGH


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_every_exception_of_python_pkcs11_becomes_an_error_of_ours(name: str) -> None:
    error = translate(describe(CLASSES[name](), "sign"))
    assert error.call == "C_Sign"
    if name in FALL_THROUGH:
        assert isinstance(error, errors.RequestRejected)
    else:
        words = error.answer.removeprefix("CKR_").replace("_", "")
        similar = {"FUNCTIONCANCELED": "FUNCTIONCANCELLED", "TOKENNOTRECOGNIZED": "TOKENNOTRECOGNISED"}
        similar["USERANOTHERALREADYLOGGEDIN"] = "ANOTHERUSERALREADYLOGGEDIN"
        assert similar.get(words, words) == name.upper()


@given(st.integers(0, 2**64 - 1).filter(lambda number: number not in ANSWERS))
def test_an_answer_outside_the_standard_is_kept_as_its_number(number: int) -> None:
    for error in (
        translate(failure(number)),
        translate(describe(pkcs11.exceptions.PKCS11Error(f"Unmapped error code {hex(number)}"), "sign")),
        translate(describe(CryptokiError("C_Sign", number), "sign")),
    ):
        assert isinstance(error, errors.AnswerUnknown)
        assert error.answer == hex(number)


@given(st.text(max_size=60))
def test_whatever_an_exception_says_it_can_be_described(text: str) -> None:
    translate(describe(pkcs11.exceptions.PKCS11Error(text), "sign"))
    translate(describe(pkcs11.exceptions.PKCS11Error(f"OS exception while loading /opt/0x{text}.so"), "sign"))


def test_the_text_of_an_exception_never_comes_along() -> None:
    for number in (None, 0x05, 0x80000001):
        error = translate(failure(number))
        assert "secret text" not in str(error) + str(error.facts)


# --- errors.py ---


def descendants(kind: type[TokenmgrError]) -> set[type[TokenmgrError]]:
    return {kind}.union(*(descendants(child) for child in kind.__subclasses__()))


CONCRETE = {kind for kind in descendants(TokenmgrError) if "code" in vars(kind) and kind is not TokenmgrError}
BY_CODE: list[type[TokenmgrError]] = sorted(CONCRETE, key=lambda kind: kind.code)
DRAWN = re.compile(r"(?P<name>[A-Z]\w+)\s+(?P<code>[A-Z]\d{3})(?P<retriable> r\b)?")


def test_the_tree_in_the_docstring_is_the_tree_in_the_code() -> None:
    assert errors.__doc__
    drawn = {m["name"]: (m["code"], bool(m["retriable"])) for m in DRAWN.finditer(errors.__doc__)}
    assert drawn == {kind.__name__: (kind.code, kind.retriable) for kind in CONCRETE}


def test_every_group_in_the_docstring_is_the_base_of_what_is_drawn_below_it() -> None:
    assert errors.__doc__
    group = ""
    for line in errors.__doc__.splitlines():
        heading = re.match(r"    [├└]── (\w+)", line)
        group = heading[1] if heading else group
        for drawn in DRAWN.finditer(line):
            assert issubclass(getattr(errors, drawn["name"]), getattr(errors, group))


def test_no_two_errors_share_a_code_and_each_begins_with_its_groups_letter() -> None:
    codes = [kind.code for kind in CONCRETE]
    assert len(set(codes)) == len(codes)
    letters = {
        errors.AuthorityError: "A",
        errors.RegistrationError: "R",
        errors.RenewalError: "J",
        errors.TestbedError: "T",
        errors.InputError: "U",
        errors.LibraryError: "L",
        errors.PcStoreError: "S",
        errors.PinError: "P",
        errors.KeyPairError: "K",
        errors.CertificateError: "C",
        errors.DeletionRefused: "D",
        errors.InstallingError: "D",
        errors.HandoverError: "H",
        errors.EntryError: "E",
        errors.NoticeError: "N",
    }
    for kind in CONCRETE:
        letter = next((letters[base] for base in kind.__mro__ if base in letters), "M")
        assert kind.code.startswith(letter), kind


@pytest.mark.parametrize("kind", BY_CODE, ids=[kind.__name__ for kind in BY_CODE])
def test_an_error_takes_its_facts_and_no_others(kind: type[TokenmgrError]) -> None:
    names = kind._names()
    error = kind(**dict.fromkeys(names, "fact"))
    assert error.facts == dict.fromkeys(names, "fact")
    assert str(error).startswith(f"{kind.code} {kind.__name__}")
    with pytest.raises(TypeError):
        kind(**dict.fromkeys([*names, "surplus"], "fact"))
    for needed in (name for name in names if not hasattr(kind, name)):
        with pytest.raises(TypeError):
            kind(**dict.fromkeys([name for name in names if name != needed], "fact"))


def test_no_error_has_a_place_for_a_pin() -> None:
    names = set(itertools.chain.from_iterable(kind._names() for kind in CONCRETE))
    assert not names & {"pin", "old", "new", "so_pin", "new_pin", "secret"}
