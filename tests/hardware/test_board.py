"""Faults planted into the board's description are found, each named in one clear line."""

import random
import re
from dataclasses import replace

import pytest

from hardware.generate import budget, model, rules
from hardware.generate.chip import ESP32_S3
from hardware.generate.schema import PIN_TYPES
from tests.hardware.boards import TEXT, faults, planted, without


def gpio(signal: str, pin: str) -> tuple[str, str]:
    """The change that moves a signal, whatever pin it has now."""
    line = TEXT.partition(f"[signals.{signal}]\n")[2].partition("\n")[0]
    return f"[signals.{signal}]\n{line}", f"[signals.{signal}]\ngpio = {pin}"


def net(ref: str, before: str, after: str) -> tuple[str, str]:
    """The change that connects a part otherwise."""
    block = without(ref)[0]
    assert before in block
    return block, block.replace(before, after)


def test_the_reference_board_has_no_fault():
    assert faults(TEXT) == []


PINS = [
    (gpio("BUTTON", "11"), "GPIO11: used by LID and BUTTON"),
    (gpio("PRESS", "[6, 6]"), "GPIO6: used by BAY1_PRESS and BAY2_PRESS"),
    (gpio("BUTTON", "49"), "BUTTON: GPIO49 does not exist on the ESP32-S3"),
    (gpio("BUTTON", "22"), "BUTTON: GPIO22 does not exist on the ESP32-S3"),
    (gpio("BUTTON", "-1"), "BUTTON: GPIO-1 does not exist on the ESP32-S3"),
    (gpio("LID", "0"), "LID: GPIO0 is a strapping pin: its level at reset chooses how the chip starts"),
    (gpio("GATE", "[4, 46]"), "BAY2_GATE: GPIO46 is a strapping pin: its level at reset chooses how the chip starts"),
    (gpio("LID", "19"), "LID: GPIO19 belongs to USB"),
    (gpio("USB_N", "21"), "USB_N: GPIO21 is not one of the USB pins"),
    (gpio("LID", "30"), "LID: GPIO30 is wired to flash or PSRAM inside the module"),
    (gpio("LID", "36"), "LID: GPIO36 is wired to flash or PSRAM inside the module"),
    (gpio("LID", "43"), "LID: GPIO43 belongs to the serial console, on which the boot ROM talks"),
    (gpio("GATE", "[4, 39]"), "BAY2_GATE: GPIO39 may go high while the chip starts: it must drive nothing"),
    (gpio("BATTERY", "18"), "BATTERY: GPIO18 is on ADC2, which cannot be read while Wi-Fi is on"),
    (gpio("TAMPER", "21"), "TAMPER: GPIO21 has no analog-to-digital converter"),
    (gpio("GATE", "[4]"), "signals.GATE: 1 pins for 2 bays"),
    (gpio("GATE", "4"), "signals.GATE: must have one pin for each bay"),
    (gpio("LID", "[21, 38]"), "signals.LID: must have one pin"),
    (
        ('[signals.LID]\ngpio = 11\ndirection = "in"', '[signals.LID]\ngpio = 11\ndirection = "out"'),
        "signals.LID: must be 'in', not 'out'",
    ),
    (("[signals.LID]", "[signals.LIDD]"), "signals: LID is missing"),
    (("[signals.LID]", "[signals.LIDD]"), "signals.LIDD: the firmware knows no such signal"),
]


@pytest.mark.parametrize(("change", "line"), PINS, ids=[line for _, line in PINS])
def test_a_pin_that_cannot_serve_is_named(change, line):
    assert line in faults(planted(change))


def test_an_input_only_pin_drives_nothing():
    chips = {"ESP32-S3": replace(ESP32_S3, input_only=frozenset([5]))}
    assert faults(TEXT, chips) == ["BAY2_GATE: GPIO5 is input-only"]


def test_adc2_serves_a_board_without_wifi():
    change = gpio("BATTERY", "18")
    assert not [line for line in faults(planted(change, ("wifi = true", "wifi = false"))) if "ADC2" in line]


NO_DIVIDER = "TAMPER: the loop is no divider: it needs a pull-up on the board and an end-of-line resistor to GND"

PARTS = [
    (without("D{bay}01"), ["Y101 (solenoid): no flyback diode between BAY1_COIL_N and BAY1_COIL_P"]),
    (
        net("D{bay}01", 'K = "BAY{bay}_COIL_P", A = "BAY{bay}_COIL_N"', 'A = "BAY{bay}_COIL_P", K = "BAY{bay}_COIL_N"'),
        ["Y101: its flyback diode is the wrong way round and short-circuits the supply"],
    ),
    (net("D{bay}01", '"schottky"', '"signal_diode"'), ["D101: 330 mA of Y101 are over its limit"]),
    (without("D7"), ["BZ1 (buzzer): no flyback diode between BUZZER_N and 3V3"]),
    (without("R{bay}02"), ["BAY1_GATE: no gate pull-down of 1000 to 100000 ohm to GND"]),
    (net("R{bay}02", '"GND"', '"3V3"'), ["BAY2_GATE: no gate pull-down of 1000 to 100000 ohm to GND"]),
    (net("R{bay}02", '"r10k"', '"r180k"'), ["BAY1_GATE: no gate pull-down of 1000 to 100000 ohm to GND"]),
    (without("R{bay}01"), ["BAY1_GATE: no gate resistor between the pin and its MOSFET"]),
    (net("R{bay}01", '"r100"', '"r10k"'), ["BAY1_GATE: gate resistor R101 is 10000 ohm, not 10 to 1000"]),
    (without("Q{bay}01"), ["BAY1_GATE: no MOSFET at BAY1_G"]),
    (net("Q{bay}01", '2 = "GND"', '2 = "V5"'), ["Q101: its source is on V5, not on GND"]),
    (
        ("gate_volts = 2.5", "gate_volts = 4.5"),
        ["Q101 (AO3400A): no logic level: its resistance is not specified for a 3.3 V gate"],
    ),
    (("limit_ma = 5000", "limit_ma = 300"), ["Q101: 330 mA of Y101 are over its limit"]),
    (("watts = 3", "watts = 1"), ["R103: 1.0 W while a shutter is held; half of 1 W allowed"]),
    (without("R13"), ["parts: no part has the role 'tamper end'", NO_DIVIDER]),
    (
        net("R13", '"end_resistor"', '"r100"'),
        ["TAMPER: 0 mV bridged, 34 mV whole, 3300 mV cut are too close to tell apart"],
    ),
    (without("R14"), [NO_DIVIDER]),
    (
        without("H{bay}01"),
        ["parts: bay 1 has no part with the role 'spring'", "parts: bay 2 has no part with the role 'spring'"],
    ),
    (without("S{bay}03"), ["parts: bay 1 has no part with the role 'press sensor'"]),
    (without("U6"), ["parts: no part has the role 'clock'"]),
    (without("BT2"), ["parts: no part has the role 'clock cell'"]),
    (without("S2"), ["parts: no part has the role 'button'", "cables W6: unknown part S2"]),
    (without("W7"), []),
    (net("W6", '["S2"]', '["S9"]'), ["cables W6: unknown part S9"]),
    (net("W6", '["BU", "BK"]', '["BU"]'), ["cables W6: 1 colours for 2 wires"]),
    (net("W3", '"J3"', '"J9"'), ["BT1 (battery): no wire of a cable reaches pin 1"]),
    (net("R17", 'ref = "R17"', 'ref = "R18"'), ["parts R18: the reference is used 2 times"]),
    (net("R17", ', 2 = "LID"', ""), ["R17 (r1k): pin 2 is not connected"]),
    (net("R17", '"r1k"', '"r1kk"'), ["parts R17: unknown type 'r1kk'"]),
    (net("R17", '2 = "LID"', '3 = "LID"'), ["parts R17: r1k has no pin '3'"]),
]


@pytest.mark.parametrize(("change", "lines"), PARTS, ids=[(lines or ["a cable less"])[0] for _, lines in PARTS])
def test_a_part_that_is_missing_or_wrong_is_named(change, lines):
    found = faults(planted(change))
    for line in lines:
        assert line in found


LEVELS = [
    (net("R18", '"3V3"', '"V5"'), "BUTTON: up to 5.1 V reach GPIO48, which bears 3.6 V"),
    (net("U{bay}01", '1 = "3V3"', '1 = "V5"'), "BAY1_SEAL: up to 5.1 V reach GPIO10, which bears 3.6 V"),
    (without("R12"), "MAINS: up to 12.3 V reach GPIO12, which bears 3.6 V"),
    (net("R12", '"r15k"', '"r10k"'), "MAINS: rests at 1.89 V, which GPIO12 reads neither as high nor as low"),
    (without("R18"), "BUTTON: nothing holds GPIO48 while its contact is open; it needs a pull-up"),
    (without("R20"), "SDA: nothing holds GPIO13 while its contact is open; it needs a pull-up"),
    (without("R10"), "BATTERY: up to 4.2 V reach GPIO2, which bears 3.6 V"),
    (net("R22", '2 = "BUZZER_G"', '2 = "GND"'), "BUZZER: 34 mA from GPIO47, which gives 20 mA"),
    (net("BZ1", '2 = "BUZZER_N"', '2 = "BUZZER"'), "BUZZER: 100 mA from GPIO47, which gives 20 mA"),
]


@pytest.mark.parametrize(("change", "line"), LEVELS, ids=[line for _, line in LEVELS])
def test_a_pin_that_sees_too_much_or_nothing_is_named(change, line):
    assert line in faults(planted(change))


RAILS = [
    (
        ("kick_ma = 330", "kick_ma = 600"),
        "rail VBOOST: 682 mA at worst from the battery with 1 shutter driven, over its limit of 480 mA",
    ),
    (
        ("draws = { 3V3 = [95, 500] }", "draws = { 3V3 = [95, 900] }"),
        "rail 3V3: 1096 mA at worst from the mains with 1 shutter driven, over its limit of 1000 mA",
    ),
    (('battery = "VBAT" }', 'battery = "VBATT" }'), "rails.VSYS.from: unknown rail 'VBATT'"),
    (
        ('from = { mains = "VIN" }', 'from = { sun = "VIN" }'),
        "rails.V12.from: 'sun' is no supply; known: mains, battery",
    ),
    (('from = { mains = "VIN" }', 'from = { mains = "V12" }'), "rails.V12.from: feeds itself from the mains"),
    (("[rails.VDRIVE]", "[rails.VDRIV]"), "rails: VDRIVE is missing"),
]


@pytest.mark.parametrize(("change", "line"), RAILS, ids=[line for _, line in RAILS])
def test_an_overloaded_or_unknown_rail_is_named(change, line):
    assert line in faults(planted(change))


def test_rails_that_feed_each_other_are_found_in_bounded_time():
    circle = ('from = { mains = "VIN" }', 'from = { mains = "V5" }')
    found = faults(planted(circle))
    assert "rails.V12.from: feeds itself from the mains" in found
    assert "rails.V5.from: feeds itself from the mains" in found


TYPES = [
    (("bays = 2", "bays = 9"), "board.bays: a box has 1 to 4 bays, not 9"),
    (("bays = 2", 'bays = "2"'), "board.bays: must be a whole number from 1, not '2'"),
    (('chip = "ESP32-S3"', 'chip = "ESP8266"'), "board.chip: unknown chip 'ESP8266'; known: ESP32-S3"),
    (("wifi = true\n", ""), "board.wifi: missing"),
    (("wifi = true", "wifi = true\ncolour = 1"), "board.colour: unknown key"),
    (("gpio = 11", 'gpio = "11"'), "signals.LID.gpio: must be a whole number, or a list of them, not '11'"),
    (("gpio = 11", "gpio = true"), "signals.LID.gpio: must be a whole number, or a list of them, not True"),
    (
        ('direction = "usb"', 'direction = "up"'),
        "signals.USB_N.direction: must be one of in, out, analog, i2c, usb, not 'up'",
    ),
    (("price = 21.5", "price = -1"), "types.module.price: must be a number from 0, not -1"),
    (("price = 21.5", "price = nan"), "types.module.price: must be a number from 0, not nan"),
    (("ohms = 39\n", ""), "types.hold_resistor: a resistor needs ohms"),
    (
        ('3 = "D passive" }', '3 = "D wild" }'),
        f"types.mosfet.pins.3: 'wild' is no pin type; known: {', '.join(PIN_TYPES)}",
    ),
    (
        ("volts = [11.4, 12.0, 12.6]", "volts = [12.6, 12.0]"),
        "rails.VIN.volts: must be three numbers: least, usual, most, not [12.6, 12.0]",
    ),
    (("[battery]", "[batteries]"), "battery: missing"),
    (("[battery]", "[batteries]"), "batteries: unknown section"),
]


@pytest.mark.parametrize(("change", "line"), TYPES, ids=[line for _, line in TYPES])
def test_a_value_of_the_wrong_type_is_named(change, line):
    assert line in faults(planted(change))


@pytest.mark.parametrize(
    "text", ["", "[board", "board = 1\n", "parts = 3\n", "parts = [1]\n", "[signals]\nLID = 1\n", "\0"]
)
def test_a_text_that_is_no_board_is_refused_by_name(text):
    found = faults(text)
    assert found
    assert all("\n" not in line and line for line in found)


def test_a_text_nested_without_end_is_refused_by_name():
    assert faults("a = " + "[" * 100_000) == ["board.toml: is not TOML of ours: nested too deeply"]


VALUES = ("0", "-1", "99999999999999999999", "inf", "nan", "true", '""', '"x"', '"GND"', "[]", "[1]", "[[1]]", "{}")


def slipped(seed: int) -> str:
    """The board's text after a few slips: lines gone or twice, values replaced, bays mixed up."""
    chance = random.Random(seed)
    lines = TEXT.split("\n")
    for _ in range(chance.choice((1, 2, 4))):
        place = chance.randrange(len(lines))
        slip = chance.randrange(4)
        if slip == 0:
            del lines[place]
        elif slip == 1:
            lines.insert(chance.randrange(len(lines)), lines[place])
        elif slip == 2:
            lines[place] = re.sub(r"= .*", lambda _: "= " + chance.choice(VALUES), lines[place])
        else:
            lines[place] = lines[place].replace("{bay}", chance.choice(("", "1", "{bay}{bay}")))
    return "\n".join(lines)


def test_whatever_slips_into_the_board_gives_lines_and_nothing_else():
    found = [faults(slipped(seed)) for seed in range(200)]
    assert sum(1 for lines in found if lines) > 80
    assert all(line and "\n" not in line for lines in found for line in lines)


def test_a_file_that_cannot_be_read_is_named(tmp_path):
    (tmp_path / "board.toml").write_bytes(b"\xff\xfe")
    for path in (tmp_path / "board.toml", tmp_path / "none.toml", tmp_path):
        with pytest.raises(model.BoardError, match="cannot be read"):
            model.read(path)


def test_every_fault_is_one_line_and_names_its_place():
    text = planted(gpio("BUTTON", "11"), without("D{bay}01"), without("R{bay}02"), ("kick_ma = 330", "kick_ma = 900"))
    found = faults(text)
    assert len(found) == len(set(found))
    assert all("\n" not in line for line in found)
    for named in ("GPIO11", "Y101", "Y201", "BAY1_GATE", "BAY2_GATE", "VBOOST"):
        assert any(named in line for line in found), named


def test_both_shutters_are_driven_at_once_only_if_every_rail_bears_it():
    assert budget.driven_at_once(model.parse(TEXT)) == 1
    assert budget.driven_at_once(model.parse(planted(("kick_ma = 330", "kick_ma = 120")))) == 2
    assert budget.driven_at_once(model.parse(planted(("kick_ma = 330", "kick_ma = 900")))) == 0


def test_the_tamper_pin_tells_cut_whole_and_bridged_apart():
    assert rules.tamper_mv(model.parse(TEXT)) == (3300, 1650, 0)


def test_the_battery_that_opens_a_shutter_has_enough_left_to_see_it_closed():
    board = model.parse(TEXT)
    whole = board.battery["capacity_mah"] * 3.6 * board.rails["VBAT"].volts[1]
    assert budget.closing_joules(board) < 0.05 * whole * board.battery["usable"]
