"""What passes between a box's serial line and a broker, as the host and the gateway both have it pass.

Guarantees: what a box says on its line is published as it would publish it itself; of what others publish to it, only
what it would take over MQTT reaches its line, so that nobody sets a box up over a broker.
"""

from __future__ import annotations

from collections.abc import Iterator

from sealwire import cose, messages, topics
from sealwire.errors import SealwireError

from sealhost.links.serial import SerialBox


def published(box: SerialBox, payload: bytes) -> Iterator[tuple[str, bytes, bool]]:
    """(topic, payload, retained) of what a box said."""
    yield topics.box_out(box.site, box.kid), payload, False
    if _is_checkpoint(payload):
        yield topics.box_status(box.site, box.kid), payload, True


def away(box: SerialBox) -> tuple[str, bytes, bool]:
    """What a broker publishes as a box's last will."""
    return topics.box_status(box.site, box.kid), b"", True


def may_reach(payload: bytes) -> bool:
    """Whether something published to a box may go down its line: signed messages, and asking for a challenge."""
    if not messages.is_item(payload):
        return True
    try:
        return messages.read_item(payload)[0] == messages.ASK
    except SealwireError:
        return False


def _is_checkpoint(payload: bytes) -> bool:
    try:
        return not messages.is_item(payload) and cose.read(payload).number == messages.CHECKPOINT
    except SealwireError:
        return False
