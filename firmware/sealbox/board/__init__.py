"""What the firmware asks of the hardware: one contract, fulfilled by `esp32s3.py` and by `sim.py` (the virtual box).

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


class Board:
    """The contract. `bays` is their number. Errors are OSError for hardware that failed, ValueError for misuse."""

    bays = 0

    # Shutters

    def open(self, bay: int, max_ms: int) -> bool:
        """Energise the shutter's drive for at most `max_ms` (1..MAX_DRIVE_MS); a hardware timer ends it.

        While the bay is already driven this changes nothing, least of all the timer, and returns False.
        """
        raise NotImplementedError

    def close(self, bay: int) -> None:
        """End the drive now; the spring closes the shutter. Closing a bay that isn't driven does nothing."""
        raise NotImplementedError

    def driving(self, bay: int) -> bool:
        """Whether the drive is energised. False as soon as the timer has ended it."""
        raise NotImplementedError

    def switches(self, bay: int) -> "tuple[bool, bool]":
        """The raw end switches (closed_made, open_made): both False between the ends, both True is a fault."""
        raise NotImplementedError

    # Inputs

    def take_edges(self, bay: int) -> "list[tuple[int, int]]":
        """The press sensor's edges since the last call, oldest first: (ticks_ms, RELEASED | PRESSED | LOST)."""
        raise NotImplementedError

    def seal_present(self, bay: int) -> bool:
        """Whether the seal is in its bay."""
        raise NotImplementedError

    def tampered(self) -> bool:
        """Whether the tamper loop is broken, or was since the last call."""
        raise NotImplementedError

    def lid_open(self) -> bool:
        """Whether the service lid is open, or was since the last call."""
        raise NotImplementedError

    def button(self) -> bool:
        """Whether the button is held down, or was since the last call."""
        raise NotImplementedError

    def battery_mv(self) -> "int | None":
        """Millivolts of the backup battery, None if the box has none."""
        raise NotImplementedError

    def mains_ok(self) -> bool:
        """Whether the box runs from the mains."""
        raise NotImplementedError

    async def changed(self) -> None:
        """Wait until any input changed since the last return: edges, end switches, drives, button, seals, tamper, lid,
        battery, mains.

        Returns at once if something already has. May return without a change; never misses one. For one task only.
        """
        raise NotImplementedError

    # Time

    def ticks_ms(self) -> int:
        """Milliseconds since some moment before this boot, 30 bits. Only for `ticks_diff` and `ticks_add`."""
        raise NotImplementedError

    def clock(self) -> "int | None":
        """UTC in seconds since 1970 from the battery-backed clock; None once it has lost its time, until it is set."""
        raise NotImplementedError

    def set_clock(self, utc: int) -> None:
        """Set the battery-backed clock."""
        raise NotImplementedError

    # Outputs

    def show(self, lines: "list[str]") -> None:
        """Replace the display's text."""
        raise NotImplementedError

    def buzz(self, pattern: "tuple[int, ...]") -> None:
        """Sound the buzzer: milliseconds on, off, on, ... Returns at once; a new pattern replaces the old one."""
        raise NotImplementedError

    # The machine

    def random(self, n: int) -> bytes:
        """`n` (at most MAX_RANDOM) bytes from the hardware's random generator, fit for keys."""
        raise NotImplementedError

    def feed(self) -> None:
        """Feed the watchdog. The first call arms it for good; from then on WATCHDOG_MS without a call reset the VM."""
        raise NotImplementedError

    def reset_cause(self) -> int:
        """Why this boot happened: POWER_ON, WATCHDOG, BROWN_OUT or SOFT."""
        raise NotImplementedError

    def reset(self) -> None:
        """Restart the VM. Does not return; all drives end."""
        raise NotImplementedError

    def flash(self) -> object:
        """The data partition as a block device for `vfs.VfsLfs2`: readblocks, writeblocks, ioctl, all extended."""
        raise NotImplementedError

    def console(self) -> "tuple[object, object]":
        """The USB console, raw: (reader, writer).

        `await reader.read(n)` gives 1..n bytes as they come; `writer.write(data)`, then `await writer.drain()`.
        Output that no computer takes is dropped, so that the box never waits for one.
        """
        raise NotImplementedError


def find() -> Board:
    """The board this VM runs on. Once per boot: constructing it claims the hardware."""
    import sys

    if sys.platform == "esp32":
        from .esp32s3 import Esp32S3

        return Esp32S3()
    from .sim import SimBoard

    return SimBoard()
