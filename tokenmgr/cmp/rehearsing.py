"""A rehearsal that has failed, over the wire: a general message of our own, signed by the certificate whose renewal was
rehearsed (domain/rehearsal.py).

    told       {"code": "M107", "step": "CHECKED", "store": "medium"}
    answered   {"code": "M107"}
"""

from __future__ import annotations

from tokenmgr.cmp import json_info, oids
from tokenmgr.cmp.json_info import wrong
from tokenmgr.cmp.values import Info
from tokenmgr.domain.generation import StoreKind
from tokenmgr.domain.rehearsal import Failure
from tokenmgr.domain.renewal import Step


def failure_message(failure: Failure) -> Info:
    """What a client sends as genm."""
    told = {"code": failure.code, "step": failure.step.name, "store": failure.store.value}
    return json_info.made(oids.REHEARSAL, told)


def failure_told(info: Info) -> Failure:
    given = json_info.read(info, oids.REHEARSAL, ("code", "step", "store"))
    code, step, store = (str(given[name]) for name in ("code", "step", "store"))
    try:
        return Failure(code, Step[step], StoreKind(store))
    except (KeyError, ValueError) as error:
        raise wrong("an error's code, a step of a renewal, and medium or pc") from error


def failure_answer(failure: Failure) -> Info:
    """What the CA answers as genp."""
    return json_info.made(oids.REHEARSAL, {"code": failure.code})


def failure_taken(info: Info, failure: Failure) -> None:
    """What a client reads of genp: this one was noted."""
    if json_info.read(info, oids.REHEARSAL, ("code",))["code"] != failure.code:
        raise wrong("an answer about another failure")
