"""Runs all measurements, or those named on the command line; writes build/bench.json and build/bench.md."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests import vms
from tests.bench import codec, crypto, lines, memory, openings, records, stops
from tests.bench.figures import Found, table, write

ROOMS: dict[str, Callable[[Path], Found]] = {
    "openings": openings.measure,
    "crypto": crypto.measure,
    "records": records.measure,
    "codec": codec.measure,
    "lines": lines.measure,
    "memory": memory.measure,
    "stops": stops.measure,
}


def main(names: list[str]) -> None:
    """Measure, write, show."""
    unknown = [name for name in names if name not in ROOMS]
    if unknown:
        sys.exit(f"bench: no {', '.join(unknown)}; there are {', '.join(ROOMS)}")
    found = []
    for name in names or ROOMS:
        began = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sealbox-bench-") as folder:
            found.append(ROOMS[name](Path(folder)))
        print(f"{name}: measured in {time.monotonic() - began:.0f} s", file=sys.stderr)
    write(vms.ROOT / "build", found)
    print(table(figure for one in found for figure in one.figures))
    print("\nbuild/bench.md has what is behind them, build/bench.json the numbers.")


if __name__ == "__main__":
    main(sys.argv[1:])
