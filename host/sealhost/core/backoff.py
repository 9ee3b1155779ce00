"""How long to wait before the next attempt."""

from __future__ import annotations

FIRST_S = 5
CAP_S = 300


def delay_s(attempts: int) -> int:
    """Seconds to wait after this many attempts (1 or more): 5, 10, 20 ... up to 300."""
    return min(CAP_S, FIRST_S << min(max(attempts - 1, 0), 10))
