"""The power budget: each rail at its worst, from the mains and from the battery, and what the battery lasts. Pure.

Worst is: every load at its most, at the highest voltage of its rail; the power that this takes, with the losses on the
way, is drawn from each rail above at the lowest voltage of that one. As many shutters may be driven at once as no rail
objects to.
"""

from dataclasses import dataclass

from hardware.generate.model import Board

SUPPLIES = ("mains", "battery")


@dataclass(frozen=True)
class Load:
    """What one rail carries with one supply, in mA: usual, and at worst."""

    usual: float
    most: float


def loads(board: Board, supply: str, driven: int) -> dict[str, Load]:
    """The load of every rail that this supply feeds, with `driven` shutters starting at once."""
    direct = dict.fromkeys(board.rails, (0.0, 0.0))
    for part in board.parts:
        for pin_name, (usual, most) in part.type.draws.items():
            net = part.net(pin_name)
            if net in direct:
                direct[net] = (direct[net][0] + usual, direct[net][1] + most)
    solenoids = [part for part in board.parts if part.type.kind == "solenoid"][:driven]
    if "VDRIVE" in direct:
        usual, most = direct["VDRIVE"]
        direct["VDRIVE"] = (usual, most + sum(part.type.kick_ma for part in solenoids))
    return {name: _load(board, name, supply, direct, ()) for name in board.rails if _fed(board, name, supply)}


def _fed(board: Board, name: str, supply: str) -> bool:
    """Whether the supply reaches the rail, or the rail is where it begins. Rails that feed each other get nothing."""
    for _ in board.rails:
        rail = board.rails.get(name)
        if rail is None or not rail.sources:
            break
        name = rail.sources.get(supply, "")
    return name == {"mains": "VIN", "battery": "VBAT"}[supply]


def _load(board: Board, name: str, supply: str, direct: dict[str, tuple[float, float]], seen: tuple[str, ...]) -> Load:
    usual, most = _power(board, name, supply, direct, seen)
    volts = board.rails[name].volts
    return Load(1000 * usual / volts[1], 1000 * most / volts[0])


def _power(
    board: Board, name: str, supply: str, direct: dict[str, tuple[float, float]], seen: tuple[str, ...]
) -> tuple[float, float]:
    """Usual and most watts that a rail gives: to its own loads, and to the rails that it feeds."""
    volts = board.rails[name].volts
    usual, most = direct[name][0] * volts[1] / 1000, direct[name][1] * volts[2] / 1000
    for other, rail in board.rails.items():
        if rail.sources.get(supply) == name and other not in seen and _fed(board, other, supply):
            carried = _power(board, other, supply, direct, (*seen, name))
            usual += carried[0] / rail.efficiency
            most += carried[1] / rail.efficiency
    return usual, most


def overloads(board: Board, supply: str, driven: int) -> list[str]:
    """One line for each rail that would carry more than it may."""
    return [
        f"rail {name}: {load.most:.0f} mA at worst from the {supply} with {driven} shutter"
        f"{'' if driven == 1 else 's'} driven, over its limit of {board.rails[name].limit_ma:.0f} mA"
        for name, load in loads(board, supply, driven).items()
        if load.most > board.rails[name].limit_ma
    ]


def driven_at_once(board: Board) -> int:
    """The most shutters that may be driven at once with either supply; 0 if not even one may."""
    for driven in range(board.bays, 0, -1):
        if not any(overloads(board, supply, driven) for supply in SUPPLIES):
            return driven
    return 0


def battery_hours(board: Board) -> float:
    """How long a full battery carries the box at its usual load, all shutters closed."""
    usable = board.battery["capacity_mah"] * board.battery["usable"]
    load = loads(board, "battery", 0)
    return usable / load["VBAT"].usual if "VBAT" in load and load["VBAT"].usual else 0.0


def closing_joules(board: Board) -> float:
    """Energy from the battery to see every shutter close, one after the other, and to log and tell it; at worst.

    The springs close; electricity is needed for the chip, the display and the buzzer only.
    """
    seconds: float = board.bays * board.firmware["shutter_travel_ms"] / 1000 + board.battery["reserve_s"]
    return loads(board, "battery", 0)["VBAT"].most / 1000 * board.rails["VBAT"].volts[1] * seconds


def opening_joules(board: Board) -> float:
    """Energy from the battery to open one shutter and hold it for a minute; at worst."""
    load = loads(board, "battery", 1)["VBAT"].most - loads(board, "battery", 0)["VBAT"].most
    hold: float = max((part.type.hold_ma / part.type.kick_ma for part in board.parts if part.type.kick_ma), default=0.0)
    return load / 1000 * board.rails["VBAT"].volts[1] * (0.2 + 60 * hold)


def text(board: Board) -> str:
    """The budget as a page of text."""
    lines = [
        f"Power budget of the {board.name}, from hardware/board.toml. Calculated; not yet measured on a board.",
        "",
    ]
    driven = driven_at_once(board)
    for supply in SUPPLIES:
        lines += [f"From the {supply}, {driven} shutter{'' if driven == 1 else 's'} driven at once:", ""]
        lines += [f"  {'rail':8}{'volts':>18}{'usual mA':>10}{'worst mA':>10}{'limit mA':>10}{'used':>7}"]
        for name, load in loads(board, supply, driven).items():
            rail = board.rails[name]
            volts = "/".join(f"{value:.1f}" for value in rail.volts)
            used = f"{100 * load.most / rail.limit_ma:.0f} %"
            lines.append(f"  {name:8}{volts:>18}{load.usual:>10.0f}{load.most:>10.0f}{rail.limit_ma:>10.0f}{used:>7}")
        lines.append("")
    lines += _summary(board, driven)
    return "\n".join(lines) + "\n"


def _summary(board: Board, driven: int) -> list[str]:
    lines = [f"Shutters driven at once: {driven} of {board.bays} (DRIVEN_AT_ONCE in the pin map)."]
    if driven < board.bays:
        for supply in SUPPLIES:
            lines += [f"  with one more, {line}" for line in overloads(board, supply, driven + 1)]
    needed = closing_joules(board)
    left = board.battery["capacity_mah"] * 3.6 * board.rails["VBAT"].volts[1] * board.battery["usable"]
    low = board.firmware["battery_low_mv"]
    lines += [
        "",
        f"Battery: {board.battery['capacity_mah']:.0f} mAh, of which {100 * board.battery['usable']:.0f} % counted on: "
        f"{left / 1000:.1f} kJ.",
        f"  idle, with Wi-Fi and display on: {battery_hours(board):.0f} hours",
        f"  to open one shutter and hold it for a minute: {opening_joules(board):.0f} J at worst",
        f"  to see all shutters close, log it and tell it for {board.battery['reserve_s']:.0f} s: {needed:.0f} J "
        f"at worst ({100 * needed / left:.1f} % of the battery); the springs need none",
        f"  no shutter opens below {low} mV. A lithium-ion cell at rest holds some 5 % there, "
        f"{left / 1000 * 0.05:.1f} kJ: {left * 0.05 / needed:.1f} times what closing takes.",
    ]
    return lines
