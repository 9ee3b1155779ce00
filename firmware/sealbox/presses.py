"""Turns the edges of a press sensor into presses. Pure: time comes in with the edges and with `now`.

A press counts once the contact has stayed closed for SETTLE_MS, and the next one only after it has stayed open for as
long: bounce makes neither two presses of one nor one of two. No press is taken back.

A sensor that can't be trusted is a fault, never silence: STUCK if the contact stays closed, CHATTER if it does not come
to rest, LOST_EDGES if some went missing. A fault stays until `reset()`; counting goes on meanwhile, as well as it can.
Ticks may wrap (see `sealbox.board`). Whoever counts calls `take()` for every batch of edges, and again when `due_ms()`
has passed.
"""

from micropython import const

from sealbox.board import LOST, PRESSED, RELEASED, ticks_diff

SETTLE_MS = const(15)  # contacts bounce for up to 5 ms; a hand presses for 50 ms or more
CHATTER_MS = const(250)  # without rest for so long, it isn't a hand
STUCK_MS = const(10_000)  # nobody presses a seal for so long

NONE = const(0)
STUCK = const(1)
CHATTER = const(2)
LOST_EDGES = const(3)


class Presses:
    """The presses of one bay. `fault` is NONE, STUCK, CHATTER or LOST_EDGES, the first that was found."""

    def __init__(self, now: int) -> None:
        self.fault = NONE
        self._level = RELEASED  # the contact as the last edge left it
        self._settled = RELEASED  # the level it last came to rest at
        self._resting = True
        self._edge_at = now  # the last edge; no longer of interest at rest
        self._restless_since = now
        self._pressed_at = now

    @property
    def pressed(self) -> bool:
        """Whether the seal is down: the contact came to rest closed, and has not yet come to rest open."""
        return self._settled == PRESSED

    @property
    def at_rest(self) -> bool:
        """Whether the contact is open and still: the next press will be seen."""
        return self._resting and self._settled == RELEASED

    def reset(self, now: int) -> None:
        """Forgets a fault; one that is still there is found again."""
        self.fault = NONE
        self._restless_since = now
        self._pressed_at = now

    def take(self, edges: "list[tuple[int, int]]", now: int) -> int:
        """Takes the edges since the last call, oldest first; returns how many presses came to rest up to `now`."""
        count = 0
        for ticks, level in edges:
            count += self._rest(ticks)
            self._edge(ticks, level)
        return count + self._rest(now)

    def due_ms(self, now: int) -> "int | None":
        """After how many milliseconds `take()` must be called though no edge came; None if only an edge can matter."""
        if not self._resting:
            return max(0, SETTLE_MS - ticks_diff(now, self._edge_at))
        if self._settled == PRESSED and self.fault == NONE:
            return max(0, STUCK_MS - ticks_diff(now, self._pressed_at))
        return None

    def _edge(self, ticks: int, level: int) -> None:
        if level == LOST:
            self._found(LOST_EDGES)
            return
        if self._resting:
            self._restless_since = ticks
        elif ticks_diff(ticks, self._restless_since) >= CHATTER_MS:
            self._found(CHATTER)
        self._resting = False
        self._level = level
        self._edge_at = ticks

    def _rest(self, until: int) -> int:
        """Lets time pass without an edge; returns 1 if a press has come to rest by then."""
        counted = 0
        if not self._resting and ticks_diff(until, self._edge_at) >= SETTLE_MS:
            self._resting = True
            if self._level == PRESSED and self._settled == RELEASED:
                self._pressed_at = self._edge_at
                counted = 1
            self._settled = self._level
        if self._settled == PRESSED and ticks_diff(until, self._pressed_at) >= STUCK_MS:
            self._found(STUCK)
        return counted

    def _found(self, fault: int) -> None:
        if self.fault == NONE:
            self.fault = fault
