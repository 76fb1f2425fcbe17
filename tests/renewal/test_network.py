"""The network between a customer's PC and the CA, as companies have it: proxies, portals, servers that are not well."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.renewal.serving import DAY, Maker, http, relaying, saying, serving, whole_request
from tokenmgr import clock
from tokenmgr.domain.standing import UNKNOWN
from tokenmgr.errors import AuthorityAnswerWrong, AuthorityUnreachable, AuthorityUntrusted, ProxyRefused
from tokenmgr.log import Secret
from tokenmgr.renewal.authority import JSON, LONGEST, PAUSES, PIKXCMP, Authority

KEY = "00" * 32
FINE = http("200 OK", JSON, json.dumps({"state": "unknown"}).encode())


@pytest.fixture(scope="module")
def maker(tmp_path_factory: pytest.TempPathFactory) -> Maker:
    return Maker(tmp_path_factory.mktemp("maker"))


@pytest.fixture(scope="module")
def tls(maker: Maker) -> ssl.SSLContext:
    return maker.server()


Reach = Callable[..., Authority]


@pytest.fixture
def waited() -> list[float]:
    return []


@pytest.fixture
def reach(maker: Maker, waited: list[float]) -> Iterator[Reach]:
    """The way to a port; straight, where no proxies are named."""
    with contextlib.ExitStack() as open_ones:

        def to(at: int | str, seconds: float = 5.0, proxies: dict[str, str] | None = None) -> Authority:
            address = at if isinstance(at, str) else f"https://127.0.0.1:{at}"
            made = Authority(address, "1234", maker.root, waited.append, seconds, {} if proxies is None else proxies)
            return open_ones.enter_context(made)

        yield to


# --- whom it believes ---


@pytest.mark.parametrize(
    ("how", "why"),
    [
        ({"host": "127.0.0.2"}, "IP address mismatch"),
        ({"ends": clock.now() - DAY}, "tls-not-now"),
        ({"ends": clock.now() + 3 * DAY}, "tls-not-now"),
    ],
    ids=["another-host", "ended", "not-yet"],
)
def test_a_server_that_cannot_prove_who_it_is_is_told_nothing(
    maker: Maker, reach: Reach, waited: list[float], how: dict[str, object], why: str
) -> None:
    heard: list[bytes] = []
    with serving(saying(FINE, heard), maker.server(**how)) as port, pytest.raises(AuthorityUntrusted) as refused:  # type: ignore[arg-type]
        reach(port).claim("C-1", "user", Secret("135790"), Secret("246802"), "medium")
    assert why in refused.value.reason
    assert (heard, waited) == ([], [])


def test_the_roots_of_the_system_where_a_bank_says_so(
    maker: Maker, tls: ssl.SSLContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(saying(FINE), tls) as port:
        with pytest.raises(AuthorityUntrusted), by_system(port) as stranger:
            stranger.standing(KEY)
        (tmp_path / "system.pem").write_text(maker.root)
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "system.pem"))
        with by_system(port) as known:
            assert known.standing(KEY) is UNKNOWN


def by_system(port: int) -> Authority:
    return Authority(f"https://127.0.0.1:{port}", "1234", "", lambda _: None, 5.0, {})


# --- addresses ---


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost"])
@pytest.mark.parametrize("prefix", ["", "/of/this/bank/"])
def test_any_address_that_a_profile_may_have(reach: Reach, tls: ssl.SSLContext, host: str, prefix: str) -> None:
    heard: list[bytes] = []
    family = socket.AF_INET6 if host == "[::1]" else socket.AF_INET
    place = socket.create_server((host.strip("[]"), 0), family=family)
    with serving(saying(FINE, heard), tls, place) as port:
        authority = reach(f"https://{host}:{port}{prefix}")
        assert authority.standing(KEY) is UNKNOWN
        authority.close()
    lines = heard[0].decode().split("\r\n")
    assert lines[0] == f"GET {prefix.rstrip('/')}/banks/1234/keys/{KEY} HTTP/1.1"
    assert f"Host: {host}:{port}" in lines


# --- proxies ---


def test_the_systems_proxy_and_what_it_excepts(
    maker: Maker, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bytes] = []
    with serving(saying(FINE), tls) as port, serving(relaying(asked), None) as proxy:
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{proxy}")

        def ask(named: dict[str, str] | None) -> int:
            before, address = len(asked), f"https://localhost:{port}"
            with Authority(address, "1234", maker.root, lambda _: None, 5.0, named) as authority:
                assert authority.standing(KEY) is UNKNOWN
            return len(asked) - before

        monkeypatch.setenv("no_proxy", "")
        assert ask(None) == 1
        assert ask({}) == 0  # a profile's "none"
        monkeypatch.setenv("no_proxy", "localhost")
        assert ask(None) == 0
        assert ask({"https": f"127.0.0.1:{proxy}"}) == 1  # a profile's own
    assert asked[0].startswith(f"CONNECT localhost:{port} ".encode())
    assert b"authorization" not in asked[0].lower()


@pytest.mark.parametrize(
    ("status", "reason"),
    [("407 Proxy Authentication Required", "proxy-wants-login"), ("403 Forbidden", "proxy-forbids")],
)
def test_a_proxy_that_refuses_is_asked_once(reach: Reach, waited: list[float], status: str, reason: str) -> None:
    asked: list[bytes] = []
    with serving(relaying(asked, status), None) as proxy, pytest.raises(ProxyRefused) as refused:
        reach(443, proxies={"https": f"http://127.0.0.1:{proxy}"}).standing(KEY)
    assert (refused.value.proxy, refused.value.reason) == (f"127.0.0.1:{proxy}", reason)
    assert (len(asked), waited) == (1, [])


def test_a_proxy_that_cannot_reach_the_ca_just_now_is_asked_again(reach: Reach, waited: list[float]) -> None:
    asked: list[bytes] = []
    with serving(relaying(asked, "502 Bad Gateway"), None) as proxy, pytest.raises(AuthorityUnreachable) as gone:
        reach(443, proxies={"https": f"http://127.0.0.1:{proxy}"}).standing(KEY)
    assert "502" in gone.value.reason
    assert tuple(waited) == PAUSES


def test_the_systems_proxy_may_want_a_login_and_no_error_shows_it(reach: Reach, tls: ssl.SSLContext) -> None:
    asked: list[bytes] = []
    with serving(saying(FINE), tls) as port, serving(relaying(asked), None) as proxy:
        told = {"https": f"http://taro:p%40ss@127.0.0.1:{proxy}"}
        authority = reach(port, proxies=told)
        assert authority.standing(KEY) is UNKNOWN
        authority.close()
    assert b"Proxy-Authorization: Basic dGFybzpwQHNz\r\n" in asked[0]
    with serving(relaying(asked, "407 No"), None) as proxy, pytest.raises(ProxyRefused) as refused:
        reach(port, proxies={"https": f"http://taro:p%40ss@127.0.0.1:{proxy}"}).standing(KEY)
    assert "taro" not in f"{refused.value} {refused.value.facts} {authority._proxy}"


@pytest.mark.parametrize("address", ["socks5://u:secret@127.0.0.1:1080", "https://127.0.0.1:1", "http://h:x", "//"])
def test_a_proxy_that_we_cannot_speak_to(reach: Reach, address: str) -> None:
    with pytest.raises(ProxyRefused) as refused:
        reach(443, proxies={"https": address})
    assert refused.value.reason == "proxy-unfit"
    assert "secret" not in str(refused.value.facts)


# --- servers that are away, or say nothing ---


@pytest.mark.parametrize("half", [b"", b"HTTP/1.1 200 OK\r\nConte", FINE[:-3]], ids=["nothing", "a-head", "a-body"])
def test_a_server_that_says_nothing_or_half(reach: Reach, tls: ssl.SSLContext, half: bytes) -> None:
    def say(connection: socket.socket) -> None:
        connection.sendall(half)
        while connection.recv(1000):  # until the client has had enough
            pass

    with serving(say, tls) as port, pytest.raises(AuthorityUnreachable) as silent:
        reach(port, seconds=0.1).standing(KEY)
    assert "timed out" in silent.value.reason


def test_a_ca_that_is_down_and_comes_up_again(maker: Maker, tls: ssl.SSLContext) -> None:
    """It refuses connections for the first three seconds of our pauses."""
    waited: list[float] = []
    with socket.socket() as place, contextlib.ExitStack() as later:
        place.bind(("127.0.0.1", 0))

        def pause(seconds: float) -> None:
            waited.append(seconds)
            if sum(waited) > 3:
                place.listen()
                later.enter_context(serving(saying(FINE), tls, place))

        address = f"https://127.0.0.1:{place.getsockname()[1]}"
        with Authority(address, "1234", maker.root, pause, 5.0, {}) as authority:
            assert authority.standing(KEY) is UNKNOWN
        assert tuple(waited) == PAUSES[: len(waited)]


@pytest.mark.parametrize(
    ("told", "pauses"),
    [("5", tuple(max(5.0, one) for one in PAUSES)), ("3600", ()), ("Wed, 21 Oct 2026 07:28:00 GMT", PAUSES)],
)
def test_a_server_that_says_when_to_come_back(
    reach: Reach, tls: ssl.SSLContext, waited: list[float], told: str, pauses: tuple[float, ...]
) -> None:
    busy = http("503 Service Unavailable", "text/plain", b"later", Retry_After=told)
    with serving(saying(busy), tls) as port, pytest.raises(AuthorityUnreachable):
        reach(port).standing(KEY)
    assert tuple(waited) == pauses


# --- answers of somebody else ---


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(reach: Reach, tls: ssl.SSLContext, status: int) -> None:
    heard: list[bytes] = []
    with serving(saying(FINE, heard), tls) as elsewhere:
        to = f"https://127.0.0.1:{elsewhere}/"
        with serving(saying(http(f"{status} There", JSON, b"{}", Location=to)), tls) as port:
            with pytest.raises(AuthorityAnswerWrong) as refused:
                reach(port).exchange(b"message")
            assert refused.value.reason == f"HTTP {status} {to}"
    assert heard == []


@pytest.mark.parametrize("body", [b"<html>Welcome</html>", FINE[-20:]])
def test_a_portals_page_is_no_answer(reach: Reach, tls: ssl.SSLContext, body: bytes) -> None:
    with serving(saying(http("200 OK", "text/html; charset=utf-8", body)), tls) as port:
        for ask, kind in ((lambda: reach(port).standing(KEY), JSON), (lambda: reach(port).exchange(b"x"), PIKXCMP)):
            with pytest.raises(AuthorityAnswerWrong) as refused:
                ask()
            assert refused.value.reason == f"text/html instead of {kind}"


def test_a_portal_that_speaks_no_tls_is_not_taken_for_a_bad_network(reach: Reach, waited: list[float]) -> None:
    def say(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(http("200 OK", "text/html", b"Welcome"))

    with serving(say, None) as port, pytest.raises(AuthorityUntrusted) as refused:
        reach(port).standing(KEY)
    assert (refused.value.reason, waited) == ("no-tls", [])


@pytest.mark.parametrize("chunked", [False, True])
def test_an_answer_larger_than_any_is(reach: Reach, tls: ssl.SSLContext, chunked: bool) -> None:
    whole = http("200 OK", JSON, b"x" * (LONGEST + 1))
    said = in_chunks(whole, 65536) if chunked else whole
    with serving(saying(said), tls) as port, pytest.raises(AuthorityAnswerWrong) as refused:
        reach(port).standing(KEY)
    assert "longer" in refused.value.reason


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_answer_in_chunks(reach: Reach, tls: ssl.SSLContext, size: int) -> None:
    with serving(saying(in_chunks(FINE, size)), tls) as port:
        authority = reach(port)
        assert authority.standing(KEY) is UNKNOWN
        assert authority.standing(KEY) is UNKNOWN  # the same connection is fit for the next one
        authority.close()


def test_chunks_that_are_cut_are_no_answer(reach: Reach, tls: ssl.SSLContext) -> None:
    def say(connection: socket.socket) -> None:
        whole_request(connection)
        connection.sendall(in_chunks(FINE, 7)[:-9])

    with serving(say, tls) as port, pytest.raises(AuthorityUnreachable):
        reach(port).standing(KEY)


def in_chunks(answer: bytes, size: int) -> bytes:
    head, _, body = answer.partition(b"\r\n\r\n")
    head = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
    parts = [body[at : at + size] for at in range(0, len(body), size)]
    return head + b"\r\n\r\n" + b"".join(b"%x\r\n%s\r\n" % (len(one), one) for one in parts) + b"0\r\n\r\n"
