"""What the firmware asks of the hardware: one contract (`contract.py`), fulfilled by `esp32s3.py` and
`sim.py`, the virtual box.

Nothing else under `sealbox/` touches pins, timers, sockets of a simulator or `machine`. The rest of the firmware gets a
Board from `find()` and cannot tell which one it is.

Guaranteed by every Board:

* After power-on, reset or a dead VM no shutter is driven, until `open()` is called.
* A drive ends by itself, by a hardware timer, whatever the firmware does meanwhile. Software can only end it earlier.
* `changed()` never loses a change, and press edges carry the time at which they happened, not at which they were read.
* A tamper, an opened lid or a pressed button is reported once even if it was over before anyone looked.
* Readings are raw: debouncing presses is `sealbox.presses`, judging the end switches is the state machine.

Bays are numbered 1..bays; another number raises ValueError. Only one task may wait in `changed()`, and only one in the
console's reader.
"""

from micropython import const

# Why the VM started.
POWER_ON = const(1)
WATCHDOG = const(2)
BROWN_OUT = const(3)
SOFT = const(4)

# What an edge of the press sensor says.
RELEASED = const(0)
PRESSED = const(1)
LOST = const(2)  # the ring was full: at least one edge after the previous one in the list is missing

MAX_DRIVE_MS = const(600_000)  # the longest the drive's timer counts; a longer open() is cut to it
WATCHDOG_MS = const(8_000)  # without feed() for so long, the VM is reset
EDGE_RING = const(64)  # edges kept per bay between two take_edges(): 3 chattering presses
MAX_RANDOM = const(1_024)  # bytes one random() call gives: what the outputs' buffer holds

# Ticks are 30 bits on the board (they wrap after 12.4 days) and therefore everywhere.
TICKS_MASK = const(0x3FFF_FFFF)
_TICKS_HALF = const(0x2000_0000)


def ticks_diff(later: int, earlier: int) -> int:
    """Milliseconds from `earlier` to `later`, negative if it is the other way round. Right up to 6.2 days."""
    return ((later - earlier + _TICKS_HALF) & TICKS_MASK) - _TICKS_HALF


def ticks_add(ticks: int, ms: int) -> int:
    """The tick count `ms` (which may be negative) after `ticks`."""
    return (ticks + ms) & TICKS_MASK


def find() -> object:
    """The board this VM runs on. Once per boot: constructing it claims the hardware."""
    import sys

    if sys.platform == "esp32":
        from .esp32s3 import Esp32S3

        return Esp32S3()
    from .sim import SimBoard

    return SimBoard()
