"""Stand-ins for MicroPython's modules of the ESP32 port, so that the reference board's layer runs on the unix VM.

They keep what the real ones promise and what the layer relies on: pins and their interrupts, a pulse generator that
has a pin until that is initialised again, a counter of edges, an I2C bus with a clock and a display. What only silicon
can show they cannot. Importing this module puts them where `import` finds them.
"""

import sys

LEVEL = {}  # GPIO: its level, as driven from outside or by the chip
PINS = {}
DRIVEN_BY_RMT = {}  # GPIO: the generator that has it
MICROVOLTS = {}
MEMORY = {}  # I2C address: bytearray
DEAD = set()  # I2C addresses that do not answer
DISPLAY = []  # what the display was sent: (command bytes) or data
EVENTS = []


class Pin:
    IN, OUT = 1, 3
    IRQ_RISING, IRQ_FALLING = 1, 2

    def __init__(self, gpio, mode=None, value=None):
        self.gpio = gpio
        self.handler = None
        PINS[gpio] = self
        if mode is not None:
            self.init(mode, value=value)

    def init(self, mode, value=None):
        DRIVEN_BY_RMT.pop(self.gpio, None)
        if mode == Pin.OUT:
            LEVEL[self.gpio] = value or 0

    def value(self):
        return LEVEL.get(self.gpio, 0)

    def irq(self, handler, trigger):
        assert trigger == Pin.IRQ_RISING | Pin.IRQ_FALLING
        self.handler = handler


def outside(gpio, level, handled=True):
    """The world sets an input; `handled`: whether the VM gets around to the interrupt."""
    if LEVEL.get(gpio, 0) != level:
        LEVEL[gpio] = level
        for counter in PCNT.units:
            if counter.pin.gpio == gpio:
                counter.count = (counter.count + 1) % counter.max
        if handled and PINS[gpio].handler:
            PINS[gpio].handler(PINS[gpio])


class RMT:
    free = 4

    def __init__(self, *, pin, clock_div, idle_level):
        if not RMT.free:
            raise OSError("no channel")
        RMT.free -= 1
        self.pin, self.divider, self.idle = pin, clock_div, idle_level
        self.loops, self.ms, self.done = 0, 0, True
        DRIVEN_BY_RMT[pin.gpio] = self
        LEVEL[pin.gpio] = int(idle_level)

    def loop_count(self, count):
        assert 0 <= count <= 1023
        self.loops = count

    def write_pulses(self, durations, levels):
        assert len(durations) == len(levels) and len(durations) % 2 == 0 and len(durations) <= 126
        assert all(0 < ticks <= 32767 for ticks in durations)
        assert all(levels)
        self.ms = sum(durations) * self.loops * self.divider / 80_000
        self.done = False
        if DRIVEN_BY_RMT.get(self.pin.gpio) is self:
            LEVEL[self.pin.gpio] = 1

    def over(self):
        """The count is over."""
        self.done = True
        if DRIVEN_BY_RMT.get(self.pin.gpio) is self:
            LEVEL[self.pin.gpio] = int(self.idle)

    def active(self):
        return not self.done

    def deinit(self):
        assert DRIVEN_BY_RMT.get(self.pin.gpio) is not self, "the real one may put out its loop to the end"
        RMT.free += 1
        self.over()


class PCNT:
    INCREMENT = 1
    units = []

    def __init__(self, unit, *, pin, rising, falling, min, max, value):
        assert rising == falling == PCNT.INCREMENT
        self.pin, self.max, self.count = pin, max, 0
        PCNT.units.append(self)

    def start(self):
        pass

    def value(self):
        return self.count


class ADC:
    ATTN_11DB = 3

    def __init__(self, pin, atten):
        self.gpio = pin.gpio

    def read_uv(self):
        return MICROVOLTS[self.gpio]


class I2C:
    def __init__(self, number, scl, sda, freq):
        pass

    def _check(self, address):
        if address in DEAD:
            raise OSError(19)

    def readfrom_mem(self, address, register, count):
        self._check(address)
        return bytes(MEMORY[address][register : register + count])

    def writeto_mem(self, address, register, data):
        self._check(address)
        MEMORY[address][register : register + len(data)] = data


class SSD1306_I2C:  # noqa: N801 - the real name
    def __init__(self, width, height, i2c, address):
        self.i2c, self.address = i2c, address
        i2c._check(address)

    def write_cmd(self, command):
        self.i2c._check(self.address)
        DISPLAY.append(command)

    def write_data(self, data):
        self.i2c._check(self.address)
        DISPLAY.append(bytes(data))


class PWM:
    def __init__(self, pin, freq, duty_u16):
        EVENTS.append(("tone", freq))

    def duty_u16(self, duty):
        EVENTS.append(("duty", duty))

    def deinit(self):
        EVENTS.append(("tone over",))


class RTC:
    def datetime(self, fields):
        EVENTS.append(("rtc", fields))


class WDT:
    def __init__(self, timeout):
        EVENTS.append(("watchdog", timeout))

    def feed(self):
        EVENTS.append(("fed",))


class Timer:
    PERIODIC = 1

    def __init__(self, number, mode, period, callback):
        Timer.tick = lambda: callback(self)


class WLAN:
    IF_STA = 0

    def __init__(self, interface):
        self.on, self.joined = False, False
        WLAN.only = self

    def active(self, on=None):
        if on is not None:
            self.on = on
        return self.on

    def isconnected(self):
        return self.joined

    def config(self, reconnects):
        assert reconnects == 0

    def connect(self, name, password):
        EVENTS.append(("join", name, password))
        if password == "wrong":
            raise OSError("Wifi Internal Error")
        self.joined = True

    def disconnect(self):
        self.joined = False


class Partition:
    TYPE_DATA = 1

    @staticmethod
    def find(type, label):
        return ["the partition"] if label == "vfs" else []


class _Module:
    def __init__(self, **names):
        for name in names:
            setattr(self, name, names[name])


def _reset():
    EVENTS.append(("reset",))


machine = _Module(
    Pin=Pin, ADC=ADC, I2C=I2C, PWM=PWM, RTC=RTC, WDT=WDT, Timer=Timer, reset=_reset, mem32={0x6000_8038: 1}
)
machine.PWRON_RESET, machine.HARD_RESET, machine.WDT_RESET, machine.SOFT_RESET = 1, 2, 3, 5
machine.reset_cause = lambda: machine.cause
machine.cause = 1
sys.modules["machine"] = machine
sys.modules["esp32"] = _Module(RMT=RMT, PCNT=PCNT, Partition=Partition)
sys.modules["network"] = _Module(WLAN=WLAN)
sys.modules["ssd1306"] = _Module(SSD1306_I2C=SSD1306_I2C)
