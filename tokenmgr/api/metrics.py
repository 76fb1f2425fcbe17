"""Counters for Prometheus. The only importer of prometheus_client.

Several workers share a folder of counters, which the library is told by PROMETHEUS_MULTIPROC_DIR before it is loaded;
whichever worker is asked adds them all up.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)


class Metrics:
    def __init__(self, shared: str | None = None) -> None:
        own = CollectorRegistry()
        self._shared = shared
        self._own = own
        self.answers = Counter(
            "tokenmgr_answers", "HTTP answers by route and status", ["route", "status"], registry=own
        )
        self.seconds = Histogram("tokenmgr_seconds", "Seconds to an answer", ["route"], registry=own, buckets=_SECONDS)
        self.messages = Counter(
            "tokenmgr_cmp", "CMP messages by their kind and the answer's", ["kind", "answer"], registry=own
        )
        self.refusals = Counter("tokenmgr_refusals", "Refusals by their code", ["code"], registry=own)
        self.ocsp = Counter(
            "tokenmgr_ocsp", "OCSP answers by where they are from, or the error", ["outcome"], registry=own
        )
        self.jobs = Counter("tokenmgr_jobs", "Rounds of the jobs, by how they ended", ["job", "outcome"], registry=own)

    def text(self) -> bytes:
        if self._shared is None:
            return generate_latest(self._own)
        everybody = CollectorRegistry()
        MultiProcessCollector(everybody, path=self._shared)  # type: ignore[no-untyped-call]
        return generate_latest(everybody)
