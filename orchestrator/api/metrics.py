"""Metrics in Prometheus' text form: what is stored, who is alive, what the API answers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Status

if TYPE_CHECKING:
    from orchestrator.api.desk import Desk


class Metrics:
    """The counters of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        labels = ("method", "route", "status")
        self._requests = Counter(
            "orchestrator_http_requests", "Requests answered.", labels, registry=self.registry
        )
        self._seconds = Histogram(
            "orchestrator_http_request_seconds",
            "Time until the whole answer was sent, streams left out.",
            ("method", "route"),
            registry=self.registry,
        )

    def note(self, scope: Any, status: int, seconds: float) -> None:
        """Counts a request under its route, not its path: ids would make a series each."""
        route = getattr(scope.get("route"), "path", "none")
        self._requests.labels(scope["method"], route, status).inc()
        if not route.endswith("/feed"):
            self._seconds.labels(scope["method"], route).observe(seconds)

    def watch(self, desk: Desk) -> None:
        """Adds what is read from the store when the metrics are asked for."""
        self.registry.register(_Stored(desk))

    def text(self) -> bytes:
        """Gives all metrics."""
        return generate_latest(self.registry)


class _Stored(Collector):
    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def describe(self) -> Iterable[GaugeMetricFamily]:
        return ()  # or the store would be read to register

    def collect(self) -> Iterable[GaugeMetricFamily]:
        store = self._desk.orchestrator.store
        counts = store.count_commands(CommandQuery())
        commands = GaugeMetricFamily(
            "orchestrator_commands",
            "Submitted commands by status; in need of attention also where a part is.",
            labels=["status"],
        )
        for status in Status:
            commands.add_metric([status.value], counts.get(status, 0))
        yield commands
        yield GaugeMetricFamily(
            "orchestrator_stuck_commands",
            "Commands that need attention, parts of others included.",
            value=store.count_stuck(),
        )
        workers = GaugeMetricFamily(
            "orchestrator_workers", "Processes with a lease in force.", labels=["role"]
        )
        alive = [one["role"] for one in self._desk.monitor.workers() if one["alive"]]
        for role in sorted(set(alive)):
            workers.add_metric([role], alive.count(role))
        yield workers
        listeners = self._desk.feed.listeners
        yield GaugeMetricFamily("orchestrator_feed_listeners", "Open feeds.", value=listeners)
