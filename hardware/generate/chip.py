"""What the ESP32-S3 and its WROOM-1 module can do, pin by pin (ESP32-S3 datasheet 1.x, ESP32-S3-WROOM-1 datasheet 1.x).

These are facts of the part that no board may bend; what a board makes of them is in `board.toml`.
"""

from dataclasses import dataclass

PIN_LIMIT_MV = 3_600
"""The most a pin takes: the supply and 0.3 V (absolute maximum ratings)."""

HIGH_MV = 2_475
"""The least that reads high: 0.75 of 3.3 V (DC characteristics)."""

LOW_MV = 825
"""The most that reads low: 0.25 of 3.3 V."""

ADC_RANGE_MV = 3_100
"""What the converter can tell apart at its largest attenuation."""

ADC_ERROR_MV = 60
"""How far off a calibrated reading may be at that attenuation."""


@dataclass(frozen=True)
class Chip:
    """Which GPIO numbers there are, and which of them a board's signals must leave alone."""

    name: str
    gpios: frozenset[int]
    strapping: frozenset[int]
    """Read at reset to choose how the chip starts."""
    usb: frozenset[int]
    flash: frozenset[int]
    """Wired to flash or PSRAM inside the module (or to PSRAM in a variant that somebody may solder in its place)."""
    console: frozenset[int]
    """The boot ROM talks here."""
    rises_at_reset: frozenset[int]
    """High for a moment or longer while the chip starts: pull-ups, glitches, JTAG, the boot ROM's words."""
    input_only: frozenset[int]
    adc1: frozenset[int]
    adc2: frozenset[int]
    """Cannot be read while Wi-Fi is on."""
    max_pin_ma: float
    pads: dict[str, str]
    """The module's pad numbers, by what lies on them: "IO4", "3V3", "EN"."""

    def pad_name(self, gpio: int) -> str:
        """The module's name of a GPIO: the console's two are called after the port."""
        return {43: "TXD0", 44: "RXD0"}.get(gpio, f"IO{gpio}")


_WROOM_1 = (
    *("GND", "3V3", "EN", "IO4", "IO5", "IO6", "IO7", "IO15", "IO16", "IO17", "IO18", "IO8", "IO19", "IO20"),
    *("IO3", "IO46", "IO9", "IO10", "IO11", "IO12", "IO13", "IO14", "IO21", "IO47", "IO48", "IO45"),
    *("IO0", "IO35", "IO36", "IO37", "IO38", "IO39", "IO40", "IO41", "IO42", "RXD0", "TXD0", "IO2", "IO1"),
)
"""Pads 1 to 39."""

ESP32_S3 = Chip(
    name="ESP32-S3",
    gpios=frozenset([*range(22), *range(26, 49)]),
    strapping=frozenset([0, 3, 45, 46]),
    usb=frozenset([19, 20]),
    flash=frozenset(range(26, 38)),
    console=frozenset([43, 44]),
    rises_at_reset=frozenset([0, 18, 19, 20, 39, 40, 41, 42, 43, 44, 45]),
    input_only=frozenset(),
    adc1=frozenset(range(1, 11)),
    adc2=frozenset(range(11, 21)),
    max_pin_ma=20.0,  # at the default drive strength
    pads={**{name: str(number) for number, name in enumerate(_WROOM_1, 1)}, "GND40": "40", "GND41": "41"},
)

CHIPS = {ESP32_S3.name: ESP32_S3}
