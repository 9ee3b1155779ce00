"""The bill of materials as CSV: one line for each thing to buy, and a total. Pure."""

import csv
import io
from decimal import Decimal

from hardware.generate.model import Board, Part


def total(board: Board) -> Decimal:
    """What all parts cost, in CNY."""
    return sum((part.type.price * part.count for part in board.parts), Decimal(0))


def text(board: Board) -> str:
    """The CSV, in the order in which a part type first occurs."""
    rows: dict[str, list[Part]] = {}
    for part in board.parts:
        rows.setdefault(part.type.name, []).append(part)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    date = board.price_date
    writer.writerow(
        ["references", "quantity", "manufacturer", "part number", "description", f"unit CNY (estimate {date})", "CNY"]
    )
    for parts in rows.values():
        kind = parts[0].type
        quantity = sum(part.count for part in parts)
        refs = " ".join(part.ref for part in parts)
        about = kind.description or (f"{kind.ohms:g} ohm 1 %" if kind.ohms else kind.kind)
        writer.writerow(
            [refs, quantity, kind.manufacturer, kind.mpn, about, kind.price, f"{kind.price * quantity:.2f}"]
        )
    aim = f"estimate; aim: under {board.price_aim} without the enclosure"
    writer.writerow(["total", sum(part.count for part in board.parts), "", "", aim, "", f"{total(board):.2f}"])
    return out.getvalue()
