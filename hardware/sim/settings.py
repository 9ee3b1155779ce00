"""What a virtual box is made of."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
INTERPRETER = Path(sys.executable).with_name("micropython")


def firmware_modules() -> tuple[Path, ...]:
    """Where the VM finds its modules: the image for a board's ROM partition, or else the sources."""
    image = ROOT / "build" / "firmware.romfs"
    return (image,) if image.exists() else (ROOT / "firmware", ROOT / "protocol")


@dataclass(frozen=True)
class Settings:
    """One virtual box. The same seed gives the same bounce and the same torn writes."""

    home: Path
    """Its folder: flash.bin, box.json (what the box keeps without power), firmware.log, sim.log and the sockets."""
    bays: int = 2
    travel_ms: int = 150
    """How long a shutter takes from one end to the other."""
    main: Path | None = None
    """A script to run instead of the firmware's main."""
    modules: tuple[Path, ...] = field(default_factory=firmware_modules)
    """Folders, and at most one ROM image (*.romfs), which the VM runs in place as a board does."""
    heap_kib: int = 160
    interpreter: Path = INTERPRETER
    block_size: int = 4096
    blocks: int = 512
    watchdog_ms: int = 8_000
    """As WATCHDOG_MS of the Board contract; shorter in tests of the watchdog."""
    ticks_at_start: int = 0
    """The firmware's tick counter when the simulator starts: close to 2**30 it soon wraps."""
    battery_mv: int | None = 3_000
    seed: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.bays <= 4:
            raise ValueError("a box has 1 to 4 bays")
        if self.travel_ms < 1 or self.watchdog_ms < 1 or self.heap_kib < 1:
            raise ValueError("travel_ms, watchdog_ms and heap_kib must be positive")
        if self.block_size % 256 or not 256 <= self.block_size <= 32_768 or self.blocks < 8:
            raise ValueError("the flash has at least 8 blocks of 256 to 32768 bytes, a multiple of 256")
