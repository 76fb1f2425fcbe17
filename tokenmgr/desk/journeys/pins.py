"""The PIN of a medium: changed, set for the first time, or the way to its unblocking. (passphrases.py: of a file.)"""

from __future__ import annotations

import functools

from tokenmgr.customer.status import Seen as Store
from tokenmgr.desk.actions import Action, Chosen
from tokenmgr.desk.flow import Flow
from tokenmgr.desk.journeys import which
from tokenmgr.desk.pages.new_pin import Holds, NewPinPage
from tokenmgr.desk.pages.said import SaidPage
from tokenmgr.desk.pages.unblocking import UnblockingPage
from tokenmgr.desk.person import Answer, AskFinalTry, AtDesk, Leave
from tokenmgr.domain.family import UNKNOWN, Family
from tokenmgr.domain.medium import MediumFacts, PinState
from tokenmgr.token import pins
from tokenmgr.token.pins import refuse_hopeless
from tokenmgr.wiring import places
from tokenmgr.wiring.libraries import known
from tokenmgr.wiring.pins import at_pin
from tokenmgr.wiring.places import Where
from tokenmgr.wiring.words import t

OFFICERS = (PinState.LOCKED, PinState.NOT_SET)  # what its holder cannot set


def begins(flow: Flow, chosen: Chosen) -> None:
    which.medium(flow, chosen, functools.partial(_begins, flow, chosen.action))


def _begins(flow: Flow, action: Action, store: Store) -> None:
    name, state = store.look.name, store.look.pin
    if path := places.file_named(name):
        from tokenmgr.desk.journeys import passphrases  # here: it takes longer to load than all of this

        passphrases.begins(flow, path)
    elif action is Action.UNBLOCK or state in OFFICERS:
        _show_unblocking(flow, store)
    else:
        said = functools.partial(_said, flow, "changed", store)
        flow.run(functools.partial(_change, name), t("desk_pins.changing"), said, steps=())


def _said(flow: Flow, what: str, store: Store, _facts: object) -> None:
    flow.show(
        lambda: SaidPage(t(f"desk_pins.{what}"), t(f"desk_pins.{what}_of", store=which.in_words(store)), flow.home)
    )


# --- by its holder ---


def _change(serial: str, person: AtDesk) -> MediumFacts:
    def accepts(facts: MediumFacts, family: Family) -> bool:
        return person.may_spend_final_try(facts, family, Where(serial=serial))

    with at_pin(serial, None, accepts) as at:
        old, new = person.two_secrets(functools.partial(_page, at.facts, at.family, False))
        with old, new:
            return at.change(old, new)


def _page(facts: MediumFacts, family: Family, officer: bool, answer: Answer, leave: Leave) -> NewPinPage:
    who = "officer" if officer else "first" if facts.pin is PinState.TO_BE_CHANGED else "holder"
    names = {"heading": f"heading_{who}", "lead": f"lead_{who}", "old": f"old_{who}", "new": "new", "again": "again"}
    words = {part: t(f"desk_pins.{name}", serial=facts.serial) for part, name in names.items()}
    old = _in_words(facts, family, "so" if officer else "user")
    state = facts.so_pin if officer else facts.pin
    warns = state in (PinState.LOW, PinState.FINAL_TRY)
    said = f"desk_pins.{state.name.lower()}_officer" if officer else f"desk_pin.{state.name.lower()}"
    warning = t(said, serial=facts.serial) if warns else ""
    typable = {t("desk_pins.rule_typable"): pins.is_typable}
    return NewPinPage(words, _in_words(facts, family, "user") | typable, answer, leave, old, warning)


def _in_words(facts: MediumFacts, family: Family, who: str) -> dict[str, Holds]:
    shortest, longest = pins.limits(facts)
    lengths = t("words.and").join(map(str, family.pin.officer_lengths))
    told = {"shortest": shortest, "longest": 255 if who == "so" else longest, "lengths": lengths}
    return {t(f"desk_pins.rule_{name}", **told): holds for name, holds in pins.rules(facts, family, who).items()}


# --- by the bank's officer ---


def _show_unblocking(flow: Flow, store: Store) -> None:
    family = _family(flow, store)
    heading = "not_set" if store.look.pin is PinState.NOT_SET else "locked"
    here = functools.partial(_set_anew_here, flow, store) if family.pin.unblock == "officer" else None
    named = t(f"desk_unblock.{heading}"), which.in_words(store), family.pin.unblock
    flow.show(UnblockingPage(*named, which.contacts(store), flow.home, here))


def _family(flow: Flow, store: Store) -> Family:
    media = flow.seen.media if flow.seen else ()
    return next((known().family(one.family) for one in media if one.serial == store.look.name), UNKNOWN)


def _set_anew_here(flow: Flow, store: Store) -> None:
    said = functools.partial(_said, flow, "set_anew", store)
    flow.run(functools.partial(_set_anew, store.look.name), t("desk_pins.changing"), said, steps=())


def _set_anew(serial: str, person: AtDesk) -> MediumFacts:
    def accepts(facts: MediumFacts, family: Family) -> bool:
        asked = facts.so_pin is PinState.FINAL_TRY and person.ask(AskFinalTry(facts, officer=True)) is True
        refuse_hopeless(facts, family, True, asked)
        return asked

    with at_pin(serial, None, accepts, officer=True) as at:
        so_pin, new = person.two_secrets(functools.partial(_page, at.facts, at.family, True))
        with so_pin, new:
            return at.set_anew(so_pin, new)
