"""Bounds what one noisy sender can make the host write and answer."""

from __future__ import annotations

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass


@dataclass
class _Bucket:
    tokens: float
    at: float
    held_back: int = 0


class Limiter:
    """A token bucket per sender, and one for all senders together.

    `burst` at once, then `per_second`; at most `senders` are remembered (the longest silent is forgotten first).
    """

    def __init__(self, burst: int, per_second: float, total_burst: int, total_per_second: float, senders: int = 1024):
        self._burst = burst
        self._per_second = per_second
        self._senders = senders
        self._total_burst = total_burst
        self._total_per_second = total_per_second
        self._total = _Bucket(total_burst, 0.0)
        self._buckets: OrderedDict[bytes, _Bucket] = OrderedDict()

    def allow(self, sender: bytes, now: float) -> int | None:
        """None when this one is held back; else how many of this sender were held back since the last that was not."""
        bucket = self._buckets.get(sender)
        if bucket is None:
            bucket = self._buckets[sender] = _Bucket(self._burst, now)
            if len(self._buckets) > self._senders:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(sender)
        _refill(bucket, self._burst, self._per_second, now)
        _refill(self._total, self._total_burst, self._total_per_second, now)
        if bucket.tokens < 1 or self._total.tokens < 1:
            bucket.held_back += 1
            return None
        bucket.tokens -= 1
        self._total.tokens -= 1
        held_back, bucket.held_back = bucket.held_back, 0
        return held_back


def network(address: str) -> bytes:
    """What one sender has: an IPv4 address, or the first 64 bits of an IPv6 one."""
    try:
        packed = ipaddress.ip_address(address.partition("%")[0]).packed
    except ValueError:
        return address.encode()
    return packed if len(packed) == 4 else packed[:8]


def _refill(bucket: _Bucket, burst: int, per_second: float, now: float) -> None:
    bucket.tokens = min(burst, bucket.tokens + max(0.0, now - bucket.at) * per_second)
    bucket.at = now
