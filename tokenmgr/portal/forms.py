"""What a form brings: names and raw bytes, bounded; and whether it comes from our own page.

A form of somebody who is logged in carries a mark that is made from the session's token, so that no other site can make
one (CSRF); and Origin, which browsers write and pages cannot, says that it was sent from here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote_to_bytes

from tokenmgr.errors import FormStale, RequestMalformed

LONGEST, MOST = 8 * 1024, 32  # bytes of a form, and fields in one
KIND = "application/x-www-form-urlencoded"
MARK = "mark"


def read_form(data: bytes) -> Mapping[str, bytes]:
    """The values as bytes: a PIN is never a str, which nobody can wipe."""
    found: dict[str, bytes] = {}
    for pair in data.split(b"&") if data else ():
        name, _, value = pair.partition(b"=")
        key = unquote_to_bytes(name.replace(b"+", b" ")).decode("utf-8", "replace")
        if key in found or len(found) == MOST:
            raise RequestMalformed(reason="a form with the same field twice, or too many")
        found[key] = unquote_to_bytes(value.replace(b"+", b" "))
    return found


def mark_of(token: str) -> str:
    return hmac.new(token.encode(), b"form", hashlib.sha256).hexdigest()


def require_own(form: Mapping[str, bytes], token: str, origin: str, site: str) -> None:
    """`token` is empty where nobody is logged in: then Origin alone speaks for the form, which opens nothing without
    the visitor's own certificate and PIN."""
    if origin != site:
        raise FormStale
    if token and not hmac.compare_digest(form.get(MARK, b""), mark_of(token).encode()):
        raise FormStale


def once(mark: str, deed: str, at: datetime) -> str:
    """For a form that is to be carried out once, however often it is sent: of this session, this deed, this moment."""
    return f"{at.isoformat()}/{_of_deed(mark, deed, at.isoformat())}"


def read_once(mark: str, deed: str, sent: bytes) -> tuple[bytes, datetime]:
    """What no other form has, to be remembered; and when the page was made that it is from."""
    at, _, proof = sent.decode("ascii", "replace").partition("/")
    if not hmac.compare_digest(proof.encode(), _of_deed(mark, deed, at).encode()):
        raise FormStale
    return hashlib.sha256(sent).digest(), datetime.fromisoformat(at)


def _of_deed(mark: str, deed: str, at: str) -> str:
    return hmac.new(mark.encode(), f"{deed}/{at}".encode(), hashlib.sha256).hexdigest()
