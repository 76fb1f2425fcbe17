"""What a token was seen doing, asked of it past our own rules: docs/tokens.md is made of this, and held to it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.contract.rig import Rig
from tests.token.helpers import certificate_for
from tokenmgr.domain.credential import Key, KeyKind
from tokenmgr.domain.medium import PinState
from tokenmgr.errors import LibraryError, MediumError
from tokenmgr.log import Secret
from tokenmgr.pki.facts import certificate_facts
from tokenmgr.testbed.throwaway_ca import ThrowawayCA
from tokenmgr.token import keys, objects
from tokenmgr.token.module import Library
from tokenmgr.token.session import Session

LABEL = "gen-1"
TRIED = (KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384, KeyKind.ED25519)
SECRETS = ("PRIVATE_EXPONENT", "VALUE")
TRIES = 4


def observe(rig: Rig, authority: ThrowawayCA) -> dict[str, str]:
    """Question -> what was seen, in the order in which the questions are asked. The PINs come last: they lock."""
    seen: dict[str, str] = {}
    with rig.library() as library:
        (medium,) = library.media()
        seen["library"] = f"`{rig.path.rpartition('/')[2]}` {library.worker.about['version']}"
        seen["tells of itself"] = f"{medium.manufacturer} / {medium.model}"
        told = library.worker.call("token", slot=medium.slot)
        seen["PIN length told"] = f"{told['shortest_pin']}–{told['longest_pin']}"
        seen["free memory told"] = "no" if told["free_memory"] is None else f"{told['free_memory']} bytes"
        with Session.open(library, rig.serial, write=True) as session:
            seen["key types listed"] = ", ".join(kind.value for kind in session.key_kinds())
            seen |= _making(session, rig)
            seen |= _certificates(session, rig, authority)
        seen |= _pins(library, rig)
    return seen


class Roles:
    """Who is logged in, changed when it has to be."""

    def __init__(self, session: Session, rig: Rig) -> None:
        self._session, self._rig = session, rig

    def __call__(self, role: str) -> None:
        if self._session.role() == role:
            return
        if self._session.role():
            self._session.logout()
        if role == "user":
            self._session.login(Secret(self._rig.pin))
        else:
            self._session._ask("login", officer=True, pin=Secret(self._rig.so_pin))


def answer(asked: Callable[[], Any]) -> str:
    """`yes`, or the token's answer."""
    try:
        asked()
    except MediumError as error:
        return error.answer or error.code
    except LibraryError as error:
        return error.code
    return "yes"


def generate(session: Session, kind: KeyKind, key_id: bytes) -> list[int]:
    recipe = keys.RECIPES[kind]
    handles: list[int] = session._ask(
        "generate",
        mechanism=recipe.mechanism,
        key_type=recipe.key_type,
        public=objects.public_template(recipe, recipe.parameters[-1] if recipe.parameters else None, key_id, LABEL),
        private=objects.private_template(key_id, LABEL, True, session.family.keys.omit),
    )
    return handles


def _making(session: Session, rig: Rig) -> dict[str, str]:
    role = Roles(session, rig)
    places = [bytes.fromhex(place) for place in session.family.keys.places] or [bytes([n]) for n in range(1, 9)]
    seen, by = {}, []
    kind = next(kind for kind in (KeyKind.P256, KeyKind.RSA_2048) if kind in session.key_kinds())
    for who in ("user", "officer") if rig.so_pin else ("user",):
        role(who)
        by.append(f"{who}: {answer(lambda: generate(session, kind, places.pop()))}")
    seen["makes a key"] = "; ".join(by)
    role("officer" if session.family.by_officer else "user")
    made = {kind.value: answer(lambda kind=kind: generate(session, kind, places.pop())) for kind in TRIED}  # type: ignore[misc]
    seen["key types made"] = "; ".join(f"{kind}: {said}" for kind, said in made.items())
    seen["a CKA_ID of 16 bytes"] = answer(lambda: generate(session, kind, bytes(range(16))))
    return seen


def _certificates(session: Session, rig: Rig, authority: ThrowawayCA) -> dict[str, str]:
    role, seen = Roles(session, rig), {}
    maker = "officer" if session.family.by_officer else "user"
    role(maker)
    key_id = session.free_key_id() if session.family.keys.places else b"\x11"
    kind = next(kind for kind in (KeyKind.P256, KeyKind.RSA_2048) if kind in session.key_kinds())
    handle = generate(session, kind, key_id)[1]
    key = session.contents().key(key_id)
    trust = ("sensitive", "local", "always_sensitive", "never_extractable", "extractable")
    seen["attributes of a new key"] = ", ".join(f"{n} {getattr(key.trust, n)}" for n in trust).replace("_", " ")
    seen["private part handed out"] = "yes" if session._ask("told", handle=handle, attributes=list(SECRETS)) else "no"
    seen["label of a new key"] = "kept" if key.label == LABEL else "its own"
    seen["comes with a new key"] = _listing(session, key_id)
    role("user")
    first, second = (certificate_for(session, authority, key_id, days=days) for days in (30, 60))
    role("user" if maker == "user" else "officer")
    seen["writes a certificate"] = answer(lambda: _write(session, first, key_id))
    seen["a second one, same CKA_ID"] = _second(session, second, key_id)
    # Yubico's library reads a byte that is not there when an ID is empty, and may write into whatever place that names.
    fixed = bool(session.family.keys.places)
    seen["a CA's, belonging to no key"] = (
        "never asked: there are places for keys only"
        if fixed
        else answer(lambda: _write(session, authority.chain[0], b""))
    )
    seen["renames the certificate"] = _renaming(session, key)
    seen["deletes the certificate"] = _deleting(session, key_id)
    role("user")
    return seen


def _write(session: Session, der: bytes, key_id: bytes) -> None:
    facts = certificate_facts(der)  # a CA's has a label of its own: NSS takes two of one name for one another's
    session._ask("create", template=objects.certificate_template(facts, key_id, LABEL if key_id else facts.subject))


def _second(session: Session, der: bytes, key_id: bytes) -> str:
    before = len(_of(session, key_id, "CERTIFICATE"))
    said = answer(lambda: _write(session, der, key_id))
    return (
        "takes the first one's place" if said == "yes" and len(_of(session, key_id, "CERTIFICATE")) == before else said
    )


def _renaming(session: Session, key: Key) -> str:
    found = _of(session, key.key_id, "CERTIFICATE")
    said = answer(lambda: session._ask("update", handle=found[0]["handle"], attributes={"LABEL": "gen-2"}))
    renamed = [
        item["class"].lower().replace("_", " ") for item in _of(session, key.key_id) if item.get("LABEL") == "gen-2"
    ]
    others = sorted(set(renamed) - {"certificate"})
    return f"{said}, and the {' and '.join(others)}" if others else said


def _deleting(session: Session, key_id: bytes) -> str:
    before = _listing(session, key_id)
    said = answer(lambda: session._ask("destroy", handle=_of(session, key_id, "CERTIFICATE")[0]["handle"]))
    after = _listing(session, key_id)
    gone = [name for name in before.split(", ") if name not in after and name != "certificate"]
    return f"{said}, and with it the {' and '.join(gone)}" if gone else said


def _of(session: Session, key_id: bytes, one_class: str = "") -> list[dict[str, Any]]:
    template: dict[str, Any] = {"ID": key_id} | ({"CLASS": one_class} if one_class else {})
    return session._find(template)


def _listing(session: Session, key_id: bytes) -> str:
    classes = sorted({item["class"].lower().replace("_", " ") for item in _of(session, key_id)} - {"data"})
    return ", ".join(classes)


def _pins(library: Library, rig: Rig) -> dict[str, str]:
    said = []
    for _ in range(TRIES):
        with Session.open(library, rig.serial, write=True) as session:
            told = answer(lambda: session._ask("login", officer=False, pin=Secret("000000")))
        said.append(f"{told.removeprefix('CKR_')} ({_shown(library, rig)})")
    with Session.open(library, rig.serial, write=True) as session:
        officer = answer(lambda: session._ask("login", officer=True, pin=Secret(rig.so_pin))) if rig.so_pin else "–"
        unblocks = answer(lambda: session._ask("init_pin", new=Secret("654321"))) if officer == "yes" else "–"
    return {
        "wrong PINs, one after the other": "; ".join(said),
        "officer logs in after that": officer,
        "officer sets a new PIN": unblocks,
    }


def _shown(library: Library, rig: Rig) -> str:
    """What the flags say, whatever the family's file says of them."""
    state = library.find(rig.serial).pin
    return "nothing shown" if state is PinState.NOT_TOLD else f"shown: {state.value}"
