"""Ed25519 and SHA-512 as the box runs them, and what they are for, beside the reference of RFC 8032 on the same VM."""

from __future__ import annotations

from pathlib import Path

from tests import vms
from tests.bench.figures import Figure, Found

VM = Path(__file__).parent / "vm"
STAGE = vms.ROOT / "tests" / "firmware" / "vm"
HEAP_KIB = 1024  # the reference is not written for a board's
CHIP_HEAP_KIB = 16 * 1024  # the flash is in the heap here
REFERENCE = "the reference of RFC 8032"


def medians(output: str) -> dict[str, float]:
    """What vm/timing.py printed: microseconds by name; other lines are the firmware's own."""
    words = [line.split() for line in output.splitlines()]
    return {line[0]: float(line[1]) for line in words if len(line) == 2 and line[1].replace(".", "").isdigit()}


def measure(folder: Path) -> Found:
    """On the 64-bit VM, from .mpy."""
    modules = [VM, *vms.compiled_modules()]
    found = medians(vms.run_unix(VM / "crypto.py", modules=modules, heap_kib=HEAP_KIB, timeout_s=120).checked())

    def against(name: str, value: str, floor: str, floor_name: str, times: float) -> Figure:
        """A figure that is wanted so many times faster than its reference."""
        ratio = 1 / times
        return Figure(f"box VM: {name}", "ms", found[value] / 1000, found[floor] / 1000, floor_name, target_ratio=ratio)

    return Found(
        [
            against("Ed25519 verify, key not met before", "unknown", "reference_verify", REFERENCE, 4),
            against("Ed25519 verify, remembered key", "known", "reference_verify", REFERENCE, 12),
            against("Ed25519 sign", "sign", "reference_sign", REFERENCE, 4),
            against("SHA-512 of 1 KiB", "hash", "plain_hash", "the same in plain Python", 40),
            *_messages(),
        ]
    )


def _messages() -> list[Figure]:
    """Four signatures of a grant with everything around them, and one made."""
    modules = [VM, STAGE, *vms.compiled_modules()]
    found = medians(vms.run_unix(VM / "grant.py", modules=modules, heap_kib=CHIP_HEAP_KIB, timeout_s=120).checked())
    names = {
        "grant": "a grant checked whole: host, request, two decisions, remembered keys",
        "checkpoint": "a checkpoint built and signed",
    }
    floor = found["reference_verify"] / 1000
    one = f"one verification by {REFERENCE}"
    return [Figure(f"box VM: {text}", "ms", found[name] / 1000, floor, one) for name, text in names.items()]
