"""What makes a board wrong: one function for each rule, one clear line for each fault. Pure.

Rules about pins are in `rules_pins`; these are about parts, drives, levels and supplies. What only a netlist can show
(outputs that meet, inputs that nothing drives) is left to the electrical rule check of `netlist`.
"""

from collections import Counter
from collections.abc import Iterator

from hardware.generate import budget, harness, levels, rules_pins
from hardware.generate.chip import ADC_ERROR_MV, ADC_RANGE_MV, HIGH_MV, LOW_MV, PIN_LIMIT_MV
from hardware.generate.model import Board, Part

BAY_ROLES = ("solenoid", "spring", "closed switch", "open switch", "press sensor", "seal sensor", "magnet")
BOX_ROLES = (
    *("module", "adapter", "charger", "battery", "boost", "clock", "clock cell", "display", "buzzer", "button"),
    *("lid switch", "key trip", "tamper loop", "tamper end", "usb", "lock"),
)
"""Without one of these it is no box of ours."""

RAILS = ("VIN", "VBAT", "VDRIVE", "3V3", "GND")

GATE_OHMS = (10, 1_000)
"""Series resistor of a gate: less lets the pin see the gate's charge, more switches slowly."""

PULL_DOWN_OHMS = (1_000, 100_000)
"""More does not hold a gate against leakage and hum; less loads the pin."""


def faults(board: Board) -> list[str]:
    """Every fault of the board, in the order of the rules; empty if there is none."""
    missing = [f"rails: {name} is missing" for name in RAILS if name not in board.rails]
    if missing:
        return missing  # nothing else can be judged
    found = [line for rule in (*rules_pins.RULES, *RULES) for line in rule(board)]
    return list(dict.fromkeys(found))


def references(board: Board) -> Iterator[str]:
    """Each part and cable has a name of its own, and each name that a cable uses is a part's."""
    refs = Counter([part.ref for part in board.parts] + [cable.ref for cable in board.cables])
    allowed = {part.ref for part in board.parts if part.type.kind == "wire"}
    for ref, count in refs.items():
        if count > 1 and ref not in allowed:
            yield f"parts {ref}: the reference is used {count} times"
    for cable in board.cables:
        for ref in (cable.source, *cable.targets):
            if board.part(ref) is None:
                yield f"cables {cable.ref}: unknown part {ref}"


def missing_parts(board: Board) -> Iterator[str]:
    """What a box must have."""
    for role in BOX_ROLES:
        if not board.role(role):
            yield f"parts: no part has the role {role!r}"
    for bay in range(1, board.bays + 1):
        for role in BAY_ROLES:
            if not board.role(role, bay):
                yield f"parts: bay {bay} has no part with the role {role!r}"


def two_ended(board: Board) -> Iterator[str]:
    """A part with two pins is connected on both."""
    for part in board.parts:
        if len(part.type.pins) == 2:
            for number in part.type.pins:
                if number not in part.nets:
                    yield f"{part.ref} ({part.type.name}): pin {number} is not connected"


def drives(board: Board) -> Iterator[str]:
    """Every pin that drives a coil does so through a resistor, a MOSFET with a pull-down, and a flyback diode."""
    for signal in board.signals:
        if signal.drives:
            for net, _ in signal.pins():
                yield from _drive(board, net, signal.drives)


def _drive(board: Board, net: str, what: str) -> Iterator[str]:
    gates = [part for part in _resistors(board, net) if "GND" not in part.nets.values()]
    if not gates:
        yield f"{net}: no gate resistor between the pin and its MOSFET"
        return
    gate_net = _other(gates[0], net)
    if not GATE_OHMS[0] <= (gates[0].type.ohms or 0) <= GATE_OHMS[1]:
        yield f"{net}: gate resistor {gates[0].ref} is {gates[0].type.ohms:g} ohm, not {GATE_OHMS[0]} to {GATE_OHMS[1]}"
    mosfets = [part for part in board.parts if part.type.kind == "mosfet" and part.net("G") == gate_net]
    if not mosfets:
        yield f"{net}: no MOSFET at {gate_net}"
        return
    pulls = [part for point in (net, gate_net) for part in _resistors(board, point) if _other(part, point) == "GND"]
    if not any(PULL_DOWN_OHMS[0] <= (part.type.ohms or 0) <= PULL_DOWN_OHMS[1] for part in pulls):
        yield f"{net}: no gate pull-down of {PULL_DOWN_OHMS[0]} to {PULL_DOWN_OHMS[1]} ohm to GND"
    yield from _switch(board, net, mosfets[0], what)


def _switch(board: Board, net: str, mosfet: Part, what: str) -> Iterator[str]:
    if mosfet.net("S") != "GND":
        yield f"{mosfet.ref}: its source is on {mosfet.net('S')}, not on GND"
    if mosfet.type.gate_volts is None or mosfet.type.gate_volts > board.rails["3V3"].volts[0] - 0.3:
        yield f"{mosfet.ref} ({mosfet.type.mpn}): no logic level: its resistance is not specified for a 3.3 V gate"
    drain = mosfet.net("D")
    coils = [part for part in board.parts if part.type.kind == what and drain in part.nets.values()]
    if not coils:
        yield f"{net}: {mosfet.ref} switches no {what}"
    for coil in coils:
        taken = max([coil.type.kick_ma, *(most for _, most in coil.type.draws.values())])
        if taken > (mosfet.type.limit_ma or 0):
            yield f"{mosfet.ref}: {taken:.0f} mA of {coil.ref} are over its limit"


def flyback(board: Board) -> Iterator[str]:
    """Over every coil lies a diode, cathode on the side of the supply, able to carry the coil's current."""
    for coil in (part for part in board.parts if part.type.inductive):
        plus, minus = coil.net("PLUS"), coil.net("MINUS")
        diodes = [part for part in board.parts if part.type.kind == "diode"]
        over = [part for part in diodes if (part.net("K"), part.net("A")) == (plus, minus)]
        if any((part.net("K"), part.net("A")) == (minus, plus) for part in diodes):
            yield f"{coil.ref}: its flyback diode is the wrong way round and short-circuits the supply"
        elif not over:
            yield f"{coil.ref} ({coil.type.kind}): no flyback diode between {minus} and {plus}"
        taken = max([coil.type.kick_ma, *(most for _, most in coil.type.draws.values())])
        for diode in over:
            if taken > (diode.type.limit_ma or 0):
                yield f"{diode.ref}: {taken:.0f} mA of {coil.ref} are over its limit"


def hold(board: Board) -> Iterator[str]:
    """The resistor that holds a shutter's coil bears the heat of a window without end."""
    for coil in (part for part in board.parts if part.type.kind == "solenoid"):
        for part in _resistors(board, coil.net("PLUS") or ""):
            watts = (coil.type.hold_ma / 1000) ** 2 * (part.type.ohms or 0)
            if watts > (part.type.watts or 0) / 2:
                yield f"{part.ref}: {watts:.1f} W while a shutter is held; half of {part.type.watts or 0:g} W allowed"


def tamper_loop(board: Board) -> Iterator[str]:
    """The loop ends in a resistor, so that cut, whole and bridged read differently."""
    windows = tamper_mv(board)
    if windows is None:
        yield "TAMPER: the loop is no divider: it needs a pull-up on the board and an end-of-line resistor to GND"
        return
    cut, whole, bridged = windows
    if whole - bridged < 4 * ADC_ERROR_MV or min(cut, ADC_RANGE_MV) - whole < 4 * ADC_ERROR_MV:
        yield f"TAMPER: {bridged} mV bridged, {whole} mV whole, {cut} mV cut are too close to tell apart"


def tamper_mv(board: Board) -> tuple[int, int, int] | None:
    """What the tamper pin reads, in mV, with the loop cut, whole and bridged; None without an end-of-line resistor."""
    ends, loops = board.role("tamper end"), board.role("tamper loop")
    if not ends or not loops or "GND" not in ends[0].nets.values():
        return None
    line = loops[0].net("OUT") or ""
    links = levels.resistances(board)
    fixed = levels.sources(board, 1)
    gone = _link(ends[0])
    whole = levels.solve(links, fixed).get("TAMPER", 0.0)
    cut = levels.solve([link for link in links if link != gone], fixed).get("TAMPER", 0.0)
    bridged = levels.solve(links, {**fixed, line: 0.0}).get("TAMPER", 0.0)
    if gone not in links or whole in (0.0, cut):
        return None
    return round(cut * 1000), round(whole * 1000), round(bridged * 1000)


def pin_levels(board: Board) -> Iterator[str]:
    """No pin sees more than it bears, and none gives more than it may."""
    for signal in board.signals:
        for net, gpio in signal.pins():
            high = levels.solve(levels.resistances(board), levels.sources(board))
            volts = high.get(net, 0.0)
            if volts * 1000 > PIN_LIMIT_MV:
                yield f"{net}: up to {volts:.1f} V reach GPIO{gpio}, which bears {PIN_LIMIT_MV / 1000:.1f} V"
            elif signal.direction == "analog" and net != "TAMPER" and volts * 1000 > ADC_RANGE_MV:
                yield f"{net}: up to {volts:.2f} V, but the converter reads {ADC_RANGE_MV / 1000:.1f} V at most"
            if signal.direction == "out":
                taken = levels.pin_current_ma(board, net, board.rails["3V3"].volts[2])
                if taken > board.chip.max_pin_ma:
                    yield f"{net}: {taken:.0f} mA from GPIO{gpio}, which gives {board.chip.max_pin_ma:.0f} mA"


def rests(board: Board) -> Iterator[str]:
    """A resistor holds each input that a contact switches, at a level that the pin reads surely."""
    low = levels.solve(levels.resistances(board), levels.sources(board, 0))
    for signal in board.signals:
        for net, gpio in signal.pins():
            if signal.direction in ("in", "i2c") and net not in low:
                yield f"{net}: nothing holds GPIO{gpio} while its contact is open; it needs a pull-up"
            elif signal.direction in ("in", "i2c") and LOW_MV < low[net] * 1000 < HIGH_MV:
                yield f"{net}: rests at {low[net]:.2f} V, which GPIO{gpio} reads neither as high nor as low"


def supplies(board: Board) -> Iterator[str]:
    """Each rail's sources are rails, and none is overloaded with one shutter driven, whatever supplies the box."""
    for name, rail in board.rails.items():
        for supply, source in rail.sources.items():
            if supply not in budget.SUPPLIES:
                yield f"rails.{name}.from: {supply!r} is no supply; known: {', '.join(budget.SUPPLIES)}"
            if source not in board.rails:
                yield f"rails.{name}.from: unknown rail {source!r}"
            elif _circular(board, name, supply):
                yield f"rails.{name}.from: feeds itself from the {supply}"
    for supply in budget.SUPPLIES:
        yield from budget.overloads(board, supply, 1)


def _circular(board: Board, name: str, supply: str) -> bool:
    """Whether the way up from a rail comes back to it."""
    above = board.rails[name].sources.get(supply)
    for _ in board.rails:
        if above is None or above == name or above not in board.rails:
            break
        above = board.rails[above].sources.get(supply)
    return above == name


def cabling(board: Board) -> Iterator[str]:
    """Each cable has a colour for each wire, and each pin of a part in the housing is reached by a wire."""
    reached: set[tuple[str, str]] = set()
    for cable in board.cables:
        joined = harness.wires(board, cable)
        reached |= {(target.ref, number) for _, target, number in joined} | {
            (cable.source, pin) for pin, _, _ in joined
        }
        if len(joined) != len(cable.colours):
            yield f"cables {cable.ref}: {len(cable.colours)} colours for {len(joined)} wires"
    for part in board.parts:
        if any(part.ref in cable.targets for cable in board.cables):
            for number in part.nets:
                if (part.ref, number) not in reached:
                    yield f"{part.ref} ({part.label or part.role}): no wire of a cable reaches pin {number}"


def _resistors(board: Board, net: str) -> list[Part]:
    return [part for part, _ in board.on_net(net) if part.type.kind == "resistor"]


def _other(part: Part, net: str) -> str:
    return next((other for other in part.nets.values() if other != net), net)


def _link(part: Part) -> levels.Resistance | None:
    nets = list(part.nets.values())
    return (nets[0], nets[1], part.type.ohms) if len(nets) == 2 and part.type.ohms else None


RULES = (
    *(references, missing_parts, two_ended, supplies, drives, flyback, hold, tamper_loop, pin_levels, rests, cabling),
)
