"""What a box says of one request, as its entries come: live first, proven once a checkpoint covers them.

Guarantees: a fact is proven only when every entry between two checkpoints that the box signed was seen here, or given
by the host, and the hash chain leads from one to the other. Until then it is what the broker delivered, and is shown as
such.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from sealwire import chain, limits, messages, topics
from sealwire.chain import Entry, History
from sealwire.errors import SealwireError
from sealwire.messages import Message

from sealhost.client.trust import Trust
from sealhost.links import Message as Mail

OPENED = "opened"
PRESSED = "pressed"
CLOSED = "closed"
INTERRUPTED = "interrupted"
JAMMED = "jammed"
REFUSED = "refused"
ENDED = "ended"
UNFIT = "unfit"

ENDS = (CLOSED, INTERRUPTED, ENDED)
"""Facts after which the bay is closed, or closing for good."""

_FACTS = {
    chain.INTENT: OPENED,
    chain.PRESS: PRESSED,
    chain.CLOSED: CLOSED,
    chain.INTERRUPTED: INTERRUPTED,
    chain.JAM: JAMMED,
    chain.REFUSED: REFUSED,
    chain.FINISH: ENDED,
}


@dataclass(frozen=True, slots=True)
class Fact:
    """One thing a box says of the request. left: impressions it may still have, by the entries seen."""

    kind: str
    seq: int
    time: int
    proven: bool
    left: int
    fields: dict[str, Any] = field(default_factory=dict)


Fetch = Callable[[int, int], Sequence[bytes]]
"""Gives the entries from one seq to another, or fewer; whoever it asks, the chain proves them."""


class Follower:
    """Reads what one box publishes, from a checkpoint on, for one request. `fetch` is for what did not arrive."""

    def __init__(self, trust: Trust, request: Message, start: Message, fetch: Fetch | None = None) -> None:
        self._trust = trust
        self._fetch = fetch
        self._request = request
        self._box = bytes(request["box"])
        self._seq, self._head = int(start["seq"]), bytes(start["head"])
        self._entries: dict[int, bytes] = {}
        self._shown: set[tuple[int, bool]] = set()
        self._base = History(request.reference)  # up to the last checkpoint
        self._history = History(request.reference)  # with what came after it
        self._topics = (topics.box_out(trust.site, self._box), topics.box_status(trust.site, self._box))

    @property
    def passed(self) -> int:
        """The log seq of the last checkpoint seen."""
        return self._seq

    def feed(self, mail: Mail) -> list[Fact]:
        """The facts that this message adds; none for anything that is not this box's."""
        if mail.topic not in self._topics or not mail.payload:
            return []
        if messages.is_item(mail.payload):
            return self._take_entries(mail.payload)
        checkpoint = self._trust.checkpoint(mail.payload, self._box)
        return [] if checkpoint is None else self._take_checkpoint(checkpoint)

    def _take_entries(self, payload: bytes) -> list[Fact]:
        try:
            number, fields = messages.read_item(payload)
        except SealwireError:
            return []
        facts: list[Fact] = []
        if number != messages.ENTRIES:
            return facts
        for seq, raw in enumerate(fields["entries"], fields["first"]):
            if seq <= self._seq or seq in self._entries or len(self._entries) >= limits.KEEP_ENTRIES:
                continue
            self._entries[seq] = raw
            facts += self._facts(seq, raw, proven=False)
        return facts

    def _take_checkpoint(self, checkpoint: Message) -> list[Fact]:
        seq, head = int(checkpoint["seq"]), bytes(checkpoint["head"])
        if seq <= self._seq:
            return []
        first = self._seq + 1
        between: Sequence[bytes | None] = [self._entries.pop(number, None) for number in range(first, seq + 1)]
        reached = self._reach(between)
        if reached != head and self._fetch is not None and seq - first < limits.KEEP_ENTRIES:
            fetched = self._fetch(first, seq)
            if len(fetched) == len(between) and self._reach(fetched) == head:
                between, reached = fetched, head
        self._seq, self._head = seq, head
        self._rebase([raw for raw in between if raw is not None])
        if not reached:
            return []  # some were sent before we listened: what they said stays unproven here
        if reached != head:
            return [Fact(UNFIT, seq, int(checkpoint["clock"]), True, self._left())]
        facts: list[Fact] = []
        for number, raw in enumerate(between, first):
            if raw is not None:
                facts += self._facts(number, raw, proven=True)
        return facts

    def _reach(self, entries: Sequence[bytes | None]) -> bytes:
        """The head after these entries, empty when one is missing."""
        reached = self._head
        for raw in entries:
            if raw is None:
                return b""
            reached = chain.next_head(reached, raw)
        return reached

    def _rebase(self, entries: list[bytes]) -> None:
        """Count what a checkpoint passed anew, in its order, and then what came after it."""
        _apply(self._base, entries)
        self._history = deepcopy(self._base)
        _apply(self._history, [self._entries[number] for number in sorted(self._entries)])

    def _facts(self, seq: int, raw: bytes, *, proven: bool) -> list[Fact]:
        try:
            entry = chain.read_entry(raw)
        except SealwireError:
            return []
        if not proven:
            self._history.apply(entry)
        kind = _FACTS.get(entry.kind)
        if kind is None or not self._concerns(entry) or (seq, proven) in self._shown:
            return []
        self._shown.add((seq, proven))
        return [Fact(kind, seq, entry.time, proven, self._left(), entry.fields)]

    def _concerns(self, entry: Entry) -> bool:
        return bool(entry.get("request") == self._request.reference)

    def _left(self) -> int:
        return max(0, int(self._request["impressions"]) - self._history.spent)


def _apply(history: History, entries: list[bytes]) -> None:
    for raw in entries:
        with contextlib.suppress(SealwireError):
            history.apply(chain.read_entry(raw))
