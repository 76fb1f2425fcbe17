"""The child's side, held against what it builds on: what a new python-pkcs11 might change is seen here."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tokenmgr.testbed.simulated import SimulatedMedium, softhsm

SCRIPT = """
import ctypes, sys
import pkcs11
from tokenmgr.token.cryptoki import Cryptoki
path = sys.argv[1]
table = ctypes.c_void_p()
assert ctypes.CDLL(path).C_GetFunctionList(ctypes.byref(table)) == 0
print(table.value == ctypes.cast(Cryptoki(pkcs11.lib(path))._table, ctypes.c_void_p).value)
"""


def test_the_table_of_functions_is_the_one_that_python_pkcs11_uses(medium: SimulatedMedium) -> None:
    environment = {**os.environ, "SOFTHSM2_CONF": str(medium.configuration)}
    done = subprocess.run([sys.executable, "-c", SCRIPT, softhsm()], env=environment, capture_output=True, text=True)
    assert done.stdout == "True\n", done.stderr


@pytest.mark.skipif(
    not Path("/usr/include/p11-kit-1").exists(), reason="PKCS#11's header is not installed (libp11-kit-dev)"
)
def test_our_structures_are_those_of_the_header(tmp_path: Path) -> None:
    """Sizes and positions, as a C compiler sees them."""
    from tokenmgr.token import cryptoki

    fields = {"label", "serialNumber", "flags", "ulMaxPinLen", "ulMinPinLen", "ulFreePublicMemory", "firmwareVersion"}
    names = {"ulMaxPinLen": "max_pin_len", "ulMinPinLen": "min_pin_len", "serialNumber": "serial_number"}
    names |= {"ulFreePublicMemory": "free_public_memory", "firmwareVersion": "firmware_version"}
    lines = [f'printf("{f} %zu\\n", offsetof(struct ck_token_info, {names.get(f, f)}));' for f in sorted(fields)]
    lines.append('printf("size %zu\\n", sizeof(struct ck_token_info));')
    lines += [f'printf("{name} %zu\\n", offsetof(struct ck_function_list, {name}));' for name in cryptoki._POSITION]
    includes = "#define CRYPTOKI_GNU\n#include <stddef.h>\n#include <stdio.h>\n#include <p11-kit/pkcs11.h>\n"
    (tmp_path / "x.c").write_text(includes + "int main(void) {" + "".join(lines) + "}")
    subprocess.run(["gcc", "-I/usr/include/p11-kit-1", "-o", tmp_path / "x", tmp_path / "x.c"], check=True)
    told = dict(
        line.split() for line in subprocess.run([tmp_path / "x"], capture_output=True, text=True).stdout.splitlines()
    )
    ours = {name: getattr(cryptoki._TokenInfo, name).offset for name in fields}
    ours["size"] = ctypes.sizeof(cryptoki._TokenInfo)
    start = cryptoki._FunctionList.functions.offset
    ours |= {name: start + position * ctypes.sizeof(ctypes.c_void_p) for name, position in cryptoki._POSITION.items()}
    assert {name: int(value) for name, value in told.items()} == ours
