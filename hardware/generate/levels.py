"""Which voltages and currents resistors put on a net: the direct-current circuit of rails, outputs and resistors. Pure.

Open contacts, capacitors and inputs carry nothing here; what a closed contact or a transistor does is not looked at.
"""

from hardware.generate.model import Board, Part

Resistance = tuple[str, str, float]
"""Two nets and the ohms between them."""


def resistances(board: Board) -> list[Resistance]:
    """Every resistor and loop wire that is connected on both sides."""
    found = []
    for part in board.parts:
        nets = list(part.nets.values())
        if part.type.kind in ("resistor", "wire") and part.type.ohms and len(nets) == 2 and nets[0] != nets[1]:
            found.append((nets[0], nets[1], part.type.ohms))
    return found


def output_volts(board: Board, part: Part) -> float:
    """The most that the part's outputs can reach: its highest supply."""
    supplies = [
        part.nets[number] for number, pin in part.type.pins.items() if pin.type == "power_in" and number in part.nets
    ]
    return max((board.rails[net].volts[2] for net in supplies if net in board.rails), default=0.0)


def sources(board: Board, which: int = 2) -> dict[str, float]:
    """The nets that hold a voltage of their own: rails (0: least, 1: usual, 2: most volts) and parts' outputs."""
    fixed = {name: rail.volts[which] for name, rail in board.rails.items()}
    for part in board.parts:
        for number, net in part.nets.items():
            pin = part.type.pins.get(number)
            if pin is not None and pin.type == "output" and net not in fixed:
                fixed[net] = output_volts(board, part)
    return fixed


def solve(links: list[Resistance], fixed: dict[str, float]) -> dict[str, float]:
    """Volts of every net that resistors join to a fixed one; a net that nothing holds is missing."""
    held = set(fixed)
    grown = True
    while grown:
        grown = False
        for a, b, _ in links:
            if (a in held) != (b in held):
                held |= {a, b}
                grown = True
    unknown = sorted(held - set(fixed))
    index = {net: row for row, net in enumerate(unknown)}
    rows = [[0.0] * (len(unknown) + 1) for _ in unknown]
    for a, b, ohms in links:
        for here, there in ((a, b), (b, a)):
            if here in index:
                row = rows[index[here]]
                row[index[here]] += 1 / ohms
                if there in index:
                    row[index[there]] -= 1 / ohms
                else:
                    row[-1] += fixed[there] / ohms
    _eliminate(rows)
    return {**fixed, **{net: rows[index[net]][-1] for net in unknown}}


def _eliminate(rows: list[list[float]]) -> None:
    """Gauss-Jordan; the matrix of a resistor net that is held somewhere is never singular."""
    for column in range(len(rows)):
        pivot = max(range(column, len(rows)), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = rows[column][column]
        rows[column] = [value / scale for value in rows[column]]
        for other in range(len(rows)):
            if other != column and rows[other][column]:
                factor = rows[other][column]
                rows[other] = [value - factor * own for value, own in zip(rows[other], rows[column], strict=True)]


def pin_current_ma(board: Board, net: str, volts: float) -> float:
    """What a pin that drives the net to `volts` must give or take, by resistors and by loads right on the net."""
    fixed = {**sources(board), net: volts}
    links = resistances(board)
    level = solve(links, fixed)
    through = sum((volts - level.get(b if a == net else a, volts)) / ohms for a, b, ohms in links if net in (a, b))
    direct = 0.0
    for part, number in board.on_net(net):
        draw = part.type.draws.get(part.type.pins[number].name, (0.0, 0.0))[1]
        if part.type.inductive:
            draw = max([draw, part.type.kick_ma, *(most for _, most in part.type.draws.values())])
        direct += draw
    return abs(through) * 1000 + direct
