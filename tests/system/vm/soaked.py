"""The firmware, saying from time to time how much heap is free while nothing is under way: `free N`."""

import gc

from sealbox.gate import Gate

EVERY = 4
drop_stale = Gate.drop_stale
count = [0]


def counting(gate):
    """`main` calls this every second, with nothing else running."""
    drop_stale(gate)
    count[0] += 1
    if count[0] % EVERY == 0:
        gc.collect()
        print("free", gc.mem_free())


Gate.drop_stale = counting

import main  # noqa: E402, F401 - importing it is running it
