"""`sealhost gateway`: boxes on lines appear on the broker as if they were connected there themselves."""

from __future__ import annotations

import os
import queue
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealhost.links import Message
from sealhost.links.address import BrokerAddress
from sealhost.links.gateway import Gateway
from sealhost.links.mqtt import MqttLink
from sealwire import messages, topics

from tests.brokers import Broker, broker, mosquitto, rumqttd  # noqa: F401
from tests.host.lines import WAIT_S, LineBox
from tests.host.people import SITE
from tests.host.test_links_serial import checkpoint
from tests.vms import ROOT


class Other:
    """Somebody on the broker: hears what boxes say, and sends to them."""

    def __init__(self, port: int) -> None:
        self.link = MqttLink(BrokerAddress("127.0.0.1", port), "other", persistent=False)
        self.heard: queue.Queue[Message] = queue.Queue()
        for topic_filter in topics.boxes_filters(SITE):
            self.link.subscribe(topic_filter, self.heard.put, retained=True)
        self.link.start()
        assert self.link.wait_connected(WAIT_S)

    def hears(self, topic: str, payload: bytes) -> None:
        """Wait until this is heard."""
        while True:
            message = self.heard.get(timeout=WAIT_S)
            if (message.topic, message.payload) == (topic, payload):
                return


@pytest.fixture
def boxes(tmp_path: Path) -> Iterator[list[LineBox]]:
    made = [LineBox(tmp_path / f"tty{number}") for number in range(3)]
    yield made
    for box in made:
        box.unplug()


@pytest.fixture
def other(broker: Broker) -> Iterator[Other]:  # noqa: F811
    made = Other(broker.port)
    yield made
    made.link.stop()


@pytest.fixture
def gateway(broker: Broker, boxes: list[LineBox]) -> Iterator[Gateway]:  # noqa: F811
    made = Gateway(BrokerAddress(broker.host, broker.port), ",".join(box.port for box in boxes))
    made.start()
    yield made
    made.stop()


def test_every_box_is_carried_both_ways(gateway: Gateway, boxes: list[LineBox], other: Other) -> None:
    for box in boxes:
        assert box.served.wait(WAIT_S)
        raw = checkpoint(box)
        box.say(raw)
        other.hears(topics.box_out(SITE, box.kid), raw)
        other.hears(topics.box_status(SITE, box.kid), raw)
        other.link.publish(topics.box_in(SITE, box.kid, bytes(16)), b"\xd2 to " + box.kid)
        assert box.received.get(timeout=WAIT_S) == b"\xd2 to " + box.kid


def test_box_that_is_unplugged_is_away_and_back_when_it_is_plugged_in(
    gateway: Gateway, boxes: list[LineBox], other: Other
) -> None:
    one, two, _ = boxes
    for turn in (1, 2):
        assert one.served.wait(WAIT_S)
        raw = checkpoint(one, turn)
        one.say(raw)
        other.hears(topics.box_status(SITE, one.kid), raw)
        one.unplug()
        other.hears(topics.box_status(SITE, one.kid), b"")
        one.plug()
    assert two.served.wait(WAIT_S)
    two.say(b"\xd2 all the time")
    other.hears(topics.box_out(SITE, two.kid), b"\xd2 all the time")


def test_nobody_sets_a_box_up_and_no_kept_command_reaches_it(
    gateway: Gateway, boxes: list[LineBox], other: Other
) -> None:
    box = boxes[0]
    topic = topics.box_in(SITE, box.kid, bytes(16))
    assert box.served.wait(WAIT_S)
    other.link.publish(topic, b"\xd2 kept", retain=True)
    assert box.received.get(timeout=WAIT_S) == b"\xd2 kept"
    box.unplug()
    other.hears(topics.box_status(SITE, box.kid), b"")
    box.plug()
    assert box.served.wait(WAIT_S)
    provision = {"site": SITE, "authority": [bytes(32)], "threshold": 1}
    other.link.publish(topic, messages.build_item(messages.PROVISION, provision))
    other.link.publish(topic, b"\xd2 live")
    assert box.received.get(timeout=WAIT_S) == b"\xd2 live"


def test_box_keeps_its_messages_while_the_broker_is_away(
    gateway: Gateway,
    boxes: list[LineBox],
    broker: Broker,  # noqa: F811
) -> None:
    box = boxes[0]
    assert box.served.wait(WAIT_S)
    broker.stop()
    while box.served.is_set():
        box.asked.clear()
        assert box.asked.wait(WAIT_S)
    broker.start()
    assert box.served.wait(2 * WAIT_S)


def test_gateway_that_dies_leaves_its_boxes_last_will(
    broker: Broker,  # noqa: F811
    boxes: list[LineBox],
    other: Other,
) -> None:
    box = boxes[0]
    paths = os.pathsep.join(str(ROOT / room) for room in ("protocol", "host"))
    command = [sys.executable, "-m", "sealhost", "gateway", "--serial", box.port]
    process = subprocess.Popen(
        [*command, "--broker", f"mqtt://{broker.host}:{broker.port}"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        assert process.stdout.readline().startswith("gateway is ready")
        assert box.served.wait(WAIT_S)
        raw = checkpoint(box)
        box.say(raw)
        other.hears(topics.box_status(SITE, box.kid), raw)
        process.kill()
        other.hears(topics.box_status(SITE, box.kid), b"")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_gateway_ends_at_once_when_told(broker: Broker, boxes: list[LineBox]) -> None:  # noqa: F811
    paths = os.pathsep.join(str(ROOT / room) for room in ("protocol", "host"))
    command = [sys.executable, "-m", "sealhost", "gateway", "--serial", boxes[0].port]
    process = subprocess.Popen(
        [*command, "--broker", f"mqtt://{broker.host}:{broker.port}"],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, "PYTHONPATH": paths},
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("gateway is ready")
    assert boxes[0].served.wait(WAIT_S)
    process.send_signal(signal.SIGTERM)
    assert process.wait(WAIT_S) == 0
    process.stdout.close()
