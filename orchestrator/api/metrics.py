"""Metrics in Prometheus' text form: what is stored, who is alive, what the API answers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from fastapi.routing import APIRoute, iter_route_contexts
from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from orchestrator.core.query import CommandQuery
from orchestrator.core.status import Status

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from orchestrator.api.desk import Desk

METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
"""Anybody may send any word for a method; each would make a series that stays."""


class Metrics:
    """The counters of one app."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._paths: dict[int, str] = {}
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
        route = self._paths.get(id(scope.get("route"))) or self._paths.get(
            id(scope.get("endpoint")), "none"
        )
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._requests.labels(method, route, status).inc()
        if not route.endswith("/feed"):
            self._seconds.labels(method, route).observe(seconds)

    def name(self, routes: Sequence[BaseRoute]) -> None:
        """Learns the full paths of an app's routes: a route itself does not know the prefix of its router."""
        for one in iter_route_contexts(routes):
            known = one.original_route
            path = str(one.path or getattr(known, "path", "none"))
            # FastAPI's own routes are found in a request; of others only what answers is, and of a mount its app.
            served = getattr(known, "endpoint", None) or getattr(known, "app", None)
            self._paths[id(known if isinstance(known, APIRoute) else served)] = path

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
