"""The Board contract on the virtual box (`hardware/sim`), over two UNIX sockets to its process.

Outputs, clock and flash are requests answered one by one on the first socket. Inputs come as they happen on the second,
and are kept here as an interrupt would keep them: the newest readings, and a bounded ring of edges for each bay.
A record is 16 bytes little-endian (kind, argument, length, three words), followed by `length` bytes of payload.
`hardware/sim/wire.py` describes both directions; it belongs together with this file and `sim_link.py`.

A socket that fails means that the box has lost its power: the VM ends at once, as a board's would.
"""

import asyncio
import os
import select
import struct
import sys
import time
from asyncio import core

from micropython import const

from . import EDGE_RING, LOST, MAX_DRIVE_MS, MAX_RANDOM, TICKS_MASK, sim_link

# Events.
_INPUTS = const(1)
_EDGE = const(2)
_TIME = const(3)

# Bits of the readings in an _INPUTS event.
_TAMPERED = const(1)
_LID = const(2)
_BUTTON = const(4)
_MAINS = const(8)
_HAS_BATTERY = const(16)
_RECEIVED = const(128)  # ours: any reading has come
_LATCHED = const(7)  # _TAMPERED | _LID | _BUTTON


class SimBoard:
    """The virtual box's Board. The path of its socket is in the environment (SEALBOX_SIM)."""

    both_drive = False

    def __init__(self) -> None:
        path = os.getenv("SEALBOX_SIM")
        if not path:
            raise OSError(
                "SEALBOX_SIM is not set: start the firmware through the virtual box (python -m hardware.sim run)"
            )
        self._requests = sim_link.Requests(path)
        answer = bytearray(8)
        self.bays = self._requests.call(sim_link.HELLO, into=answer)
        self._cause, block_size, blocks = struct.unpack("<BxHI", answer)
        self._flash = sim_link.Flash(self._requests, block_size, blocks)
        self._readings = (0, 0, 0, 0, 0)  # flags, battery, switches, seals, drives
        self._latched = 0  # flags that were set since they were last looked at
        self._rings = tuple([] for _ in range(self.bays))
        self._ticks_offset = -1  # not told yet
        self._changed = asyncio.Event()
        self._partial = b""
        self._events = sim_link.connect(path, b"E")
        self._poll = select.poll()
        self._poll.register(self._events, select.POLLIN)
        while not self._readings[0]:  # the box sends its time and readings first
            self._poll.poll()
            self._pump()
        self._listening = asyncio.create_task(self._listen())

    # Shutters

    def open(self, bay: int, max_ms: int) -> bool:
        if max_ms < 1:
            raise ValueError("max_ms must be positive")
        return bool(self._requests.call(sim_link.OPEN, self._index(bay), min(max_ms, MAX_DRIVE_MS)))

    def close(self, bay: int) -> None:
        self._requests.call(sim_link.CLOSE, self._index(bay))

    def driving(self, bay: int) -> bool:
        return self._bit(4, self._index(bay))

    def switches(self, bay: int) -> "tuple[bool, bool]":
        index = self._index(bay)
        self._pump()
        pair = self._readings[2] >> (2 * index)
        return bool(pair & 1), bool(pair & 2)

    # Inputs

    def take_edges(self, bay: int) -> "list[tuple[int, int]]":
        ring = self._rings[self._index(bay)]
        self._pump()
        edges = ring[:]
        ring.clear()
        return edges

    def seal_present(self, bay: int) -> bool:
        return self._bit(3, self._index(bay))

    def tampered(self) -> bool:
        return self._flag(_TAMPERED)

    def lid_open(self) -> bool:
        return self._flag(_LID)

    def button(self) -> bool:
        return self._flag(_BUTTON)

    def battery_mv(self) -> "int | None":
        return self._readings[1] if self._flag(_HAS_BATTERY) else None

    def mains_ok(self) -> bool:
        return self._flag(_MAINS)

    async def changed(self) -> None:
        self._pump()
        await self._changed.wait()
        # Cleared before the caller looks: what changes while it looks is there for the next call.
        self._changed.clear()

    # Time

    def ticks_ms(self) -> int:
        self._pump()
        return (time.ticks_ms() + self._ticks_offset) & TICKS_MASK

    def clock(self) -> "int | None":
        return self._requests.call(sim_link.CLOCK) or None

    def set_clock(self, utc: int) -> None:
        if not 0 < utc < 0x1_0000_0000:
            raise ValueError("the clock takes UTC seconds of 32 bits")
        self._requests.call(sim_link.SET_CLOCK, 0, utc)

    def set_time(self, utc: int) -> None:
        # The VM takes the time of the computer that it runs on, which a test must not set: certificates are checked
        # by that one, whatever the virtual clock says.
        pass

    # Outputs

    def draw(self, row: int, picture: bytearray) -> None:
        self._requests.call(sim_link.DRAW, row, data=picture)

    def show(self, lines: "list[str]") -> None:
        self._requests.call(sim_link.SHOW, data="\n".join(lines).encode())

    def buzz(self, pattern: "tuple[int, ...]") -> None:
        self._requests.call(sim_link.BUZZ, data=struct.pack("<%dH" % len(pattern), *pattern))

    # The machine

    def random(self, n: int) -> bytes:
        if not 0 < n <= MAX_RANDOM:
            raise ValueError("1 to %d random bytes at once" % MAX_RANDOM)
        data = bytearray(n)
        self._requests.call(sim_link.RANDOM, into=data)
        return bytes(data)

    def feed(self) -> None:
        self._requests.call(sim_link.FEED)

    def reset_cause(self) -> int:
        return self._cause

    def reset(self) -> None:
        self._requests.call(sim_link.RESET)
        sim_link.power_lost()

    def flash(self) -> object:
        return self._flash

    async def join(self, name: "str | None", password: "str | None") -> None:
        pass

    def console(self) -> "tuple[object, object]":
        return asyncio.StreamReader(sys.stdin.buffer), asyncio.StreamWriter(sys.stdout.buffer, {})

    # What comes on the socket of events

    def _index(self, bay: int) -> int:
        if not 1 <= bay <= self.bays:
            raise ValueError("this box has bays 1 to %d" % self.bays)
        return bay - 1

    def _flag(self, mask: int) -> bool:
        self._pump()
        seen = (self._readings[0] | self._latched) & mask
        self._latched &= ~mask
        return bool(seen)

    def _bit(self, which: int, index: int) -> bool:
        self._pump()
        return bool((self._readings[which] >> index) & 1)

    async def _listen(self) -> None:
        while True:
            yield core._io_queue.queue_read(self._events)
            self._pump()

    def _pump(self) -> None:
        """Takes in everything that has arrived, without waiting."""
        while self._poll.poll(0):
            try:
                data = self._events.recv(256)
            except OSError:
                data = b""
            if not data:
                sim_link.power_lost()
            data = self._partial + data
            whole = len(data) // sim_link.RECORD_SIZE * sim_link.RECORD_SIZE
            for start in range(0, whole, sim_link.RECORD_SIZE):
                self._take(struct.unpack_from(sim_link.RECORD, data, start))
            self._partial = data[whole:]

    def _take(self, record: tuple) -> None:
        kind, argument, value, a, b, c = record
        if kind == _INPUTS:
            self._readings = (argument | _RECEIVED, value, a, b, c)
            self._latched |= argument & _LATCHED
            self._changed.set()
        elif kind == _EDGE:
            ring = self._rings[argument]
            if len(ring) < EDGE_RING - 1:
                ring.append((a, value))
            elif len(ring) == EDGE_RING - 1:
                ring.append((a, LOST))
            self._changed.set()
        elif kind == _TIME:
            before, self._ticks_offset = self._ticks_offset, a | (b << 32)
            if before >= 0:
                _wake_earlier(self._ticks_offset - before)
            self._events.sendall(b"T")  # tests that skip hours wait for this
            self._changed.set()


def _wake_earlier(skipped_ms: int) -> None:
    """Hours skipped in the virtual box pass for sleeping tasks too: brings what they wait for closer by as much."""
    queue = core._task_queue
    now = time.ticks_ms()
    tasks = []
    while queue.peek():
        task = queue.pop()
        tasks.append((task, task.ph_key, task.data))
    for task, due, thrown in tasks:
        # Not before what is due already: a timeout that ends before its task began ends the waiting task with it.
        queue.push(task, max(due - skipped_ms, now + 1) if due > now else due)
        task.data = thrown  # push() forgets what is to be thrown into a cancelled task
