"""Which pins of the chip a signal may use. Pure; one line for each fault."""

from collections.abc import Iterator

from hardware.generate.model import Board, Signal

SIGNALS = {
    **dict.fromkeys(("GATE", "BUZZER"), "out"),
    **dict.fromkeys(("PRESS", "CLOSED", "OPENED", "SEAL", "LID", "MAINS", "BUTTON"), "in"),
    **dict.fromkeys(("TAMPER", "BATTERY"), "analog"),
    **dict.fromkeys(("SDA", "SCL"), "i2c"),
    **dict.fromkeys(("USB_N", "USB_P"), "usb"),
}
"""What the firmware's board needs, and which way it uses it."""

OF_A_BAY = ("GATE", "PRESS", "CLOSED", "OPENED", "SEAL")


def needed(board: Board) -> Iterator[str]:
    """Every signal of the firmware is there, in its direction, and no other."""
    signals = {signal.name: signal for signal in board.signals}
    for name, direction in SIGNALS.items():
        signal = signals.pop(name, None)
        if signal is None:
            yield f"signals: {name} is missing"
        elif signal.direction != direction:
            yield f"signals.{name}: must be {direction!r}, not {signal.direction!r}"
        elif signal.per_bay != (name in OF_A_BAY):
            yield f"signals.{name}: must have one pin{' for each bay' if name in OF_A_BAY else ''}"
        elif name == "GATE" and signal.drives != "solenoid":
            yield "signals.GATE: must drive the solenoid"
    for name in signals:
        yield f"signals.{name}: the firmware knows no such signal"


def duplicates(board: Board) -> Iterator[str]:
    """A pin serves one signal."""
    users: dict[int, list[str]] = {}
    for signal in board.signals:
        for net, gpio in signal.pins():
            users.setdefault(gpio, []).append(net)
    for gpio, nets in sorted(users.items()):
        if len(nets) > 1:
            yield f"GPIO{gpio}: used by {' and '.join(nets)}"


def usable(board: Board) -> Iterator[str]:
    """Each pin exists, comes out of the module, and is free for what the signal does with it."""
    for signal in board.signals:
        for net, gpio in signal.pins():
            reason = _objection(board, signal, gpio)
            if reason:
                yield f"{net}: GPIO{gpio} {reason}"


def _objection(board: Board, signal: Signal, gpio: int) -> str:
    chip = board.chip
    if gpio not in chip.gpios:
        return f"does not exist on the {chip.name}"
    if gpio in chip.strapping:
        return "is a strapping pin: its level at reset chooses how the chip starts"
    if gpio in chip.usb and signal.direction != "usb":
        return "belongs to USB"
    if signal.direction == "usb" and gpio not in chip.usb:
        return "is not one of the USB pins"
    if gpio in chip.flash:
        return "is wired to flash or PSRAM inside the module"
    if gpio in chip.console:
        return "belongs to the serial console, on which the boot ROM talks"
    if chip.pad_name(gpio) not in chip.pads:
        return "does not come out of the module"
    return _misuse(board, signal, gpio)


def _misuse(board: Board, signal: Signal, gpio: int) -> str:
    chip = board.chip
    if signal.direction in ("out", "i2c") and gpio in chip.input_only:
        return "is input-only"
    if signal.drives and gpio in chip.rises_at_reset:
        return "may go high while the chip starts: it must drive nothing"
    if signal.direction == "analog" and gpio in chip.adc2 and board.wifi:
        return "is on ADC2, which cannot be read while Wi-Fi is on"
    if signal.direction == "analog" and gpio not in chip.adc1 | chip.adc2:
        return "has no analog-to-digital converter"
    return ""


RULES = (needed, duplicates, usable)
