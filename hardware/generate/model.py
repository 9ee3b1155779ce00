"""The board as `board.toml` describes it, and how that file is read.

Guarantees: what comes out of `read` has the right types, every key is known, parts stand for each bay, and each part's
type exists. Leaves to `rules` whether the board makes sense. Raises BoardError, with one line for every fault found.
"""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from hardware.generate.chip import CHIPS, Chip
from hardware.generate.schema import FIELDS, PIN_TYPES, take


class BoardError(Exception):
    """The board is wrong; `faults` has one line for each reason."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True)
class Signal:
    """What one pin of the chip does, or one pin for each bay."""

    name: str
    gpios: tuple[int, ...]
    per_bay: bool
    direction: str
    idle: int | None = None
    drives: str = ""
    note: str = ""

    def pins(self) -> Iterator[tuple[str, int]]:
        """Each net with its GPIO."""
        for number, gpio in enumerate(self.gpios, 1):
            yield (f"BAY{number}_{self.name}" if self.per_bay else self.name), gpio


@dataclass(frozen=True)
class Pin:
    """A pin of a part: its name and its electrical type, one of PIN_TYPES."""

    name: str
    type: str


@dataclass(frozen=True)
class PartType:
    """What is bought."""

    name: str
    kind: str
    manufacturer: str
    mpn: str
    price: Decimal
    description: str = ""
    pins: dict[str, Pin] = field(default_factory=dict)
    draws: dict[str, tuple[float, float]] = field(default_factory=dict)
    ohms: float | None = None
    inductive: bool = False
    gate_volts: float | None = None
    limit_ma: float | None = None
    watts: float | None = None
    kick_ma: float = 0.0
    hold_ma: float = 0.0


@dataclass(frozen=True)
class Part:
    """One part: on the board, or on a cable."""

    ref: str
    type: PartType
    nets: dict[str, str]
    """Net by pin number."""
    role: str = ""
    label: str = ""
    count: int = 1
    bay: int = 0

    def net(self, pin_name: str) -> str | None:
        """The net on the first pin of this name; None if that is not connected."""
        for number, pin in self.type.pins.items():
            if pin.name == pin_name and number in self.nets:
                return self.nets[number]
        return None


@dataclass(frozen=True)
class Rail:
    """A supply: least, usual and most volts, what it may carry, and what feeds it when."""

    name: str
    volts: tuple[float, float, float]
    limit_ma: float
    sources: dict[str, str] = field(default_factory=dict)
    efficiency: float = 1.0


@dataclass(frozen=True)
class Cable:
    """Wires from a connector of the board to parts in the housing."""

    ref: str
    source: str
    targets: tuple[str, ...]
    mm2: float
    length_mm: int
    colours: tuple[str, ...]
    bay: int = 0


@dataclass(frozen=True)
class Board:
    """All of it."""

    name: str
    bays: int
    chip: Chip
    wifi: bool
    price_date: str
    price_aim: Decimal
    signals: tuple[Signal, ...]
    firmware: dict[str, Any]
    rails: dict[str, Rail]
    battery: dict[str, float]
    parts: tuple[Part, ...]
    cables: tuple[Cable, ...]

    def part(self, ref: str) -> Part | None:
        """The part of this reference."""
        return next((part for part in self.parts if part.ref == ref), None)

    def on_net(self, net: str) -> Iterator[tuple[Part, str]]:
        """Each part with a pin on the net, and that pin's number."""
        for part in self.parts:
            for number, name in part.nets.items():
                if name == net:
                    yield part, number

    def role(self, role: str, bay: int = 0) -> list[Part]:
        """The parts of a role: of one bay, or of the box."""
        return [part for part in self.parts if part.role == role and part.bay == bay]


def read(path: Path, chips: dict[str, Chip] = CHIPS) -> Board:
    """Read a board. Raises BoardError, also when the file is missing or no TOML."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BoardError([f"{path.name}: cannot be read: {error}"]) from error
    return parse(text, path.name, chips)


def parse(text: str, name: str = "board.toml", chips: dict[str, Chip] = CHIPS) -> Board:
    """The board of a TOML text. Raises BoardError."""
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BoardError([f"{name}: is not TOML: {error}"]) from error
    except RecursionError as error:
        raise BoardError([f"{name}: is not TOML of ours: nested too deeply"]) from error
    faults: list[str] = []
    read = {key: _section(key, tables.pop(key, None), faults) for key in FIELDS}
    faults += [f"{key}: unknown section" for key in tables]
    if faults:
        raise BoardError(faults)
    about = read["board"]
    chip = chips.get(about["chip"])
    if chip is None:
        raise BoardError([f"board.chip: unknown chip {about['chip']!r}; known: {', '.join(chips)}"])
    if not 1 <= about["bays"] <= 4:
        raise BoardError([f"board.bays: a box has 1 to 4 bays, not {about['bays']}"])
    signals = tuple(_signal(key, value, about["bays"], faults) for key, value in read["signals"].items())
    types = {key: _type(key, value, faults) for key, value in read["types"].items()}
    parts = tuple(_parts(read["parts"], types, about["bays"], chip, signals, faults))
    board = Board(
        name=about["name"],
        bays=about["bays"],
        chip=chip,
        wifi=about["wifi"],
        price_date=about["price_date"].isoformat(),
        price_aim=Decimal(str(about["price_aim_cny"])),
        signals=signals,
        firmware=read["firmware"],
        rails={key: _rail(key, value) for key, value in read["rails"].items()},
        battery=read["battery"],
        parts=parts,
        cables=tuple(_cables(read["cables"], about["bays"])),
    )
    if faults:
        raise BoardError(faults)
    return board


def _section(key: str, value: Any, faults: list[str]) -> Any:
    """One section, checked against the schema: a table, a table of tables, or a list of tables."""
    shape, fields = FIELDS[key]
    if shape == "table":
        return take(value, key, fields, faults)
    if shape == "tables":
        if not isinstance(value, dict):
            faults.append(f"{key}: missing" if value is None else f"{key}: must be tables, [{key}.NAME]")
            return {}
        return {name: take(table, f"{key}.{name}", fields, faults) for name, table in value.items()}
    if not isinstance(value, list):
        faults.append(f"{key}: missing" if value is None else f"{key}: must be a list of tables, [[{key}]]")
        return []
    return [
        take(
            table, f"{key} {table.get('ref', number)}" if isinstance(table, dict) else f"{key} {number}", fields, faults
        )
        for number, table in enumerate(value, 1)
    ]


def _signal(name: str, table: dict[str, Any], bays: int, faults: list[str]) -> Signal:
    gpio = table["gpio"]
    per_bay = isinstance(gpio, list)
    gpios = tuple(gpio) if per_bay else (gpio,)
    if per_bay and len(gpios) != bays:
        faults.append(f"signals.{name}: {len(gpios)} pins for {bays} bays")
    return Signal(name, gpios, per_bay, table["direction"], table["idle"], table["drives"], table["note"])


_TWO_PINS = {"1": Pin("1", "passive"), "2": Pin("2", "passive")}
_DEFAULT_PINS = {
    "resistor": _TWO_PINS,
    "capacitor": _TWO_PINS,
    "inductor": _TWO_PINS,
    "fuse": _TWO_PINS,
    "diode": {"K": Pin("K", "passive"), "A": Pin("A", "passive")},
}


def _type(name: str, table: dict[str, Any], faults: list[str]) -> PartType:
    pins = dict(_DEFAULT_PINS.get(table["kind"], {}))
    for number, text in table["pins"].items():
        pin_name, _, pin_type = text.rpartition(" ")
        if pin_type not in PIN_TYPES:
            faults.append(f"types.{name}.pins.{number}: {pin_type!r} is no pin type; known: {', '.join(PIN_TYPES)}")
        pins[number] = Pin(pin_name, pin_type)
    if table["kind"] == "resistor" and not table["ohms"]:
        faults.append(f"types.{name}: a resistor needs ohms")
    draws = {pin: (float(usual), float(most)) for pin, (usual, most) in table["draws"].items()}
    plain = ("kind", "manufacturer", "mpn", "description", "ohms", "inductive", "gate_volts", "limit_ma", "watts")
    return PartType(
        name,
        price=Decimal(str(table["price"])),
        pins=pins,
        draws=draws,
        kick_ma=table["kick_ma"],
        hold_ma=table["hold_ma"],
        **{key: table[key] for key in plain},
    )


def _rail(name: str, table: dict[str, Any]) -> Rail:
    least, usual, most = table["volts"]
    return Rail(name, (least, usual, most), table["limit_ma"], table["from"], table["efficiency"])


def _bays_of(ref: str, bays: int) -> list[int]:
    return list(range(1, bays + 1)) if "{bay}" in ref else [0]


def _parts(
    tables: list[dict[str, Any]],
    types: dict[str, PartType],
    bays: int,
    chip: Chip,
    signals: tuple[Signal, ...],
    faults: list[str],
) -> Iterator[Part]:
    for table in tables:
        found = types.get(table["type"])
        if found is None:
            faults.append(f"parts {table['ref']}: unknown type {table['type']!r}")
            continue
        if found.kind == "module":
            found = _with_pins(found, chip)
        for bay in _bays_of(table["ref"], bays):
            nets = {pin: net.replace("{bay}", str(bay)) for pin, net in table["nets"].items()}
            if found.kind == "module":
                nets = _module_nets(nets, chip, signals)
            ref, label = (table[key].replace("{bay}", str(bay)) for key in ("ref", "label"))
            unknown = [pin for pin in nets if pin not in found.pins]
            faults.extend(f"parts {ref}: {found.name} has no pin {pin!r}" for pin in unknown)
            yield Part(ref, found, nets, table["role"], label, table["count"], bay)


_MODULE_PIN_TYPES = {"3V3": "power_in", "EN": "input", **dict.fromkeys(("GND", "GND40", "GND41"), "power_in")}


def _with_pins(module: PartType, chip: Chip) -> PartType:
    pins = {pad: Pin(name, _MODULE_PIN_TYPES.get(name, "bidirectional")) for name, pad in chip.pads.items()}
    known = {key: getattr(module, key) for key in ("kind", "manufacturer", "mpn", "price", "description", "draws")}
    return PartType(module.name, pins=pins, **known)


def _module_nets(named: dict[str, str], chip: Chip, signals: tuple[Signal, ...]) -> dict[str, str]:
    """The module's nets by pad: those named in its table, and the signals'. A pin with two signals keeps the first."""
    nets = {chip.pads.get(name, name): net for name, net in named.items()}
    for signal in signals:
        for net, gpio in signal.pins():
            pad = chip.pads.get(chip.pad_name(gpio))
            if pad is not None:
                nets.setdefault(pad, net)
    return nets


def _cables(tables: list[dict[str, Any]], bays: int) -> Iterator[Cable]:
    for table in tables:
        for bay in _bays_of(table["ref"], bays):
            ref, source, *targets = (
                text.replace("{bay}", str(bay)) for text in (table["ref"], table["from"], *table["to"])
            )
            yield Cable(ref, source, tuple(targets), table["mm2"], table["length_mm"], tuple(table["colours"]), bay)
