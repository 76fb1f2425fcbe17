"""A store as a person calls it, in words that are true of it (R7). No Qt."""

from __future__ import annotations

from pathlib import PurePath

from tokenmgr.keystore import nss
from tokenmgr.wiring.words import t


def in_words(store: str) -> str:
    """By the name that journals have (StorePort.name); nothing is looked up for it."""
    return t("desk_on.store", serial=store, **_facts(store))


def short(store: str) -> str:
    """Without what is promised of it."""
    return t("desk_on.short", serial=store, **_facts(store))


def labelled(store: str, label: str) -> str:
    """Known by its own name, too: there may be two of its kind (R12)."""
    return t("desk_place.labelled", store=short(store), label=label) if label else short(store)


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
