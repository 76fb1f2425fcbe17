"""A PIV card in the virtual reader of vsmartcard: jcecard's, put right where it differs from a card of today.

`python piv_card.py PORT READER FOLDER` is the card's process. It takes orders on standard input, a line each, answers
each with a line when it is done and the card reader service has noticed, and ends with its input.

    in            the card is put into the reader
    out           it is pulled
    out XX        it will be pulled in the middle of the next command with this instruction, in hex: done, not answered
    blank         it is pulled, and will be another card, which is new
"""

from __future__ import annotations

import ctypes
import logging
import os
import select
import socket
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO, cast

from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import load_der_private_key
from jcecard.apdu import SW, APDUCommand, APDUResponse  # type: ignore[import-untyped]
from jcecard.main import OpenPGPCard  # type: ignore[import-untyped]
from jcecard.piv import PIV_AID, PIVApplet, PIVSlot  # type: ignore[import-untyped]
from jcecard.piv.applet import make_response  # type: ignore[import-untyped]

POWER_OFF, POWER_ON, RESET, GIVE_ATR = 0, 1, 2, 4  # vsmartcard's protocol: messages of one byte
EMPTY, PRESENT = 0x10, 0x20  # PC/SC's SCARD_STATE_*
GET_RESPONSE = 0xC0
SHORTEST_PIN = 6
CHALLENGE, TEMPLATE = 0x81, 0x7C  # NIST SP 800-73-4 part 2, 3.2.4
YUBIKEY_5 = bytes.fromhex("3bfd1300008131fe158073c021c057597562694b657940")  # its answer to reset


class Card(OpenPGPCard):  # type: ignore[misc]
    """PIV and nothing else, and answers of more than 256 bytes in pieces, unless more is asked for at once."""

    def __init__(self, folder: Path) -> None:
        super().__init__(YUBIKEY_5, folder)
        self._piv_applet = Applet()
        self._rest = b""

    def process_apdu(self, raw_apdu: bytes) -> bytes:
        asked_in_full = len(raw_apdu) > 6 and raw_apdu[4] == 0  # an extended length
        whole: bytes = self._rest if raw_apdu[1] == GET_RESPONSE else super().process_apdu(raw_apdu)
        if asked_in_full or len(whole) <= 256 + 2:
            self._rest = b""
            return whole
        self._rest = whole[256:]
        return whole[:256] + bytes([0x61, min(len(self._rest) - 2, 256) & 0xFF])

    def _handle_select(self, cmd: APDUCommand) -> APDUResponse:
        if not cmd.data.startswith(PIV_AID):
            return APDUResponse.error(SW.FILE_NOT_FOUND)
        return super()._handle_select(cmd)


class Applet(PIVApplet):  # type: ignore[misc]
    """With RSA and P-384 as the standard has them, PINs of 6 to 8, one before each use of 9c, and Yubico's commands to
    begin anew."""

    data_objects: Any
    security: Any
    selected: bool

    def __init__(self) -> None:
        super().__init__()
        self.version = (5, 2, 7)  # a YubiKey 5, before the commands that tell about a key
        self.data_objects.chuid = _holder()
        self._handlers |= {0xFB: self._reset_to_new, 0xFF: self._set_management_key}
        self._fresh = False  # the PIN was verified and no key has been used since

    def process_apdu(self, apdu: APDUCommand) -> APDUResponse:
        answer = super().process_apdu(apdu)
        if apdu.ins == 0x20 and apdu.data:
            self._fresh = self.security.pin_verified
        return answer

    def _handle_select(self, apdu: APDUCommand) -> APDUResponse:
        """Selected again, it forgets nobody (NIST SP 800-73-4 part 2, 3.1.1)."""
        if not self.selected:
            self.security.reset_pin_verification()
        self.selected = True
        version, authority = bytes.fromhex("4f06000010000100"), _field(0x79, _field(0x4F, PIV_AID))
        return make_response(SW.SUCCESS, _field(0x61, version + authority))

    def _handle_change_reference_data(self, apdu: APDUCommand) -> APDUResponse:
        if len(apdu.data[8:].rstrip(b"\xff")) < SHORTEST_PIN:
            return make_response(SW.WRONG_DATA)
        return super()._handle_change_reference_data(apdu)

    def _set_management_key(self, apdu: APDUCommand) -> APDUResponse:
        if not self.security.mgmt_authenticated:
            return make_response(SW.SECURITY_STATUS_NOT_SATISFIED)
        key = apdu.data[3:]  # after its kind, its place and its length
        if len(key) != len(self.security.mgmt_key):
            return make_response(SW.WRONG_LENGTH)
        self.security.mgmt_key = key
        return make_response(SW.SUCCESS)

    def _reset_to_new(self, apdu: APDUCommand) -> APDUResponse:
        """Only when PIN and PUK are locked: whoever has neither may have an empty card."""
        if self.security.pin_retries_remaining or self.security.puk_retries_remaining:
            return make_response(SW.CONDITIONS_NOT_SATISFIED)
        new = type(self)()
        self.security, self.data_objects = new.security, new.data_objects
        return make_response(SW.SUCCESS)

    def _handle_general_authenticate(self, apdu: APDUCommand) -> APDUResponse:
        if apdu.p2 == PIVSlot.MANAGEMENT_KEY:
            return super()._handle_general_authenticate(apdu)
        key = self.data_objects.get_key(apdu.p2)
        if key is None:
            return make_response(SW.REFERENCED_DATA_NOT_FOUND)
        allowed = self.security.pin_verified and (self._fresh or apdu.p2 != PIVSlot.SIGNATURE)
        if apdu.p2 != PIVSlot.CARD_AUTH and not allowed:
            return make_response(SW.SECURITY_STATUS_NOT_SATISFIED)
        self._fresh = False
        asked = dict(_fields(dict(_fields(apdu.data))[TEMPLATE]))
        if CHALLENGE not in asked:
            return make_response(SW.WRONG_DATA)
        return make_response(SW.SUCCESS, _field(TEMPLATE, _field(0x82, _signed(key.private_key, asked[CHALLENGE]))))


def _holder() -> bytes:
    """The card's own number, as a card has it that no government gave out (NIST SP 800-73-4 part 1, 3.1.2)."""
    nobody = bytes.fromhex("d4e739da739ced39ce739d836858210842108421c84210c3eb")
    numbered = _field(0x30, nobody) + _field(0x34, os.urandom(16))
    return numbered + _field(0x35, b"20991231") + _field(0x3E, b"") + _field(0xFE, b"")


def _signed(der: bytes, data: bytes) -> bytes:
    """RSA as the bare operation on a padded block, ECDSA on a digest."""
    private = load_der_private_key(der, password=None)
    if isinstance(private, rsa.RSAPrivateKey):
        numbers = private.private_numbers()
        modulus = numbers.public_numbers.n
        return pow(int.from_bytes(data, "big"), numbers.d, modulus).to_bytes(private.key_size // 8, "big")
    digest = SHA256() if len(data) <= 32 else SHA384()
    padded = data.rjust(digest.digest_size, b"\0")  # the same number, in a length that the signer knows
    return cast(ec.EllipticCurvePrivateKey, private).sign(padded, ec.ECDSA(Prehashed(digest)))


def _fields(data: bytes) -> list[tuple[int, bytes]]:
    found = []
    while data:
        tag, size, start = data[0], data[1], 2
        if size & 0x80:
            start += size & 0x7F
            size = int.from_bytes(data[2:start], "big")
        found.append((tag, data[start : start + size]))
        data = data[start + size :]
    return found


def _field(tag: int, value: bytes) -> bytes:
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([0x81, size]) if size < 256 else b"\x82" + size.to_bytes(2, "big")
    return bytes([tag]) + length + value


class Slot:
    """The card's end of the virtual reader: connected is in, disconnected is out."""

    def __init__(self, port: int, reader: str, folder: Path) -> None:
        self._port, self._folder = port, folder
        self._seen = Seen(reader)
        self._card = Card(folder)
        self._connection: socket.socket | None = None
        self._pull_during = -1
        self._steps: list[tuple[int, Callable[[], None]]] = []  # what the reader must have noticed, and what then

    def run(self, orders: TextIO, answers: TextIO) -> None:
        def done() -> None:
            answers.write("done\n")
            answers.flush()

        while True:
            awaited: list[Any] = [orders, *([self._connection] if self._connection else [])]
            ready, _, _ = select.select(awaited, [], [], 0.005 if self._steps else None)
            if self._connection and self._connection in ready:
                try:
                    self._serve(self._connection)
                except (EOFError, OSError):  # the reader has gone
                    self._out()
            if orders in ready:
                if not (order := orders.readline()):
                    return
                self._obey(*order.split(), done=done)
            if self._steps and self._seen.state() & self._steps[0][0]:
                self._steps.pop(0)[1]()

    def _obey(self, order: str, instruction: str = "", *, done: Callable[[], None]) -> None:
        if order == "in":  # pulled and put back between two looks, it would not have been away
            self._steps = [(EMPTY, self._in), (PRESENT, done)]
        elif instruction:
            self._pull_during = int(instruction, 16)
            done()
        else:
            self._out()
            if order == "blank":
                self._card = Card(self._folder)
            self._steps = [(EMPTY, done)]

    def _in(self) -> None:
        self._connection = socket.create_connection(("127.0.0.1", self._port))
        self._connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _out(self) -> None:
        if self._connection:
            self._connection.close()
        self._connection = None
        self._card.power_off()

    def _serve(self, connection: socket.socket) -> None:
        (size,) = struct.unpack(">H", _received(connection, 2))
        message = _received(connection, size)
        if size == 1:
            self._control(connection, message[0])
            return
        answer: bytes = self._card.process_apdu(message)
        if message[1] == self._pull_during:
            self._pull_during = -1
            self._out()
        else:
            connection.sendall(struct.pack(">H", len(answer)) + answer)

    def _control(self, connection: socket.socket, message: int) -> None:
        if message == GIVE_ATR:
            connection.sendall(struct.pack(">H", len(YUBIKEY_5)) + YUBIKEY_5)
        elif message == POWER_ON:
            self._card.power_on()
        elif message == POWER_OFF:
            self._card.power_off()
        elif message == RESET:
            self._card.reset()
            self._card._piv_applet.reset()  # a card forgets who was logged in


class Seen:
    """What the card reader service says of the reader, as its clients see it. It looks every 0.4 s. Between two
    questions there is no connection: who is connected may have hold of the reader."""

    def __init__(self, reader: str) -> None:
        self._service = ctypes.CDLL("libpcsclite.so.1")
        self._reader = reader.encode()

    def state(self) -> int:
        asked, context = _ReaderState(reader=self._reader), ctypes.c_long()
        self._ask("SCardEstablishContext", ctypes.c_ulong(2), None, None, ctypes.byref(context))
        try:
            self._ask("SCardGetStatusChange", context, ctypes.c_ulong(0), ctypes.byref(asked), ctypes.c_ulong(1))
        finally:
            self._service.SCardReleaseContext(context)
        return int(asked.event)

    def _ask(self, call: str, *arguments: Any) -> None:
        if answer := getattr(self._service, call)(*arguments):
            raise OSError(f"{call}: {answer & 0xFFFFFFFF:#x}")


class _ReaderState(ctypes.Structure):
    _fields_ = (
        ("reader", ctypes.c_char_p),
        ("ours", ctypes.c_void_p),
        ("known", ctypes.c_ulong),
        ("event", ctypes.c_ulong),
        ("atr_length", ctypes.c_ulong),
        ("atr", ctypes.c_ubyte * 33),
    )


def _received(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        # Without this the reader's second write waits for a delayed acknowledgement: 44 ms a command.
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError
        data += more
    return data


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    Slot(int(sys.argv[1]), sys.argv[2], Path(sys.argv[3])).run(sys.stdin, sys.stdout)
