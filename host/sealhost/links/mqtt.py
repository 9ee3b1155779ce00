"""The link over MQTT 3.1.1 (OASIS standard, sections 3 and 4), on paho-mqtt.

Guarantees beyond the `Link` interface: QoS 1 in a persistent session under a fixed client id, so that what is published
to our filters while we are away waits at the broker; PUBACK in the order of receipt (section 4.6) and only after the
handler returned; TCP_NODELAY, without which a broker's answer waits 40 ms; reconnects for ever with growing delays.

Leaves to others: who may publish where (the broker's ACLs), and every check of what a message says.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import paho.mqtt.client as paho
from paho.mqtt.enums import CallbackAPIVersion, LogLevel, MQTTErrorCode

from sealhost.links import MAX_PAYLOAD_BYTES, Delivery, Handler, LinkFullError, Message, PayloadTooLargeError
from sealhost.links.address import BrokerAddress
from sealhost.links.tls import client_context, explain, explain_text

_log = logging.getLogger(__name__)

KEEPALIVE_S = 30
MAX_RECONNECT_DELAY_S = 30
# paho is fastest with 20 to 100 in flight, slower with 1,000.
MAX_INFLIGHT = 50
# At 8 KiB each this bounds the memory of a long outage to 16 MiB; the outbox keeps the rest.
MAX_WAITING_OUT = 2048
# More than any broker's window of unacknowledged QoS 1 messages; only a flood of QoS 0 fills it, and is dropped.
MAX_WAITING_IN = 1024
RETRY_DELAYS_S = (0.05, 0.25, 1.0)


@dataclass(frozen=True, slots=True)
class _Subscription:
    topic_filter: str
    handler: Handler
    retained: bool

    def matches(self, message: Message) -> bool:
        plain = self.topic_filter
        if plain.startswith("$share/"):
            plain = plain.split("/", 2)[2]
        return paho.topic_matches_sub(plain, message.topic) and (self.retained or not message.retained)


@dataclass(frozen=True, slots=True)
class _Received:
    message: Message
    packet_id: int  # 0 for QoS 0, which has no acknowledgement
    connection: int


class _PahoDelivery:
    def __init__(self, info: paho.MQTTMessageInfo) -> None:
        self._info = info

    @property
    def acknowledged(self) -> bool:
        return self._info.is_published()

    def wait(self, timeout_s: float) -> bool:
        self._info.wait_for_publish(timeout_s)
        return self._info.is_published()


class MqttLink:
    """A `Link` to one broker. `client_id` is fixed for the life of an installation: the session hangs on it.

    `max_received_bytes`: handlers get messages up to there, `max_payload_bytes` if not given; larger ones are dropped.
    `will`: topic and payload of the last will, retained.
    """

    def __init__(
        self,
        address: BrokerAddress,
        client_id: str,
        *,
        tls: ssl.SSLContext | None = None,
        keepalive_s: int = KEEPALIVE_S,
        max_payload_bytes: int = MAX_PAYLOAD_BYTES,
        max_received_bytes: int | None = None,
        persistent: bool = True,
        will: tuple[str, bytes] | None = None,
    ) -> None:
        self._address = address
        self._max_payload_bytes = max_payload_bytes
        self._max_received_bytes = max_received_bytes or max_payload_bytes
        self._keepalive_s = keepalive_s
        self._subscriptions: list[_Subscription] = []
        self._callbacks: list[Callable[[], None]] = []
        self._lock = threading.Lock()
        self._connected = threading.Event()
        self._stopping = threading.Event()
        self._trouble = ""
        self._refused = False
        self._failure = ""  # what paho said last of the socket
        self._told = False  # whether the trouble of this attempt is known
        self._connection = 0  # counts connections: a packet id means something only within one
        self._incoming: queue.Queue[_Received | Callable[[], None] | None] = queue.Queue(MAX_WAITING_IN)
        self._worker: threading.Thread | None = None
        self._client = self._make_client(client_id, persistent, tls)
        if will is not None:
            self._client.will_set(*will, qos=1, retain=True)

    def _make_client(self, client_id: str, persistent: bool, tls: ssl.SSLContext | None) -> paho.Client:
        client = paho.Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=not persistent,
            protocol=paho.MQTTv311,
            manual_ack=True,
        )
        client.username_pw_set(self._address.username, self._address.password)
        if self._address.tls:
            client.tls_set_context(tls or client_context())
        elif tls is not None:
            raise ValueError("a TLS context was given for an address without TLS: use mqtts://")
        client.max_inflight_messages_set(MAX_INFLIGHT)
        client.max_queued_messages_set(MAX_WAITING_OUT)
        client.reconnect_delay_set(1, MAX_RECONNECT_DELAY_S)
        client.on_socket_open = self._on_socket_open
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_message = self._on_message
        client.on_log = self._on_paho_log
        return client

    # --- the interface ---

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted this connection."""
        return self._connected.is_set()

    @property
    def trouble(self) -> str:
        """Why there is no connection, in one line: where the broker is and what went wrong last. Empty when it is well.

        Connecting is tried again whatever it says.
        """
        return self._trouble

    @property
    def refused(self) -> bool:
        """Whether the trouble is one that waiting does not mend: a certificate, a name or a password."""
        return self._refused and bool(self._trouble)

    def start(self) -> None:
        """Begin connecting in the background. RuntimeError when already started."""
        if self._worker is not None:
            raise RuntimeError("this link was started already")
        self._stopping.clear()
        self._worker = threading.Thread(target=self._work, name="mqtt-handlers", daemon=True)
        self._worker.start()
        self._client.connect_async(self._address.host, self._address.port, self._keepalive_s)
        self._client.loop_start()

    def stop(self) -> None:
        """Let the running handler end, then disconnect. Safe to call twice."""
        worker, self._worker = self._worker, None
        if worker is None:
            return
        self._stopping.set()
        _drain(self._incoming)
        with contextlib.suppress(queue.Full):  # a full queue needs nothing to wake the thread
            self._incoming.put_nowait(None)
        worker.join()
        self._client.disconnect()
        self._client.loop_stop()
        self._connected.clear()

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until the broker has accepted us; False when it refused us, or that took longer."""
        end = time.monotonic() + timeout_s
        while not self._connected.wait(min(0.05, timeout_s)):
            if self.refused or time.monotonic() >= end:
                return self._connected.is_set()
        return True

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> Delivery:
        """Hand over a message; it waits in memory while disconnected, and order is kept."""
        if len(payload) > self._max_payload_bytes:
            raise PayloadTooLargeError(f"{len(payload)} bytes, at most {self._max_payload_bytes} can be sent")
        info = self._client.publish(topic, payload, qos, retain)
        if info.rc == MQTTErrorCode.MQTT_ERR_QUEUE_SIZE:
            raise LinkFullError(f"{MAX_WAITING_OUT} messages wait for the broker already")
        if qos and info.rc == MQTTErrorCode.MQTT_ERR_NO_CONN:
            # paho has kept it and sends it after the next connect; its `info` would only raise, for ever
            info.rc = MQTTErrorCode.MQTT_ERR_SUCCESS
        return _PahoDelivery(info)

    def subscribe(self, topic_filter: str, handler: Handler, *, retained: bool = False) -> None:
        """Call `handler` for every message matching `topic_filter`, which may start with $share/group/."""
        with self._lock:
            self._subscriptions.append(_Subscription(topic_filter, handler, retained))
            if self._connected.is_set():
                self._client.subscribe(topic_filter, 1)

    def on_connected(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the handlers' thread after each connect."""
        with self._lock:
            self._callbacks.append(callback)

    def bring(self, message: Message) -> None:
        """Give the handlers a message that came another way, in turn with the broker's; waits while many wait."""
        self._put_unless_stopping(_Received(message, 0, 0))

    # --- paho's thread ---

    def _on_socket_open(self, client: paho.Client, userdata: object, sock: Any) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._failure, self._told = "", False

    def _on_connect(
        self, client: paho.Client, userdata: object, flags: paho.ConnectFlags, reason: Any, properties: object
    ) -> None:
        if reason.is_failure:
            self._tell_trouble(f"it refused this user name, password or client id ({reason})", refused=True)
            return
        with self._lock:
            self._trouble = ""
            self._connection += 1
            # Always, not only for a new session: an embedded broker forgets sessions when it restarts.
            if self._subscriptions:
                client.subscribe([(subscription.topic_filter, 1) for subscription in self._subscriptions])
            self._connected.set()
            callbacks = list(self._callbacks)
        _log.info("connected to the broker (session %s)", "kept" if flags.session_present else "new")
        for callback in callbacks:
            self._put_unless_stopping(callback)

    def _on_connect_fail(self, client: paho.Client, userdata: object) -> None:
        error = sys.exc_info()[1]  # paho calls this where it caught what went wrong, and does not pass it on
        why = "it does not answer" if error is None else explain(error)
        self._tell_trouble(why, refused=isinstance(error, ssl.SSLError))

    def _on_disconnect(
        self, client: paho.Client, userdata: object, flags: paho.DisconnectFlags, reason: Any, properties: object
    ) -> None:
        with self._lock:
            self._connection += 1
            accepted = self._connected.is_set()
            self._connected.clear()
        if self._stopping.is_set():
            return
        if accepted:
            _log.warning("lost the broker: %s", reason)
        elif not self._told:
            # With TLS 1.3 a client learns only now that its certificate was not taken.
            why = explain_text(self._failure)
            self._tell_trouble(why or f"it ended the connection before accepting it ({reason})", refused=bool(why))

    def _on_paho_log(self, client: paho.Client, userdata: object, level: int, text: str) -> None:
        if level == LogLevel.MQTT_LOG_ERR:
            self._failure = text

    def _tell_trouble(self, why: str, *, refused: bool) -> None:
        self._refused = refused
        self._trouble, self._told = f"the broker at {self._address.host}:{self._address.port}: {why}", True
        _log.warning("%s; trying again", self._trouble)

    def _on_subscribe(
        self, client: paho.Client, userdata: object, packet_id: int, reasons: list[Any], properties: object
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            _log.error("the broker refused a subscription; check its access rules for this client")

    def _on_message(self, client: paho.Client, userdata: object, received: paho.MQTTMessage) -> None:
        try:
            topic = received.topic
        except UnicodeDecodeError:
            topic = ""  # no filter matches it: acknowledged and dropped
        packet_id = received.mid if received.qos else 0
        item = _Received(Message(topic, bytes(received.payload), bool(received.retain)), packet_id, self._connection)
        if packet_id:
            self._put_unless_stopping(item)
            return
        try:
            self._incoming.put_nowait(item)
        except queue.Full:
            _log.warning("dropped a QoS 0 message: %d messages wait already", MAX_WAITING_IN)

    def _put_unless_stopping(self, item: _Received | Callable[[], None]) -> None:
        while not self._stopping.is_set():
            try:
                self._incoming.put(item, timeout=0.2)
                return
            except queue.Full:
                continue

    # --- the handlers' thread ---

    def _work(self) -> None:
        while not self._stopping.is_set():
            item = self._incoming.get()
            if item is None:
                continue
            if isinstance(item, _Received):
                if self._handled(item):
                    self._acknowledge(item)
            else:
                self._attempt(item, "a connection callback failed")

    def _handled(self, item: _Received) -> bool:
        """Run the handlers; False when the link is stopping and the message shall come again."""
        message = item.message
        if len(message.payload) > self._max_received_bytes:
            _log.warning("dropped %d bytes on %s: above the cap", len(message.payload), message.topic)
            return True
        with self._lock:
            handlers = [known.handler for known in self._subscriptions if known.matches(message)]
        return all(self._deliver(handler, message) for handler in handlers)

    def _deliver(self, handler: Handler, message: Message) -> bool:
        """Call a handler until it succeeds, a few times; a message it fails on for good is given up, loudly.

        Waiting keeps the order of messages and PUBACKs. Giving up loses nothing: its sender sends until our receipt.
        """
        for delay_s in (*RETRY_DELAYS_S, None):
            if self._attempt(lambda: handler(message), f"handling a message on {message.topic} failed"):
                return True
            if delay_s is not None and self._stopping.wait(delay_s):
                return False
        _log.error("gave up on a message on %s", message.topic)
        return True

    def _attempt(self, call: Callable[[], None], failure: str) -> bool:
        try:
            call()
        except Exception:  # noqa: BLE001 - a handler's bug must not end the thread that serves everybody
            _log.exception(failure)
            return False
        return True

    def _acknowledge(self, item: _Received) -> None:
        with self._lock:
            # On another connection the same packet id may name another message: that one's PUBACK is not ours to send.
            if item.packet_id and item.connection == self._connection:
                self._client.ack(item.packet_id, 1)


def _drain(waiting: queue.Queue[Any]) -> None:
    while True:
        try:
            waiting.get_nowait()
        except queue.Empty:
            return
