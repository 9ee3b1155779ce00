"""The host's MQTT link, on both brokers."""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable, Iterator

import pytest
from sealhost.links import MAX_PAYLOAD_BYTES, LinkFullError, Message, PayloadTooLargeError
from sealhost.links import mqtt as mqtt_module
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink

from tests.brokers import Broker, broker, mosquitto, rumqttd  # noqa: F401

WAIT_S = 20.0

Connect = Callable[..., MqttLink]


@pytest.fixture
def connect(broker: Broker) -> Iterator[Connect]:  # noqa: F811
    """Makes links to the test's broker; stops those that still run at the end."""
    with contextlib.ExitStack() as stack:

        def make(client_id: str, *, start: bool = True, max_payload_bytes: int = MAX_PAYLOAD_BYTES) -> MqttLink:
            link = MqttLink(BrokerAddress(broker.host, broker.port), client_id, max_payload_bytes=max_payload_bytes)
            stack.callback(link.stop)
            if start:
                link.start()
                assert link.wait_connected(WAIT_S)
            return link

        yield make


class Collector:
    """A handler that keeps what it is given."""

    def __init__(self) -> None:
        self.messages: queue.Queue[Message] = queue.Queue()

    def __call__(self, message: Message) -> None:
        self.messages.put(message)

    def payloads(self, count: int) -> list[bytes]:
        return [self.messages.get(timeout=WAIT_S).payload for _ in range(count)]


def _listener(connect: Connect, client_id: str, topic_filter: str, handler: Callable[[Message], None]) -> MqttLink:
    """A started link whose subscription the broker has taken."""
    link = connect(client_id, start=False)
    ready = Collector()
    link.subscribe(topic_filter, handler)
    link.subscribe(f"ready/{client_id}", ready)
    link.start()
    assert link.wait_connected(WAIT_S)
    assert link.publish(f"ready/{client_id}", b"").wait(WAIT_S)  # subscriptions are taken in order, before this
    ready.payloads(1)
    return link


def test_messages_arrive_whole_and_in_order(connect: Connect) -> None:
    seen = Collector()
    _listener(connect, "host", "s/+/in", seen)
    sender = connect("sender")
    sent = [index.to_bytes(2, "big") * (index % 7 * 500 + 1) for index in range(200)]
    deliveries = [sender.publish("s/1/in", payload) for payload in sent]
    assert seen.payloads(len(sent)) == sent
    assert all(delivery.wait(WAIT_S) for delivery in deliveries)


def test_a_message_that_was_not_committed_comes_again_to_the_next_process(connect: Connect) -> None:
    started = threading.Event()

    def crash(message: Message) -> None:
        started.set()
        raise OSError("the database is gone")

    first = _listener(connect, "host", "s/in", crash)
    connect("sender").publish("s/in", b"request")
    assert started.wait(WAIT_S)
    first.stop()
    seen = Collector()
    _listener(connect, "host", "s/in", seen)
    assert seen.payloads(1) == [b"request"]


def test_a_committed_message_does_not_come_again(connect: Connect) -> None:
    seen = Collector()
    first = _listener(connect, "host", "s/in", seen)
    sender = connect("sender")
    sender.publish("s/in", b"one")
    seen.payloads(1)
    # the PUBACK is on its way once the handler was called for a later message
    sender.publish("s/in", b"two")
    seen.payloads(1)
    first.stop()
    sender.publish("s/in", b"three").wait(WAIT_S)
    _listener(connect, "host", "s/in", seen)
    came = seen.payloads(1)
    while came[-1] != b"three":
        came += seen.payloads(1)
    assert b"one" not in came


def test_messages_sent_while_away_wait_in_the_session(connect: Connect) -> None:
    seen = Collector()
    _listener(connect, "host", "s/in", seen).stop()
    sender = connect("sender")
    for index in range(30):
        assert sender.publish("s/in", b"%d" % index).wait(WAIT_S)
    _listener(connect, "host", "s/in", seen)
    assert seen.payloads(30) == [b"%d" % index for index in range(30)]


def test_a_handler_that_fails_once_gets_the_message_again_before_the_next(connect: Connect) -> None:
    seen = Collector()
    failures = [OSError("locked")]

    def handle(message: Message) -> None:
        if failures:
            raise failures.pop()
        seen(message)

    _listener(connect, "host", "s/in", handle)
    sender = connect("sender")
    sender.publish("s/in", b"first")
    sender.publish("s/in", b"second")
    assert seen.payloads(2) == [b"first", b"second"]


def test_a_message_that_always_fails_is_given_up_and_the_next_works(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(mqtt_module, "RETRY_DELAYS_S", (0.0, 0.0))
    seen = Collector()

    def handle(message: Message) -> None:
        if message.payload == b"poison":
            raise ZeroDivisionError
        seen(message)

    _listener(connect, "host", "s/in", handle)
    sender = connect("sender")
    sender.publish("s/in", b"poison")
    sender.publish("s/in", b"good")
    assert seen.payloads(1) == [b"good"]
    assert "gave up on a message on s/in" in caplog.text


def test_retained_messages_are_dropped_unless_asked_for(connect: Connect) -> None:
    sender = connect("sender")
    assert sender.publish("s/in", b"old command", retain=True).wait(WAIT_S)
    assert sender.publish("s/status", b"kept", retain=True).wait(WAIT_S)
    commands, status = Collector(), Collector()
    link = connect("host", start=False)
    link.subscribe("s/in", commands)
    link.subscribe("s/status", status, retained=True)
    link.start()
    assert status.messages.get(timeout=WAIT_S) == Message("s/status", b"kept", retained=True)
    sender.publish("s/in", b"live command")
    assert commands.messages.get(timeout=WAIT_S) == Message("s/in", b"live command", retained=False)


def test_a_payload_above_the_cap_is_not_sent(connect: Connect) -> None:
    seen = Collector()
    _listener(connect, "host", "s/in", seen)
    sender = connect("sender")
    with pytest.raises(PayloadTooLargeError, match="at most 8192"):
        sender.publish("s/in", bytes(MAX_PAYLOAD_BYTES + 1))
    largest = bytes(MAX_PAYLOAD_BYTES)
    sender.publish("s/in", largest)
    assert seen.payloads(1) == [largest]


def test_an_oversized_message_is_dropped_and_the_next_works(connect: Connect) -> None:
    seen = Collector()
    _listener(connect, "host", "s/in", seen)
    rude = connect("rude", max_payload_bytes=200_000)
    rude.publish("s/in", bytes(100_000))
    rude.publish("s/in", b"good")
    assert seen.payloads(1) == [b"good"]


def test_the_link_comes_back_after_the_broker_restarts(connect: Connect, broker: Broker) -> None:  # noqa: F811
    seen = Collector()
    link = connect("host", start=False)
    connects: queue.Queue[None] = queue.Queue()
    link.subscribe("s/in", seen)
    link.on_connected(lambda: connects.put(None))
    link.start()
    connects.get(timeout=WAIT_S)
    broker.stop()
    waiting = link.publish("s/in", b"published while away")
    assert not waiting.acknowledged
    broker.start()
    connects.get(timeout=WAIT_S)
    assert waiting.wait(WAIT_S)
    assert seen.payloads(1) == [b"published while away"]


def test_a_subscription_made_while_connected_works(connect: Connect) -> None:
    seen = Collector()
    link = connect("host")
    link.subscribe("late/#", seen)
    link.publish("late/topic", b"hello")
    assert seen.payloads(1) == [b"hello"]


def test_two_hosts_share_a_filter_and_each_message_goes_to_one(connect: Connect) -> None:
    seen = Collector()
    _listener(connect, "host-a", "$share/hosts/s/in/+", seen)
    _listener(connect, "host-b", "$share/hosts/s/in/+", seen)
    sender = connect("sender")
    sent = {b"%d" % index for index in range(20)}
    for payload in sorted(sent):
        assert sender.publish("s/in/x", payload).wait(WAIT_S)
    assert set(seen.payloads(20)) == sent
    assert seen.messages.empty()


def test_a_handler_may_publish(connect: Connect) -> None:
    answers = Collector()

    def answer(message: Message) -> None:
        host.publish("s/out", b"answer to " + message.payload)

    host = _listener(connect, "answering", "s/in", answer)
    sender = _listener(connect, "sender", "s/out", answers)
    sender.publish("s/in", b"question")
    assert answers.payloads(1) == [b"answer to question"]


def test_waiting_messages_are_bounded_while_no_broker_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mqtt_module, "MAX_WAITING_OUT", 3)
    link = MqttLink(BrokerAddress("127.0.0.1", 1), "host")
    for _ in range(3):
        assert not link.publish("s/out", b"x").acknowledged
    with pytest.raises(LinkFullError, match="3 messages wait"):
        link.publish("s/out", b"x")


def test_stopping_is_quick_while_no_broker_answers() -> None:
    link = MqttLink(BrokerAddress("127.0.0.1", 1), "host")
    link.start()
    assert not link.wait_connected(0.1)
    link.stop()
    link.stop()
    assert not link.connected
