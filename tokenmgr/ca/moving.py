"""The CA's keys on another token, to which its maker's means have cloned them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tokenmgr.ca.ceremony import prove, write_all
from tokenmgr.ca.folder import CaFolder
from tokenmgr.ca.signing import CaSigner
from tokenmgr.errors import AuthorityDamaged, KeysNotMoved, SignatureUnfit

Find = Callable[[bytes], CaSigner | None]  # the key of this ID on the other token


def move(folder: CaFolder, library: str, serial: str, find: Find) -> CaFolder:
    """Every key of every authority is there, and signs something new that its own certificate verifies; then, and not
    before, ca.toml names the other token. Only for whoever is alone."""
    missing, wrong = [], []
    for one in folder.authorities:
        for purpose, held in one.holdings.items():
            named = f"{held.file.removesuffix('.pem')} ({held.key_id.hex()})"
            if (signer := find(held.key_id)) is None:
                missing.append(named)
            elif not _is_its(signer, purpose, one.certificates[purpose].der):
                wrong.append(named)
    if missing or wrong:
        raise KeysNotMoved(serial=serial, missing=tuple(missing), wrong=tuple(wrong))
    return write_all(folder.path, replace(folder.about, library=library, serial=serial), {})


def _is_its(signer: CaSigner, purpose: str, certificate: bytes) -> bool:
    try:
        prove({purpose: signer}, {purpose: certificate})
    except (AuthorityDamaged, SignatureUnfit):
        return False
    return True
