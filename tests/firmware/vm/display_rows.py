"""Draws every screen of `display` with `screen`, as the box does, and prints one line of JSON for each.

A line is [name, rows, room of each row in pixels, characters without a glyph]. The box is made of plain objects with
the attributes that the display reads.
"""

import json

from sealbox import display, screen, states

REQUESTS = (bytes(32), bytes(range(100, 132)), b"\xff" * 32, bytes(range(200, 232)))
TURN_MS = 3000


class Thing:
    """Anything: its attributes are what it was made with."""

    def __init__(self, **attributes: object) -> None:
        for name in attributes:
            setattr(self, name, attributes[name])


def bay(number: int, state: int = states.LOCKED, serves: bool = False, **changes: object) -> Thing:
    case = Thing(rule={"break_glass": changes.get("urgent", 0)})
    return Thing(
        number=number,
        state=state,
        request=REQUESTS[number - 1] if serves else None,
        candidate=Thing(judgement=Thing(case=case)) if serves else None,
        left=changes.get("left", 2),
        closes_at=changes.get("seconds", 45) * 1000,
        seal=changes.get("seal", True),
    )


def box(
    bays: list, alarm: int = 0, low: bool = False, clock: bool = True, room: bool = True, **changes: object
) -> Thing:
    return Thing(
        bays=bays,
        journal=Thing(alarm=alarm, clock=Thing(is_set=lambda: clock), log=Thing(room=lambda: room)),
        housing=Thing(alarm=changes.get("sensed", 0), low=low),
        gate=Thing(roster=changes.get("roster", 1)),
        board=Thing(mains_ok=lambda: changes.get("mains", True)),
    )


def show(name: str, rows: list) -> None:
    picture = bytearray(256)
    room = [screen.draw(picture, row) for row in rows]
    lacking = [
        character for row in rows for character in row if ord(character) > 126 and screen._find(ord(character)) < 0
    ]
    print(json.dumps([name, list(rows), room, lacking]))


def in_use(name: str, what: Thing, online: bool = True, unanswered: bool = False) -> None:
    """What is said in turn: as many turns as there may be texts."""
    for turn in range(8):
        show("%s, turn %d" % (name, turn), display.rows(what, online, unanswered, turn * TURN_MS))


def every_bay(number: int) -> list:
    """(name, bay) in every state, idle and serving, with few and with the most impressions and seconds."""
    found = [("empty", bay(number, seal=False))]
    for state in range(5):
        found.append(("idle " + states.NAMES[state], bay(number, state)))
        for urgent in (0, 1):
            for left, seconds in ((1, 5), (12, 99), (999, 100), (999, 590)):
                name = "serving %s urgent %d left %d of %d s" % (states.NAMES[state], urgent, left, seconds)
                found.append((name, bay(number, state, True, urgent=urgent, left=left, seconds=seconds)))
    return found


def main() -> None:
    site, me = "ZSEC-T0A1-5HE4-04YP", "S34W-NJYC-SQ7C-ZM6H"
    show("starting", display.said(display.STARTING))
    show("unset", display.said(display.UNSET, me))
    show("told", display.said(display.TOLD, site, me))
    show("broken", display.said(display.BROKEN, "LogCorrupt('Segm", "ent 3: WMQWMQWMQ"))
    idle = [bay(1), bay(2)]
    in_use("ready", box(idle))
    in_use("offline", box(idle), online=False)
    in_use("no host", box(idle), unanswered=True)
    in_use("no roster", box(idle, roster=None))
    in_use("on battery", box(idle, mains=False))
    in_use("battery low", box(idle, low=True, mains=False))
    in_use("clock lost", box(idle, clock=False))
    in_use("log full", box(idle, room=False))
    in_use("tampered", box(idle, alarm=1))
    in_use("tampered, unwritten", box(idle, sensed=1))
    in_use("all at once", box(idle, 1, True, False, False, roster=None, mains=False), online=False)
    for name, one in every_bay(1):
        in_use("bay 1 " + name, box([one]))
        for other_name, other in every_bay(2)[::3]:
            in_use("bay 1 %s, bay 2 %s" % (name, other_name), box([one, other]))
        in_use("bay 1 %s, tampered" % name, box([one, bay(2)], alarm=1))
        in_use("bay 1 %s, four bays" % name, box([one, bay(2, states.OPEN, True), bay(3, states.OPEN, True), bay(4)]))


main()
