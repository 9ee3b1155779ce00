"""The box's link over MQTT, with the topics of the wire, on both brokers."""

from __future__ import annotations

import queue
from collections.abc import Iterator
from pathlib import Path

import pytest
from sealhost.links import Message
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealwire import topics

from tests import vms
from tests.brokers import Broker, broker, mosquitto, rumqttd  # noqa: F401
from tests.firmware.mqtt_vm import WAIT_S, VmClient

SITE = bytes(range(16))
BOX = bytes(range(16, 32))
PERSON = bytes(range(32, 48))
OUT, STATUS = 0, 1


@pytest.fixture
def host(broker: Broker) -> Iterator[MqttLink]:  # noqa: F811
    link = MqttLink(BrokerAddress(broker.host, broker.port), "host")
    yield link
    link.stop()


@pytest.fixture
def box(broker: Broker) -> Iterator[VmClient]:  # noqa: F811
    with start_box(broker) as started:
        yield started


def start_box(broker: Broker) -> VmClient:  # noqa: F811
    options = {"backoff_ms": [10, 50]}
    client = VmClient(broker.port, kind="link", site=SITE.hex(), box=BOX.hex(), options=options)
    client.event("connected")
    return client


def listen(host: MqttLink, *, retained: bool = False) -> queue.Queue[Message]:
    """What the site's boxes publish from now on."""
    seen: queue.Queue[Message] = queue.Queue()
    for topic_filter in topics.host_filters(SITE)[1:]:
        host.subscribe(topic_filter, seen.put, retained=retained)
    ready: queue.Queue[Message] = queue.Queue()
    host.subscribe("ready", ready.put)
    host.start()
    assert host.wait_connected(WAIT_S)
    host.publish("ready", b"")
    ready.get(timeout=WAIT_S)
    return seen


def test_the_box_hears_who_sent_what(host: MqttLink, box: VmClient) -> None:
    host.start()
    host.publish(topics.box_in(SITE, BOX, PERSON), b"decision")
    assert box.event("message")[1:3] == [PERSON.hex(), b"decision".hex()]


def test_messages_arrive_in_order_on_their_topics(host: MqttLink, box: VmClient) -> None:
    """In order within a topic: across topics MQTT promises none (section 4.6), and rumqttd keeps none."""
    seen = listen(host)
    box.publish(0, OUT, b"challenge")
    box.publish(1, STATUS, b"checkpoint", retain=True)
    box.publish(2, OUT, b"entries")
    box.publish(3, STATUS, b"later checkpoint", retain=True)
    came = [seen.get(timeout=WAIT_S) for _ in range(4)]
    out, status = topics.box_out(SITE, BOX), topics.box_status(SITE, BOX)
    assert [message.payload for message in came if message.topic == out] == [b"challenge", b"entries"]
    assert [message.payload for message in came if message.topic == status] == [b"checkpoint", b"later checkpoint"]


def test_the_status_is_kept_for_late_comers_and_emptied_when_the_box_dies(host: MqttLink, box: VmClient) -> None:
    box.publish(0, STATUS, b"checkpoint", retain=True)
    box.event("acknowledged", 0)
    seen = listen(host, retained=True)
    assert seen.get(timeout=WAIT_S) == Message(topics.box_status(SITE, BOX), b"checkpoint", retained=True)
    box.kill()
    assert seen.get(timeout=WAIT_S).payload == b""


def test_other_boxes_and_malformed_senders_are_not_heard(host: MqttLink, box: VmClient) -> None:
    host.start()
    mine = topics.box_in(SITE, BOX, PERSON)
    host.publish(topics.box_in(SITE, PERSON, PERSON), b"another box")
    host.publish(topics.box_in(PERSON, BOX, PERSON), b"another site")
    host.publish(mine[:-2] + "zz", b"not hex")
    host.publish(mine[:-2], b"too short")
    host.publish(mine.upper().replace("SEALBOX", "sealbox"), b"upper case")
    host.publish(mine, b"good")
    assert box.message() == b"good"
    assert len([event for event in box.had("log") if "not this box's" in event[1]]) == 2


def test_a_retained_command_reaches_no_box(host: MqttLink, broker: Broker) -> None:  # noqa: F811
    host.start()
    topic = topics.box_in(SITE, BOX, PERSON)
    assert host.publish(topic, b"open!", retain=True).wait(WAIT_S)
    with start_box(broker) as box:
        host.publish(topic, b"live")
        assert box.message() == b"live"


def test_a_payload_of_8_kib_passes_and_one_more_byte_is_refused(host: MqttLink, box: VmClient) -> None:
    seen = listen(host)
    box.publish(0, OUT, b"x" * 8193)
    assert box.event("refused", 0)
    box.publish(1, OUT, b"x" * 8192)
    assert seen.get(timeout=WAIT_S).payload == b"x" * 8192


def test_the_link_leaves_the_heap_to_others(compiled_modules: tuple[Path, ...]) -> None:
    printed = vms.run_unix(Path(__file__).parent / "vm" / "link_memory.py", modules=compiled_modules).checked()
    imported, made = map(int, printed.split())
    assert imported <= 28 * 1024  # asyncio and sealwire.topics are 11 of them
    assert made <= (8 + 4) * 1024  # the buffer for one message, made once, and the rest
