"""What the virtual box and the firmware's `board/sim.py` say to each other; the other end's copy is in that file and
`sim_link.py` beside it.

The firmware connects twice to the box's socket. The first byte tells what for: `R` for requests, which are answered one
by one, or `E` for events, which the box sends as they happen. Both carry records of 16 bytes, little-endian: kind (u8),
argument (u8), length (u16), three words (u32 each), followed by `length` bytes of payload. In a request that wants data
(RANDOM, READ, HELLO) the length is that of the answer's payload, and none follows.
An answer repeats the kind; its argument is 0 or an errno, its first word the value. Bays count from 0 here.
"""

import struct
from typing import NamedTuple

RECORD = struct.Struct("<BBHIII")

HELLO = 1  # -> bays; payload: reset cause (u8), pad, block size (u16), blocks (u32)
OPEN = 2  # argument: bay, a: milliseconds -> 1 if the drive started, 0 if it was running
CLOSE = 3  # argument: bay
CLOCK = 4  # -> UTC seconds, 0 when lost
SET_CLOCK = 5  # a: UTC seconds
SHOW = 6  # payload: lines joined by newlines, UTF-8
BUZZ = 7  # payload: milliseconds (u16 each)
RANDOM = 8  # length: how many -> payload
FEED = 9
RESET = 10
READ = 11  # a: block, b: offset, length: how many -> payload
WRITE = 12  # a: block, b: offset; payload
ERASE = 13  # a: block
SYNC = 14
DRAW = 15  # argument: row (16 pixels high) of the display, payload: its pixels, as an SSD1306 takes them

WITHOUT_PAYLOAD = frozenset({HELLO, RANDOM, READ})

INPUTS = 1  # argument: flags, length: battery in mV, a: end switches (2 bits a bay), b: seals, c: drives
EDGE = 2  # argument: bay, length: level, a: ticks
TIME = 3  # a, b: 64-bit milliseconds to add to the host's monotonic ones; answered by one byte

TAMPERED = 1
LID = 2
BUTTON = 4
MAINS = 8
HAS_BATTERY = 16

TICKS_MASK = 0x3FFF_FFFF


class Record(NamedTuple):
    """One record of either direction, without its payload."""

    kind: int
    argument: int = 0
    length: int = 0
    a: int = 0
    b: int = 0
    c: int = 0

    def packed(self, payload: bytes = b"") -> bytes:
        return RECORD.pack(*self) + payload
