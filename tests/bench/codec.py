"""The codec on each VM, beside a walk over the same bytes that checks nothing, and on CPython beside cbor2."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cbor2
from sealwire import cbor, messages
from vectors import world

from tests import vms
from tests.bench.crypto import VM, medians
from tests.bench.figures import Figure, Found, in_turn
from tests.host.village import People
from tests.protocol import largest

ROUNDS = 9


def measure(folder: Path) -> Found:
    """A typical request and the largest roster."""
    people = People()
    payloads = {
        "request": messages.read(people.request(), people.site).payload,
        "roster": messages.read(largest.message(), world.SITE).payload,
    }
    files = []
    for name, payload in payloads.items():
        files.append(folder / name)
        files[-1].write_bytes(payload)
    args = [str(file) for file in files]
    script = VM / "codec.py"
    on_cpython = subprocess.run([sys.executable, str(script), *args], capture_output=True, text=True, check=True).stdout
    unix = vms.run_unix(script, args=args, modules=[VM, *vms.compiled_modules()], heap_kib=512).checked()
    wasm = vms.run_wasm(script, args=args, modules=[VM, *vms.SOURCES], files=files).checked()
    figures = []
    for vm, output in (("CPython", on_cpython), ("MicroPython, 64 bit", unix), ("MicroPython, 32 bit wasm", wasm)):
        figures += _figures(vm, payloads, medians(output))
    return Found(figures + _beside_cbor2(payloads))


def _figures(vm: str, payloads: dict[str, bytes], found: dict[str, float]) -> list[Figure]:
    made = []
    for name, payload in payloads.items():
        for work, floor in (("decode", "walk"), ("encode", "bare")):
            made.append(
                Figure(
                    f"{vm}: {work} a {name} of {len(payload)} bytes", "us", found[f"{name}_{work}"],
                    found[f"{name}_{floor}"], "the same without any check",
                )
            )  # fmt: skip
    return made


def _beside_cbor2(payloads: dict[str, bytes]) -> list[Figure]:
    made = []
    for name, payload in payloads.items():
        found = in_turn(ROUNDS, ours=_timed(cbor.decode, payload), theirs=_timed(cbor2.loads, payload))
        what = f"CPython: decode a {name} of {len(payload)} bytes, beside a C library"
        made.append(Figure(what, "us", found["ours"], found["theirs"], "cbor2"))
    return made


def _timed(work: Callable[[bytes], Any], payload: bytes, times: int = 40) -> Callable[[], float]:
    def once() -> float:
        began = time.perf_counter()
        for _ in range(times):
            work(payload)
        return 1e6 * (time.perf_counter() - began) / times

    return once
