"""The page that holds a simulated medium's state: its layout. layer.py writes the C structure from it."""

from __future__ import annotations

import hashlib

RULES = 256  # as many can stand at once; a rule's number is below it
WORDS = (
    "magic",
    "plugged",
    "plugging",  # how often it has been plugged in or pulled
    "rules",  # changes when the rules do
    "next_rule",  # the number of the next one
    "user_wrong",  # wrong PINs one after the other
    "so_wrong",
    "user_tries",  # how many wrong PINs lock it; 0: as SoftHSM, which never does
    "so_tries",
    "to_be_changed",
    "read_only",
    "capacity",  # bytes; 0: as SoftHSM, which has no end
    "flags_hidden",  # it counts, and shows nothing of it
    "flags_on",  # in CK_TOKEN_INFO, whatever is true
    "flags_off",
    "longest_pin",  # as it is told; 0: as SoftHSM tells it
    "free_memory",  # as it is told; 0: what is true
    "other_serial",  # a number that is told, in 16 hex digits, instead of the medium's own; 0: its own
    "log",  # whether calls are written down
)
SHOWN = {"maker": 32, "model": 16, "serial": 16, "reader": 64}
# `pin`: with it every session is logged in as it is opened, and nobody is asked: for browsers that nobody sits before
TEXTS = {**SHOWN, "softhsm": 512, "pin": 32}
OF_THE_STICK = WORDS[WORDS.index("user_wrong") : WORDS.index("log")]
SETTABLE = (*OF_THE_STICK, "log")  # by a rule or a person
ASKED = 8 * len(WORDS) + sum(TEXTS.values())
SIZE = ASKED + 8 * RULES
MAGIC = int.from_bytes(hashlib.sha256(repr((WORDS, TEXTS, RULES)).encode()).digest()[:7], "big")  # of this layout
