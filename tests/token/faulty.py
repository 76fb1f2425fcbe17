"""A PKCS#11 library that passes every call on to SoftHSM, but for what a file of rules says. For faults on demand.

A rule is a line `FUNCTION ACTION VALUE FIRST LAST`: from the FIRST to the LAST call of that function since the library
was loaded (0: until the end).

    answer    this code, and the call is not made
    after     the call is made, and then this code: the answer was lost on the way
    or, put   the call is made, then VALUE goes into, or replaces, the word at offset VALUE >> 32 of its second argument
    hang      for ever
    crash     the process dies

It is compiled C, so that the child process meets a library and not a pretence. Written down is each call's name alone.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tokenmgr import catalogue
from tokenmgr.config import TimeLimits
from tokenmgr.testbed.simulated import SimulatedMedium, softhsm
from tokenmgr.token.module import Library

SERIAL, FLAGS, LONGEST_PIN, FREE_MEMORY = 80 << 32, 96 << 32, 136 << 32, 160 << 32  # places in CK_TOKEN_INFO

# CK_FUNCTION_LIST, in its order (PKCS#11 2.40).
FUNCTIONS = """Initialize Finalize GetInfo GetFunctionList GetSlotList GetSlotInfo GetTokenInfo GetMechanismList
GetMechanismInfo InitToken InitPIN SetPIN OpenSession CloseSession CloseAllSessions GetSessionInfo GetOperationState
SetOperationState Login Logout CreateObject CopyObject DestroyObject GetObjectSize GetAttributeValue SetAttributeValue
FindObjectsInit FindObjects FindObjectsFinal EncryptInit Encrypt EncryptUpdate EncryptFinal DecryptInit Decrypt
DecryptUpdate DecryptFinal DigestInit Digest DigestUpdate DigestKey DigestFinal SignInit Sign SignUpdate SignFinal
SignRecoverInit SignRecover VerifyInit Verify VerifyUpdate VerifyFinal VerifyRecoverInit VerifyRecover
DigestEncryptUpdate DecryptDigestUpdate SignEncryptUpdate DecryptVerifyUpdate GenerateKey GenerateKeyPair WrapKey
UnwrapKey DeriveKey SeedRandom GenerateRandom GetFunctionStatus CancelFunction WaitForSlotEvent""".split()  # noqa: SIM905  a list of 68 lines is not read

_SOURCE = """
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long W;
typedef W (*Function)(W, W, W, W, W, W, W, W);  /* no function takes more; what is too much is ignored */
static struct { unsigned char version[2]; Function call[%(count)d]; } ours, *real;
static const char *names[] = {%(names)s};
static W calls[%(count)d];

static W pass(int n, W a, W b, W c, W d, W e, W f, W g, W h) {
    char line[200], name[50], action[20];
    W value, first, last, number = ++calls[n], lost = 0, edits[8], puts = 0;
    int edited = 0;
    FILE *log = fopen(getenv("FAULTS_LOG"), "a");
    if (log) { fprintf(log, "C_%%s\\n", names[n]); fclose(log); }
    FILE *rules = fopen(getenv("FAULTS"), "r");
    while (rules && fgets(line, sizeof line, rules)) {
        if (sscanf(line, "C_%%49s %%19s %%lu %%lu %%lu", name, action, &value, &first, &last) != 5) continue;
        if (strcmp(name, names[n]) || number < first || (last && number > last)) continue;
        if (!strcmp(action, "answer")) { fclose(rules); return value; }
        if (!strcmp(action, "hang")) for (;;) sleep(1000);
        if (!strcmp(action, "crash")) abort();
        if (!strcmp(action, "after")) lost = value;
        if ((!strcmp(action, "or") || !strcmp(action, "put")) && edited < 8) {
            if (*action == 'p') puts |= 1 << edited;
            edits[edited++] = value;
        }
    }
    if (rules) fclose(rules);
    W answer = real->call[n](a, b, c, d, e, f, g, h);
    for (int i = 0; i < edited && !answer; i++) {
        W *word = (W *)(b + (edits[i] >> 32)), with = edits[i] & 0xffffffff;
        *word = puts >> i & 1 ? with : *word | with;
    }
    return lost ? lost : answer;
}
%(trampolines)s

W C_GetFunctionList(void **list) {
    void *library = dlopen("%(softhsm)s", RTLD_NOW | RTLD_LOCAL);
    W (*get)(void *) = (W (*)(void *))dlsym(library, "C_GetFunctionList");
    W answer = get(&real);
    if (answer) return answer;
    memcpy(ours.version, real->version, 2);
    %(table)s
    *list = &ours;
    return 0;
}
"""


def compiled(source: str, folder: Path, name: str) -> Path:
    """A shared library of this C source."""
    path = folder / f"{name}.so"
    path.with_suffix(".c").write_text(source)
    command: list[str | Path] = ["gcc", "-shared", "-fPIC", "-O1", "-o", path, path.with_suffix(".c"), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return path


def _source() -> str:
    arguments = "W a, W b, W c, W d, W e, W f, W g, W h"
    numbers = range(len(FUNCTIONS))
    return _SOURCE % {
        "count": len(FUNCTIONS),
        "names": ", ".join(f'"{name}"' for name in FUNCTIONS),
        "trampolines": "\n".join(
            f"static W call{n}({arguments}) {{ return pass({n}, a, b, c, d, e, f, g, h); }}" for n in numbers
        ),
        "table": " ".join(f"ours.call[{n}] = call{n};" for n in numbers),
        "softhsm": softhsm(),
    }


class FaultyMedium:
    """A simulated medium behind that library."""

    def __init__(self, medium: SimulatedMedium, path: Path) -> None:
        self.medium = medium
        self._path = path
        self._rules, self._log = medium.folder / "rules", medium.folder / "calls"
        self.heal()

    def library(self, limits: TimeLimits | None = None) -> Library:
        environment = {
            **self.medium._environment,
            "SOFTHSM2_CONF": str(self.medium.configuration),
            "FAULTS": str(self._rules),
            "FAULTS_LOG": str(self._log),
        }
        return Library(str(self._path), environment, catalogue.shipped().family("softhsm"), limits)

    def rule(self, function: str, action: str, value: int = 0, first: int = 1, last: int = 0) -> None:
        new = self._rules.with_suffix(".new")
        new.write_text(f"{self._rules.read_text()}{function} {action} {value} {first} {last}\n")
        new.replace(self._rules)

    def heal(self) -> None:
        self._rules.write_text("")

    def calls(self, function: str) -> int:
        """How often it has been called, by whomever, since the medium was made."""
        return self._log.read_text().split().count(function) if self._log.exists() else 0


@pytest.fixture(scope="session")
def faulty_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compiled(_source(), tmp_path_factory.mktemp("faulty"), "faulty")


@pytest.fixture
def faulty(medium: SimulatedMedium, faulty_library: Path) -> FaultyMedium:
    return FaultyMedium(medium, faulty_library)
