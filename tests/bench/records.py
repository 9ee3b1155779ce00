"""The log on the box and its verification: an entry appended, a bundle verified."""

from __future__ import annotations

import time
from pathlib import Path

from sealhost.audit.bundle import Bundle
from sealhost.audit.rosters import Trust
from sealhost.audit.verify import verify_bundle
from sealhost.signing import keys

from tests import vms
from tests.bench.crypto import VM, medians
from tests.bench.figures import Figure, Found, in_turn
from tests.host import bundles

FLASH = vms.ROOT / "tests" / "firmware" / "vm"
STORIES = 12
"""So often the tests' story is told: some hundred messages."""


def measure(folder: Path) -> Found:
    """Both."""
    return Found([*_append(), *_verify()])


def _append() -> list[Figure]:
    modules = [VM, FLASH, *vms.compiled_modules()]
    found = medians(vms.run_unix(VM / "log_append.py", modules=modules, heap_kib=4096).checked())
    name = "box VM: log entry of 200 bytes, appended and flushed"
    floor = "one littlefs flush of the same bytes"
    return [
        Figure(name, "ms", found["append"] / 1000, found["flush"] / 1000, floor),
        Figure("box VM: erases for each such entry", "", found["erases"] / 1000),
        Figure("box VM: bytes written to flash for each byte of such an entry", "", found["amplification"] / 1000),
    ]


def _verify() -> list[Figure]:
    items = bundles.history().items()
    trust = Trust([bundles.signer("authority").public_key], 1)
    checked: list[tuple[bytes, bytes, bytes]] = []

    def recording(public_key: bytes, data: bytes, signature: bytes) -> bool:
        checked.append((public_key, data, signature))
        return keys.verify(public_key, data, signature)

    assert verify_bundle(Bundle(dict(items)), trust, recording).ok

    def whole() -> float:
        began = time.perf_counter()
        for _ in range(STORIES):
            verify_bundle(Bundle(dict(items)), trust, keys.verify)
        return STORIES * len(items) / (time.perf_counter() - began)

    def signatures() -> float:
        began = time.perf_counter()
        for _ in range(STORIES):
            for one in checked:
                keys.verify(*one)
        return STORIES * len(items) / (time.perf_counter() - began)

    found = in_turn(7, whole=whole, signatures=signatures)
    name = f"a bundle of {len(items)} items verified"
    floor = f"its {len(checked)} Ed25519 verifications alone"
    return [Figure(name, "items/s", found["whole"], found["signatures"], floor, more_is_better=True)]
