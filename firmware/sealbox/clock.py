"""The box's time: the battery-backed clock, never earlier than the last entry of the log.

Guarantees that time does not run backwards over what was already logged. Who may set the clock is decided by `box`.
"""


class Clock:
    """Time by a board's clock. ``floor`` is the time of the last log entry, in UTC seconds."""

    def __init__(self, board: object, floor: int = 0) -> None:
        self._board = board
        self.floor = floor

    def now(self) -> int:
        """UTC seconds; while the clock is lost, the time of the last entry."""
        time = self._board.clock()
        return self.floor if time is None or time < self.floor else time

    def is_set(self) -> bool:
        """Whether the battery-backed clock kept its time. While it has not, nothing opens."""
        return self._board.clock() is not None

    def set(self, utc: int) -> None:
        """Set the battery-backed clock. A time before the last entry counts as the last entry's until it is passed."""
        self._board.set_clock(utc)

    def tell_machine(self, least: int) -> None:
        """Tell the machine the time by which it checks certificates: the latest that is known to be over.

        ``least`` is known to be over too. While the clock is lost, the machine's time so stands still in the past:
        what was valid then passes, what has expired since as well.
        """
        self._board.set_time(max(self.now(), least))
