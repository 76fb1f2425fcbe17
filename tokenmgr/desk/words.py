"""A store as a person calls it, in words that are true of it (R7); and what a button says. No Qt."""

from __future__ import annotations

from pathlib import PurePath

from tokenmgr.desk.actions import Action
from tokenmgr.domain.credential import CertificateFacts
from tokenmgr.keystore import nss
from tokenmgr.pki.names import holder_of
from tokenmgr.wiring.places import FILE, is_on_pc
from tokenmgr.wiring.words import t


def named(action: Action) -> str:
    """On its button, wherever that is."""
    return t(f"desk_next.{action.value}")


def in_words(store: str) -> str:
    """By the name that journals have (StorePort.name); nothing is looked up for it."""
    return t("desk_on.store", serial=store, **_facts(store))


def short(store: str) -> str:
    """Without what is promised of it."""
    return t("desk_on.short", serial=store, **_facts(store))


def labelled(store: str, label: str) -> str:
    """With the label that its holder or the bank has given it."""
    if is_on_pc(store):  # firefox:work, a place of a file; what it is says the name already
        label = PurePath(label.partition(":")[2] or label).name
        label = "" if label == FILE or label.casefold() in short(store).casefold() else label
    return t("desk_place.labelled", store=short(store), label=label) if label not in ("", store) else short(store)


def holder(facts: CertificateFacts) -> str:
    """As its holder knows it; of what is no subscriber's, as it calls itself."""
    whose = holder_of(facts.subject_der)
    return t("desk_clean.holder", contract=whose.contract, user=whose.user) if whose else facts.subject


def promise(store: str) -> str:
    """What holds of a key there, and no more."""
    return t("desk_on.promise", serial=store, **_facts(store))


def _facts(store: str) -> dict[str, str]:
    place = store.partition(":")[2]
    browser = ""
    if store.startswith(f"{nss.KIND}:"):
        folded = place.casefold()
        browser = "Firefox" if "firefox" in folded else "Chromium" if "nssdb" in folded else PurePath(place).name
    return {"browser": browser, "place": place}
