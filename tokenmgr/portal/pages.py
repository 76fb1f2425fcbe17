"""Templates filled in. Whatever is put into one is escaped; a name that is not there is an error, and no blank."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

HERE = Path(__file__).parent
KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
# Nothing from elsewhere, nothing inside another site's frame, no script or style but those of static/.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser would send a form without its Origin
    "Strict-Transport-Security": "max-age=31536000",
    "X-Content-Type-Options": "nosniff",
}

_templates = Environment(
    loader=FileSystemLoader(HERE / "pages"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def render(name: str, values: Mapping[str, object]) -> str:
    return _templates.get_template(f"{name}.html").render(values)


@cache
def _files() -> dict[str, tuple[bytes, str]]:
    """Read once: of names that are none anybody can ask for any number, and they are kept nowhere."""
    return {one.name: (one.read_bytes(), KINDS[one.suffix]) for one in sorted((HERE / "static").iterdir())}


def static(name: str) -> tuple[bytes, str] | None:
    """By its name among those that are there, and by no path."""
    return _files().get(name)


@cache
def version() -> str:
    """Of everything in static/: a browser that has kept another one asks again."""
    return hashlib.sha256(b"".join(data for data, _ in _files().values())).hexdigest()[:12]


def colours(colour: str) -> str:
    """A bank's, as a style sheet of its own: no page has a style in it."""
    return f":root {{ --bank: {colour}; }}\n"
