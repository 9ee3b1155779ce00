"""One bay of the virtual box: shutter, drive timer, end switches, seal and press sensor."""

import random
from collections.abc import Callable

from .shutter import CLOSED, JAM_POSITIONS, OPEN, PRESSABLE, Shutter
from .timeline import Timeline

PRESS_MS = 80
"""How long a hand presses, unless told otherwise."""

LIFT_MS = 60
"""How long a hand takes to lift the seal before it can press again."""

BOUNCE_MS = 4.0
"""For how long the contact chatters after closing and after opening."""


class Bay:
    """Physics of one bay. `edge(level)` is called for each edge of the press sensor's contact."""

    def __init__(self, timeline: Timeline, travel_ms: int, seed: int, edge: Callable[[int], None]) -> None:
        self.seal = True
        self.openings = 0
        self.impressions = 0
        self.opened_at: float | None = None
        self.closed_at: float | None = None
        self._timeline = timeline
        self._shutter = Shutter(travel_ms / 1000)
        self._edge = edge
        self._random = random.Random(seed)
        self._drives = 0
        self._level = 0
        self._stuck = False
        self._pressing = False

    @property
    def driving(self) -> bool:
        return self._shutter.driven

    @property
    def switches(self) -> tuple[bool, bool]:
        """(closed made, open made)."""
        position = self._shutter.position(self._timeline.now())
        return position == CLOSED, position == OPEN

    @property
    def shutter(self) -> str:
        closed, opened = self.switches
        return "closed" if closed else "open" if opened else "moving"

    def state(self) -> dict[str, object]:
        obstacle = self._shutter.obstacle
        return {
            "shutter": self.shutter,
            "driving": self.driving,
            "jam": next((name for name, at in JAM_POSITIONS.items() if at == obstacle), None),
            "seal": self.seal,
            "openings": self.openings,
            "impressions": self.impressions,
            "opened_at": self.opened_at,
            "closed_at": self.closed_at,
        }

    def open(self, max_ms: int) -> bool:
        """Starts the drive and its timer; False, and nothing else, if it is running."""
        if self.driving:
            return False
        self._drives += 1
        this = self._drives
        self._move(True)
        self._timeline.call_later(max_ms / 1000, lambda: self._timer_ended(this))
        self.openings += 1
        return True

    def close(self) -> None:
        if self.driving:
            self._move(False)

    def jam(self, at: str) -> None:
        if at not in JAM_POSITIONS:
            raise ValueError(f"a shutter jams at one of {', '.join(JAM_POSITIONS)}")
        self._shutter.block(JAM_POSITIONS[at], self._timeline.now())
        self._watch_motion()

    def unjam(self) -> None:
        self._shutter.block(None, self._timeline.now())
        self._watch_motion()

    def hold(self, at: str | None) -> None:
        """Forces the shutter to a position and keeps it there; None lets go of it."""
        if at is not None and at not in JAM_POSITIONS:
            raise ValueError(f"a shutter is held at one of {', '.join(JAM_POSITIONS)}")
        self._shutter.hold(None if at is None else JAM_POSITIONS[at], self._timeline.now())
        self._watch_motion()

    @property
    def contact(self) -> int:
        """The press sensor's level: 1 while its contact is closed."""
        return self._level

    def press(self, hold_ms: int, done: Callable[[], None]) -> bool:
        """Presses the seal if the shutter lets a hand in; `done` is called when the seal is up again."""
        if not self.seal or self._pressing or self._shutter.position(self._timeline.now()) < PRESSABLE:
            return False
        self._pressing = True
        self.impressions += 1
        self._bounce(1)
        self._timeline.call_later(hold_ms / 1000, lambda: self._bounce(0))

        def released() -> None:
            self._pressing = False
            done()

        self._timeline.call_later((hold_ms + LIFT_MS) / 1000, released)
        return True

    def stick(self, on: bool) -> None:
        """Holds the sensor's contact closed, or lets it go."""
        self._stuck = False
        self._contact(1 if on else 0)
        self._stuck = on

    def chatter(self, edges: int) -> None:
        """Lets the contact open and close that many times, one millisecond apart."""
        for number in range(edges):
            self._timeline.call_later(number / 1000, lambda: self._contact(1 - self._level))

    def _bounce(self, level: int) -> None:
        """Brings the contact to a level by way of 1 to 5 seeded extra pairs of edges within BOUNCE_MS."""
        self._contact(level)
        moments = sorted(self._random.uniform(0.1, BOUNCE_MS) for _ in range(2 * self._random.randint(1, 5)))
        for number, moment in enumerate(moments):
            bounced = level if number % 2 else 1 - level
            self._timeline.call_later(moment / 1000, lambda bounced=bounced: self._contact(bounced))  # type: ignore[misc]

    def _contact(self, level: int) -> None:
        if not self._stuck and level != self._level:
            self._level = level
            self._edge(level)

    def _timer_ended(self, drive: int) -> None:
        if self._drives == drive:
            self.close()

    def _move(self, driven: bool) -> None:
        self._shutter.drive(driven, self._timeline.now())
        self._watch_motion()

    def _watch_motion(self) -> None:
        arrival = self._shutter.arrival
        if arrival > self._timeline.now():
            self._timeline.call_at(arrival, self._arrived)

    def _arrived(self) -> None:
        """An end may have been reached: note when. (Moments of a motion that was broken off find it under way.)"""
        closed, opened = self.switches
        moment = self._timeline.now() - self._timeline.skipped_s
        if opened and self._shutter.arrival == self._timeline.now():
            self.opened_at = moment
        if closed and self._shutter.arrival == self._timeline.now():
            self.closed_at = moment
