"""A PKCS#11 library as a C program sees it: any of its functions, and the answer by name. And processes that do so."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from ctypes import CFUNCTYPE, byref, c_char_p, c_ubyte, c_ulong, c_void_p
from pathlib import Path
from typing import Any

from tokenmgr.testbed.faults import answer_name
from tokenmgr.testbed.functions import FUNCTIONS, SIGNATURES
from tokenmgr.testbed.simulated import PIN, SimulatedMedium

OFFICER, USER, CONTEXT = 0, 1, 2
CLASS, TOKEN, PRIVATE, LABEL, VALUE, ID, SIGN = 0x00, 0x01, 0x02, 0x03, 0x11, 0x102, 0x108
CERTIFICATE_TYPE, SUBJECT, EC_PARAMS, ALWAYS_AUTHENTICATE = 0x80, 0x101, 0x180, 0x202
MODULUS_BITS, PUBLIC_EXPONENT = 0x121, 0x122
DATA, CERTIFICATE, PUBLIC_KEY, PRIVATE_KEY = 0, 1, 2, 3
RSA_GENERATION, EC_GENERATION, ECDSA = 0x0, 0x1040, 0x1041
P256 = bytes.fromhex("06082a8648ce3d030107")
YES, NO = b"\1", b"\0"
BOUND = 60.0  # far above what anything takes: only what never happens gets there
_KINDS: dict[str, Any] = {"n": c_ulong, "b": c_ubyte, "p": c_void_p}

Template = Mapping[int, bytes | int]


class _Attribute(ctypes.Structure):
    _fields_ = (("type", c_ulong), ("value", c_char_p), ("length", c_ulong))


class _Mechanism(ctypes.Structure):
    _fields_ = (("type", c_ulong), ("parameter", c_void_p), ("length", c_ulong))


def _packed(template: Template) -> tuple[Any, int]:
    rows = []
    for kind, value in template.items():
        data = value if isinstance(value, bytes) else value.to_bytes(ctypes.sizeof(c_ulong), sys.byteorder)
        rows.append(_Attribute(kind, data, len(data)))
    return (_Attribute * max(1, len(rows)))(*rows), len(rows)


class Raw:
    """Loaded into this process, and initialised."""

    def __init__(self, path: str, initialise: bool = True) -> None:
        functions = c_void_p()
        answer = ctypes.CDLL(path).C_GetFunctionList(byref(functions))
        assert answer == 0, answer_name(answer)
        assert functions.value
        self._table = (c_void_p * (1 + len(FUNCTIONS))).from_address(functions.value)  # the version is first
        if initialise:
            assert self("C_Initialize", None) == "CKR_OK"

    def __call__(self, name: str, *arguments: Any) -> str:
        place = FUNCTIONS.index(name)
        kinds = [_KINDS[letter] for letter in SIGNATURES[name.removeprefix("C_")]]
        return answer_name(CFUNCTYPE(c_ulong, *kinds)(self._table[1 + place] or 0)(*arguments))

    # --- in a session ---

    def session(self, write: bool = True, pin: str = "") -> int:
        """Open, and logged in where there is a PIN."""
        handle = c_ulong()
        answer = self("C_OpenSession", self.slot(), 6 if write else 4, None, None, byref(handle))
        assert answer == "CKR_OK", answer
        if pin:
            assert self.login(handle.value, pin) == "CKR_OK"
        return handle.value

    def slot(self) -> int:
        slots, count = (c_ulong * 16)(), c_ulong(16)
        assert self("C_GetSlotList", 1, slots, byref(count)) == "CKR_OK"
        shown = slots[: count.value]
        if len(shown) > 1:  # plain SoftHSM, with its spare one
            shown = [slot for slot in shown if self.token_info(slot)[80:96].strip()]
        return shown[0] if shown else 0

    def token_info(self, slot: int) -> bytes:
        told = ctypes.create_string_buffer(256)
        assert self("C_GetTokenInfo", slot, told) == "CKR_OK"
        return told.raw

    def login(self, session: int, pin: str, who: int = USER) -> str:
        return self("C_Login", session, who, pin.encode(), len(pin.encode()))

    def set_pin(self, session: int, old: str, new: str) -> str:
        return self("C_SetPIN", session, old.encode(), len(old), new.encode(), len(new))

    def create(self, session: int, template: Template | None = None) -> str:
        handle = c_ulong()
        attributes: Template = {CLASS: DATA, TOKEN: YES, PRIVATE: NO, VALUE: b"x", **(template or {})}
        answer = self("C_CreateObject", session, *_packed(attributes), byref(handle))
        self.made = [handle.value]
        return answer

    def copy(self, session: int, there: int) -> str:
        handle = c_ulong()
        answer = self("C_CopyObject", session, there, *_packed({}), byref(handle))
        self.made = [handle.value]
        return answer

    def generate(self, session: int, private: Template | None = None, bits: int = 0) -> str:
        """A key pair on P-256, or with so many bits of RSA."""
        kind: Template = {MODULUS_BITS: bits, PUBLIC_EXPONENT: b"\1\0\1"} if bits else {EC_PARAMS: P256}
        mechanism = _Mechanism(RSA_GENERATION if bits else EC_GENERATION, None, 0)
        public, secret = _packed({TOKEN: YES, **kind}), _packed({TOKEN: YES, SIGN: YES, **(private or {})})
        handles = c_ulong(), c_ulong()
        answer = self("C_GenerateKeyPair", session, byref(mechanism), *public, *secret, *map(byref, handles))
        self.made = [handle.value for handle in handles]
        return answer

    def sign_init(self, session: int, key: int) -> str:
        return self("C_SignInit", session, byref(_Mechanism(ECDSA, None, 0)), key)

    def sign(self, session: int) -> tuple[str, bytes]:
        signature, length = (c_ubyte * 64)(), c_ulong(64)
        answer = self("C_Sign", session, b"d" * 32, 32, signature, byref(length))
        return answer, bytes(signature)

    def set_attribute(self, session: int, handle: int, template: Template) -> str:
        return self("C_SetAttributeValue", session, handle, *_packed(template))

    def value(self, session: int, handle: int, kind: int = VALUE) -> bytes:
        buffer = ctypes.create_string_buffer(4096)
        attribute = _Attribute(kind, ctypes.cast(buffer, c_char_p), len(buffer))
        assert self("C_GetAttributeValue", session, handle, byref(attribute), 1) == "CKR_OK"
        return buffer.raw[: attribute.length]

    def found(self, session: int, template: Template | None = None) -> list[int]:
        assert self("C_FindObjectsInit", session, *_packed(template or {})) == "CKR_OK"
        handles, count = (c_ulong * 512)(), c_ulong()
        assert self("C_FindObjects", session, handles, 512, byref(count)) == "CKR_OK"
        assert self("C_FindObjectsFinal", session) == "CKR_OK"
        return list(handles[: count.value])

    def random(self, session: int) -> str:
        """A call that changes nothing."""
        return self("C_GenerateRandom", session, (c_ubyte * 8)(), 8)


# --- processes ---

_BEGIN = f"""
import sys, threading
from tests.testbed.raw import *
raw = Raw(sys.argv[1])
session = raw.session(pin={PIN!r})
print("ready", flush=True)
"""


class Program:
    """A process with the medium's library, logged in. It does each line of Python that it is asked, and says what came
    of it."""

    def __init__(self, medium: SimulatedMedium) -> None:
        script = _BEGIN + "for line in sys.stdin:\n    print(eval(line), flush=True)\n"
        command = [sys.executable, "-c", script, medium.path]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.answer() == "ready"

    def send(self, line: str) -> None:
        assert self.process.stdin
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def answer(self) -> str:
        """Empty from one that has ended, or that was ended here because it never answered."""
        assert self.process.stdout
        end = threading.Timer(BOUND, self.process.kill)
        end.start()
        try:
            return self.process.stdout.readline().strip()
        finally:
            end.cancel()

    def ask(self, line: str) -> str:
        self.send(line)
        return self.answer()

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


def until(happened: Callable[[], bool]) -> None:
    end = time.monotonic() + BOUND
    while not happened():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.005)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
