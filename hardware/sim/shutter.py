"""One bay's shutter: the drive pulls it open, a spring closes it, and something may block its way. Pure."""

CLOSED = 0.0
OPEN = 1.0
PRESSABLE = 0.8
"""From this position on a hand can reach the seal and press it."""

JAM_POSITIONS = {"closed": CLOSED, "midway": 0.5, "open": OPEN}


class Shutter:
    """Position 0 (closed) to 1 (open) as a function of time. Moments are seconds and must not go backwards."""

    def __init__(self, travel_s: float) -> None:
        self._travel_s = travel_s
        self._driven = False
        self._obstacle: float | None = None
        self._held: float | None = None
        self._start = CLOSED
        self._stop = CLOSED
        self._started_at = 0.0

    @property
    def driven(self) -> bool:
        return self._driven

    @property
    def obstacle(self) -> float | None:
        return self._obstacle

    def position(self, moment: float) -> float:
        if moment >= self.arrival:
            return self._stop
        way = (moment - self._started_at) / self._travel_s
        return self._start + way if self._stop > self._start else self._start - way

    @property
    def arrival(self) -> float:
        """When the present motion ends, or ended: at an end or at the obstacle."""
        return self._started_at + abs(self._stop - self._start) * self._travel_s

    def drive(self, on: bool, moment: float) -> None:
        self._change(moment, on, self._obstacle)

    def block(self, at: float | None, moment: float) -> None:
        """Puts an obstacle in the shutter's way, which holds whatever reaches it; None takes it away."""
        self._change(moment, self._driven, at)

    def hold(self, at: float | None, moment: float) -> None:
        """Puts the shutter there by force, as with the mechanical key, and keeps it; None lets go of it."""
        self._held = at
        self._change(moment, self._driven, self._obstacle)

    def _change(self, moment: float, driven: bool, obstacle: float | None) -> None:
        start = self.position(moment)
        target = OPEN if driven else CLOSED
        in_the_way = obstacle is not None and min(start, target) <= obstacle <= max(start, target)
        self._driven, self._obstacle = driven, obstacle
        self._start, self._started_at = start, moment
        self._stop = obstacle if obstacle is not None and in_the_way else target
        if self._held is not None:
            self._start = self._stop = self._held
