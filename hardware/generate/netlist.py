"""The netlist, made and checked with SKiDL; parts are defined here in code, so no KiCad library is needed.

Guarantees: the text names every net with its pins, and every part with its manufacturer's number, sorted; the check's
lines are SKiDL's own, freed from places in files. SKiDL keeps one circuit for each process and writes log files where
it runs, so it works in a circuit of its own and in a folder that is thrown away.
"""

import contextlib
import importlib
import io
import logging
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hardware.generate.model import Board

_TYPES = {
    "passive": "PASSIVE",
    "input": "INPUT",
    "output": "OUTPUT",
    "bidirectional": "BIDIR",
    "open_collector": "OPENCOLL",
    "power_in": "PWRIN",
    "power_out": "PWROUT",
    "no_connect": "NOCONNECT",
}

_MAY_HANG = ("no_connect", "open_collector")
"""Pins that may be left alone; so may a contact of a switch, and a pin of the module."""


def check(board: Board) -> tuple[str, list[str]]:
    """The netlist as text, and what the electrical rule check found: empty if all is well."""
    with _skidl() as skidl:
        circuit = skidl.Circuit()
        nets = _connect(skidl, board, circuit)
        lines = _rule_check(skidl, circuit)
        return _text(board, nets), lines


@contextlib.contextmanager
def _skidl() -> Iterator[Any]:
    """SKiDL, with its files in a folder that is removed and its warnings about KiCad unsaid."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        os.chdir(folder)
        try:
            yield importlib.import_module("skidl")
        finally:
            os.chdir(before)


def _connect(skidl: Any, board: Board, circuit: Any) -> dict[str, Any]:
    nets = {name: skidl.Net(name, circuit=circuit) for name in sorted(_net_names(board))}
    for name, rail in board.rails.items():
        # A rail that comes through a diode or a coil is driven, though by no pin that is called an output.
        if name in nets and (rail.sources or name == "GND"):
            nets[name].drive = skidl.POWER
    for part in board.parts:
        if not part.type.pins:
            continue
        pins = [
            skidl.Pin(num=number, name=pin.name, func=getattr(skidl.Pin.types, _TYPES[pin.type]))
            for number, pin in part.type.pins.items()
        ]
        template = skidl.Part(name=part.type.name, pins=pins, tool=skidl.SKIDL, dest=skidl.TEMPLATE)
        made = template(circuit=circuit, ref=part.ref)
        for number, pin in part.type.pins.items():
            if number in part.nets:
                nets[part.nets[number]] += made[number]
            elif pin.type in _MAY_HANG or part.type.kind in ("switch", "module"):
                made[number] += circuit.NC
    return nets


def _net_names(board: Board) -> set[str]:
    return {net for part in board.parts for net in part.nets.values()}


def _rule_check(skidl: Any, circuit: Any) -> list[str]:
    """What SKiDL's check says, one line for each find."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.levelno >= logging.WARNING:
                found.append(record.getMessage().split(" @ [")[0].strip())

    keeper = Keep()
    logger = skidl.logger.erc_logger
    logger.addHandler(keeper)
    try:
        circuit.ERC()
    finally:
        logger.removeHandler(keeper)
    return sorted(set(found))


def _text(board: Board, nets: dict[str, Any]) -> str:
    lines = ["Netlist of the " + board.name + ", from hardware/board.toml.", "", "Nets: each with its pins", ""]
    for name in sorted(nets):
        pins = sorted((pin.part.ref, str(pin.num), str(pin.name)) for pin in nets[name].pins)
        shown = [f"{ref}.{number}" + (f"({label})" if label != number else "") for ref, number, label in pins]
        lines.append(f"{name}: {' '.join(shown)}")
    lines += ["", "Parts", ""]
    for part in sorted(board.parts, key=lambda part: part.ref):
        if part.type.pins:
            lines.append(f"{part.ref}: {part.type.manufacturer} {part.type.mpn}")
    return "\n".join(lines) + "\n"
