"""What time brings."""

from __future__ import annotations

from dataclasses import dataclass

from sealhost.core.backoff import delay_s
from sealhost.services import boxlog, granting, pushing
from sealhost.services.context import Turn
from sealhost.services.lifecycles import opens_by_itself, refresh
from sealhost.store import boxes, outbox
from sealhost.store import messages as message_store

MAX_ATTEMPTS = 100
"""After this many (some eight hours) only a box that comes back makes the host send again."""
LONG_S = 86400


@dataclass(frozen=True, slots=True)
class Due:
    """An outbox row to publish. `until_delivered`: the broker's acknowledgement is all it needs."""

    row: int
    topic: str
    payload: bytes
    retain: bool
    until_delivered: bool


def tick(turn: Turn) -> None:
    """End what is over, forget what stays unproven, ask what is to be asked, push what boxes lack."""
    boxlog.forget_unproven(turn)
    for row in message_store.due_endings(turn.tx, turn.now):
        refresh(turn, row.site, row.reference)
    ask_due(turn)
    for box in boxes.due(turn.tx, turn.now):
        pushing.push(turn, box)


def ask_due(turn: Turn) -> None:
    """Ask the boxes of which a challenge is wanted by now."""
    for row in message_store.due_asks(turn.tx, turn.now):
        current = message_store.request(turn.tx, row.site, row.reference)
        if current is None or current.ask_at is None:
            continue
        if current.live_state == "approved" and not opens_by_itself(current, current.opened, turn.now):
            message_store.update_request(turn.tx, row.site, row.reference, ask_at=None, asks=0)
            continue
        granting.ask_for(turn, current)


def any_due(turn: Turn) -> bool:
    """Whether an outbox row is to be published now."""
    first = outbox.next_due(turn.tx)
    return first is not None and first <= turn.now


def take_due(turn: Turn) -> list[Due]:
    """The outbox rows to publish now, each put off until its next attempt."""
    found = []
    for row in outbox.due(turn.tx, turn.now):
        attempts = row.attempts + 1
        wait = delay_s(attempts) if attempts < MAX_ATTEMPTS else LONG_S
        outbox.postpone(turn.tx, row.id, turn.now + wait, attempts)
        found.append(Due(row.id, row.topic, row.payload, row.retain, row.answer is None))
    return found
