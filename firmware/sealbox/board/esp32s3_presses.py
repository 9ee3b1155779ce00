"""One press sensor on the ESP32-S3: its edges with their time, and proof that none is missing.

An edge is kept by an interrupt's handler in room made beforehand. The handler runs when the VM lets it, and the queue
to it is short, so edges may be lost while the VM is busy; a hardware counter (PCNT) counts them too, and where the two
differ `take` says LOST.
Not yet tried on a board.
"""

from array import array
from time import ticks_ms

from esp32 import PCNT
from machine import Pin
from micropython import const

from . import EDGE_RING, LOST, PRESSED, RELEASED

MYPY = False
if MYPY:
    from collections.abc import Callable

_PLACE = const(63)  # EDGE_RING - 1
_WRAP = const(127)  # 2 * EDGE_RING - 1
_COUNTER_MAX = const(32_767)  # then the counter begins again at 0


class PressSensor:
    """The sensor at a pin that is high while the seal is down; `notify()` is called after each edge."""

    def __init__(self, gpio: int, unit: int, notify: "Callable[[], None]") -> None:
        self._pin = Pin(gpio, Pin.IN)
        self._notify = notify
        self._ticks = array("I", [0] * EDGE_RING)
        self._levels = bytearray(EDGE_RING)
        self._written = 0  # counts edges kept, and below those taken; both modulo twice the ring
        self._taken = 0
        self._seen = 0  # edges handled, as the counter counts
        self._lost = False
        self._counter = PCNT(
            unit, pin=self._pin, rising=PCNT.INCREMENT, falling=PCNT.INCREMENT, min=0, max=_COUNTER_MAX, value=0
        )
        self._counter.start()
        self._pin.irq(self._edge, Pin.IRQ_RISING | Pin.IRQ_FALLING)

    def _edge(self, pin: Pin) -> None:
        """The interrupt's handler: allocates nothing."""
        self._seen += 1
        if self._seen == _COUNTER_MAX:
            self._seen = 0
        written = self._written
        if (written - self._taken) & _WRAP < EDGE_RING - 1:  # one place is kept for LOST
            self._ticks[written & _PLACE] = _now()
            self._levels[written & _PLACE] = PRESSED if pin.value() else RELEASED
            self._written = (written + 1) & _WRAP
        else:
            self._lost = True
        self._notify()

    def take(self) -> "list[tuple[int, int]]":
        """The edges since the last call, oldest first."""
        counted = self._counter.value()
        edges = []
        while self._taken != self._written:  # an edge that comes meanwhile is taken too
            place = self._taken & _PLACE
            edges.append((self._ticks[place], self._levels[place]))
            self._taken = (self._taken + 1) & _WRAP
        behind = (counted - self._seen) % _COUNTER_MAX
        if self._lost or 0 < behind < _COUNTER_MAX // 2:
            self._lost = False
            self._seen = self._counter.value()
            edges.append((_now(), LOST))
            edges.append((_now(), PRESSED if self._pin.value() else RELEASED))
        return edges


def _now() -> int:
    return ticks_ms()  # type: ignore[return-value] # the stubs have a type of its own for what is a whole number
