"""What services know of a link: the one interface that MQTT and USB serial both fulfil.

Guarantees, whichever link it is: handlers run one at a time, in the order the messages came, on a thread of the link's
own; a message is acknowledged to the peer only after its handler returned, so a handler commits before it returns and
a crash in between brings the message again. A message can therefore come twice: receivers act on a reference once.

Leaves to others: that anything arrives. An acknowledgement proves nothing about the receiver; senders keep their
message and send it again until the receiver's own signed answer.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

MAX_PAYLOAD_BYTES = 8192
"""The most that one message holds (a roster at its largest is 7.8 KiB); boxes drop more unread."""


class LinkError(Exception):
    """A link could not take a message; the text says why. Keep the message and try again later."""


class PayloadTooLargeError(LinkError, ValueError):
    """The payload is above the link's cap and would be dropped at the other end: sending it again cannot help."""


class LinkFullError(LinkError):
    """Too much waits to be sent already (the peer is away, or slow). Try again later."""


@dataclass(frozen=True, slots=True)
class Message:
    """One received message. `retained` is true when the broker had kept it from before our subscription."""

    topic: str
    payload: bytes
    retained: bool


Handler = Callable[[Message], None]


class Delivery(Protocol):
    """One published message on its way to the broker."""

    @property
    def acknowledged(self) -> bool:
        """Whether the broker has acknowledged it."""

    def wait(self, timeout_s: float) -> bool:
        """Wait for the broker's acknowledgement; False when it did not come in time (it may still come)."""


class Link(Protocol):
    """A way to boxes and people. All methods may be called from any thread."""

    @property
    def connected(self) -> bool:
        """Whether the peer has accepted this connection. Says nothing about who listens behind it."""

    def start(self) -> None:
        """Begin connecting, and go on for ever until `stop`. Returns at once."""

    def stop(self) -> None:
        """Let the running handler end, then disconnect. What is not acknowledged comes again after the next start."""

    def wait_connected(self, timeout_s: float) -> bool:
        """Wait until connected; False when that took longer than `timeout_s`."""

    def publish(self, topic: str, payload: bytes, qos: int = 1, retain: bool = False) -> Delivery:
        """Hand over a message; while disconnected it waits in memory. Raises PayloadTooLargeError or LinkFullError."""

    def subscribe(self, topic_filter: str, handler: Handler, *, retained: bool = False) -> None:
        """Call `handler` for every message that matches, now and after each reconnect. Filters must not overlap.

        Retained messages are dropped unless `retained` is true: a command that a broker kept is no command.
        """

    def on_connected(self, callback: Callable[[], None]) -> None:
        """Call `callback` on the handlers' thread after each connect: the moment to publish retained topics again."""
