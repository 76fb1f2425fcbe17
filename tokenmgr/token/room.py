"""Is there room on a medium that does not tell: a data object of that size, written and deleted again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tokenmgr.errors import MediumFull, MediumTroubled, NotPermitted, NotSupported, RequestRejected

if TYPE_CHECKING:
    from tokenmgr.token.session import Session

LARGEST_MEDIUM = 16 * 1024 * 1024  # bytes; the largest sticks have a hundredth of it
MARK: dict[str, Any] = {"CLASS": "DATA", "LABEL": "tokenmgr free space probe"}


def probe(session: Session, size: int) -> bool | None:
    """None where it cannot be told. A probe left by a cut is found by its label and goes first."""
    if size > LARGEST_MEDIUM:
        return False
    if not session.write:
        return None
    for leftover in session._find(MARK):
        session._ask("destroy", handle=leftover["handle"])
    template = {**MARK, "APPLICATION": "tokenmgr", "TOKEN": True, "PRIVATE": False, "VALUE": bytes(size)}
    try:
        handle = session._ask("create", template=template)
    except (MediumFull, MediumTroubled):  # a full card may say no more than CKR_GENERAL_ERROR
        session.refresh()
        return False
    except (RequestRejected, NotSupported, NotPermitted):
        return None
    session._ask("destroy", handle=handle)
    return True
