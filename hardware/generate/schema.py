"""Which keys each table of `board.toml` has, of which type, and the check of one table against that. Pure."""

import datetime
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

DIRECTIONS = ("in", "out", "analog", "i2c", "usb")
PIN_TYPES = (
    *("passive", "input", "output", "bidirectional", "open_collector"),
    *("power_in", "power_out", "no_connect"),
)
KINDS = (
    *("module", "resistor", "capacitor", "inductor", "diode", "mosfet", "pmosfet", "ic", "fuse", "cell", "supply"),
    *("device", "buzzer", "switch", "solenoid", "wire", "connector", "goods"),
)
COLOURS = ("BK", "BN", "RD", "OG", "YE", "GN", "BU", "VT", "GY", "WH", "PK", "TQ")
"""The colours of IEC 60757."""

_REQUIRED = object()


@dataclass(frozen=True)
class Field:
    """What a key's value must be, in words and as a test, and what stands for it when it is missing."""

    words: str
    fits: Callable[[Any], bool]
    default: Any = _REQUIRED


def _is_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < math.inf


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _are(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and value != [] and all(fits(item) for item in value)


def _map_of(fits: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(fits(item) for item in value.values())


def _numbers(count: int) -> Callable[[Any], bool]:
    return lambda value: _are(_is_number)(value) and len(value) == count and value == sorted(value)


def _one_of(words: tuple[str, ...]) -> Callable[[Any], bool]:
    return lambda value: value in words


def _text(default: Any = _REQUIRED) -> Field:
    return Field("text", _is_text, default)


def _number(default: Any = _REQUIRED) -> Field:
    return Field("a number from 0", _is_number, default)


def _count(default: Any = _REQUIRED) -> Field:
    return Field("a whole number from 1", lambda value: _is_int(value) and value >= 1, default)


def _flag(default: Any = _REQUIRED) -> Field:
    return Field("true or false", lambda value: isinstance(value, bool), default)


FIELDS: dict[str, tuple[str, dict[str, Field]]] = {
    "board": (
        "table",
        {
            "name": _text(),
            "bays": _count(),
            "chip": _text(),
            "wifi": _flag(),
            "price_date": Field("a date", lambda value: type(value) is datetime.date),
            "price_aim_cny": _number(),
        },
    ),
    "signals": (
        "tables",
        {
            "gpio": Field("a whole number, or a list of them", lambda value: _is_int(value) or _are(_is_int)(value)),
            "direction": Field(f"one of {', '.join(DIRECTIONS)}", _one_of(DIRECTIONS)),
            "idle": Field("0 or 1", lambda value: _is_int(value) and value in (0, 1), None),
            "drives": Field("solenoid or buzzer", _one_of(("solenoid", "buzzer")), ""),
            "note": _text(""),
        },
    ),
    "firmware": (
        "table",
        {
            **{key: _count() for key in ("i2c_hz", "display_address", "clock_address", "buzzer_hz")},
            **{key: _count() for key in ("shutter_travel_ms", "battery_low_mv")},
            "flash_partition": _text(),
        },
    ),
    "rails": (
        "tables",
        {
            "volts": Field("three numbers: least, usual, most", _numbers(3)),
            "limit_ma": _number(),
            "from": Field("a table of rails", _map_of(_is_text), {}),
            "efficiency": Field("a number over 0, up to 1", lambda value: _is_number(value) and 0 < value <= 1, 1.0),
        },
    ),
    "battery": ("table", {key: _number() for key in ("capacity_mah", "usable", "reserve_s")}),
    "types": (
        "tables",
        {
            "kind": Field(f"one of {', '.join(KINDS)}", _one_of(KINDS)),
            "manufacturer": _text(),
            "mpn": _text(),
            "price": _number(),
            "description": _text(""),
            "pins": Field('a table of "NAME type"', _map_of(lambda value: _is_text(value) and " " in value), {}),
            "draws": Field("a table of [usual, most] mA", _map_of(_numbers(2)), {}),
            "inductive": _flag(default=False),
            **{key: _number(None) for key in ("ohms", "gate_volts", "limit_ma", "watts")},
            **{key: _number(0) for key in ("kick_ma", "hold_ma")},
        },
    ),
    "parts": (
        "list",
        {
            "ref": _text(),
            "type": _text(),
            "nets": Field("a table of nets by pin", _map_of(_is_text), {}),
            "role": _text(""),
            "label": _text(""),
            "count": _count(1),
        },
    ),
    "cables": (
        "list",
        {
            "ref": _text(),
            "from": _text(),
            "to": Field("a list of references", _are(_is_text)),
            "mm2": _number(),
            "length_mm": _count(),
            "colours": Field(f"a list of {', '.join(COLOURS)}", _are(_one_of(COLOURS))),
        },
    ),
}
"""By section: its shape, and the fields of each of its tables."""


def take(table: Any, where: str, fields: dict[str, Field], faults: list[str]) -> dict[str, Any]:
    """The table's values, defaults filled in. Each fault adds a line, and the value then is the default or None."""
    if not isinstance(table, dict):
        faults.append(f"{where}: missing" if table is None else f"{where}: must be a table")
        table = {}
    faults.extend(f"{where}.{key}: unknown key" for key in table if key not in fields)
    taken = {}
    for key, field in fields.items():
        taken[key] = None if field.default is _REQUIRED else field.default
        if key in table and field.fits(table[key]):
            taken[key] = table[key]
        elif key in table:
            faults.append(f"{where}.{key}: must be {field.words}, not {table[key]!r}")
        elif field.default is _REQUIRED and table:
            faults.append(f"{where}.{key}: missing")
    return taken
