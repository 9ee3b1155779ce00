"""Heap: what the MQTT client takes, and what is free in a box that is connected and has nothing to do."""

from __future__ import annotations

import re
import time
from pathlib import Path

from tests import vms
from tests.bench.crypto import VM, medians
from tests.bench.figures import Figure, Found
from tests.brokers import make_broker
from tests.system.stage import WAIT, Stage
from tests.system.tls import guarded_stage

KB = 1000
MQTT_TARGET_KB = 25.0
FREE_TARGET_KB = 40.0
READINGS = 3
SOAKED = vms.ROOT / "tests" / "system" / "vm" / "soaked.py"
"""The firmware, which says how much is free while nothing is under way."""


def measure(folder: Path) -> Found:
    """In the 160 KB of a board, on the 64-bit VM, whose objects take twice a board's."""
    run = vms.run_unix(VM / "mqtt_heap.py", modules=vms.compiled_modules())
    taken = medians(run.checked())["heap"] / KB
    figures = [Figure("box VM: heap after import of the MQTT client and asyncio", "KB", taken, target=MQTT_TARGET_KB)]
    broker = make_broker("mosquitto", folder / "broker")
    try:
        with Stage(folder / "box", broker, modules=vms.firmware_image(), main=SOAKED) as stage:
            figures.append(_free(stage, "TCP"))
    finally:
        broker.stop()
    with guarded_stage(folder / "guarded", vms.firmware_image(), main=SOAKED) as guarded:
        figures.append(_free(guarded, "TLS"))
    return Found(figures, NOTES)


NOTES = """## What takes the heap

What is free of 160 KB after a collection, with MQTT connected, a roster of five people held and no message under way.
On the 64-bit VM a pointer, and so nearly every object, is twice what it is on the board. The largest part are the
modules' functions, classes and tables and the pools of names (`firmware/measure_memory.py` lists them; the code itself
runs where it lies), then the room for one message (8 KB), which the serial line uses as well, and the log's batch
(2 KB). TLS adds its context and the connection; what mbedTLS keeps is outside this heap."""


def _free(stage: Stage, over: str) -> Figure:
    """The least of the next readings, so that what connecting left behind is gone."""
    seen = len(_readings(stage))
    deadline = time.monotonic() + 3 * WAIT
    while len(found := _readings(stage)) < seen + READINGS:
        assert time.monotonic() < deadline, "the box does not say how much is free"
        stage.take(0.2)
    name = f"box VM: heap free of 160 KB, connected over {over} and at rest"
    return Figure(name, "KB", min(found[seen:]) / KB, target=FREE_TARGET_KB, more_is_better=True)


def _readings(stage: Stage) -> list[int]:
    return [int(free) for free in re.findall(r"^free (\d+)$", stage.box.firmware_log(), re.MULTILINE)]
