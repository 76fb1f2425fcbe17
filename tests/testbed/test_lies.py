"""Rules by which a medium says that something is done: nothing is, or half of it."""

from __future__ import annotations

from collections.abc import Callable
from ctypes import byref, c_ulong

import pytest

from tests.testbed.raw import (
    CERTIFICATE,
    CERTIFICATE_TYPE,
    CLASS,
    ID,
    LABEL,
    PRIVATE_KEY,
    PUBLIC_KEY,
    SUBJECT,
    VALUE,
    Raw,
    Template,
    content,
)
from tokenmgr.testbed.faults import LIARS
from tokenmgr.testbed.simulated import PIN, SimulatedMedium

THERE: Template = {LABEL: b"what was there"}

# What would change something, or make it: each on the object that is there, with a place for a handle.
CHANGES: dict[str, Callable[[Raw, int, int, c_ulong], str]] = {
    "C_CreateObject": lambda raw, session, there, made: raw.create(session),
    "C_CopyObject": lambda raw, session, there, made: raw.copy(session, there),
    "C_DestroyObject": lambda raw, session, there, made: raw("C_DestroyObject", session, there),
    "C_SetAttributeValue": lambda raw, session, there, made: raw.set_attribute(session, there, {LABEL: b"another"}),
    "C_GenerateKey": lambda raw, session, there, made: raw("C_GenerateKey", session, None, None, 0, byref(made)),
    "C_GenerateKeyPair": lambda raw, session, there, made: raw.generate(session),
    "C_SetPIN": lambda raw, session, there, made: raw.set_pin(session, PIN, "5678"),
    "C_InitPIN": lambda raw, session, there, made: raw("C_InitPIN", session, b"5678", 4),
}


@pytest.mark.parametrize("function", CHANGES)
def test_a_lie_says_that_it_is_done_and_nothing_is(stick: SimulatedMedium, raw: Raw, function: str) -> None:
    session, made = raw.session(pin=PIN), c_ulong()
    raw.create(session, THERE)
    (there,) = raw.made
    raw.made = []
    before = content(stick.tokens)
    stick.fault(function, "lie")
    assert CHANGES[function](raw, session, there, made) == "CKR_OK"
    assert content(stick.tokens) == before
    for handle in (*raw.made, *([made.value] if made.value else [])):
        assert raw("C_DestroyObject", session, handle) == "CKR_OBJECT_HANDLE_INVALID"


def test_a_lie_about_a_login_opens_nothing_and_about_a_logout_closes_nothing(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session()
    for function in ("C_Login", "C_Logout"):
        stick.fault(function, "lie", times=1)
    assert raw.login(session, "a wrong one") == "CKR_OK"
    assert stick.control["user_wrong"] == 0
    assert raw.generate(session) == "CKR_USER_NOT_LOGGED_IN"
    assert raw.login(session, PIN) == "CKR_OK"
    assert raw("C_Logout", session) == "CKR_OK"
    assert raw.generate(session) == "CKR_OK"


def test_a_lie_finds_nothing_and_signs_noughts_and_the_operation_is_over(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    raw.generate(session)
    _, key = raw.made
    for function in ("C_FindObjects", "C_Sign"):
        stick.fault(function, "lie", times=1)
    assert raw.found(session) == []
    assert len(raw.found(session)) == 2
    assert raw.sign_init(session, key) == "CKR_OK"
    assert raw.sign(session) == ("CKR_OK", bytes(64))
    assert raw.sign_init(session, key) == "CKR_OK"
    answer, signature = raw.sign(session)
    assert (answer, signature == bytes(64)) == ("CKR_OK", False)


def test_a_signature_that_is_finished_in_parts_is_noughts_by_a_lie(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    raw.generate(session, bits=2048)
    _, key = raw.made
    stick.fault("C_SignFinal", "lie")
    mechanism = (c_ulong * 3)(0x40, 0, 0)  # CKM_SHA256_RSA_PKCS
    assert raw("C_SignInit", session, mechanism, key) == "CKR_OK"
    assert raw("C_SignUpdate", session, b"data", 4) == "CKR_OK"
    signature, length = (c_ulong * 32)(*[1] * 32), c_ulong(256)
    assert raw("C_SignFinal", session, signature, byref(length)) == "CKR_OK"
    assert (length.value, bytes(signature)) == (256, bytes(256))


def test_every_lie_that_can_be_told_is_above() -> None:
    assert {*CHANGES, "C_Login", "C_Logout", "C_FindObjects", "C_Sign", "C_SignFinal"} == set(LIARS)


def test_half_a_certificate_is_there(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    stick.fault("C_CreateObject", "torn")
    certificate: Template = {
        CLASS: CERTIFICATE,
        CERTIFICATE_TYPE: 0,
        SUBJECT: b"0\0",
        ID: b"\1",
        VALUE: bytes(range(100)),
    }
    assert raw.create(session, certificate) == "CKR_DEVICE_ERROR"
    (there,) = raw.found(session)
    assert (raw.value(session, there), raw.value(session, there, ID)) == (bytes(range(50)), b"\1")


def test_the_public_half_of_a_pair_is_there(stick: SimulatedMedium, raw: Raw) -> None:
    session = raw.session(pin=PIN)
    stick.fault("C_GenerateKeyPair", "torn", "CKR_FUNCTION_FAILED")
    assert raw.generate(session) == "CKR_FUNCTION_FAILED"
    assert len(raw.found(session, {CLASS: PUBLIC_KEY})) == 1
    assert raw.found(session, {CLASS: PRIVATE_KEY}) == []
