"""All that one worker of the service has in its hands, wired together by the command line."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property

from tokenmgr.api.metrics import Metrics
from tokenmgr.ca.checkpoints import CheckpointFile
from tokenmgr.ca.folder import OCSP_AT
from tokenmgr.ca.issuer import Issuer
from tokenmgr.ca.keys import CaKeys
from tokenmgr.ca.ocsp import Responder
from tokenmgr.cmp.protection import SignatureProtector
from tokenmgr.sql.administration import Administration
from tokenmgr.sql.nodes import Node
from tokenmgr.sql.registry import SqlRegistry


@dataclass(frozen=True)
class Service:
    registry: SqlRegistry
    administration: Administration
    issuer: Issuer
    keys: CaKeys
    clock: Callable[[], datetime]
    metrics: Metrics = field(default_factory=Metrics)
    checkpoint_file: CheckpointFile | None = None
    node: Node | None = None  # as which it serves

    @cached_property
    def protector(self) -> SignatureProtector:
        return SignatureProtector(self.keys.cmp.signer, self.keys.cmp.certificate)

    @cached_property
    def chain(self) -> tuple[bytes, ...]:
        """The issuing CA first, the root last (CaKeys.chain)."""
        return self.issuer.chain

    @cached_property
    def responders(self) -> dict[int, Responder]:
        """By the number of the authority that each answers for, the newest first."""
        return {one.number: Responder(one.ocsp, one.issuing.certificate) for one in reversed(self.keys.authorities)}

    @cached_property
    def status_url(self) -> str:
        return self.issuer.profile.ocsp_url.removesuffix(OCSP_AT)

    @cached_property
    def _nonce_key(self) -> bytes:
        return self.registry.nonce_key()

    def nonce(self, transaction: bytes, request: bytes) -> bytes:
        """Of an answer: the same for the same request on every node, fresh for another one, and known again as one of
        this transaction's without having been kept (RFC 9483, 3.1: senderNonce, recipNonce)."""
        fresh = self._keyed(b"fresh", request)
        return fresh + self._keyed(b"known", transaction + fresh)

    def is_nonce_of(self, transaction: bytes, nonce: bytes) -> bool:
        return hmac.compare_digest(nonce[8:], self._keyed(b"known", transaction + nonce[:8]))

    def salt(self, request: bytes) -> bytes:
        return self._keyed(b"salt", request) + self._keyed(b"more", request)

    def _keyed(self, purpose: bytes, data: bytes) -> bytes:
        return hmac.new(self._nonce_key, purpose + data, hashlib.sha256).digest()[:8]
