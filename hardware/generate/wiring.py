"""The wiring drawings' sources for WireViz: one for each bay, one for the housing. Pure.

Nothing is said twice: a wire joins the pin of the board's connector to the pin of a part that lies on the same net.
"""

from typing import Any

import yaml

from hardware.generate.harness import wires
from hardware.generate.model import Board, Cable, Part


def drawings(board: Board) -> dict[str, str]:
    """YAML by the drawing's name: bay1, bay2, ..., housing."""
    names = {bay: f"bay{bay}" if bay else "housing" for bay in range(board.bays + 1)}
    return {name: _yaml(board, [cable for cable in board.cables if cable.bay == bay]) for bay, name in names.items()}


def _yaml(board: Board, cables: list[Cable]) -> str:
    connectors: dict[str, Any] = {}
    drawn: dict[str, Any] = {}
    connections = []
    for cable in cables:
        joined = wires(board, cable)
        source = board.part(cable.source)
        if source is None:
            continue
        connectors.setdefault(source.ref, _end(source, on_board=source.type.kind == "connector"))
        drawn[cable.ref] = {
            "wirecount": len(joined),
            "gauge": f"{cable.mm2} mm2",
            "length": cable.length_mm / 1000,
            "colors": list(cable.colours[: len(joined)]),
        }
        for number, (pin, target, target_pin) in enumerate(joined, 1):
            connectors.setdefault(target.ref, _end(target, on_board=False))
            connections.append([{source.ref: _key(pin)}, {cable.ref: number}, {target.ref: _key(target_pin)}])
    page = {"connectors": connectors, "cables": drawn, "connections": connections}
    head = "# Generated from hardware/board.toml by `make hardware`: change it there.\n"
    body: str = yaml.safe_dump(page, sort_keys=False, allow_unicode=True, width=120)
    return head + body


def _key(pin: str) -> int | str:
    return int(pin) if pin.isdigit() else pin


def _end(part: Part, on_board: bool) -> dict[str, Any]:
    """How a connector of the board, or a part in the housing, is drawn."""
    kind = part.type
    used = {number: net for number, net in part.nets.items() if number in kind.pins}
    labels = [net if kind.pins[number].name == number else kind.pins[number].name for number, net in used.items()]
    return {
        "type": part.label or part.role or kind.kind,
        "subtype": f"{kind.manufacturer} {kind.mpn}" + (", on the board" if on_board else ""),
        **({"notes": kind.description} if kind.description else {}),
        "pins": [_key(number) for number in used],
        "pinlabels": labels,
        "show_pincount": False,
    }
