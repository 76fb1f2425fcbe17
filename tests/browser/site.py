"""Sites on https, each with a page that can ask the extension: a bank's, one that no bank on this computer names, and
one that the extension does not run on."""

from __future__ import annotations

import http.server
import json
import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.browser.pki import SERVER, Authorities, Party, called, issue, key_pem, pem

DOCS = Path(__file__).parents[2] / "docs" / "handover.md"
BANK, UNNAMED, ELSEWHERE = "ib.example", "unnamed.example", "elsewhere.example"
HOSTS = (BANK, UNNAMED, ELSEWHERE)
# It asks as the page in docs/handover.md does, but for the answers, which are all kept.
PAGE = """<!doctype html><meta charset="utf-8"><title>tokenmgr</title><script>
const answers = [];
addEventListener("message", (event) => {
  if (event.source === window && event.data?.tokenmgr === 1 && !("do" in event.data)) answers.push(event.data);
});
const told = async (id) => {
  for (;;) {
    const found = answers.find((one) => one.id === id);
    if (found) return found;
    await new Promise((go) => setTimeout(go, 10));
  }
};
let number = 0;
const ask = (message) => {
  const id = message.id ?? `n${number++}`;
  postMessage({ tokenmgr: 1, id, ...message }, location.origin);
  return told(id);
};
</script>"""


def page_of_the_docs() -> str:
    (page,) = re.findall(r"^```html\n(.*?)^```$", DOCS.read_text(encoding="utf-8"), re.M | re.S)
    return str(page)


@dataclass
class Sites:
    port: int
    ticket: str = ""  # that a bank's server makes next

    def origin(self, host: str = BANK) -> str:
        return f"https://{host}:{self.port}"


class _Page(http.server.BaseHTTPRequestHandler):
    server: _Server

    def do_GET(self) -> None:
        self._answer({"/": PAGE, "/renew": page_of_the_docs()}.get(self.path, ""), "text/html; charset=utf-8")

    def do_POST(self) -> None:
        self._answer(json.dumps({"ticket": self.server.sites.ticket}), "application/json")

    def _answer(self, text: str, kind: str) -> None:
        data = text.encode()
        self.send_response(200 if data else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
        pass


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    sites: Sites

    def handle_error(self, *_: object) -> None:
        """Browsers hang up on a certificate, and come back."""


@contextmanager
def serving(folder: Path, authorities: Authorities) -> Iterator[Sites]:
    """Browsers are told not to mind that its certificate is for the bank alone."""
    own = Party(called(BANK))
    certificate = issue(own, authorities.issuing, uses=(SERVER,), host=BANK)
    file = folder / "site.pem"
    file.write_bytes(pem(certificate) + key_pem(own))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    server = _Server(("127.0.0.1", 0), _Page)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        server.sites = Sites(server.server_port)
        yield server.sites
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
