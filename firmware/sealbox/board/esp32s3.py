"""The Board contract on the reference board (hardware/board.toml): an ESP32-S3 with stock MicroPython.

What holds a shutter shut when all this fails is hardware: springs, gate pull-downs, `esp32s3_drive`. Inputs that a
contact switches come by interrupt and are latched; the tamper loop is analog, so a timer looks at it, and at the
drives, 20 times a second: a cut shorter than that may pass. A display or a clock that does not answer stops nothing
else.
Not yet tried on a board.
"""

import asyncio
import os
import time

import machine
import network
from esp32 import Partition
from machine import ADC, I2C, PWM, RTC, WDT, Pin, Timer
from micropython import const

from . import BROWN_OUT, MAX_DRIVE_MS, MAX_RANDOM, POWER_ON, SOFT, WATCHDOG, WATCHDOG_MS, ds3231, pins
from .esp32s3_console import Reader, Writer
from .esp32s3_drive import Drive
from .esp32s3_panel import Panel
from .esp32s3_presses import PressSensor

_SAMPLE_MS = const(50)
_HALF = const(32_768)  # duty of the buzzer's tone
_RESET_STATE = const(0x6000_8038)  # RTC_CNTL_RESET_STATE_REG: machine.reset_cause() does not tell a brown-out
_RESET_CAUSE = const(0x3F)
_BROWNED_OUT = const(15)


class Esp32S3:
    """The reference board. Constructing it ends every drive before anything else."""

    bays = pins.BAYS
    both_drive = pins.DRIVEN_AT_ONCE >= pins.BAYS

    def __init__(self) -> None:
        self._drives = [Drive(gpio) for gpio in pins.GATE]
        self._flag = asyncio.ThreadSafeFlag()
        notify = self._flag.set
        self._sensors = [PressSensor(gpio, unit, notify) for unit, gpio in enumerate(pins.PRESS)]
        self._closed = [self._watched(gpio) for gpio in pins.CLOSED]
        self._opened = [self._watched(gpio) for gpio in pins.OPENED]
        self._seals = [self._watched(gpio) for gpio in pins.SEAL]
        self._mains = self._watched(pins.MAINS)
        self._lid_seen = self._button_seen = self._tamper_seen = False
        self._lid = Pin(pins.LID, Pin.IN)
        self._lid.irq(self._lid_moved, Pin.IRQ_RISING | Pin.IRQ_FALLING)
        self._button = Pin(pins.BUTTON, Pin.IN)
        self._button.irq(self._button_moved, Pin.IRQ_RISING | Pin.IRQ_FALLING)
        self._loop = ADC(Pin(pins.TAMPER), atten=ADC.ATTN_11DB)
        self._battery = ADC(Pin(pins.BATTERY), atten=ADC.ATTN_11DB)
        i2c = I2C(0, scl=Pin(pins.SCL), sda=Pin(pins.SDA), freq=pins.I2C_HZ)
        self._clock = ds3231.Ds3231(i2c, pins.CLOCK_ADDRESS)
        self._panel = Panel(i2c, pins.DISPLAY_ADDRESS)
        self._tone = Pin(pins.BUZZER, Pin.OUT, value=0)
        self._sounding: "asyncio.Task[None] | None" = None
        self._watchdog: "WDT | None" = None
        self._radio = network.WLAN(network.WLAN.IF_STA)
        self._radio.active(True)  # also for the random generator, which is only pseudo-random without it
        self._driven = [False] * self.bays
        self._timer = Timer(0, mode=Timer.PERIODIC, period=_SAMPLE_MS, callback=self._sample)

    # Shutters

    def open(self, bay: int, max_ms: int) -> bool:
        if max_ms < 1:
            raise ValueError("max_ms must be positive")
        started = self._drives[self._index(bay)].start(min(max_ms, MAX_DRIVE_MS))
        self._flag.set()
        return started

    def close(self, bay: int) -> None:
        self._drives[self._index(bay)].end()
        self._flag.set()

    def driving(self, bay: int) -> bool:
        return self._drives[self._index(bay)].on

    def switches(self, bay: int) -> "tuple[bool, bool]":
        index = self._index(bay)
        return not self._closed[index].value(), not self._opened[index].value()

    # Inputs

    def take_edges(self, bay: int) -> "list[tuple[int, int]]":
        return self._sensors[self._index(bay)].take()

    def seal_present(self, bay: int) -> bool:
        return not self._seals[self._index(bay)].value()

    def tampered(self) -> bool:
        seen, self._tamper_seen = self._tamper_seen, False
        return seen or self._loop_broken()

    def lid_open(self) -> bool:
        seen, self._lid_seen = self._lid_seen, False
        return seen or bool(self._lid.value())

    def button(self) -> bool:
        seen, self._button_seen = self._button_seen, False
        return seen or not self._button.value()

    def battery_mv(self) -> "int | None":
        mv = self._battery.read_uv() // pins.BATTERY_PERMILLE
        return mv if mv >= pins.BATTERY_ABSENT_MV else None

    def mains_ok(self) -> bool:
        return bool(self._mains.value())

    async def changed(self) -> None:
        await self._flag.wait()

    # Time

    def ticks_ms(self) -> int:
        return time.ticks_ms()  # type: ignore[return-value] # the stubs have a type of its own for a whole number

    def clock(self) -> "int | None":
        try:
            return self._clock.read()
        except OSError:
            return None  # a clock that does not answer has lost its time: nothing opens

    def set_clock(self, utc: int) -> None:
        self._clock.write(utc)

    def set_time(self, utc: int) -> None:
        days, second = divmod(utc, 86_400)
        year, month, day = ds3231.date_of(days)
        weekday = (days + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
        RTC().datetime((year, month, day, weekday, second // 3600, second // 60 % 60, second % 60, 0))

    # Outputs

    def draw(self, row: int, picture: bytearray) -> None:
        self._panel.draw(row, picture)

    def show(self, lines: "list[str]") -> None:
        pass

    def buzz(self, pattern: "tuple[int, ...]") -> None:
        if self._sounding is not None:
            self._sounding.cancel()
        self._sounding = asyncio.create_task(self._sound(pattern))

    # The machine

    def random(self, n: int) -> bytes:
        if not 0 < n <= MAX_RANDOM:
            raise ValueError("1 to %d random bytes at once" % MAX_RANDOM)
        if not self._radio.active():
            self._radio.active(True)
        return os.urandom(n)

    def feed(self) -> None:
        if self._watchdog is None:
            self._watchdog = WDT(timeout=WATCHDOG_MS)
        self._watchdog.feed()

    def reset_cause(self) -> int:
        if machine.mem32[_RESET_STATE] & _RESET_CAUSE == _BROWNED_OUT:
            return BROWN_OUT
        cause = machine.reset_cause()
        if cause == machine.WDT_RESET:
            return WATCHDOG
        return POWER_ON if cause == machine.PWRON_RESET else SOFT

    def reset(self) -> None:
        for drive in self._drives:
            drive.end()
        machine.reset()

    def flash(self) -> object:
        _leave_to_us()
        found = Partition.find(Partition.TYPE_DATA, label=pins.FLASH_PARTITION)
        if not found:
            raise OSError("no flash partition called %s" % pins.FLASH_PARTITION)
        return found[0]

    def console(self) -> "tuple[object, object]":
        return Reader(), Writer()

    async def join(self, name: "str | None", password: "str | None") -> None:
        if name is not None:
            from .esp32s3_wifi import stay_joined

            await stay_joined(self._radio, name, password)

    # What interrupts and the timer do. They allocate nothing.

    def _watched(self, gpio: int) -> Pin:
        pin = Pin(gpio, Pin.IN)
        pin.irq(self._moved, Pin.IRQ_RISING | Pin.IRQ_FALLING)
        return pin

    def _moved(self, pin: Pin) -> None:
        self._flag.set()

    def _lid_moved(self, pin: Pin) -> None:
        self._lid_seen = True  # it moved, so it is open or was
        self._flag.set()

    def _button_moved(self, pin: Pin) -> None:
        self._button_seen = True
        self._flag.set()

    def _sample(self, timer: Timer) -> None:
        if self._loop_broken():
            self._tamper_seen = True
            self._flag.set()
        for index in range(self.bays):
            self._drives[index].check()
            if self._drives[index].on != self._driven[index]:
                self._driven[index] = not self._driven[index]
                self._flag.set()

    def _loop_broken(self) -> bool:
        return not pins.TAMPER_LOW_MV <= self._loop.read_uv() // 1000 <= pins.TAMPER_HIGH_MV

    async def _sound(self, pattern: "tuple[int, ...]") -> None:
        tone = PWM(self._tone, freq=pins.BUZZER_HZ, duty_u16=0)
        try:
            for place, ms in enumerate(pattern):
                tone.duty_u16(0 if place % 2 else _HALF)
                await asyncio.sleep_ms(ms)
        finally:
            tone.deinit()
            self._tone.init(Pin.OUT, value=0)

    def _index(self, bay: int) -> int:
        if not 1 <= bay <= self.bays:
            raise ValueError("this box has bays 1 to %d" % self.bays)
        return bay - 1


def _leave_to_us() -> None:
    """MicroPython's own start mounts the data volume as its root: two file systems on one partition ruin it."""
    import vfs

    try:
        vfs.umount("/")
    except OSError:
        pass  # it was not mounted
