"""The child process: reads a question, asks the Gate, writes the answer, until its parent is gone.

Started as `python -m tokenmgr.token.child LIBRARY SECONDS [TOLD]`: the time that loading may take, and what
C_Initialize is told. At the first message it loads the library, and answers whether it did: until then it knows nothing
of any medium. PKCS#11 is called from this one thread only; another waits for questions, and so notices at once when the
parent has died.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import queue
import re
import sys
import threading
from typing import Any, BinaryIO

from tokenmgr import system
from tokenmgr.token import wire

# The PKCS#11 function that a verb is about, for errors whose author did not name one.
FUNCTIONS = {
    "restart": "C_Initialize",
    "slots": "C_GetSlotList",
    "mechanisms": "C_GetMechanismList",
    "open": "C_OpenSession",
    "close": "C_CloseSession",
    "find": "C_FindObjects",
    "read": "C_GetAttributeValue",
    "generate": "C_GenerateKeyPair",
    "create": "C_CreateObject",
    "update": "C_SetAttributeValue",
    "destroy": "C_DestroyObject",
    "sign": "C_Sign",
    "sign_with_pin": "C_Sign",
}
# Answers that python-pkcs11 has no class for, and tells in a sentence.
SENTENCES = {
    "User type invalid.": 0x103,
    "Buffer was too small.": 0x150,
    "Initialisation error (not initialized).": 0x190,
    "Initialisation error (already initialized).": 0x191,
    "Parallel not supported.": 0xB4,
}

LAST_CALL_GRACE = (
    10.0  # seconds that a call under way may still take when the parent has died; a torn write helps nobody
)


def main() -> None:
    system.leave_interrupts_to_parent()
    system.keep_out_of_core_dumps()
    system.call_this_process(system.CHILD_NAME)
    questions, answers = _private_pipes()
    try:
        from tokenmgr.token.gate import Gate

        if wire.read(questions) is None:
            return  # nobody wants it any more
        # Nobody may be left to end us, and a library that hangs while it is loaded lets no other thread run.
        faulthandler.dump_traceback_later(float(sys.argv[2]) + LAST_CALL_GRACE, exit=True)
        gate = Gate(sys.argv[1], *sys.argv[3:])
        wire.write(answers, wire.pack({"value": gate.library()}))
    except Exception as error:  # noqa: BLE001  whatever it is, the parent must be told
        wire.write(answers, wire.pack({"error": describe(error, "C_Initialize")}))
        return
    faulthandler.cancel_dump_traceback_later()
    inbox: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions, inbox), daemon=True).start()
    while (question := inbox.get()) is not None:
        wire.write(answers, wire.pack(_answer(gate, question)))
    with contextlib.suppress(Exception):  # its medium may be gone
        gate.finish()
    os._exit(0)  # what a library left running must not keep the process


def _private_pipes() -> tuple[BinaryIO, BinaryIO]:
    """The pipes for ourselves; what a library prints goes where standard error goes, not into our messages."""
    questions = os.fdopen(os.dup(0), "rb", buffering=0)
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return questions, answers


def _listen(questions: BinaryIO, inbox: queue.SimpleQueue[dict[str, Any] | None]) -> None:
    while (question := wire.read(questions, bytearray)) is not None:
        inbox.put(question)
    inbox.put(None)
    threading.Event().wait(LAST_CALL_GRACE)
    os._exit(0)  # the library hangs and nobody is left to notice


def _answer(gate: Any, question: dict[str, Any]) -> dict[str, Any]:
    verb = question["verb"]
    try:
        return {"value": getattr(gate, verb)(**question["args"])}
    except Exception as error:  # noqa: BLE001  translated by the parent; a traceback would stay in this process
        return {"error": describe(error, verb)}


def describe(error: Exception, verb: str) -> dict[str, Any]:
    """An exception of the gate as facts: the PKCS#11 answer by number or by python-pkcs11's name for it, or neither."""
    answer = getattr(error, "answer", None)
    text = str(error)
    answer = next((number for begin, number in SENTENCES.items() if text.startswith(begin)), answer)
    if unmapped := re.fullmatch(r"Unmapped error code (0x[0-9a-fA-F]+)", text):  # python-pkcs11 has no class for it
        answer = int(unmapped[1], 16)
    return {
        "call": getattr(error, "call", FUNCTIONS.get(verb, verb)),
        "answer": answer,
        "name": type(error).__name__,
        "text": text,
    }


if __name__ == "__main__":
    main()
