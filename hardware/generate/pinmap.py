"""The firmware's pin map, `firmware/sealbox/board/pins.py`: constants for MicroPython's compiler. Pure."""

from hardware.generate import budget, levels, rules
from hardware.generate.chip import ADC_ERROR_MV
from hardware.generate.model import Board

_HEAD = '''"""The pins of the reference board. Generated from hardware/board.toml by `make hardware`: change it there.

A tuple holds one pin per bay, in their order. What each signal means when high or low stands beside it.
"""

from micropython import const

'''


def text(board: Board) -> str:
    """The module's source."""
    lines = [f"BAYS = const({board.bays})"]
    driven = budget.driven_at_once(board)
    lines += [f"DRIVEN_AT_ONCE = const({driven})  # shutters that the supply and the battery can drive together", ""]
    for signal in board.signals:
        value = f"({', '.join(map(str, signal.gpios))},)" if len(signal.gpios) == 1 else str(signal.gpios)
        value = value if signal.per_bay else f"const({signal.gpios[0]})"
        lines += [f"# {signal.note}"] if signal.note else []
        lines += [f"{signal.name} = {value}"]
    lines += ["", *_readings(board), "", *_settings(board)]
    return _HEAD + "\n".join(lines) + "\n"


def _readings(board: Board) -> list[str]:
    """What the analog pins read, in millivolts at the pin."""
    cut, whole, bridged = rules.tamper_mv(board) or (0, 0, 0)
    low, high = (whole + bridged) // 2, (whole + min(cut, 3100)) // 2
    fixed = {**levels.sources(board, 1), "VBAT": 1.0}
    ratio = levels.solve(levels.resistances(board), fixed)["BATTERY"]
    return [
        f"TAMPER_LOW_MV = const({low})  # below, the loop is bridged; whole it reads {whole} +-{ADC_ERROR_MV}",
        f"TAMPER_HIGH_MV = const({high})  # above, it is cut",
        f"BATTERY_PERMILLE = const({round(1000 * ratio)})  # of the battery's voltage, at the pin",
        "BATTERY_ABSENT_MV = const(2000)  # below, there is no battery: its protection cuts off earlier",
    ]


def _settings(board: Board) -> list[str]:
    firmware = board.firmware
    return [
        f"I2C_HZ = const({firmware['i2c_hz']})",
        f"DISPLAY_ADDRESS = const(0x{firmware['display_address']:02X})",
        f"CLOCK_ADDRESS = const(0x{firmware['clock_address']:02X})",
        f"BUZZER_HZ = const({firmware['buzzer_hz']})",
        f'FLASH_PARTITION = "{firmware["flash_partition"]}"',
    ]
