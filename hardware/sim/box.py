"""The virtual box: bays, inputs, clock, power and processor put together.

Independent of who drives it: the firmware's requests come in through `board_link.py`, a person's hands through
`control.py`. Whatever changes is reported through `on_event` (to the firmware) and `on_state` (to whoever watches).
"""

import asyncio
import contextlib
import functools
import json
import math
import os
import time
from collections.abc import Callable

from . import wire
from .bay import Bay
from .flash import Flash, LastWrite
from .settings import Settings
from .timeline import Timeline
from .vm import Vm

CAUSES = {"power_on": 1, "watchdog": 2, "brown_out": 3, "soft": 4}
"""As the Board contract numbers them."""

HISTORY = 200
"""Displayed texts, buzzer patterns and draws of random bytes that are remembered."""

PICTURE_BYTES = 1024
"""The display: 128 x 64 pixels in 8 pages of 128 columns of 8 pixels, the lowest bit on top."""

ROW_BYTES = 256
"""Two pages: one row of text."""

State = dict[str, object]


class Box:
    """One virtual box. Everything runs in one event loop; nothing here blocks."""

    def __init__(self, loop: asyncio.AbstractEventLoop, settings: Settings) -> None:
        self.settings = settings
        self.timeline = Timeline(loop, self.changed)
        self.flash = Flash(settings.home / "flash.bin", settings.block_size, settings.blocks, settings.seed)
        self.bays = [
            Bay(self.timeline, settings.travel_ms, settings.seed + 1 + index, functools.partial(self._edge, index))
            for index in range(settings.bays)
        ]
        self.tampered = False
        self.lid = False
        self.button = False
        self.mains = True
        self.battery_mv = settings.battery_mv
        self.powered = False
        self.cause = CAUSES["power_on"]
        self.shown: list[list[str]] = []
        self.buzzes: list[list[int]] = []
        self.random_draws: list[bytes] = []
        self.on_event: Callable[[bytes], None] = lambda event: None
        self.on_state: Callable[[State], None] = lambda state: None
        self.on_dead: Callable[[], None] = lambda: None
        self.vm = Vm(loop, settings, self._vm_exited)
        self._loop = loop
        self.picture = bytearray(PICTURE_BYTES)
        self._display: list[str] = []
        self._times_shown = 0
        self._times_buzzed = 0
        self._boots = 0
        self._exit_status: int | None = None
        self._start_next = False
        self._watchdog: asyncio.TimerHandle | None = None
        self._ticks_base = (settings.ticks_at_start - int(time.monotonic() * 1000)) & wire.TICKS_MASK
        self._last_inputs: wire.Record | None = None
        self._last_state: State = {}
        self._clock_offset: float | None = 0.0
        self._memory = settings.home / "box.json"
        self._remember()

    # Power and processor

    def power_on(self, cause: str = "power_on") -> None:
        """Starts the VM unless the box has power already."""
        if not self.powered:
            self.powered = True
            self._restart(cause)

    def cut_power(self, last_write: LastWrite = "keep") -> None:
        """Power goes now: drives off, VM gone, display dark; the battery-backed clock runs on."""
        self.flash.cut_now(last_write)
        self.power_lost()

    def power_lost(self) -> None:
        self.powered = False
        self._start_next = False
        self._vm_dies()
        self._display = []
        self.picture = bytearray(PICTURE_BYTES)
        self.changed()

    def restart(self, cause: str) -> None:
        """The VM is reset, as by the watchdog or by its own wish."""
        if self.powered:
            self._restart(cause)

    def feed(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._watchdog = self._loop.call_later(self.settings.watchdog_ms / 1000, self.restart, "watchdog")

    def close(self) -> None:
        self._vm_dies()
        self.vm.close()
        self._save()
        self.flash.close()

    def _restart(self, cause: str) -> None:
        self._vm_dies()
        self.cause = CAUSES[cause]
        if self.vm.running:
            self._start_next = True
        else:
            self._start()

    def _start(self) -> None:
        self._start_next = False
        self._boots += 1
        self._exit_status = None
        self.vm.start()
        self.changed()

    def _vm_dies(self) -> None:
        """Reset and loss of power let go of every drive, as pins do."""
        if self._watchdog is not None:
            self._watchdog.cancel()
            self._watchdog = None
        self.vm.kill()
        self.on_dead()
        self._last_inputs = None
        for bay in self.bays:
            bay.close()
        self.changed()

    def _vm_exited(self, status: int) -> None:
        if self._start_next:
            self._start()
            return
        if self.powered:
            self._exit_status = status
        self.changed()

    # Time

    def ticks_offset(self) -> int:
        return self._ticks_base + int(self.timeline.skipped_s * 1000)

    def ticks(self) -> int:
        seconds = self.timeline.now() - self.timeline.skipped_s
        return (int(seconds * 1000) + self.ticks_offset()) & wire.TICKS_MASK

    def clock(self) -> int | None:
        if self._clock_offset is None:
            return None
        return math.floor(time.time() + self._clock_offset)

    def set_clock(self, utc: float | None) -> None:
        """Sets the battery-backed clock; None makes it lose its time."""
        self._clock_offset = None if utc is None else utc - time.time()
        self._save()

    def advance(self, seconds: float) -> None:
        """Skips time: ticks, clock, and everything that is under way."""
        self.timeline.advance(seconds)
        if self._clock_offset is not None:
            self._clock_offset += seconds
        self._save()
        self.on_event(self.time_event())

    # Inputs and outputs

    def draw(self, row: int, pixels: bytes) -> None:
        """Pixels of one row. Raises OSError if they are not 128 x 16, or outside the display."""
        at = row * ROW_BYTES
        if len(pixels) != ROW_BYTES or at + ROW_BYTES > PICTURE_BYTES:
            raise OSError(22, "not a row of the display")
        self.picture[at : at + ROW_BYTES] = pixels

    def show(self, lines: list[str]) -> None:
        self._display = lines
        self._times_shown += 1
        self.shown = [*self.shown[1 - HISTORY :], lines]

    def buzz(self, pattern: list[int]) -> None:
        self._times_buzzed += 1
        self.buzzes = [*self.buzzes[1 - HISTORY :], pattern]

    def random(self, n: int) -> bytes:
        drawn = os.urandom(n)
        self.random_draws = [*self.random_draws[1 - HISTORY :], drawn]
        return drawn

    def set_seal(self, bay: int, present: bool) -> None:
        self.bays[bay].seal = present
        self._save()

    def time_event(self) -> bytes:
        offset = self.ticks_offset()
        return wire.Record(wire.TIME, a=offset & 0xFFFF_FFFF, b=offset >> 32).packed()

    def inputs(self) -> wire.Record:
        flags = wire.TAMPERED * self.tampered | wire.LID * self.lid | wire.BUTTON * self.button
        flags |= wire.MAINS * self.mains | wire.HAS_BATTERY * (self.battery_mv is not None)
        switches = seals = drives = 0
        for index, bay in enumerate(self.bays):
            closed, opened = bay.switches
            switches |= (closed | opened << 1) << 2 * index
            seals |= bay.seal << index
            drives |= bay.driving << index
        return wire.Record(wire.INPUTS, flags, self.battery_mv or 0, switches, seals, drives)

    def state(self) -> State:
        """All that can be seen of the box, for whoever watches it; moments are `time.monotonic()` of this machine."""
        vm = "off" if not self.powered else "exited" if self._exit_status is not None else "running"
        return {
            "powered": self.powered,
            "vm": vm,
            "vm_pid": self.vm.pid,
            "exit_status": self._exit_status,
            "boots": self._boots,
            "cause": next(name for name, number in CAUSES.items() if number == self.cause),
            "bays": [bay.state() for bay in self.bays],
            "tampered": self.tampered,
            "lid": self.lid,
            "button": self.button,
            "mains": self.mains,
            "battery_mv": self.battery_mv,
            "display": self._display,
            "times_shown": self._times_shown,
            "times_buzzed": self._times_buzzed,
            "clock_set": self._clock_offset is not None,
            "console": self.vm.console.path,
        }

    def changed(self) -> None:
        """Reports what changed since the last report."""
        inputs = self.inputs()
        if inputs != self._last_inputs:
            self._last_inputs = inputs
            self.on_event(inputs.packed())
        state = self.state()
        if state != self._last_state:
            self._last_state = state
            self.on_state(state)

    def closed_contacts(self) -> bytes:
        """An edge for each press sensor whose contact is closed: to a firmware that starts, its closing is news."""
        closed = [index for index, bay in enumerate(self.bays) if bay.contact]
        return b"".join(wire.Record(wire.EDGE, index, 1, self.ticks()).packed() for index in closed)

    def _edge(self, bay: int, level: int) -> None:
        self.on_event(wire.Record(wire.EDGE, bay, level, self.ticks()).packed())

    # What the box keeps without power

    def _remember(self) -> None:
        with contextlib.suppress(FileNotFoundError):
            kept = json.loads(self._memory.read_text())
            self._clock_offset = kept["clock_offset"]
            for bay, present in zip(self.bays, kept["seals"], strict=False):
                bay.seal = present

    def _save(self) -> None:
        kept = {"clock_offset": self._clock_offset, "seals": [bay.seal for bay in self.bays]}
        part = self._memory.with_suffix(".part")
        part.write_text(json.dumps(kept))
        part.replace(self._memory)
