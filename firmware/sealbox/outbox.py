"""What the host has not acked yet: entries in order, checkpoints, challenges, over whatever link there is.

Guarantees: entries are sent only once they are durable, in order, from the host's last ack on, again and again until an
ack covers them; a checkpoint follows a connection, whatever asked for one, and a day. Nothing of this is kept on flash:
after a boot the host's answer to the first checkpoint says from where to go on.
"""

import asyncio

from micropython import const
from sealwire import chain, errors, limits, messages
from sealwire.errors import Refused
from sealwire.messages import CHALLENGE, CHECKPOINT, ENTRIES

from sealbox.board import ticks_add, ticks_diff
from sealbox.link import OUT, STATUS

_FIRST_RETRY_MS = const(5_000)
_LAST_RETRY_MS = const(300_000)
_DAY_MS = const(86_400_000)
_BATCH_BYTES = const(2048)  # building it takes three times as much, also while a grant is checked
_SHORT_MS = const(1000)  # when memory is short, for how long to send nothing


class Outbox:
    """Sends what the box has to say. ``acked_seq``: the last entry that the host proved to have; -1 before its first
    ack."""

    def __init__(
        self, site: bytes, identity: object, journal: object, board: object, gate: object, version: str
    ) -> None:
        self._site = site
        self._identity = identity
        self._journal = journal
        self._board = board
        self._gate = gate
        self._version = version
        self._link = None
        self._wake = asyncio.Event()
        self._asked = []  # bays whose challenge somebody asked for
        self._due = True  # a checkpoint is
        self._waiting = False  # for the ack of the checkpoint at _checkpoint_seq
        self._checkpoint_seq = 0
        self._rewound = False  # by an ack since the last checkpoint
        self._sent = -1  # the last entry sent since the host's last word
        self._retry_ms = _FIRST_RETRY_MS
        self._retry_at = 0
        self._day_at = 0
        self.acked_seq = -1
        self.acked_by = None  # the reference of the ack

    @property
    def unanswered(self) -> bool:
        """Whether a checkpoint was sent again and still has no ack: the link is there, and no host behind it."""
        return self._waiting and self._retry_ms > _FIRST_RETRY_MS

    def connected(self) -> None:
        """The link is up: the status may be gone, and the host may have missed anything."""
        self._sent = -1
        self._retry_ms = _FIRST_RETRY_MS
        self.wake(True)

    def wake(self, checkpoint: bool = False) -> None:
        """There is something new in the log; with ``checkpoint``, something that is to be proven soon."""
        self._due = self._due or checkpoint
        self._wake.set()

    def challenge(self, bay: int) -> None:
        """Somebody asked for a bay's challenge."""
        if bay not in self._asked:
            self._asked.append(bay)
        self._wake.set()

    def acked(self, ack: "messages.Message") -> None:
        """The host's word on what it stored. Raises Refused (other_chain) when that is not this log."""
        seq, log = ack["seq"], self._journal.log
        if log.head_at(seq) != ack["head"]:
            raise Refused(errors.OTHER_CHAIN)
        if seq > self.acked_seq:
            self.acked_seq, self.acked_by = seq, ack.reference
        if self._sent < 0 or (seq < self._checkpoint_seq and not self._rewound):
            # From here on the host lacks them. Once for each checkpoint: an old ack can be sent again by anybody.
            self._rewound = self._sent >= 0
            self._sent = seq
            self._due = self._due or seq < log.durable
        elif seq < self._checkpoint_seq:
            return
        else:
            self._waiting = False
            self._retry_ms = _FIRST_RETRY_MS
        self._make_room()
        self._wake.set()

    def _make_room(self) -> None:
        """Drop the oldest acked entries when there is no room for new ones; the entry comes first and names the ack."""
        log = self._journal.log
        if log.room():
            return
        last = log.prunable(min(self.acked_seq, log.durable))
        if last >= log.first:
            self._journal.write(
                chain.PRUNE, {"first": last + 1, "acked": self.acked_seq, "message": self.acked_by}, True, True
            )
            log.prune(last)

    async def run(self, link: object) -> None:
        """Send, for ever."""
        self._link = link
        while True:
            try:
                await asyncio.wait_for_ms(self._wake.wait(), self._pause_ms())
            except asyncio.TimeoutError:
                self._timers()
            self._wake.clear()
            if not link.connected:
                continue
            try:
                while await self._step():
                    pass
            except MemoryError:
                # A large message is being looked at. What was to go, the host asks for by its ack of a checkpoint.
                self._sent = -1
                await asyncio.sleep_ms(_SHORT_MS)
                self.wake(True)

    def _pause_ms(self) -> int:
        if not self._link.connected:
            return _FIRST_RETRY_MS
        if self._waiting:
            return max(0, ticks_diff(self._retry_at, self._board.ticks_ms()))
        return 60_000

    def _timers(self) -> None:
        now = self._board.ticks_ms()
        if self._waiting and ticks_diff(now, self._retry_at) >= 0:
            self._retry_ms = min(2 * self._retry_ms, _LAST_RETRY_MS)
            self._sent = -1
            self._due = True
        if ticks_diff(now, self._day_at) >= 0:
            self._due = True

    async def _step(self) -> bool:
        """Send one thing; False when there is nothing left to send."""
        log = self._journal.log
        if self._asked:
            await self._send_challenge(self._asked.pop(0))
        elif self._sent >= 0 and self._sent < log.durable:
            await self._send_entries(log)
        elif self._due:
            await self._send_checkpoint(log)
        else:
            return False
        return True

    async def _send_entries(self, log: object) -> None:
        first, batch, size = self._sent + 1, [], 0
        for seq, entry in log.entries(first, log.durable):
            if not batch:
                first = seq  # older ones are pruned, and were acked
            if len(batch) == limits.ENTRIES_PER_BATCH or size + len(entry) > _BATCH_BYTES:
                break
            batch.append(entry)
            size += len(entry) + 3
        self._sent = first + len(batch) - 1
        await self._link.publish(OUT, messages.build_item(ENTRIES, {"first": first, "entries": batch}))

    async def _send_checkpoint(self, log: object) -> None:
        self._due = False
        log.flush()
        journal, clock = self._journal, self._journal.clock
        fields = {
            "boot": journal.boot,
            "seq": log.seq,
            "head": log.head,
            "clock": clock.now(),
            "clock_set": int(clock.is_set()),
            "roster": journal.roster,
            "firmware": self._version,
        }
        now = self._board.ticks_ms()
        self._checkpoint_seq, self._waiting, self._rewound = log.seq, True, False
        self._retry_at, self._day_at = ticks_add(now, self._retry_ms), ticks_add(now, _DAY_MS)
        raw = self._identity.build(CHECKPOINT, fields, self._site)
        await self._link.publish(OUT, raw)
        await self._link.publish(STATUS, raw, True)

    async def _send_challenge(self, bay: int) -> None:
        """The bay's live challenge, signed once: asking again brings the same bytes."""
        live = self._gate.challenge(bay)
        if not live.raw:
            journal = self._journal
            journal.log.flush()
            fields = {
                "bay": bay,
                "boot": journal.boot,
                "nonce": live.nonce,
                "seq": journal.log.seq,
                "head": journal.log.head,
                "roster": journal.roster,
            }
            live.raw = self._identity.build(CHALLENGE, fields, self._site)
        await self._link.publish(OUT, live.raw)
