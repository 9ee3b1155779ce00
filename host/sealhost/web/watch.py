"""`/readyz`, and `/metrics` in the format of Prometheus.

Guarantees: metrics go to this machine itself, and to whoever brings the token that was set; a proxy in front makes
nobody local. Every set of labels is bounded by the program; nothing names a site, a person or a request.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Iterator

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sealhost.core.tally import BOUNDS_S, Tally
from sealhost.services.figures import Figures, Watch

_COUNTERS = (
    ("accepted", "Messages of people and authority that were taken", "type"),
    ("refused", "Messages that were refused here", "reason"),
    ("refused_by_boxes", "Messages that boxes said they refused", "reason"),
    ("refused_over_http", "Calls of the HTTP interface that were refused", "reason"),
    ("requests_entered", "Requests that came into a state by proven facts", "state"),
    ("log_gaps", "Stretches of a box's log that were missing or did not fit, and were asked for again", "kind"),
)
_PROXY_HEADERS = ("forwarded", "x-forwarded-for", "x-real-ip", "via")


def routes(watch: Watch, open_here: bool, token: str | None) -> list[Route]:
    """The routes. `open_here`: whether this machine needs no token; without both there are no metrics."""

    async def readyz(request: Request) -> Response:
        checks = await run_in_threadpool(watch.ready)
        return JSONResponse({"ready": all(checks.values()), "checks": checks}, 200 if all(checks.values()) else 503)

    async def metrics(request: Request) -> Response:
        if not _may_see(request, open_here, token):
            detail = "metrics are for this machine, or for the token in metrics_token"
            return JSONResponse({"error": "bad_token", "detail": detail}, 401)
        return Response(await run_in_threadpool(rendered, watch), media_type=CONTENT_TYPE_LATEST)

    return [Route("/readyz", readyz), Route("/metrics", metrics)]


def _may_see(request: Request, open_here: bool, token: str | None) -> bool:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if token is not None and kind.lower() == "bearer" and hmac.compare_digest(given.encode(), token.encode()):
        return True
    if not open_here or request.client is None or any(name in request.headers for name in _PROXY_HEADERS):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def rendered(watch: Watch) -> bytes:
    """The metrics of this moment."""
    registry = CollectorRegistry()
    registry.register(_Once(watch.figures(), watch.tally))
    return generate_latest(registry)


class _Once(Collector):
    """One reading."""

    def __init__(self, figures: Figures, tally: Tally) -> None:
        self._figures = figures
        self._tally = tally

    def collect(self) -> Iterator[Metric]:
        """All metrics."""
        yield from self._gauges()
        for name, text, label in _COUNTERS:
            family = CounterMetricFamily(f"sealhost_{name}", text, labels=[label])
            for value, count in self._tally.counts(name).items():
                family.add_metric([value], count)
            yield family
        steps = HistogramMetricFamily(
            "sealhost_step_seconds",
            "Accepted to rule met, rule met to grant, grant to the box's intent",
            labels=["step"],
        )
        for step, one in self._tally.steps().items():
            classes = [(str(float(bound)), count) for bound, count in zip(BOUNDS_S, one.classes, strict=True)]
            steps.add_metric([step], [*classes, ("+Inf", one.count)], one.seconds)
        yield steps

    def _gauges(self) -> Iterator[Metric]:
        figures = self._figures
        yield GaugeMetricFamily("sealhost_database_up", "Whether the database answered", int(figures.database))
        yield GaugeMetricFamily("sealhost_broker_connected", "Whether the broker is connected", int(figures.broker))
        yield GaugeMetricFamily("sealhost_relay_clients", "Browsers connected to /mqtt", figures.relay_clients)
        yield GaugeMetricFamily("sealhost_serial_boxes", "Boxes on serial lines here", figures.serial_boxes)
        if not figures.database:
            return
        requests = GaugeMetricFamily("sealhost_requests", "Requests in which something may happen", labels=["state"])
        for state, count in figures.requests.items():
            requests.add_metric([state], count)
        yield requests
        boxes = GaugeMetricFamily("sealhost_boxes", "Boxes, and those that are not as they should be", labels=["which"])
        for which, count in figures.boxes.items():
            boxes.add_metric([which], count)
        yield boxes
        yield GaugeMetricFamily("sealhost_outbox_rows", "Messages that wait to be sent or answered", figures.outbox)
        late = "How long the first message that waits has been due"
        yield GaugeMetricFamily("sealhost_outbox_late_seconds", late, figures.outbox_late_s)
        yield GaugeMetricFamily("sealhost_inbox_items", "Requests retained in people's inboxes", figures.inboxes)
        restored = "When the database was last brought back from a backup, 0: never"
        yield GaugeMetricFamily("sealhost_restored_timestamp_seconds", restored, figures.restored)
