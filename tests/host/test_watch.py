"""What is to be seen of a running host: ready or not, its figures, and who may read them."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sealhost.services.access import Access
from sealhost.services.figures import Watch
from sealhost.web.api import create_app
from sealhost.web.server import WebServer
from sealhost.web.watch import routes
from sealwire import chain
from sqlalchemy import text

from tests.host.village import Village

TOKEN = "a token of the watchers"


class Seen:
    """A server of a village and what can be switched about it."""

    def __init__(self, village: Village, open_here: bool = True) -> None:
        self.connected = True
        watch = Watch(village.context, lambda: {"broker_connected": self.connected, "serial": ["a"]}, lambda: 7)
        app = create_app(
            Access(village.context), village.views, lambda: {"ok": True}, more=routes(watch, open_here, TOKEN)
        )
        self.server = WebServer(app, "127.0.0.1", 0)
        self.server.start()
        self.http = httpx.Client(base_url=self.server.url)

    def figures(self) -> dict[str, float]:
        """All samples, by name and labels."""
        answer = self.http.get("/metrics")
        assert answer.status_code == 200
        found = {}
        for family in text_string_to_metric_families(answer.text):
            for sample in family.samples:
                found[" ".join([sample.name, *(sample.labels[name] for name in sorted(sample.labels))])] = sample.value
        return found

    def close(self) -> None:
        """End it."""
        self.http.close()
        self.server.stop()


@pytest.fixture
def seen(village: Village) -> Iterator[Seen]:
    """The server of the village."""
    made = Seen(village)
    yield made
    made.close()


def test_figures_follow_a_request_from_raising_to_the_last_impression(village: Village, seen: Seen):
    request = village.request()
    assert village.tell("keeper", request) == "accepted"
    before = seen.figures()
    assert (before["sealhost_requests waiting"], before["sealhost_inbox_items"]) == (1, 8)
    village.now += 20
    for who in ("first", "second"):
        assert village.tell(who, village.decide(who, request)) == "accepted"
    after = seen.figures()
    assert after["sealhost_requests waiting"] == 0
    assert after["sealhost_requests_entered_total finished"] == 1
    assert [after[f"sealhost_step_seconds_count {step}"] for step in ("decided", "granted", "opened")] == [1, 1, 1]
    assert (after["sealhost_step_seconds_bucket 10.0 decided"], after["sealhost_step_seconds_sum decided"]) == (0, 20)
    assert after["sealhost_accepted_total decision"] == 2
    assert (after["sealhost_boxes known"], after["sealhost_boxes online"]) == (1, 1)
    assert (after["sealhost_relay_clients"], after["sealhost_serial_boxes"]) == (7, 1)


def test_refusals_are_counted_by_reason_and_gaps_of_a_log_too(village: Village, seen: Seen):
    assert village.tell("first", village.decide("first", village.request())) == "unknown_request"
    village.tell("keeper", b"garbage")
    assert seen.http.get(f"/api/sites/{village.site.hex()}/boxes", headers={"Authorization": "Bearer x"}).status_code
    village.box.start()  # an entry that nobody hears of
    village.box.write(chain.BOOT, boot=9, cause=0, firmware="fake", clock_set=1)
    village.run()
    figures = seen.figures()
    assert figures["sealhost_refused_total unknown_request"] == 1
    assert figures["sealhost_refused_over_http_total bad_token"] == 1
    assert figures["sealhost_log_gaps_total missing"] >= 1


def test_what_waits_for_a_silent_box_is_seen_in_the_outbox(village: Village, seen: Seen):
    village.box_listens = False
    village.approved()
    village.now += 100
    assert seen.figures()["sealhost_requests approved"] == 1
    raw = village.roster(2)
    assert village.tell("authority", raw) == "accepted"
    assert seen.figures()["sealhost_boxes roster_behind"] == 1


def test_nothing_in_the_metrics_names_anybody(village: Village, seen: Seen):
    village.approved()
    shown = seen.http.get("/metrics").text
    assert "sealhost_requests_entered_total" in shown
    assert shown.isascii()  # names and seals are Chinese
    assert not re.search("[0-9a-f]{16}", shown)  # no key, site or request


def test_metrics_are_for_this_machine_or_for_the_token(village: Village):
    for open_here in (True, False):
        seen = Seen(village, open_here)
        proxied = {"X-Forwarded-For": "192.0.2.1"}
        assert seen.http.get("/metrics").status_code == (200 if open_here else 401)
        assert seen.http.get("/metrics", headers=proxied).status_code == 401
        assert seen.http.get("/metrics", headers={**proxied, "Authorization": "Bearer x"}).status_code == 401
        assert seen.http.get("/metrics", headers={**proxied, "Authorization": f"Bearer {TOKEN}"}).status_code == 200
        seen.close()


def test_readiness_needs_broker_database_and_tables(village: Village, seen: Seen):
    assert seen.http.get("/readyz").json() == {
        "ready": True,
        "checks": {"broker": True, "database": True, "tables": True},
    }
    seen.connected = False
    answer = seen.http.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["broker"]) == (503, False)
    seen.connected = True
    with village.database.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    assert seen.http.get("/readyz").json()["checks"] == {"broker": True, "database": True, "tables": False}
    with village.database.write() as tx:
        tx.execute(text("DROP TABLE alembic_version"))
    assert seen.http.get("/readyz").json()["checks"]["database"] is False
