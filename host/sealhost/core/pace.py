"""How much one recipient is told: single messages while there are few, one that sums up when there would be many."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do with what is due. `alone`: how many of the first to send one by one; `digest`: the rest as one
    message; neither: wait until `hold`.
    """

    alone: int = 0
    digest: bool = False
    hold: int = 0


def plan(waiting: int, sent: Sequence[int], now: int, most: int, within_s: int) -> Plan:
    """At most `most` messages in `within_s` seconds. `sent`: when the last ones went, UTC seconds, in order."""
    recent = [at for at in sent if at > now - within_s]
    left = most - len(recent)
    if not waiting:
        return Plan()
    if left <= 0:
        return Plan(hold=recent[-most] + within_s)
    if waiting <= left:
        return Plan(alone=waiting)
    return Plan(digest=True)


RETRY_FIRST_S = 10
RETRY_CAP_S = 3600
GIVE_UP_S = 3 * 86400
"""News that nobody could be told of for so long is no news."""


def retry_s(attempts: int) -> int:
    """Seconds to wait after this many failed attempts (1 or more): 10, 20, 40 ... up to an hour."""
    return min(RETRY_CAP_S, RETRY_FIRST_S << min(max(attempts - 1, 0), 10))
