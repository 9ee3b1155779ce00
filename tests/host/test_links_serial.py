"""Serial lines: boxes on them, whatever else is on them, and the host's one link over lines and broker."""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sealhost.links import LinkFullError, Message, PayloadTooLargeError, ports, serial
from sealhost.links.address import BrokerAddress
from sealhost.links.mqtt import MqttLink
from sealhost.links.ports import SerialLines
from sealhost.links.route import SerialRoute
from sealhost.links.serial import SerialBox
from sealhost.signing import keys
from sealwire import frames, messages, topics

from tests.brokers import Broker, free_port, rumqttd  # noqa: F401
from tests.host.daemon import eventually
from tests.host.lines import WAIT_S, LineBox
from tests.host.people import SITE


class Heard:
    """A listener that writes down what it hears."""

    def __init__(self) -> None:
        self.here: queue.Queue[SerialBox] = queue.Queue()
        self.gone: queue.Queue[SerialBox] = queue.Queue()
        self.said: queue.Queue[bytes] = queue.Queue()
        self.carrying = True
        self._kids: set[bytes] = set()

    def wants(self, site: bytes) -> bool:
        return site == SITE

    def carries(self, box: SerialBox) -> bool:
        return self.carrying

    def on_box(self, box: SerialBox) -> bool:
        if box.kid in self._kids:
            return False
        self._kids.add(box.kid)
        self.here.put(box)
        return True

    def on_message(self, box: SerialBox, payload: bytes) -> None:
        self.said.put(payload)

    def on_gone(self, box: SerialBox) -> None:
        self._kids.discard(box.kid)
        self.gone.put(box)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorter waits than a real line needs."""
    monkeypatch.setattr(serial, "ASK_EVERY_S", 0.05)
    monkeypatch.setattr(serial, "AGAIN_S", 0.2)
    monkeypatch.setattr(serial, "SOON_S", 0.05)
    monkeypatch.setattr(ports, "SCAN_S", 0.05)


@pytest.fixture
def box(tmp_path: Path) -> Iterator[LineBox]:
    made = LineBox(tmp_path / "tty")
    yield made
    made.unplug()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def listen(heard: Heard) -> Iterator[Callable[..., SerialLines]]:
    """Starts lines that end with the test."""
    started = []

    def start(spec: str, listener: Heard = heard, **options: object) -> SerialLines:
        lines = SerialLines(spec, listener, **options)  # type: ignore[arg-type]
        lines.start()
        started.append(lines)
        return lines

    yield start
    for lines in started:
        lines.stop()


def said(caplog: pytest.LogCaptureFixture, words: str) -> int:
    """How many lines of the log hold these words."""
    return sum(words in record.getMessage() for record in caplog.records)


def test_messages_pass_both_ways_between_console_text(
    box: LineBox, heard: Heard, listen: Callable[..., object]
) -> None:
    listen(box.port)
    there = heard.here.get(timeout=WAIT_S)
    assert (there.site, there.kid) == (SITE, box.kid)
    assert box.served.wait(WAIT_S)
    box.write(b"bay 1 opening\r\n")
    box.say(b"\xd2 first")
    box.write(b"bay 1 open\r\n")
    box.say(b"\xd2 second" + bytes(3))
    assert [heard.said.get(timeout=WAIT_S) for _ in range(2)] == [b"\xd2 first", b"\xd2 second" + bytes(3)]
    delivery = there.send(b"\xd2" + bytes(8191))
    assert box.received.get(timeout=WAIT_S) == b"\xd2" + bytes(8191)
    assert delivery.wait(WAIT_S)
    assert there.sent_bytes == len(frames.encode(b"\xd2" + bytes(8191)))


def test_what_is_damaged_or_no_frame_costs_only_itself(
    box: LineBox, heard: Heard, listen: Callable[..., object]
) -> None:
    listen(box.port)
    heard.here.get(timeout=WAIT_S)
    damaged = frames.encode(b"\xd2 damaged")
    damaged[4] ^= 1
    for noise in (damaged, frames.encode(b"\xd2 half")[:6], os.urandom(5000), b"\0\0\0", b"x" * 20_000):
        box.write(bytes(noise))
        box.say(b"\xd2 after")
    assert [heard.said.get(timeout=WAIT_S) for _ in range(5)] == [b"\xd2 after"] * 5
    assert heard.gone.empty()


@pytest.mark.timeout(120)
def test_ten_megabytes_without_an_end_hold_nobody_up(box: LineBox, heard: Heard, listen: Callable[..., object]) -> None:
    listen(box.port)
    heard.here.get(timeout=WAIT_S)
    for _ in range(160):
        box.write(b"y" * 65_536)
    box.say(b"\xd2 after")
    assert heard.said.get(timeout=60) == b"\xd2 after"


def test_cable_pulled_in_the_middle_of_a_frame_is_one_line_and_the_box_comes_back(
    box: LineBox, heard: Heard, listen: Callable[..., object], caplog: pytest.LogCaptureFixture
) -> None:
    listen(box.port)
    heard.here.get(timeout=WAIT_S)
    box.write(bytes(frames.encode(b"\xd2" * 300)[:100]))
    box.unplug()
    heard.gone.get(timeout=WAIT_S)
    eventually(lambda: said(caplog, "is not there"), "the wait for the port")
    box.plug()
    heard.here.get(timeout=WAIT_S)
    box.say(b"\xd2 back")
    assert heard.said.get(timeout=WAIT_S) == b"\xd2 back"
    assert (said(caplog, "unplugged"), said(caplog, "is not there")) == (1, 1)


def test_second_host_on_a_port_says_so_once_and_takes_it_over_when_it_is_free(
    box: LineBox, heard: Heard, listen: Callable[..., SerialLines], caplog: pytest.LogCaptureFixture
) -> None:
    first = listen(box.port)
    heard.here.get(timeout=WAIT_S)
    other = Heard()
    listen(box.port, other)
    eventually(lambda: said(caplog, "another program has it open"), "the second host's line")
    box.say(b"\xd2 for the first")
    assert heard.said.get(timeout=WAIT_S) == b"\xd2 for the first"
    first.stop()
    other.here.get(timeout=WAIT_S)
    assert said(caplog, "another program has it open") == 1
    assert other.said.empty()


@pytest.mark.parametrize("babble", [b"", b"modem ready\r\n" * 40, bytes(range(256)) * 30])
def test_device_that_is_no_box_is_named_once_and_left_alone(
    box: LineBox, heard: Heard, listen: Callable[..., SerialLines], caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch, babble: bytes,
) -> None:  # fmt: skip
    monkeypatch.setattr(serial, "ASK_FOR_S", 0.5)
    box.silent = True
    looked: list[bool] = []

    def find() -> set[str]:
        looked.append(box.socket.is_symlink())
        return {box.port} if looked[-1] else set()

    listen("auto", find=find)
    assert box.asked.wait(WAIT_S)
    box.write(babble)
    eventually(lambda: said(caplog, "does not answer as a box: left alone"), "the line that names it")
    eventually(lambda: not [one for one in threading.enumerate() if box.port in one.name], "the end of asking")
    box.unplug()
    eventually(lambda: looked[-2:] == [False, False], "that it is missed")
    box.silent = False
    box.plug()
    heard.here.get(timeout=WAIT_S)
    assert said(caplog, "does not answer") == 1


def test_line_that_sends_our_own_words_back_is_no_box(
    box: LineBox, heard: Heard, listen: Callable[..., object], caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(serial, "ASK_FOR_S", 0.5)
    monkeypatch.setattr(box, "hello", lambda: serial.HELLO)
    listen(box.port)
    eventually(lambda: said(caplog, "does not answer as a box"), "the line that names it")
    assert heard.here.empty()


def test_boxes_that_are_not_served_here_are_named(
    tmp_path: Path, heard: Heard, listen: Callable[..., object], caplog: pytest.LogCaptureFixture
) -> None:
    signer = keys.generate()
    made = [
        LineBox(tmp_path / "new", site=None),
        LineBox(tmp_path / "foreign", site=bytes(16)),
        LineBox(tmp_path / "one", signer=signer),
    ]
    listen(",".join(box.port for box in made))
    heard.here.get(timeout=WAIT_S)
    made.append(LineBox(tmp_path / "same", signer=signer))
    listen(made[-1].port)
    for words in ("is not set up", "belongs to another site", "is served on another line already"):
        eventually(lambda words=words: said(caplog, words) == 1, words)
    assert heard.here.empty()
    for box in made:
        box.unplug()


def test_box_that_falls_silent_is_gone_and_comes_back(
    box: LineBox, heard: Heard, listen: Callable[..., object], caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(serial, "SILENT_S", 0.5)
    monkeypatch.setattr(serial, "HELLO_EVERY_S", 0.05)
    listen(box.port)
    heard.here.get(timeout=WAIT_S)
    box.silent = True
    heard.gone.get(timeout=WAIT_S)
    box.silent = False
    heard.here.get(timeout=WAIT_S)
    assert said(caplog, "fell silent") == 1


def test_boxes_are_found_by_their_usb_ids_whenever_they_are_plugged_in(
    tmp_path: Path, heard: Heard, listen: Callable[..., object]
) -> None:
    found: set[str] = set()
    listen("auto", find=lambda: set(found))
    boxes = [LineBox(tmp_path / f"tty{number}") for number in range(3)]
    for box in boxes:
        found.add(box.port)
        assert heard.here.get(timeout=WAIT_S).kid == box.kid
    found.discard(boxes[1].port)
    assert heard.gone.get(timeout=WAIT_S).kid == boxes[1].kid
    found.add(boxes[1].port)
    assert heard.here.get(timeout=WAIT_S).kid == boxes[1].kid
    for box in boxes:
        box.unplug()


def test_what_a_box_cannot_take_is_refused_at_once() -> None:
    box = SerialBox("line", SITE, bytes(16))
    with pytest.raises(PayloadTooLargeError):
        box.send(bytes(8193))
    for _ in range(serial.MAX_WAITING_OUT):
        box.send(bytes(8192))
    with pytest.raises(LinkFullError):
        box.send(b"one more")


# --- the host's link ---


class Route:
    """A host's link over a line and a broker, and somebody else on that broker."""

    def __init__(self, box: LineBox, port: int) -> None:
        address = BrokerAddress("127.0.0.1", port)
        self.link = SerialRoute(MqttLink(address, "host"), box.port, {SITE})
        self.handled: queue.Queue[Message] = queue.Queue()
        for topic_filter in topics.host_filters(SITE):
            self.link.subscribe(topic_filter, self.handled.put, retained=topic_filter.endswith("status"))
        self.link.start()
        self.other = MqttLink(address, "other", persistent=False)
        self.heard: queue.Queue[Message] = queue.Queue()
        self.other.subscribe(f"{topics.PREFIX}#", self.heard.put, retained=True)

    def hears(self, topic: str, payload: bytes) -> None:
        """Wait until the other one on the broker hears this."""
        while True:
            message = self.heard.get(timeout=WAIT_S)
            if (message.topic, message.payload) == (topic, payload):
                return

    def stop(self) -> None:
        self.link.stop()
        self.other.stop()


@pytest.fixture
def route(box: LineBox, rumqttd: Broker) -> Iterator[Route]:  # noqa: F811
    made = Route(box, rumqttd.port)
    made.other.start()
    assert made.other.wait_connected(WAIT_S)
    assert made.link.wait_connected(WAIT_S)
    assert box.served.wait(WAIT_S)
    yield made
    made.stop()


def checkpoint(box: LineBox, seq: int = 1) -> bytes:
    """A checkpoint of a stand-in box."""
    fields = {"boot": 1, "seq": seq, "head": bytes(32), "clock": 1, "clock_set": 1, "roster": 0, "firmware": "1"}
    return messages.build(messages.CHECKPOINT, fields, SITE, box.signer.public_key, box.signer.sign)


def test_box_on_a_line_is_heard_by_the_host_once_and_by_everybody_on_the_broker(box: LineBox, route: Route) -> None:
    out, status = topics.box_out(SITE, box.kid), topics.box_status(SITE, box.kid)
    raw = checkpoint(box)
    box.say(raw)
    route.hears(out, raw)
    route.hears(status, raw)
    assert route.handled.get(timeout=WAIT_S) == Message(out, raw, False)
    route.other.publish(out, b"somebody else's")
    route.other.publish(topics.host_in(SITE, bytes(16)), b"a person's")
    assert route.handled.get(timeout=WAIT_S).payload == b"a person's"
    box.unplug()
    route.hears(status, b"")
    assert route.handled.get(timeout=WAIT_S) == Message(status, b"", False)


def test_status_that_is_emptied_on_the_broker_is_said_again(box: LineBox, route: Route) -> None:
    status = topics.box_status(SITE, box.kid)
    raw = checkpoint(box)
    box.say(raw)
    route.hears(status, raw)
    route.other.publish(status, b"", retain=True)
    route.hears(status, raw)


def test_hosts_words_go_down_the_line_and_not_to_the_broker(box: LineBox, route: Route) -> None:
    there, elsewhere = topics.box_in(SITE, box.kid, bytes(16)), topics.box_in(SITE, bytes(16), bytes(16))
    assert route.link.publish(there, b"\xd2 grant").wait(WAIT_S)
    assert box.received.get(timeout=WAIT_S) == b"\xd2 grant"
    route.link.publish(elsewhere, b"\xd2 another box's")
    message = route.heard.get(timeout=WAIT_S)
    while message.topic != elsewhere:
        assert message.topic != there
        message = route.heard.get(timeout=WAIT_S)


def test_peoples_words_reach_the_box_but_nobody_sets_it_up_over_the_broker(box: LineBox, route: Route) -> None:
    topic = topics.box_in(SITE, box.kid, bytes(16))
    provision = {"site": SITE, "authority": [bytes(32)], "threshold": 1, "broker": "elsewhere", "port": 1}
    ask = messages.build_item(messages.ASK, {"bay": 1})
    for payload in (
        *(messages.build_item(messages.PROVISION, provision), serial.HELLO, b"", b"garbage", bytes(9000)),
        *(b"\xd2 denial", ask),
    ):
        route.other.publish(topic, payload[:8192])
    assert [box.received.get(timeout=WAIT_S) for _ in range(2)] == [b"\xd2 denial", ask]


def test_broker_that_is_away_stops_no_box_on_a_line(box: LineBox) -> None:
    route = Route(box, free_port())
    try:
        assert box.served.wait(WAIT_S)
        raw = checkpoint(box)
        box.say(raw)
        assert route.handled.get(timeout=WAIT_S).payload == raw
        assert route.link.connected
        assert not route.link.broker_connected
        route.link.publish(topics.box_in(SITE, box.kid, bytes(16)), b"\xd2 ack")
        assert box.received.get(timeout=WAIT_S) == b"\xd2 ack"
    finally:
        route.stop()


def test_settings_name_lines_or_auto() -> None:
    assert ports.named_ports("auto") is None
    assert ports.named_ports("/dev/a, /dev/b,/dev/a") == ["/dev/a", "/dev/b"]
    with pytest.raises(ValueError, match="serial lines"):
        ports.named_ports(" , ")
