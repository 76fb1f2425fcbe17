"""The one table from PKCS#11's answers (CKR_*, PKCS#11 3.0 section 6) to our errors."""

from __future__ import annotations

from typing import Any

from tokenmgr import errors as e

_TABLE: dict[type[e.MediumError], dict[int, str]] = {
    e.MediumGone: {0x03: "SLOT_ID_INVALID", 0x32: "DEVICE_REMOVED", 0xE0: "TOKEN_NOT_PRESENT"},
    e.MediumUnknown: {0xE1: "TOKEN_NOT_RECOGNIZED"},
    e.MediumTroubled: {0x05: "GENERAL_ERROR", 0x06: "FUNCTION_FAILED", 0x30: "DEVICE_ERROR"},
    e.MediumBusy: {
        0x02: "HOST_MEMORY",
        0x0A: "CANT_LOCK",
        0x50: "FUNCTION_CANCELED",
        0x90: "OPERATION_ACTIVE",
        0xB1: "SESSION_COUNT",
        0xB6: "SESSION_EXISTS",
        0xB7: "SESSION_READ_ONLY_EXISTS",
        0xB8: "SESSION_READ_WRITE_SO_EXISTS",
        0x100: "USER_ALREADY_LOGGED_IN",  # no success: nothing has looked at this PIN
        0x104: "USER_ANOTHER_ALREADY_LOGGED_IN",
        0x105: "USER_TOO_MANY_TYPES",
        0x1B5: "EXCEEDED_MAX_ITERATIONS",
        0x200: "FUNCTION_REJECTED",
    },
    e.MediumFull: {0x31: "DEVICE_MEMORY"},
    e.MediumReadOnly: {0xE2: "TOKEN_WRITE_PROTECTED"},
    e.ConnectionLost: {
        0xB0: "SESSION_CLOSED",
        0xB3: "SESSION_HANDLE_INVALID",
        0x190: "CRYPTOKI_NOT_INITIALIZED",
    },
    e.NotSupported: {
        0x54: "FUNCTION_NOT_SUPPORTED",
        0x62: "KEY_SIZE_RANGE",
        0x70: "MECHANISM_INVALID",
        0x71: "MECHANISM_PARAM_INVALID",
        0x120: "RANDOM_SEED_NOT_SUPPORTED",
        0x121: "RANDOM_NO_RNG",
        0x130: "DOMAIN_PARAMS_INVALID",
        0x140: "CURVE_NOT_SUPPORTED",
    },
    e.NotPermitted: {
        0x10: "ATTRIBUTE_READ_ONLY",
        0x11: "ATTRIBUTE_SENSITIVE",
        0x1B: "ACTION_PROHIBITED",
        0x68: "KEY_FUNCTION_NOT_PERMITTED",
        0x6A: "KEY_UNEXTRACTABLE",
        0xB5: "SESSION_READ_ONLY",
        0x101: "USER_NOT_LOGGED_IN",
        0x103: "USER_TYPE_INVALID",
    },
    e.ObjectMissing: {0x60: "KEY_HANDLE_INVALID", 0x82: "OBJECT_HANDLE_INVALID"},
    e.RequestRejected: {
        0x07: "ARGUMENTS_BAD",
        0x12: "ATTRIBUTE_TYPE_INVALID",
        0x13: "ATTRIBUTE_VALUE_INVALID",
        0x20: "DATA_INVALID",
        0x21: "DATA_LEN_RANGE",
        0x63: "KEY_TYPE_INCONSISTENT",
        0x64: "KEY_NOT_NEEDED",
        0x66: "KEY_NEEDED",
        0x67: "KEY_INDIGESTIBLE",
        0x69: "KEY_NOT_WRAPPABLE",
        0x91: "OPERATION_NOT_INITIALIZED",
        0xB4: "SESSION_PARALLEL_NOT_SUPPORTED",
        0xC0: "SIGNATURE_INVALID",
        0xC1: "SIGNATURE_LEN_RANGE",
        0xD0: "TEMPLATE_INCOMPLETE",
        0xD1: "TEMPLATE_INCONSISTENT",
        0x150: "BUFFER_TOO_SMALL",
        0x191: "CRYPTOKI_ALREADY_INITIALIZED",
        0x1B9: "PUBLIC_KEY_INVALID",
    },
    e.PinWrong: {0xA0: "PIN_INCORRECT"},
    e.PinUnacceptable: {0xA1: "PIN_INVALID", 0xA2: "PIN_LEN_RANGE", 0x1B8: "PIN_TOO_WEAK"},
    e.PinToBeChanged: {0xA3: "PIN_EXPIRED"},
    e.PinLocked: {0xA4: "PIN_LOCKED"},
    e.PinNotSet: {0x102: "USER_PIN_NOT_INITIALIZED"},
}

ANSWERS: dict[int, tuple[str, type[e.MediumError]]] = {
    number: (f"CKR_{name}", kind) for kind, names in _TABLE.items() for number, name in names.items()
}

# python-pkcs11 raises a class a code and keeps no number: FunctionCancelled -> CKR_FUNCTION_CANCELED.
_SPELLINGS = {"FUNCTIONCANCELLED": 0x50, "TOKENNOTRECOGNISED": 0xE1, "ANOTHERUSERALREADYLOGGEDIN": 0x104}
_BY_CLASS = {name.removeprefix("CKR_").replace("_", ""): number for number, (name, _) in ANSWERS.items()} | _SPELLINGS


def number(failure: dict[str, Any]) -> int | None:
    """The CKR_* behind a failure in the child, or None where it was no answer of the library."""
    answer: int | None = failure["answer"]
    return answer if answer is not None else _BY_CLASS.get(failure["name"].upper())


def translate(failure: dict[str, Any]) -> e.MediumError:
    """What the child says went wrong, as an error with facts. Never its text: that is for no one but its author."""
    code = number(failure)
    if code is None:
        return e.RequestRejected(call=failure["call"], answer=failure["name"])
    name, kind = ANSWERS.get(code, (hex(code), e.AnswerUnknown))
    return kind(call=failure["call"], answer=name)
