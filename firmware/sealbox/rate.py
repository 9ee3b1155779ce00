"""How often something may happen within an hour, by ticks; nothing is written down."""

from micropython import const

from sealbox.board import ticks_diff

_HOUR_MS = const(3_600_000)


class Rate:
    """At most ``most`` an hour. To be asked at least every six days, before ticks wrap; the watchdog's loop does."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._count = 0
        self._since = None

    def take(self, now: int) -> bool:
        """Whether it may happen once more now; counts it then."""
        if self._since is None or not 0 <= ticks_diff(now, self._since) < _HOUR_MS:
            self._since, self._count = now, 0
        if self._count >= self.most:
            return False
        self._count += 1
        return True
