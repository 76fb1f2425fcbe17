"""The library of a simulated medium: the parts in c/ with their table of functions, compiled once for all media.

Generated is what is the same 68 times: for each function a trampoline from PKCS#11's own signature into `pass`, and a
way out to SoftHSM, so that no function is called as if it were another kind.
"""

from __future__ import annotations

from pathlib import Path

from tokenmgr.testbed import compiling
from tokenmgr.testbed.functions import SIGNATURES
from tokenmgr.testbed.page import MAGIC, RULES, TEXTS, WORDS

_IN_SLOT = ("GetSlotInfo", "GetTokenInfo", "GetMechanismList", "GetMechanismInfo", "InitToken", "OpenSession",
            "CloseAllSessions")  # fmt: skip
PARTS = ("softhsm", "rules", "stick")
_TYPES = {"n": "W", "b": "unsigned char", "p": "void *"}
_INCLUDES = ("dirent", "dlfcn", "errno", "fcntl", "pthread", "stdio", "stdlib", "string", "sys/file", "sys/mman",
             "sys/sendfile", "sys/stat", "time", "unistd")  # fmt: skip


def source() -> str:
    names = list(SIGNATURES)
    count = len(names)
    head = [
        "#define _GNU_SOURCE",
        *(f"#include <{name}.h>" for name in _INCLUDES),
        "typedef unsigned long W;",
        f"enum {{ RULES = {RULES}, FUNCTIONS = {count}, WORDS = {len(WORDS)} }};",
        f"#define MAGIC {MAGIC}UL",
        f"enum {{ {', '.join(f'F_{name}' for name in names)} }};",
        f"typedef struct {{ W {', '.join(WORDS)}; char {', '.join(f'{n}[{size}]' for n, size in TEXTS.items())}; "
        "W asked[RULES]; } State;",
        f"#define IN_SLOT(n) ({' || '.join(f'(n) == F_{name}' for name in _IN_SLOT)})",
        f"static const char *const names[] = {{{', '.join(map(_quoted, names))}}};",
        "static W pass(int function, W *a);",
        "static void **real;",
        *(_trampoline(name, SIGNATURES[name]) for name in names),
        f"static W (*const out[])(const W *) = {{{', '.join(f'out_{name}' for name in names)}}};",
        f"#define TRAMPOLINES {', '.join(f'in_{name}' for name in names)}",
    ]
    return "\n".join([*head, *(f'#line 1 "{part}.c"\n{compiling.source(part)}' for part in PARTS)])


def _quoted(name: str) -> str:
    return f'"C_{name}"'


def _trampoline(name: str, signature: str) -> str:
    types = [_TYPES[letter] for letter in signature]
    taken = ", ".join(f"{kind} {letter}" for kind, letter in zip(types, "abcdefgh", strict=False))
    packed = ", ".join(f"(W){letter}" for letter in "abcdefgh"[: len(signature)])
    given = ", ".join(f"({kind})a[{place}]" for place, kind in enumerate(types))
    return (
        f"static W out_{name}(const W *a) {{ return ((W (*)({', '.join(types)}))real[F_{name}])({given}); }}\n"
        f"static W in_{name}({taken}) {{ return pass(F_{name}, (W[8]){{{packed}}}); }}"
    )


def built(store: Path) -> Path:
    return compiling.built("layer", source(), store)
