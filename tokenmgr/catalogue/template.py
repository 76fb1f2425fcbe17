"""The beginning of a file of drivers/ for a medium that is plugged in: what is seen is filled in, the rest is asked."""

from __future__ import annotations

import json
from collections.abc import Sequence

from tokenmgr import system
from tokenmgr.domain.medium import MediumFacts

_HABITS = """
# libraries.get = "…" says where the library is to be had; base = "opensc" (before the first table) takes over the
# library and the habits of another family; token.spare_slot, token.models and the rest are in docs/drivers.md.
#
# What follows is how a token behaves by the standard. Take the # away from what this one does otherwise; each table
# with facts in it names their source. `tokenmgr verify` and `tokenmgr medium check` show what it does.

# [keys]
# by = "officer"                    # only the bank's PIN (SO) makes keys and writes certificates
# places = ["01", "02"]             # the only CKA_IDs that there are
# untruthful = ["local"]            # attributes that are False though the key was made on the token
# source = "seen: …"

# [certificates]
# one_per_id = true                 # a second certificate of one CKA_ID is refused
# source = "seen: …"

# [pin]
# characters = "digits"
# never_shown = ["low", "final try", "locked"]
# unblock = "nobody"                # or "elsewhere": with the maker's own tool
# source = "seen: …"
"""


def template(title: str, usb_id: str, plugged_in: bool, library: str, media: Sequence[MediumFacts], day: str) -> str:
    """`usb_id` and `library` are empty where they are not known; a library that is named has loaded."""
    parts = [f"title = {_quoted(title)}\n"]
    if usb_id:
        source = "seen: plugged in" if plugged_in else "given by hand, not seen"
        parts.append(f'[usb]\nids = [{_quoted(usb_id)}]\nsource = "{source}, {day}"\n')
    else:
        parts.append('# [usb]\n# ids = ["096e:0807"]\n# source = "seen: …"\n')
    if library:
        parts.append(f'[libraries]\n{system.NAME} = [{_quoted(library)}]\nsource = "seen: loads here, {day}"\n')
    else:
        parts.append(f'# [libraries]\n# {system.NAME} = ["a full path"]\n# source = "seen: …"\n')
    known = [medium for medium in media if medium.initialised]
    if known:
        told = {"manufacturers": {m.manufacturer for m in known}, "models": {m.model for m in known}}
        rules = [f"{key} = [{', '.join(map(_quoted, sorted(values)))}]" for key, values in told.items() if all(values)]
        if rules:
            parts.append("[token]\n" + "\n".join(rules) + f'\nsource = "seen: told by the library, {day}"\n')
    return "\n".join(parts) + _HABITS


def _quoted(text: str) -> str:
    """A JSON text is a TOML text, but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
