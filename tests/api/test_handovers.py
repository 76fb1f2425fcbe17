"""Hand-overs over HTTP: what each route takes, what it answers, and which page may read it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from sqlalchemy import select

from tests.api.asgi import Answer, Client
from tests.api.rig import BANK, CONTRACT, OTHER_BANK, USER, Rig
from tests.api.test_http import refused
from tests.ra.handed import ANOTHERS, MINUTE, ORIGIN, OTHER_SECRET, SECRET, claims, registered, ticket
from tokenmgr.api.app import application
from tokenmgr.pki import handover
from tokenmgr.sql.schema import audit

HOME = f"/handover/{BANK}"
WAITING = {"state": "waiting", "step": None, "code": None}


@pytest.fixture
def client(quick: Rig) -> Client:
    registered(quick)
    return Client(application(quick.service))


def redeem(client: Client, text: str, secret: str = SECRET, path: str = HOME) -> Answer:
    return client.post(path, json={"ticket": text, "secret": secret})


def tell(client: Client, jti: str, secret: str = SECRET, **told: Any) -> Answer:
    said = {"state": "working", "step": 1, "code": None} | told
    return client.post(
        f"{HOME}/{jti}",
        json.dumps(said).encode(),
        {"Authorization": f"Bearer {secret}", "Content-Type": "application/json"},
    )


def seen(client: Client, jti: str, bank: str = BANK) -> tuple[dict[str, Any], str]:
    found = client.get(f"/handover/{bank}/{jti}")
    assert (found.status_code, found.headers["cache-control"]) == (200, "no-store")
    return found.json(), found.headers["access-control-allow-origin"]


def test_a_whole_hand_over(quick: Rig, client: Client) -> None:
    text = ticket(quick)
    jti = handover.read(text).claims.jti
    assert seen(client, jti) == (WAITING, "*")
    for _ in range(2):  # its answer was lost
        answer = redeem(client, text)
        assert (answer.status_code, answer.json()) == (201, {"jti": jti})
        assert answer.headers["cache-control"] == "no-store"
        assert SECRET not in answer.text
    refused(redeem(client, text, OTHER_SECRET), 409, "H104")
    assert seen(client, jti) == ({"state": "open", "step": None, "code": None}, ORIGIN)
    for told, expected in (
        ({}, ("working", 1, None)),
        ({"step": 9}, ("working", 9, None)),
        ({"step": 2}, ("working", 9, None)),
        ({"state": "failed", "step": None, "code": "M104"}, ("failed", None, "M104")),
        ({"state": "done", "step": None}, ("failed", None, "M104")),
    ):
        answer = tell(client, jti, **told)
        assert (answer.status_code, answer.content) == (204, b"")
        assert seen(client, jti) == (dict(zip(WAITING, expected, strict=True)), ORIGIN)
    (entry,) = quick.database.read(select(audit).where(audit.c.action == "handover.redeemed"))
    assert (entry.actor_kind, entry.actor, entry.origin) == ("claimant", BANK, "203.0.113.9")
    assert entry.whom == f"{BANK}/{CONTRACT}/{USER}"
    assert SECRET not in entry.after
    (refusal,) = quick.database.read(select(audit).where(audit.c.action == "handover.refused"))
    assert (refusal.origin, refusal.whom, refusal.after) == ("203.0.113.9", entry.whom, entry.after)


def test_nothing_can_be_probed(quick: Rig, client: Client) -> None:
    """What there is not, what has not been redeemed and what is no name at all answer alike, to the byte."""
    known = handover.read(ticket(quick)).claims.jti
    answers = [client.get(f"/handover/{path}") for path in (f"{BANK}/{known}", f"{BANK}/x", f"9999/{known}", "%00/%00")]
    assert len({(one.status_code, one.content, *sorted(one.headers.items())) for one in answers}) == 1


def test_what_is_no_ticket_is_refused_with_a_code(quick: Rig, client: Client) -> None:
    for text, status, code in (
        ("", 400, "H101"),
        ("a.b.c", 400, "H101"),
        (ticket(quick, act="reissue"), 400, "H108"),
        (ticket(quick, ANOTHERS), 403, "H102"),
        (ticket(quick, issued_at=quick.now - 20 * MINUTE, expires_at=quick.now - 12 * MINUTE), 403, "H103"),
        (ticket(quick, issued_at=quick.now + 2 * MINUTE, expires_at=quick.now + 3 * MINUTE), 403, "H109"),
    ):
        refused(redeem(client, text), status, code)
    refused(redeem(client, ticket(quick), path="/handover/9999"), 404, "R101")
    refused(redeem(client, ticket(quick, bank=OTHER_BANK), path=f"/handover/{OTHER_BANK}"), 403, "H107")


def test_whatever_a_ticket_says_it_is_answered(quick: Rig, client: Client) -> None:
    header, _, signature = ticket(quick).split(".")
    payload = base64.urlsafe_b64encode(b'{"\\ud800": 1}').rstrip(b"=").decode()
    refused(redeem(client, f"{header}.{payload}.{signature}"), 400, "H101")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b'{"ticket": "a", "ticket": "a", "secret": "' + SECRET.encode() + b'"}',
        json.dumps({"ticket": "a"}).encode(),
        json.dumps({"ticket": 1, "secret": SECRET}).encode(),
        json.dumps({"ticket": "a", "secret": SECRET + "s"}).encode(),
        json.dumps({"ticket": "a", "secret": "\u3042" * 43}).encode(),
        json.dumps({"ticket": "a", "secret": SECRET, "more": 1}).encode(),
        json.dumps({"ticket": "a" * 5000, "secret": SECRET}).encode(),
    ],
)
def test_what_is_of_another_form_is_refused(client: Client, data: bytes) -> None:
    refused(client.post(HOME, data, {"Content-Type": "application/json"}), 400, "R113")


def test_a_page_cannot_post(quick: Rig, client: Client) -> None:
    """A form of somebody's page is sent without being asked about; JSON is not (Fetch, CORS-safelisted)."""
    said = json.dumps({"ticket": ticket(quick), "secret": SECRET}).encode()
    refused(client.post(HOME, said, {"Content-Type": "text/plain"}), 400, "R113")
    assert client.request("OPTIONS", HOME).status_code == 405


@pytest.mark.parametrize(
    "told",
    [
        {"state": "over"},
        {"state": ["working"]},
        {"step": 0},
        {"step": 10},
        {"step": True},
        {"step": "1"},
        {"state": "open"},
        {"state": "failed", "step": None},
        {"state": "failed", "step": None, "code": "<script>"},
        {"code": ""},
        {"code": "M104"},
        {"more": 1},
    ],
)
def test_nothing_else_can_be_told(quick: Rig, client: Client, told: dict[str, Any]) -> None:
    jti = redeem(client, ticket(quick)).json()["jti"]
    refused(tell(client, jti, **told), 400, "R113")
    assert seen(client, jti)[0]["state"] == "open"


def test_by_nobody_else(quick: Rig, client: Client) -> None:
    jti = redeem(client, ticket(quick)).json()["jti"]
    for which, secret in ((jti, OTHER_SECRET), (jti, ""), (jti, "\u3042"), (claims(quick).jti, SECRET)):
        refused(tell(client, which, secret.encode().decode("latin-1")), 403, "H110")
    bare = client.post(f"{HOME}/{jti}", json={"state": "done", "step": None, "code": None})
    refused(bare, 403, "H110")
    assert seen(client, jti)[0]["state"] == "open"
