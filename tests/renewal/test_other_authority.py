"""The way to a CA that is not ours: over plain HTTP, and through a proxy that reads along."""

from __future__ import annotations

import socket

import pytest

from tests.renewal.serving import http, saying, serving
from tokenmgr import clock
from tokenmgr.errors import AuthorityUnreachable
from tokenmgr.renewal.authority import PIKXCMP
from tokenmgr.renewal.other_ca import OtherAuthority

ANSWER = http("200 OK", PIKXCMP, b"answer")


def asked(address: str, proxies: dict[str, str]) -> bytes:
    with OtherAuthority(address, "", clock.now, lambda _: None, 5.0, proxies) as reached:
        assert reached.offer().name == address.rstrip("/")
        return reached.exchange(b"asked")


@pytest.mark.parametrize(("path", "wanted"), [("", "/"), ("/", "/"), ("/pkix", "/pkix"), ("/pkix/", "/pkix/")])
def test_the_path_is_sent_as_it_was_named(path: str, wanted: str) -> None:
    heard: list[bytes] = []
    with serving(saying(ANSWER, heard), None) as port:
        assert asked(f"http://127.0.0.1:{port}{path}", {}) == b"answer"
    assert heard[-1].startswith(f"POST {wanted} HTTP/1.1\r\n".encode())
    assert heard[-1].endswith(b"\r\n\r\nasked")


def test_a_proxy_is_told_the_whole_address_and_who_asks() -> None:
    """RFC 9112, 3.2.2."""
    heard: list[bytes] = []
    with serving(saying(ANSWER, heard), None) as port:
        proxies = {"http": f"http://me:secret@127.0.0.1:{port}", "https": "http://127.0.0.1:1"}
        assert asked("http://ca.invalid:8080/pkix/", proxies) == b"answer"
    assert heard[-1].startswith(b"POST http://ca.invalid:8080/pkix/ HTTP/1.1\r\n")
    assert b"Proxy-Authorization: Basic bWU6c2VjcmV0\r\n" in heard[-1]
    assert b"Host: ca.invalid:8080\r\n" in heard[-1]


def test_one_that_is_not_there_makes_no_offer() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    with pytest.raises(AuthorityUnreachable):
        asked(f"http://127.0.0.1:{port}/", {})
