"""The virtual box's own time: the host's monotonic clock plus everything that was skipped."""

import asyncio
import heapq
import itertools
import time
from collections.abc import Callable


class Timeline:
    """Runs actions at their moments, in order. While one runs, `now()` is its moment, however late it runs."""

    def __init__(self, loop: asyncio.AbstractEventLoop, after_actions: Callable[[], None] = lambda: None) -> None:
        self.skipped_s = 0.0
        self._loop = loop
        self._after_actions = after_actions
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._moment: float | None = None

    def now(self) -> float:
        """Seconds since some moment in the past."""
        if self._moment is not None:
            return self._moment
        return time.monotonic() + self.skipped_s

    def call_at(self, moment: float, action: Callable[[], None]) -> None:
        """Runs the action at that moment, at once if it has passed. Actions cannot be cancelled."""
        heapq.heappush(self._heap, (moment, next(self._order), action))
        if self._moment is None:
            self._arm()

    def call_later(self, seconds: float, action: Callable[[], None]) -> None:
        self.call_at(self.now() + seconds, action)

    def advance(self, seconds: float) -> None:
        """Skips that much time: whatever falls into it happens now, in its order and at its own moment."""
        if seconds < 0:
            raise ValueError("time can only be skipped forwards")
        self.skipped_s += seconds
        self._run_due()

    def _run_due(self) -> None:
        while self._heap and self._heap[0][0] <= time.monotonic() + self.skipped_s:
            self._moment, _, action = heapq.heappop(self._heap)
            try:
                action()
            finally:
                self._moment = None
            self._after_actions()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._heap:
            # asyncio's loop keeps the monotonic clock too.
            self._timer = self._loop.call_at(self._heap[0][0] - self.skipped_s, self._run_due)
