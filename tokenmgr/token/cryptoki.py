"""The few PKCS#11 functions that python-pkcs11 lacks or that would leave PINs behind, through ctypes. Child side only.

python-pkcs11 0.10 has no C_InitToken, hides free memory and PIN lengths, takes PINs as immutable str, leaks the
session when a login fails, and its Session.close logs out every other session. So sessions are opened and closed there
without a PIN, and everything about PINs is done here, in buffers that are overwritten afterwards.
"""

from __future__ import annotations

import contextlib
import ctypes
import sys
from ctypes import POINTER, c_char, c_ubyte, c_ulong, c_void_p
from typing import Any

CKU_SO, CKU_USER, CKU_CONTEXT_SPECIFIC = 0, 1, 2
CKF_SERIAL_SESSION, CKF_RW_SESSION = 4, 2
CKR_OK = 0
UNAVAILABLE = c_ulong(-1).value  # CK_UNAVAILABLE_INFORMATION


class _Structure(ctypes.Structure):
    if sys.platform == "win32":
        _pack_ = 1  # PKCS#11 2.40, 2.1: structures are byte-packed on Windows


class _Version(_Structure):
    _fields_ = (("major", c_ubyte), ("minor", c_ubyte))


class _TokenInfo(_Structure):
    _fields_ = (
        ("label", c_char * 32),
        ("manufacturerID", c_char * 32),
        ("model", c_char * 16),
        ("serialNumber", c_char * 16),
        ("flags", c_ulong),
        ("ulMaxSessionCount", c_ulong),
        ("ulSessionCount", c_ulong),
        ("ulMaxRwSessionCount", c_ulong),
        ("ulRwSessionCount", c_ulong),
        ("ulMaxPinLen", c_ulong),
        ("ulMinPinLen", c_ulong),
        ("ulTotalPublicMemory", c_ulong),
        ("ulFreePublicMemory", c_ulong),
        ("ulTotalPrivateMemory", c_ulong),
        ("ulFreePrivateMemory", c_ulong),
        ("hardwareVersion", _Version),
        ("firmwareVersion", _Version),
        ("utcTime", c_char * 16),
    )


# CK_FUNCTION_LIST as far as it is used: the position of each function in PKCS#11 2.x, unchanged since 2.0.
_POSITION = {
    "C_Initialize": 0,
    "C_Finalize": 1,
    "C_GetSlotList": 4,
    "C_GetSlotInfo": 5,
    "C_GetTokenInfo": 6,
    "C_InitToken": 9,
    "C_InitPIN": 10,
    "C_SetPIN": 11,
    "C_CloseAllSessions": 14,
    "C_GetSessionInfo": 15,
    "C_Login": 18,
    "C_Logout": 19,
    "C_GetAttributeValue": 24,
    "C_SignInit": 42,
    "C_Sign": 43,
}


class _FunctionList(_Structure):
    _fields_ = (("version", _Version), ("functions", c_void_p * 44))


class _Attribute(_Structure):
    _fields_ = (("type", c_ulong), ("pValue", c_void_p), ("ulValueLen", c_ulong))


class _SessionInfo(_Structure):
    _fields_ = (("slotID", c_ulong), ("state", c_ulong), ("flags", c_ulong), ("ulDeviceError", c_ulong))


class _SlotInfo(_Structure):
    _fields_ = (
        ("slotDescription", c_char * 64),
        ("manufacturerID", c_char * 32),
        ("flags", c_ulong),
        ("hardwareVersion", _Version),
        ("firmwareVersion", _Version),
    )


class _InitializeArguments(_Structure):
    _fields_ = (("functions", c_void_p * 4), ("flags", c_ulong), ("pReserved", c_void_p))


class _Mechanism(_Structure):
    _fields_ = (("mechanism", c_ulong), ("pParameter", c_void_p), ("ulParameterLen", c_ulong))


class _PssParameters(_Structure):
    _fields_ = (("hashAlg", c_ulong), ("mgf", c_ulong), ("sLen", c_ulong))


CKF_OS_LOCKING_OK = 2
# CKS_RO_USER_FUNCTIONS, CKS_RW_USER_FUNCTIONS, CKS_RW_SO_FUNCTIONS
_ROLES = {1: "user", 3: "user", 4: "officer"}
# ATTRIBUTE_SENSITIVE, ATTRIBUTE_TYPE_INVALID, ACTION_PROHIBITED, KEY_UNEXTRACTABLE
_REFUSALS = (0x11, 0x12, 0x1B, 0x6A)


class CryptokiError(Exception):
    def __init__(self, call: str, answer: int) -> None:
        super().__init__(call, answer)
        self.call = call
        self.answer = answer


class Cryptoki:
    """The functions of a library that python-pkcs11 has loaded, by the very table that it calls them through.

    p11-kit's modules give a new table, with sessions of its own, each time they are asked, so we must not ask again.
    python-pkcs11 keeps its table as the first C field of its object; tests/token/test_gate.py holds that.
    """

    def __init__(self, library: object) -> None:
        kept = c_void_p.from_address(id(library) + object.__basicsize__)
        self._table = ctypes.cast(kept, POINTER(_FunctionList))

    def _call(self, name: str, *arguments: Any) -> None:
        address = self._table.contents.functions[_POSITION[name]]
        kinds = (type(a) if isinstance(a, c_ulong | c_ubyte) else c_void_p for a in arguments)
        function = ctypes.CFUNCTYPE(c_ulong, *kinds)
        answer = function(address)(*arguments)
        if answer != CKR_OK:
            raise CryptokiError(name, answer)

    def initialize(self, reserved: str) -> None:
        """With what one library wants to be told: NSS takes its folder in pReserved, as a text."""
        text = ctypes.create_string_buffer(reserved.encode("utf-8"))
        arguments = _InitializeArguments(flags=CKF_OS_LOCKING_OK, pReserved=ctypes.addressof(text))
        self._call("C_Initialize", ctypes.addressof(arguments))

    def finalize(self) -> None:
        self._call("C_Finalize", None)

    def slots(self, with_token: bool) -> list[int]:
        """Asked for their number, then for themselves; a reader plugged in between is seen the next time."""
        count = c_ulong(0)
        present = c_ubyte(with_token)
        self._call("C_GetSlotList", present, None, ctypes.addressof(count))
        found = (c_ulong * max(count.value, 1))()
        self._call("C_GetSlotList", present, ctypes.addressof(found), ctypes.addressof(count))
        return list(found[: count.value])

    def slot_description(self, slot: int) -> str:
        info = _SlotInfo()
        self._call("C_GetSlotInfo", c_ulong(slot), ctypes.addressof(info))
        return _text(_raw(info, "slotDescription"))

    def token_info(self, slot: int) -> dict[str, Any]:
        info = _TokenInfo()
        self._call("C_GetTokenInfo", c_ulong(slot), ctypes.addressof(info))
        return {
            "label": _text(_raw(info, "label")),
            "manufacturer": _text(_raw(info, "manufacturerID")),
            "model": _text(_raw(info, "model")),
            "serial": _text(_raw(info, "serialNumber")),
            "flags": info.flags,
            "shortest_pin": info.ulMinPinLen,
            "longest_pin": info.ulMaxPinLen,
            "total_memory": _memory(info.ulTotalPublicMemory),
            "free_memory": _memory(info.ulFreePublicMemory),
            "hardware": f"{info.hardwareVersion.major}.{info.hardwareVersion.minor}",
            "firmware": f"{info.firmwareVersion.major}.{info.firmwareVersion.minor}",
        }

    def hands_out(self, session: int, handle: int, attribute: int) -> bool:
        """Whether the token gives this attribute's value: asked for its size, then for the value itself, wiped at once.
        python-pkcs11 calls a refusal and a failure by one name, and only the first is proof (S1)."""
        asked = _Attribute(attribute, None, 0)
        value = bytearray()
        try:
            for _ in ("size", "value"):
                self._call(
                    "C_GetAttributeValue", c_ulong(session), c_ulong(handle), ctypes.addressof(asked), c_ulong(1)
                )
                if asked.ulValueLen in (0, UNAVAILABLE):
                    return False
                value = value or bytearray(asked.ulValueLen)
                asked.pValue = ctypes.addressof((c_ubyte * len(value)).from_buffer(value))
        except CryptokiError as error:
            if error.answer in _REFUSALS:
                return False
            raise
        finally:
            value[:] = bytes(len(value))
        return True

    def role(self, session: int) -> str:
        """Who is logged in, as the token sees it now: user, officer, or nobody ("")."""
        info = _SessionInfo()
        self._call("C_GetSessionInfo", c_ulong(session), ctypes.addressof(info))
        return _ROLES.get(info.state, "")

    def login(self, session: int, user_type: int, pin: bytearray) -> None:
        self._call("C_Login", c_ulong(session), c_ulong(user_type), *_pin(pin))

    def logout(self, session: int) -> None:
        self._call("C_Logout", c_ulong(session))

    def close_all(self, slot: int) -> None:
        self._call("C_CloseAllSessions", c_ulong(slot))

    def sign_with_pin(
        self, session: int, key: int, mechanism: int, pss: tuple[int, int, int] | None, data: bytes, pin: bytearray
    ) -> bytes:
        """For a key that wants the PIN each time: it is sent between C_SignInit and C_Sign (PKCS#11 3.0, 5.6.8)."""
        parameters = _PssParameters(*pss) if pss else None
        asked = _Mechanism(
            mechanism,
            ctypes.addressof(parameters) if parameters else None,
            ctypes.sizeof(_PssParameters) if parameters else 0,
        )
        self._call("C_SignInit", c_ulong(session), ctypes.addressof(asked), c_ulong(key))
        signature, size = (c_ubyte * 1024)(), c_ulong(1024)
        message = (c_ubyte * len(data)).from_buffer_copy(data)
        sign = (
            c_ulong(session),
            ctypes.addressof(message),
            c_ulong(len(data)),
            ctypes.addressof(signature),
            ctypes.addressof(size),
        )
        try:
            self.login(session, CKU_CONTEXT_SPECIFIC, pin)
        except CryptokiError:
            with contextlib.suppress(CryptokiError):  # ends what C_SignInit began: the session would stay busy
                self._call("C_Sign", *sign)
            raise
        self._call("C_Sign", *sign)
        return bytes(signature[: size.value])

    def set_pin(self, session: int, old: bytearray, new: bytearray) -> None:
        self._call("C_SetPIN", c_ulong(session), *_pin(old), *_pin(new))

    def init_pin(self, session: int, pin: bytearray) -> None:
        self._call("C_InitPIN", c_ulong(session), *_pin(pin))

    def init_token(self, slot: int, so_pin: bytearray, label: bytes) -> None:
        padded = ctypes.create_string_buffer(label.ljust(32), 32)
        self._call("C_InitToken", c_ulong(slot), *_pin(so_pin), ctypes.addressof(padded))


def _pin(pin: bytearray) -> tuple[Any, c_ulong]:
    """The PIN where it is, no copy: an array that shares the bytearray's memory."""
    shared = (c_ubyte * len(pin)).from_buffer(pin) if pin else (c_ubyte * 1)()
    return ctypes.cast(shared, c_void_p), c_ulong(len(pin))


def _raw(info: _Structure, field: str) -> bytes:
    """The whole field: ctypes would stop at the first NUL."""
    place = getattr(type(info), field)
    return ctypes.string_at(ctypes.addressof(info) + place.offset, place.size)


def _text(field: bytes) -> str:
    """Blank-padded by the standard, NUL-padded by some; bytes that are not UTF-8 become U+FFFD."""
    return field.rstrip(b" \0").decode("utf-8", errors="replace").replace("\0", "\ufffd")


def _memory(value: int) -> int | None:
    """Bytes, or None where the token does not tell (some say so in 32 bits on a 64-bit system)."""
    return None if value in (UNAVAILABLE, 0xFFFFFFFF) else int(value)
