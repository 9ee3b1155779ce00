"""The daemon over real brokers: the whole way, and nothing lost or opened twice when it is killed."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.brokers import Broker, broker, mosquitto, rumqttd  # noqa: F401
from tests.host.daemon import Everybody, HostProcess, eventually
from tests.host.village import People


class Place:
    """A host process, a box and people around one broker."""

    def __init__(self, folder: Path, at: Broker) -> None:
        self.people = People()
        self.box = self.people.box
        self.host = HostProcess(folder / "home", self.people, f"mqtt://{at.host}:{at.port}")
        self.host.start()
        self.everybody = Everybody(self.people, at.host, at.port)
        try:
            self.begin(at)
        except BaseException:
            self.close()
            raise

    def begin(self, at: Broker) -> None:
        """Have the roster adopted by host and box."""
        assert self.everybody.tell("authority", self.people.matters_message()) == "accepted"
        assert self.everybody.tell("authority", self.people.roster()) == "accepted"
        self.box.connect(at.host, at.port)
        eventually(lambda: self.box.roster is not None and self.box.acked == self.box.seq, "the box's adoption")

    def close(self) -> None:
        """End everything."""
        self.box.disconnect()
        self.everybody.stop()
        self.host.stop()


@pytest.fixture
def place(tmp_path: Path, broker: Broker) -> Iterator[Place]:  # noqa: F811
    """With the roster adopted by host and box."""
    made = Place(tmp_path, broker)
    yield made
    made.close()


def test_two_approvals_open_the_box_and_its_log_comes_home(place: Place):
    people, everybody = place.people, place.everybody
    request = people.request()
    assert everybody.tell("keeper", request) == "accepted"
    assert everybody.tell("first", people.decide("first", request)) == "accepted"
    assert place.box.opened == []
    assert everybody.tell("second", people.decide("second", request)) == "accepted"
    eventually(lambda: place.box.opened == [people.reference(request)], "the opening")
    eventually(lambda: place.box.acked == place.box.seq, "the ack")
    assert place.host.stop() == 0
    assert not (place.host.home / "run.json").exists()


def test_garbage_on_every_topic_is_refused_and_the_next_good_message_works(place: Place):
    people, everybody, link = place.people, place.everybody, place.everybody._link
    request = people.request()
    for raw in (b"", b"\xd2", b"garbage", request[:-1], request + b"\0", b"\xa1\x00\x01", bytes(50_000)):
        everybody.send("keeper", raw)
        for last in ("out", "status"):
            link.publish(f"sealbox/1/{people.site.hex()}/box/{place.box.kid.hex()}/{last}", raw)
        link.publish(f"sealbox/1/{people.site.hex()}/box/{'zz' * 16}/out", raw)
        link.publish(f"sealbox/1/{people.site.hex()}/host/in/nobody", raw)
    assert everybody.tell("keeper", request) == "accepted"
    assert "Traceback" not in place.host.log()
    health = httpx.get(place.host.info()["http"] + "/healthz").json()
    assert health["ok"] is True


@pytest.mark.timeout(300)
def test_a_host_that_is_killed_at_random_moments_completes_every_request_without_a_second_opening(
    tmp_path: Path,
    mosquitto: Broker,  # noqa: F811
):
    place = Place(tmp_path, mosquitto)
    moments = random.Random(2024)
    try:
        for number in range(6):
            _through_kills(place, moments, number)
        assert "Traceback" not in place.host.log()
        taken = len(place.box.opened)
        assert taken == len(set(place.box.opened)) == 6
    finally:
        place.close()


def _through_kills(place: Place, moments: random.Random, number: int) -> None:
    people, everybody = place.people, place.everybody
    request = people.request(impressions=1 + number % 2)
    stages = [
        ("keeper", request),
        ("first", people.decide("first", request)),
        ("second", people.decide("second", request)),
    ]
    killed = moments.randrange(len(stages))
    for stage, (who, raw) in enumerate(stages):
        if stage == killed:
            timer = threading.Timer(moments.random() * 0.03, place.host.kill)
            timer.start()
            everybody.send(who, raw)
            timer.join()
            place.host.start()
        assert everybody.tell(who, raw) == "accepted"
    reference = people.reference(request)
    eventually(lambda: reference in place.box.opened, "the opening")
    eventually(lambda: place.box.acked == place.box.seq, "the ack")
