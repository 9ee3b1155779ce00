"""How much of the whole product of alterations a run tries.

Every field of everything is altered in every run, in some ways, chosen by a fixed seed. ``SEALBOX_TAMPERING=5`` tries
five times as many, ``SEALBOX_TAMPERING=all`` everything (hours): ``make test SEALBOX_TAMPERING=5 PYTEST_ARGS="-k
tampering"``.
"""

from __future__ import annotations

import os
import random
import zlib

CHOSEN = os.environ.get("SEALBOX_TAMPERING", "1")
INSTANCES = None if CHOSEN == "all" else max(1, int(CHOSEN))
"""How many alterations of a sort are tried; None for all."""
TIMEOUT_S = 120 if INSTANCES == 1 else 0
"""Ends a test that hangs; none when much is tried."""


def seeded(*names: object) -> random.Random:
    """The same generator of random numbers for the same names in every run."""
    return random.Random(zlib.crc32("/".join(map(str, names)).encode()))
