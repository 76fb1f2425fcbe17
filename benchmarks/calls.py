"""What a call through the child process costs, beside python-pkcs11 in process and beside C."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks import peers
from benchmarks.bench import Measured, in_turns, keep, ratio, spread, table, timed
from benchmarks.media import certificate_templates, medium_with
from tokenmgr.domain.credential import KeyKind
from tokenmgr.log import Secret
from tokenmgr.testbed.simulated import PIN
from tokenmgr.token import keys, objects
from tokenmgr.token.module import Library

TURNS = 10
CERTIFICATES = 5


@dataclass(frozen=True)
class Operation:
    """`calls` is how many times it asks the child: the aim is for each."""

    title: str
    calls: int
    rounds: int  # in each turn


OPERATIONS = {
    "token": Operation("token information", 1, 40),
    "open": Operation("open a session, close it", 2, 40),
    "find": Operation(f"find {CERTIFICATES} certificates, read them", 1, 30),
    "sign-p256": Operation("sign with P-256", 1, 40),
    "sign-rsa": Operation("sign with RSA-2048", 1, 20),
    "write": Operation("write a certificate, delete it", 2, 20),
    "generate-p256": Operation("generate P-256", 1, 20),
    "generate-rsa": Operation("generate RSA-2048", 1, 8),
}


def run() -> None:
    with (
        medium_with(CERTIFICATES) as (medium, serial),
        medium.library() as library,
        peers.python(medium) as python,
        peers.c(medium) as c,
    ):
        ours = ThroughChild(library, serial)
        taken = {
            name: in_turns(
                TURNS,
                {
                    who: functools.partial(measure, name, operation.rounds)
                    for who, measure in (("ours", ours.measure), ("python", python.measure), ("c", c.measure))
                },
            )
            for name, operation in OPERATIONS.items()
        }
    headings = ("operation", "through the child", "python-pkcs11 in process", "C", "to python-pkcs11", "to C",
                "added a call, µs (aim: ≤ 1000)")  # fmt: skip
    rows = [_row(OPERATIONS[name], **times) for name, times in taken.items()]
    table("Calls: median and quartiles; ratios and differences within each turn", headings, rows)
    _tell_generation(taken)


def _row(operation: Operation, ours: Measured, python: Measured, c: Measured) -> list[str]:
    added = "chance: see below"
    if operation is not OPERATIONS["generate-rsa"]:
        added = spread(ours.by_turn(python, lambda a, b: (a - b) / operation.calls))
    return [operation.title, str(ours), str(python), str(c), ratio(ours, python), ratio(ours, c), added]


def _tell_generation(taken: Mapping[str, Mapping[str, Measured]]) -> None:
    """Finding primes takes as long as luck wills, so comparing the times says little. What we add does not depend on
    the primes: it is seen on the same verb where generation is quick, and on the cheapest verb."""
    rsa = taken["generate-rsa"]

    def measured(mine: Measured, peer: Measured) -> str:
        return f"{(mine.median / peer.median - 1) * 100:+.1f} %"

    def derived(name: str) -> str:
        times = taken[name]
        return spread(times["ours"].by_turn(times["python"], lambda a, b: (a - b) / rsa["c"].median * 100)) + " %"

    rows = [
        ("derived: added by the same verb on P-256, of C's median RSA-2048", derived("generate-p256"), "≤ 5 %"),
        ("derived: added by the cheapest verb, of C's median RSA-2048", derived("token"), "≤ 5 %"),
        ("measured: through the child to python-pkcs11 in process", measured(rsa["ours"], rsa["python"]), "≤ 5 %"),
        ("control, chance alone: python-pkcs11 in process to C", measured(rsa["python"], rsa["c"]), ""),
    ]
    table("Overhead on generating RSA-2048", ("figure", "overhead", "aim"), rows)


class ThroughChild:
    """The gate's verbs by Worker.call: what every session is made of, without what Session adds around them."""

    def __init__(self, library: Library, serial: str) -> None:
        self._call = library.worker.call
        self._slot = library.find(serial).slot
        self._session = self._call("open", slot=self._slot, write=True)
        with Secret(PIN) as pin:
            self._call("login", session=self._session, officer=False, pin=pin)
        self._keys = {bytes(key["ID"]): key["handle"] for key in self._find("PRIVATE_KEY")}
        self._certificate = next(certificate_templates(CERTIFICATES, CERTIFICATES + 1))

    def measure(self, name: str, rounds: int) -> list[float]:
        acts: dict[str, Callable[[], object]] = {
            "token": lambda: self._call("token", slot=self._slot),
            "open": lambda: self._call("close", session=self._call("open", slot=self._slot, write=False)),
            "find": lambda: self._find("CERTIFICATE"),
            "sign-p256": lambda: self._sign(b"p256", "ECDSA"),
            "sign-rsa": lambda: self._sign(b"rsa", "SHA256_RSA_PKCS"),
            "write": lambda: self._destroy([self._ask("create", template=self._certificate)]),
            "generate-p256": lambda: self._generate(KeyKind.P256),
            "generate-rsa": lambda: self._generate(KeyKind.RSA_2048),
        }
        return timed(acts[name], rounds, self._destroy if name.startswith("generate") else keep)

    def _ask(self, verb: str, **arguments: Any) -> Any:
        return self._call(verb, session=self._session, **arguments)

    def _find(self, one_class: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self._ask("find", template={"CLASS": one_class}, attributes=objects.WANTED)
        return found

    def _sign(self, key_id: bytes, mechanism: str) -> object:
        return self._ask("sign", handle=self._keys[key_id], mechanism=mechanism, pss=None, data=bytes(32))

    def _generate(self, kind: KeyKind) -> object:
        recipe = keys.RECIPES[kind]
        return self._ask(
            "generate",
            mechanism=recipe.mechanism,
            key_type=recipe.key_type,
            public=objects.public_template(recipe, next(iter(recipe.parameters), None), b"peer", "peer"),
            private=objects.private_template(b"peer", "peer", plain=False),
        )

    def _destroy(self, handles: list[int]) -> None:
        for handle in handles:
            self._ask("destroy", handle=handle)
