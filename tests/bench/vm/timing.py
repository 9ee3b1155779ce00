"""Times functions in turn and prints one line each: name and median, in microseconds."""

import time


def _now():
    return time.ticks_us() if hasattr(time, "ticks_us") else time.perf_counter_ns() // 1000


def in_turn(rounds, works):
    """`works`: (name, times, function) each; the function runs so many times in a round."""
    seen = [[] for _ in works]
    for _ in range(rounds):
        for at in range(len(works)):
            _, times, work = works[at]
            began = _now()
            for _ in range(times):
                work()
            seen[at].append((_now() - began) / times)
    for at in range(len(works)):
        print(works[at][0], sorted(seen[at])[rounds // 2])
