"""Whatever a form, a query, a cookie or a header brings: an answer in words, nobody let in, and nothing changed."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from tests.portal.rig import BANK, FORM, ISSUED, LOGIN_PIN, OTHER_BANK, SITE, Rig, Visitor
from tokenmgr.errors import AuthorityBusy, RequestMalformed
from tokenmgr.portal.app import COOKIE, LANGUAGE, PAGES
from tokenmgr.portal.forms import read_form
from tokenmgr.sql import schema
from tokenmgr.sql.engine import Database

NAMED = st.sampled_from(["tanaka", "hold", "..", "%00", "%2e%2e%2f", "'--", "é", "x" * 300])  # what a route names
PATHS = st.builds(lambda one, name: (one[0], re.sub(r"\{\w+\}", name, one[1])), st.sampled_from(PAGES), NAMED)
NAMES = st.sampled_from(["login_pin", "mark", "lang", "user", "contract", "confirmation_pin", "", "\0"])
VALUES = st.one_of(st.text(max_size=40), st.sampled_from([LOGIN_PIN, "", "\0", "../..", "<script>", "%zz", "{word}"]))
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=6)
BODIES = st.one_of(
    st.binary(max_size=200),
    FIELDS.map(lambda pairs: "&".join(f"{name}={value}" for name, value in pairs).encode("utf-8", "replace")),
)
HEADERS = st.dictionaries(
    st.sampled_from(["origin", "host", "cookie", "accept-language", "content-type", "referer", "x-forwarded-for"]),
    st.one_of(
        st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=60),
        st.sampled_from([SITE, "null", "ib.example", f"{COOKIE}=a; {LANGUAGE}=xx", f"{COOKIE}={'é' * 9}", "ja,,;q=x"]),
    ),
    max_size=4,
)
KEPT = (schema.bank, schema.subscriber, schema.generation, schema.session, schema.handover, schema.ticket)


@pytest.fixture(scope="module")
def world() -> Iterator[tuple[Rig, Visitor]]:
    """With somebody who is logged in, and has no more guesses in this minute: not even the right PIN opens anything. A
    lock would end the session."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/registry.db"
        with closing(Database.open(url, clock=lambda: ISSUED)) as database:
            database.migrate(ISSUED)
            rig = Rig(database)
            visitor = rig.visitor(rig.certificate(who := rig.enrol("tanaka")))
            visitor.log_in()
            visitor.get("main")
            with suppress(AuthorityBusy):
                while True:
                    rig.portal.guessers.take(str(who.id), rig.now)
            yield rig, visitor


def everything(rig: Rig) -> list[object]:
    return [tuple(row) for table in KEPT for row in rig.database.read(select(table))]


@settings(max_examples=150, deadline=None)
@given(where=PATHS, bank=st.sampled_from([BANK, OTHER_BANK, "9999"]), body=BODIES, headers=HEADERS, query=FIELDS)
def test_nobody_is_let_in_by_anything(
    world: tuple[Rig, Visitor],
    where: tuple[str, str],
    bank: str,
    body: bytes,
    headers: dict[str, str],
    query: list[tuple[str, str]],
) -> None:
    """With a good certificate, and in another's session without its mark."""
    rig, visitor = world
    before = everything(rig)
    (method, page), token = where, visitor.token
    asked = "&".join(f"{name}={value}" for name, value in query).encode("ascii", "replace").decode()
    for cookie in ("", f"{COOKIE}={token}"):
        sent = {"host": "ib.example", "origin": SITE, **FORM, **({"cookie": cookie} if cookie else {}), **headers}
        answer = visitor._client.request(method, f"/{bank}/{page}?{asked}", body if method == "POST" else b"", sent)
        assert answer.status_code < 500 or answer.status_code == 503
        assert "Traceback" not in answer.text
        assert f"{COOKIE}=" not in answer.headers.get("set-cookie", "")
    assert everything(rig) == before


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=300))
def test_a_form_is_fields_or_an_error_of_ours(data: bytes) -> None:
    try:
        found = read_form(data)
    except RequestMalformed:
        return
    assert all(type(value) is bytes for value in found.values())
    assert len(found) <= 32
