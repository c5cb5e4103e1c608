"""Numbers for Prometheus."""

from collections.abc import Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from peerleap.serving.admission import Admission

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_SECONDS = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1800, 3600)
_KINDS = ("prefill", "cached", "generated", "thought", "summary", "answer", "probe", "inserted")


class Metrics:
    """The numbers of one server."""

    def __init__(self, admission: Admission) -> None:
        self._registry = registry = CollectorRegistry()
        for name, text, value in (
            ("running", "Requests that run", lambda: admission.running),
            ("running_paths", "Paths that run", lambda: admission.running_paths),
            ("waiting", "Requests that wait for their turn", lambda: admission.waiting),
        ):
            Gauge(f"peerleap_{name}", text, registry=registry).set_function(value)
        self._requests = Counter("peerleap_requests", "Requests for an answer, by HTTP status; 499: the client left",
                                 ["status"], registry=registry)  # fmt: skip
        self._tokens = Counter("peerleap_tokens", "Tokens of finished runs, by kind", ["kind"], registry=registry)
        self._paths = Counter(
            "peerleap_paths", "Paths of finished runs, by how they ended", ["status"], registry=registry
        )
        self._blocks = Counter("peerleap_blocks", "LeaP blocks of finished runs", registry=registry)
        self._seconds = Histogram("peerleap_run_seconds", "Time from a request's turn to its answer",
                                  buckets=_SECONDS, registry=registry)  # fmt: skip
        self._first = Histogram("peerleap_first_text_seconds", "Time from a request to the first text of its stream",
                                buckets=_SECONDS, registry=registry)  # fmt: skip
        for kind in _KINDS:
            self._tokens.labels(kind)

    def answered(self, status: int) -> None:
        """A request has been answered."""
        self._requests.labels(str(status)).inc()

    def first_text(self, seconds: float) -> None:
        """A stream has shown its first text."""
        self._first.observe(seconds)

    def finished(self, out: Mapping[str, Any], seconds: float) -> None:
        """A run has ended well."""
        self._seconds.observe(seconds)
        for kind in _KINDS:
            self._tokens.labels(kind).inc(out["usage"].get(kind, 0))
        for outcome in out["paths"].values():
            self._paths.labels(outcome["status"]).inc()
        self._blocks.inc(len(out["rounds"]))

    def text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        return generate_latest(self._registry)
