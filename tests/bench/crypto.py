"""Ed25519 and SHA-512 as the box runs them, beside the reference of RFC 8032 on the same VM."""

from __future__ import annotations

from pathlib import Path

from tests import vms
from tests.bench.figures import Figure, Found

VM = Path(__file__).parent / "vm"
HEAP_KIB = 1024  # the reference is not written for a board's


def medians(output: str) -> dict[str, float]:
    """What vm/timing.py printed: microseconds by name."""
    return {name: float(value) for name, value in (line.split() for line in output.splitlines())}


def measure(folder: Path) -> Found:
    """On the 64-bit VM, from .mpy."""
    run = vms.run_unix(VM / "crypto.py", modules=[VM, *vms.compiled_modules()], heap_kib=HEAP_KIB, timeout_s=120)
    found = medians(run.checked())

    def against(name: str, value: str, floor: str, floor_name: str) -> Figure:
        return Figure(f"box VM: {name}", "ms", found[value] / 1000, found[floor] / 1000, floor_name)

    reference = "the reference of RFC 8032"
    return Found(
        [
            against("Ed25519 verify, key not met before", "unknown", "reference_verify", reference),
            against("Ed25519 verify, remembered key", "known", "reference_verify", reference),
            against("Ed25519 sign", "sign", "reference_sign", reference),
            against("SHA-512 of 1 KiB", "hash", "plain_hash", "the same in plain Python"),
        ]
    )
