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

# Each state's row: event: (next state, actions). An event that a row ignores changes nothing.
_TABLE = (
    {  # LOCKED
        GRANTED: (OPENING, (DRIVE, TRAVEL)),
        SHUTTER_LEFT: (JAMMED, (RELEASE, NOTE_FORCED, ALARM)),
        SHUTTER_OPEN: (JAMMED, (RELEASE, NOTE_FORCED, ALARM)),
    },
    {  # OPENING
        SHUTTER_OPEN: (OPEN, (STILL,)),
        TRAVEL_OVER: (OPENING, (RELEASE, PAUSE)),
        PAUSE_OVER: (OPENING, (DRIVE, TRAVEL)),
        TRAVEL_FAILED: (CLOSING, (RELEASE, NOTE_JAM, ALARM, TRAVEL)),
        PRESSED: (OPENING, (COUNT,)),
        LAST_PRESSED: (CLOSING, (RELEASE, COUNT, TRAVEL)),
        CLOSE: (CLOSING, (RELEASE, TRAVEL)),
        DRIVE_ENDED: (CLOSING, (RELEASE, TRAVEL)),
    },
    {  # OPEN
        PRESSED: (OPEN, (COUNT,)),
        LAST_PRESSED: (CLOSING, (RELEASE, COUNT, TRAVEL)),
        CLOSE: (CLOSING, (RELEASE, TRAVEL)),
        DRIVE_ENDED: (CLOSING, (RELEASE, TRAVEL)),
        SHUTTER_CLOSED: (CLOSING, (RELEASE, TRAVEL)),
    },
    {  # CLOSING
        PRESSED: (CLOSING, (COUNT,)),
        LAST_PRESSED: (CLOSING, (COUNT,)),
        SHUTTER_CLOSED: (LOCKED, (STILL, SETTLE)),
        TRAVEL_OVER: (JAMMED, (RELEASE, NOTE_JAM, ALARM)),
        TRAVEL_FAILED: (JAMMED, (RELEASE, NOTE_JAM, ALARM)),
    },
    {  # JAMMED
        SHUTTER_CLOSED: (LOCKED, (RELEASE, SETTLE)),
        PRESSED: (JAMMED, (RELEASE, COUNT)),
        LAST_PRESSED: (JAMMED, (RELEASE, COUNT)),
    },
)

_IGNORED = (
    (SHUTTER_CLOSED, PRESSED, LAST_PRESSED, CLOSE, DRIVE_ENDED, TRAVEL_OVER, TRAVEL_FAILED, PAUSE_OVER),  # LOCKED
    (SHUTTER_LEFT, SHUTTER_CLOSED),  # OPENING
    (SHUTTER_OPEN, SHUTTER_LEFT, TRAVEL_OVER, TRAVEL_FAILED, PAUSE_OVER),  # OPEN
    (SHUTTER_OPEN, SHUTTER_LEFT, CLOSE, DRIVE_ENDED, PAUSE_OVER),  # CLOSING
    (SHUTTER_OPEN, SHUTTER_LEFT),  # JAMMED
)


def step(state: int, event: int) -> "tuple[int, tuple[int, ...]]":
    """(next state, actions). What the table does not know ends the drive; an unknown state or event locks."""
    if LOCKED <= state <= JAMMED:
        found = _TABLE[state].get(event)
        if found is not None:
            return found
        if event in _IGNORED[state]:
            return state, ()
    return JAMMED, (RELEASE,)
