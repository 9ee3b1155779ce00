"""The life of one bay as a table: what each event does in each state.

Pure: :func:`step` says the next state and what is to be done; `box` does it. A bay is LOCKED only when its closed end
switch has proven it; whatever the table does not know ends the drive and leaves the bay JAMMED, which opens nothing.
"""

# States
LOCKED = 0
OPENING = 1
OPEN = 2
CLOSING = 3
JAMMED = 4

NAMES = ("locked", "opening", "open", "closing", "jammed")

# Events
GRANTED = 0  # an intent is on flash
SHUTTER_OPEN = 1  # the open end switch alone is made
SHUTTER_CLOSED = 2  # the closed end switch alone is made
SHUTTER_LEFT = 3  # the closed end switch is not made any more
TRAVEL_OVER = 4  # the shutter did not arrive in time; another try is left
TRAVEL_FAILED = 5  # the same, and no try is left
PAUSE_OVER = 6  # between two tries
PRESSED = 7  # an impression, more are left
LAST_PRESSED = 8  # the last impression of this opening, or one beyond it
CLOSE = 9  # finish, button, tamper, energy, denied, a fault of the sensor
DRIVE_ENDED = 10  # by the hardware's timer: the window is over
EVENTS = 11

# Actions, in the order in which they are done
RELEASE = 1  # end the drive
DRIVE = 2  # energise the shutter
TRAVEL = 3  # give the shutter its time to arrive
PAUSE = 4  # wait before the next try
COUNT = 5  # an impression: log it
NOTE_JAM = 6  # log that the shutter did not arrive
SETTLE = 7  # proven closed: log the closing and give back what was not pressed
ALARM = 8  # somebody must come
NOTE_FORCED = 9  # log that the shutter moved undriven: the mechanical key, or force
STILL = 10  # stop waiting for the shutter

# Rows of seven: state, event, next state, up to four actions. As a byte string it lies in the image, not on the heap.
# fmt: off
_TABLE = bytes(
    (
        LOCKED, GRANTED, OPENING, DRIVE, TRAVEL, 0, 0,
        LOCKED, SHUTTER_LEFT, JAMMED, RELEASE, NOTE_FORCED, ALARM, 0,
        LOCKED, SHUTTER_OPEN, JAMMED, RELEASE, NOTE_FORCED, ALARM, 0,
        OPENING, SHUTTER_OPEN, OPEN, STILL, 0, 0, 0,
        OPENING, TRAVEL_OVER, OPENING, RELEASE, PAUSE, 0, 0,
        OPENING, PAUSE_OVER, OPENING, DRIVE, TRAVEL, 0, 0,
        OPENING, TRAVEL_FAILED, CLOSING, RELEASE, NOTE_JAM, ALARM, TRAVEL,
        OPENING, PRESSED, OPENING, COUNT, 0, 0, 0,
        OPENING, LAST_PRESSED, CLOSING, RELEASE, COUNT, TRAVEL, 0,
        OPENING, CLOSE, CLOSING, RELEASE, TRAVEL, 0, 0,
        OPENING, DRIVE_ENDED, CLOSING, RELEASE, TRAVEL, 0, 0,
        OPEN, PRESSED, OPEN, COUNT, 0, 0, 0,
        OPEN, LAST_PRESSED, CLOSING, RELEASE, COUNT, TRAVEL, 0,
        OPEN, CLOSE, CLOSING, RELEASE, TRAVEL, 0, 0,
        OPEN, DRIVE_ENDED, CLOSING, RELEASE, TRAVEL, 0, 0,
        OPEN, SHUTTER_CLOSED, CLOSING, RELEASE, TRAVEL, 0, 0,
        CLOSING, PRESSED, CLOSING, COUNT, 0, 0, 0,
        CLOSING, LAST_PRESSED, CLOSING, COUNT, 0, 0, 0,
        CLOSING, SHUTTER_CLOSED, LOCKED, STILL, SETTLE, 0, 0,
        CLOSING, TRAVEL_OVER, JAMMED, RELEASE, NOTE_JAM, ALARM, 0,
        CLOSING, TRAVEL_FAILED, JAMMED, RELEASE, NOTE_JAM, ALARM, 0,
        JAMMED, SHUTTER_CLOSED, LOCKED, RELEASE, SETTLE, 0, 0,
        JAMMED, PRESSED, JAMMED, RELEASE, COUNT, 0, 0,
        JAMMED, LAST_PRESSED, JAMMED, RELEASE, COUNT, 0, 0,
    )
)

# (state, event) that change nothing and do nothing.
_IGNORED = bytes(
    (
        LOCKED, SHUTTER_CLOSED, LOCKED, PRESSED, LOCKED, LAST_PRESSED, LOCKED, CLOSE, LOCKED, DRIVE_ENDED,
        LOCKED, TRAVEL_OVER, LOCKED, TRAVEL_FAILED, LOCKED, PAUSE_OVER,
        OPENING, SHUTTER_LEFT, OPENING, SHUTTER_CLOSED,
        OPEN, SHUTTER_OPEN, OPEN, SHUTTER_LEFT, OPEN, TRAVEL_OVER, OPEN, TRAVEL_FAILED, OPEN, PAUSE_OVER,
        CLOSING, SHUTTER_OPEN, CLOSING, SHUTTER_LEFT, CLOSING, CLOSE, CLOSING, DRIVE_ENDED, CLOSING, PAUSE_OVER,
        JAMMED, SHUTTER_OPEN, JAMMED, SHUTTER_LEFT,
    )
)
# fmt: on


def step(state: int, event: int) -> "tuple[int, tuple[int, ...]]":
    """(next state, actions). What the table does not know ends the drive; an unknown state or event locks."""
    for at in range(0, len(_TABLE), 7):
        if _TABLE[at] == state and _TABLE[at + 1] == event:
            return _TABLE[at + 2], tuple([action for action in _TABLE[at + 3 : at + 7] if action])
    for at in range(0, len(_IGNORED), 2):
        if _IGNORED[at] == state and _IGNORED[at + 1] == event:
            return state, ()
    return JAMMED, (RELEASE,)
