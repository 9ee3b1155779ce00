"""Which steps of the flow a test breaks: a part of them in every run, each of them with SEALBOX_EVERY_STEP=1."""

import os

LAST_POINT = 120  # far above what one side sends for one request
EVERY = os.environ.get("SEALBOX_EVERY_STEP") == "1"
TIMEOUT_S = 1800 if EVERY else 300


def steps(first: int, apart: int) -> range:
    """Every `apart`-th step from `first` on, or all."""
    return range(1, LAST_POINT) if EVERY else range(first, LAST_POINT, apart)
