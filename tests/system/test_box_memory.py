"""How much heap is left once the box serves: what a roster, a grant and everything under way have to fit in."""

import re

from tests.system.stage import Stage

LEAST = 52_000
"""Bytes in the 64-bit VM. The connection takes 9 KB of them, the largest roster 7, the largest grant under way 14.

When this fails, `firmware/measure_memory.py` says which module grew.
"""


def test_enough_memory_is_free_at_boot(stage: Stage) -> None:
    free = re.findall(r"memory free: (\d+)", stage.box.firmware_log())
    assert len(free) == 1, "the box boots once after it was set up"
    assert int(free[0]) >= LEAST
