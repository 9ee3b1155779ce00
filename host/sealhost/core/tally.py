"""What this process has done since its start: counts and how long steps took, for whoever watches it.

Guarantees: names and labels come from fixed sets of the program, so the tally stays small whatever a peer sends; no
personal data. Counting loses nothing when several threads count.
"""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, field

BOUNDS_S = (1, 2, 5, 10, 30, 60, 300, 900, 3600, 14_400, 86_400, 259_200)
"""Upper bounds of the histograms' classes: people take hours, boxes seconds. Moments are whole seconds here."""

DECIDED, GRANTED, OPENED = "decided", "granted", "opened"
STEPS = (DECIDED, GRANTED, OPENED)
"""Request accepted to rule met; rule met to grant; grant to the box's intent."""


@dataclass
class Steps:
    """One step's histogram: how many took at most each bound, how long all took together, how many there were."""

    classes: list[int] = field(default_factory=lambda: [0] * len(BOUNDS_S))
    seconds: int = 0
    count: int = 0

    def add(self, seconds: int) -> None:
        """One more."""
        for place, bound in enumerate(BOUNDS_S):
            self.classes[place] += seconds <= bound
        self.seconds += seconds
        self.count += 1


class Tally:
    """Counters by (name, label), and the steps."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._steps = {step: Steps() for step in STEPS}

    def count(self, name: str, label: str = "", by: int = 1) -> None:
        """So many more. Labels are the program's own words, never a peer's."""
        with self._lock:
            self._counts[name, label] += by

    def took(self, step: str, seconds: int) -> None:
        """A step is done; a clock that was set back counts as no time."""
        with self._lock:
            self._steps[step].add(max(0, seconds))

    def counts(self, name: str) -> dict[str, int]:
        """Label to count."""
        with self._lock:
            return {label: count for (known, label), count in sorted(self._counts.items()) if known == name}

    def steps(self) -> dict[str, Steps]:
        """A copy of the histograms."""
        with self._lock:
            return {step: Steps(list(one.classes), one.seconds, one.count) for step, one in self._steps.items()}
