"""Which wires a cable has, found from the nets: a wire joins two pins that share one. Pure."""

from hardware.generate.model import Board, Cable, Part

Wire = tuple[str, Part, str]
"""Pin of the board's connector, the part at the other end, and its pin."""


def wires(board: Board, cable: Cable) -> list[Wire]:
    """The wires of a cable, in the order of the connector's pins. Pins that share a net are taken in turn."""
    source = board.part(cable.source)
    free = [
        (target, number, net)
        for ref in cable.targets
        for target in [part for part in board.parts if part.ref == ref][:1]
        for number, net in target.nets.items()
    ]
    found: list[Wire] = []
    for pin, net in source.nets.items() if source is not None else ():
        match = next((item for item in free if item[2] == net), None)
        if match is not None:
            free.remove(match)
            found.append((pin, match[0], match[1]))
    return found
