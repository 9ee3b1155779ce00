"""One shutter's drive on the ESP32-S3: how long it is on is counted by the pulse generator RMT, not by a program.

On stock MicroPython a timer's or a pin's interrupt reaches Python through the VM, which may be busy for seconds. The
generator puts out one level for a counted number of ticks, repeats that a counted number of times, and falls back to
low; nothing that the firmware does or omits prolongs it. Should a generator not stop, `check` does it a little later.
Not yet tried on a board.
"""

from time import ticks_add, ticks_diff, ticks_ms

from esp32 import RMT
from machine import Pin
from micropython import const

_CLOCK_DIVIDER = const(250)  # of 80 MHz
_TICKS_PER_MS = const(320)
_LOOPS = const(1_000)  # the generator counts to 1023
_PULSE = const(32_000)  # ticks; it takes 32767
_GRACE_MS = const(100)


def pulses(ms: int) -> "tuple[int, list[int]]":
    """How often, and the ticks of each pulse: an even number of pulses, together never longer than `ms`."""
    loops = min(ms, _LOOPS)
    ticks = ms * _TICKS_PER_MS // loops
    count = 2 * -(-ticks // (2 * _PULSE))
    return loops, [ticks // count] * count


class Drive:
    """The drive at a pin. It is off from construction on; OSError if the generator can't be had."""

    def __init__(self, gpio: int) -> None:
        self._pin = Pin(gpio, Pin.OUT, value=0)
        self._generator: "RMT | None" = None
        self._overdue = ticks_ms()

    @property
    def on(self) -> bool:
        """Whether the shutter is driven."""
        return self._generator is not None and self._generator.active()

    def start(self, ms: int) -> bool:
        """Drive for `ms`; False, and nothing changes, if it is driven already."""
        if self.on:
            return False
        self.end()
        self._overdue = ticks_add(ticks_ms(), ms + _GRACE_MS)
        loops, durations = pulses(ms)
        generator = self._generator = RMT(pin=self._pin, clock_div=_CLOCK_DIVIDER, idle_level=False)
        generator.loop_count(loops)
        generator.write_pulses(durations, [True] * len(durations))
        return True

    def check(self) -> None:
        """End a drive whose generator ought to have stopped. Called by a timer, whenever the VM gets around to it."""
        if self.on and ticks_diff(ticks_ms(), self._overdue) >= 0:
            self.end()

    def end(self) -> None:
        """End it now. The pin is taken from the generator first: that one would finish its loop."""
        self._pin.init(Pin.OUT, value=0)
        if self._generator is not None:
            self._generator.deinit()
            self._generator = None
            self._pin.init(Pin.OUT, value=0)
