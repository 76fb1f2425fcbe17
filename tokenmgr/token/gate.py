"""The gate to the library: the only importer of python-pkcs11. Runs in the child process, in its only thread.

A verb is one question to the token, in plain values: names for attributes, classes and mechanisms, bytes for bytes.
python-pkcs11's traps (each seen) end here:

- Searches are read to their end before anything else is asked, or the session stays busy (CKR_OPERATION_ACTIVE).
- Classes are searched one by one: one vendor-defined class in a listing would make it raise.
- Mechanisms are always given: its defaults are SHA-1 for PSS and SHA-512 for EC.
- Key templates are given whole: its default private template leaves EXTRACTABLE to the token.
- It imports all of asn1crypto for helpers that are not used here: 15 ms of every start, left out.
- Sessions are opened without a PIN (a failed login would leak one) and closed without a logout (which would end the
  others' too); see cryptoki.py.
"""

from __future__ import annotations

import contextlib
import enum
import struct
import sys
import types
from collections.abc import Iterator
from typing import Any

for _helper in ("dh", "dsa", "ec", "rsa", "x509"):
    sys.modules.setdefault(f"pkcs11.util.{_helper}", types.ModuleType(_helper))

import pkcs11  # noqa: E402
from pkcs11 import (  # noqa: E402
    Attribute,
    KeyType,
    Mechanism,
    ObjectClass,
    _pkcs11,
)
from pkcs11.attributes import AttributeMapper  # noqa: E402
from pkcs11.mechanisms import MGF  # noqa: E402

from tokenmgr.token.cryptoki import CKU_SO, CKU_USER, Cryptoki, CryptokiError  # noqa: E402

CLASSES = ("PRIVATE_KEY", "PUBLIC_KEY", "CERTIFICATE", "DATA")
CKR_KEY_FUNCTION_NOT_PERMITTED = 0x68
_MAPPER = AttributeMapper()
for _text in (Attribute.LABEL, Attribute.APPLICATION):  # other software wrote Shift_JIS; one such hides all objects
    _MAPPER.register_handler(_text, str.encode, lambda value: value.decode("utf-8", errors="replace"))
# The last two: a value that python-pkcs11 cannot unpack, such as a vendor's own key type.
_UNTOLD = (pkcs11.AttributeTypeInvalid, pkcs11.AttributeSensitive, pkcs11.FunctionFailed, ValueError, struct.error)
_ENUMS = {"CLASS": ObjectClass, "KEY_TYPE": KeyType, "CERTIFICATE_TYPE": pkcs11.CertificateType}


class _Told(_pkcs11.lib):
    """A library whose C_Initialize is told something. There is one library a process, so the class may keep it."""

    reserved = ""
    initialized = False

    def initialize(self) -> None:
        if not self.initialized:
            Cryptoki(self).initialize(self.reserved)
            self.initialized = True

    def finalize(self) -> None:
        self.initialized = False
        Cryptoki(self).finalize()


class Gate:
    """One loaded library, its sessions and the objects seen in them."""

    def __init__(self, path: str, reserved: str = "") -> None:
        _Told.reserved = reserved
        self._library = _Told(path) if reserved else pkcs11.lib(path)
        self._cryptoki = Cryptoki(self._library)
        self._sessions: dict[int, Any] = {}
        self._objects: dict[tuple[int, int], Any] = {}

    # --- the library and its slots ---

    def library(self) -> dict[str, Any]:
        major, minor = self._library.library_version
        return {
            "manufacturer": self._library.manufacturer_id,
            "description": self._library.library_description,
            "version": f"{major}.{minor}",
            "cryptoki": "{}.{}".format(*self._library.cryptoki_version),
        }

    def finish(self) -> None:
        self._library.finalize()

    def restart(self) -> None:
        """Some libraries see a new or returned medium only after C_Finalize and C_Initialize. Ends every session."""
        self._sessions.clear()
        self._objects.clear()
        if self._library.initialized:
            self._library.finalize()
        self._library.initialize()

    def slots(self) -> list[dict[str, Any]]:
        """Every slot: empty, or with its token's information, or with the answer that took its place."""
        full = set(self._cryptoki.slots(with_token=True))  # some leave the slot's own flag out
        return [self._slot(slot, slot in full) for slot in self._cryptoki.slots(with_token=False)]

    def _slot(self, slot: int, full: bool) -> dict[str, Any]:
        known: dict[str, Any] = {"slot": slot, "description": ""}
        try:
            known["description"] = self._cryptoki.slot_description(slot)
            return known | {"token": self._cryptoki.token_info(slot)} if full else known
        except CryptokiError as error:  # one bad slot must not hide the others
            return known | {"error": {"call": error.call, "answer": error.answer, "name": "", "text": ""}}

    def token(self, slot: int) -> dict[str, Any]:
        """Some tell of a medium that has long been pulled, until they are asked for their slots."""
        self._cryptoki.slots(with_token=True)
        return self._cryptoki.token_info(slot)

    def mechanisms(self, slot: int, names: list[str]) -> dict[str, list[int]]:
        """Those of them that the token has: name -> [smallest key, largest key]. It is not asked about the dozens that
        nobody uses: each is a call."""
        found = self._slot_of(slot)
        result = {}
        for mechanism in {Mechanism[name] for name in names}.intersection(found.get_mechanisms()):
            with contextlib.suppress(pkcs11.MechanismInvalid):  # listed, and then not known
                info = found.get_mechanism_info(mechanism)
                result[mechanism.name] = [info.min_key_length, info.max_key_length]
        return result

    def _slot_of(self, number: int) -> Any:
        for slot in self._library.get_slots():
            if slot.slot_id == number:
                return slot
        raise pkcs11.SlotIDInvalid

    # --- sessions ---

    def open(self, slot: int, write: bool) -> int:
        session = self._slot_of(slot).get_token().open(rw=write, attribute_mapper=_MAPPER)
        handle: int = session.handle
        self._sessions[handle] = session
        return handle

    def close(self, session: int) -> None:
        for key in [key for key in self._objects if key[0] == session]:
            del self._objects[key]
        self._sessions.pop(session).close()

    def close_all(self, slot: int) -> None:
        """What a failed or lost session may have left behind."""
        self._cryptoki.close_all(slot)

    def login(self, session: int, officer: bool, pin: bytearray) -> None:
        with _wiped(pin):
            self._cryptoki.login(session, CKU_SO if officer else CKU_USER, pin)

    def role(self, session: int) -> str:
        return self._cryptoki.role(session)

    def logout(self, session: int) -> None:
        self._cryptoki.logout(session)

    def set_pin(self, session: int, old: bytearray, new: bytearray) -> None:
        with _wiped(old, new):
            self._cryptoki.set_pin(session, old, new)

    def init_pin(self, session: int, new: bytearray) -> None:
        with _wiped(new):
            self._cryptoki.init_pin(session, new)

    def init_token(self, slot: int, so_pin: bytearray, label: str) -> None:
        with _wiped(so_pin):
            self._cryptoki.init_token(slot, so_pin, label.encode("utf-8"))

    # --- objects ---

    def find(self, session: int, template: dict[str, Any], attributes: dict[str, list[str]]) -> list[dict[str, Any]]:
        """Every object that fits the template, with those of its class's attributes that it tells."""
        held = self._sessions[session]
        found = []
        for one_class in [template["CLASS"]] if "CLASS" in template else CLASSES:
            objects = list(held.get_objects(_pack({**template, "CLASS": one_class}), batch_size=64))
            for item in objects:
                self._objects[session, item.handle] = item
                found.append(
                    {"handle": item.handle, "class": one_class, **self._attributes(item, attributes[one_class])}
                )
        return found

    def read(self, session: int, handle: int, attributes: list[str]) -> dict[str, Any]:
        return self._attributes(self._objects[session, handle], attributes)

    def told(self, session: int, handle: int, attributes: list[str]) -> list[str]:
        """Those of the attributes whose values the token hands out. A failure is no refusal, and is raised."""
        return [name for name in attributes if self._cryptoki.hands_out(session, handle, Attribute[name])]

    @staticmethod
    def _attributes(item: Any, names: list[str]) -> dict[str, Any]:
        """Those that the object tells: a missing one is missing from the answer, a sensitive one too."""
        wanted = [Attribute[name] for name in names]
        try:
            told = item.get_attributes(wanted)
        except _UNTOLD:
            told = {}
            for attribute in wanted:  # some modules answer a list with the failure of one of its members
                with contextlib.suppress(*_UNTOLD):
                    told |= item.get_attributes([attribute])
        return {Attribute(key).name: _unpack(value) for key, value in told.items()}

    def generate(
        self, session: int, mechanism: str, public: dict[str, Any], private: dict[str, Any], key_type: str
    ) -> list[int]:
        pair = self._sessions[session].generate_keypair(
            KeyType[key_type],
            key_length=public.get("MODULUS_BITS"),
            mechanism=Mechanism[mechanism],
            capabilities=0,
            store=True,
            public_template=_only(_pack(public)),
            private_template=_only(_pack(private)),
        )
        for item in pair:
            self._objects[session, item.handle] = item
        return [item.handle for item in pair]

    def create(self, session: int, template: dict[str, Any]) -> int:
        item = self._sessions[session].create_object(_pack(template))
        self._objects[session, item.handle] = item
        handle: int = item.handle
        return handle

    def update(self, session: int, handle: int, attributes: dict[str, Any]) -> None:
        for name, value in attributes.items():
            self._objects[session, handle][Attribute[name]] = value

    def destroy(self, session: int, handle: int) -> None:
        self._objects[session, handle].destroy()
        del self._objects[session, handle]

    def sign(self, session: int, handle: int, mechanism: str, pss: str | None, data: bytearray) -> bytes:
        """`pss` names the digest of RSASSA-PSS; the salt is as long as the digest (RFC 4055, 3.1)."""
        item = self._objects[session, handle]
        if not hasattr(item, "sign"):  # CKA_SIGN is false
            raise CryptokiError("C_SignInit", CKR_KEY_FUNCTION_NOT_PERMITTED)
        signature: bytes = item.sign(bytes(data), mechanism=Mechanism[mechanism], mechanism_param=_pss(pss))
        return signature

    def sign_with_pin(
        self, session: int, handle: int, mechanism: str, pss: str | None, data: bytearray, pin: bytearray
    ) -> bytes:
        with _wiped(pin):
            return self._cryptoki.sign_with_pin(session, handle, Mechanism[mechanism], _pss(pss), bytes(data), pin)


@contextlib.contextmanager
def _wiped(*pins: bytearray) -> Iterator[None]:
    """PINs for the time of one call: overwritten after it, whatever came of it."""
    try:
        yield
    finally:
        for pin in pins:
            pin[:] = bytes(len(pin))


def _pss(digest: str | None) -> tuple[int, int, int] | None:
    if digest is None:
        return None
    return Mechanism[digest], MGF[digest.replace("_", "")], {"SHA256": 32, "SHA384": 48, "SHA512": 64}[digest]


def _pack(template: dict[str, Any]) -> dict[Any, Any]:
    return {Attribute[name]: _ENUMS[name][value] if name in _ENUMS else value for name, value in template.items()}


def _only(template: dict[Any, Any]) -> dict[Any, Any]:
    """The template and nothing else: what python-pkcs11 would add by itself is taken out again."""
    return dict.fromkeys(_ADDED, pkcs11.DEFAULT) | template


_ADDED = (
    *(Attribute[n] for n in ("ENCRYPT", "DECRYPT", "WRAP", "UNWRAP", "SIGN", "VERIFY", "DERIVE", "ID", "LABEL")),
    *(Attribute[n] for n in ("PRIVATE", "SENSITIVE")),
)


def _unpack(value: Any) -> Any:
    return value.name if isinstance(value, enum.Enum) else value
