"""The bays: turns what the board senses into events of `states`, and does what the table says.

Guarantees: nothing drives a shutter but :meth:`Box.open`, which writes the intent first and drives only once that is on
flash; an end of the drive comes before anything that may wait or fail; what fails leaves the bay closed and the request
spent. Leaves to others: whether a grant is good (`gate`), and who is told (`outbox`).
"""

import asyncio

from micropython import const
from sealwire import chain, errors
from sealwire.errors import Refused

from sealbox import states
from sealbox.board import ticks_add, ticks_diff
from sealbox.presses import NONE, Presses
from sealbox.rate import Rate

_TRAVEL_MS = const(2500)  # a shutter that has not arrived by then is stuck
_PAUSE_MS = const(400)  # lets the spring pull back before the second try
_TRIES = const(2)
_BATTERY_LOW_MV = const(3300)  # below, there may not be enough to close and to log it
_IDLE_MS = const(2000)  # how long the loop sleeps at most; well under the watchdog's time
_REFRESH_MS = const(1000)  # the display counts seconds while a bay is open

_LOOP = const(1)  # what a tamper entry names
_LID = const(2)

_RESERVED = (chain.PRESS, chain.CLOSED, chain.JAM, chain.TAMPER)  # what tells of a use or of an attack
_NOTES_PER_HOUR = const(30)

_ALARM = (400, 200, 400, 200, 400)
_OPENED = (80,)
_COUNTED = (40,)


class Bay:
    """One bay as the firmware knows it.

    state: of `states`; candidate: the grant it serves; spends: impressions it opened for; pressed: counted so far;
    cause: of the closing under way.
    """

    def __init__(self, number: int, now: int) -> None:
        self.number = number
        self.state = states.CLOSING
        self.presses = Presses(now)
        self.candidate = None
        self.request = None
        self.spends = 0
        self.pressed = 0
        self.cause = 0
        self.tries = 0
        self.due = None  # ticks at which a shutter must have arrived, or a pause is over
        self.closes_at = None  # ticks at which the window ends; for the display
        self.window_ms = 0
        self.seal = True

    @property
    def left(self) -> int:
        """Impressions left of this opening."""
        return max(0, self.spends - self.pressed)


class Box:
    """All bays of a box. ``changed()`` is called after everything that others may want to know."""

    def __init__(self, board: object, journal: object, changed: object) -> None:
        self.board = board
        self.journal = journal
        self.gate = None
        self._changed = changed
        self._button = True  # a button held at boot closes nothing by itself
        self._mains = True
        self._low = False
        self._notes = Rate(_NOTES_PER_HOUR)
        now = board.ticks_ms()
        self.bays = [Bay(number, now) for number in range(1, board.bays + 1)]
        for bay in self.bays:
            board.close(bay.number)
            bay.due = ticks_add(now, _TRAVEL_MS)

    def interrupt(self) -> None:
        """At boot: what was open when the power went has ended and gives nothing back."""
        for number in sorted(self.journal.open):
            request = self.journal.open[number]
            self.journal.write(chain.INTERRUPTED, {"bay": number, "request": request}, True, True)

    def closed(self) -> bool:
        """Whether no bay is open or moves. One that is stuck waits for hands, and holds up nothing else."""
        return all(bay.state in (states.LOCKED, states.JAMMED) for bay in self.bays)

    def serving(self, request: bytes) -> "Bay | None":
        """The bay that is open, or on its way, for a request."""
        for bay in self.bays:
            if bay.request == request:
                return bay
        return None

    def check_ready(self, number: int) -> Bay:
        """The bay, when it and the box can open now. Raises Refused, the reason being what stands in the way."""
        if not 1 <= number <= len(self.bays):
            raise Refused(errors.UNKNOWN_BAY)
        bay = self.bays[number - 1]
        if self.journal.alarm:
            raise Refused(errors.TAMPERED)
        if not self.journal.clock.is_set():
            raise Refused(errors.CLOCK_LOST)
        if bay.state == states.JAMMED:
            raise Refused(errors.BAY_JAMMED)
        if bay.state != states.LOCKED or bay.request is not None:
            raise Refused(errors.BAY_BUSY)
        if not bay.seal:
            raise Refused(errors.SEAL_MISSING)
        if self._low:
            raise Refused(errors.BATTERY_LOW)
        if not self.journal.log.room():
            raise Refused(errors.LOG_FULL)
        return bay

    def open(self, candidate: object, spends: int) -> None:
        """Write the intent, flush it, then move the bolt. Raises Refused (log_full, flash_failed): nothing moved
        then."""
        request = candidate.request
        bay = self.bays[request["bay"] - 1]
        try:
            self.journal.write(
                chain.INTENT,
                {
                    "bay": bay.number,
                    "request": request.reference,
                    "grant": candidate.grant.reference,
                    "spends": spends,
                    "roster": self.gate.roster.version,
                    "people": candidate.judgement.people,
                },
            )
        except OSError:
            raise Refused(errors.FLASH_FAILED) from None
        bay.candidate, bay.request = candidate, request.reference
        bay.spends, bay.pressed, bay.tries, bay.cause = spends, 0, 0, 0
        bay.window_ms = candidate.judgement.case.rule["open_seconds"] * 1000
        bay.presses.reset(self.board.ticks_ms())
        candidate.settle()
        self._event(bay, states.GRANTED)

    def close(self, bay: Bay, cause: int) -> None:
        """End an opening for a reason of `chain`."""
        if bay.state in (states.OPENING, states.OPEN):
            bay.cause = cause
            self._event(bay, states.CLOSE)

    def recheck(self, request: bytes) -> None:
        """After a loose message: close the bay whose request is no longer approved."""
        bay = self.serving(request)
        if bay is not None and bay.candidate is not None and not self.gate.still_approved(bay.candidate):
            finished = bay.candidate.judgement.case.raiser["number"] in self._finished_by(bay)
            self.close(bay, chain.FINISHED_BY_KEEPER if finished else chain.DENIED_MEANWHILE)

    def _finished_by(self, bay: Bay) -> "list[int]":
        return self.journal.history(bay.request, bay.candidate.request["anchor_seq"]).finished

    async def watch(self) -> None:
        """The loop: sense, act, feed the watchdog; for ever."""
        while True:
            self.poll()
            self.board.feed()
            try:
                await asyncio.wait_for_ms(self.board.changed(), self._sleep_ms())
            except asyncio.TimeoutError:
                pass

    def _sleep_ms(self) -> int:
        now = self.board.ticks_ms()
        sleep = _IDLE_MS
        for bay in self.bays:
            if bay.due is not None:
                sleep = min(sleep, max(0, ticks_diff(bay.due, now)))
            due = bay.presses.due_ms(now)
            if due is not None:
                sleep = min(sleep, due + 1)
            if bay.state == states.OPEN:
                sleep = min(sleep, _REFRESH_MS)
        return sleep

    def poll(self) -> None:
        """Take in everything the board senses, once."""
        for bay in self.bays:
            self._poll_bay(bay)
        self._poll_housing()
        self._poll_supply()

    def _poll_bay(self, bay: Bay) -> None:
        board, now = self.board, self.board.ticks_ms()
        driving = board.driving(bay.number)
        closed, opened = board.switches(bay.number)
        for _ in range(bay.presses.take(board.take_edges(bay.number), now)):
            if bay.request is not None:
                bay.pressed += 1
                self._event(bay, states.LAST_PRESSED if bay.pressed >= bay.spends else states.PRESSED)
        if bay.presses.fault != NONE:
            self.close(bay, chain.SENSOR_FAULT)
        if bay.state in (states.OPENING, states.OPEN) and bay.due is None and not driving:
            bay.cause = bay.cause or chain.WINDOW_OVER
            self._event(bay, states.DRIVE_ENDED)
        if opened and not closed:
            self._event(bay, states.SHUTTER_OPEN)
        elif closed and not opened and (bay.state == states.OPEN or not board.driving(bay.number)):
            self._event(bay, states.SHUTTER_CLOSED)
        elif not closed:
            self._event(bay, states.SHUTTER_LEFT)
        if bay.due is not None and ticks_diff(now, bay.due) >= 0:
            self._late(bay, driving)
        seal = board.seal_present(bay.number)
        if seal != bay.seal:
            bay.seal = seal
            self._note(chain.SEAL, {"bay": bay.number, "present": int(seal)})
            if not seal:
                board.buzz(_ALARM)

    def _late(self, bay: Bay, driving: bool) -> None:
        bay.due = None
        if bay.state == states.OPENING and not driving and bay.tries < _TRIES:
            self._event(bay, states.PAUSE_OVER)
        elif bay.state == states.OPENING and bay.tries < _TRIES:
            self._event(bay, states.TRAVEL_OVER)
        else:
            self._event(bay, states.TRAVEL_FAILED)

    def _poll_housing(self) -> None:
        board = self.board
        what = _LOOP if board.tampered() else _LID if board.lid_open() else 0
        if what and not self.journal.alarm:
            for bay in self.bays:
                self.close(bay, chain.TAMPER_ALARM)
            board.buzz(_ALARM)
            self._note(chain.TAMPER, {"what": what})
        button = board.button()
        if button and not self._button:
            for bay in self.bays:
                self.close(bay, chain.BUTTON)
        self._button = button

    def _poll_supply(self) -> None:
        mains, battery = self.board.mains_ok(), self.board.battery_mv()
        low = not mains and (battery is None or battery < _BATTERY_LOW_MV)
        if low and not self._low:
            for bay in self.bays:
                self.close(bay, chain.ENERGY)
            self._note(chain.POWER, {"what": chain.BATTERY_LOW})
        elif mains != self._mains:
            self._note(chain.POWER, {"what": chain.MAINS_BACK if mains else chain.MAINS_LOST})
        self._low, self._mains = low, mains

    def _event(self, bay: Bay, event: int) -> None:
        before = bay.state
        bay.state, actions = states.step(before, event)
        for action in actions:
            self._do(bay, action)
        if bay.state != before:
            print("bay %d %s" % (bay.number, states.NAMES[bay.state]))
            if bay.state == states.OPEN:
                bay.closes_at = ticks_add(self.board.ticks_ms(), bay.window_ms)
                self.board.buzz(_OPENED)
        if bay.state != before or states.COUNT in actions:
            self._changed(False)

    def _do(self, bay: Bay, action: int) -> None:
        board, now = self.board, self.board.ticks_ms()
        if action == states.RELEASE:
            board.close(bay.number)
        elif action == states.DRIVE:
            bay.tries += 1
            board.open(bay.number, bay.window_ms + _TRAVEL_MS)
        elif action == states.TRAVEL:
            bay.due = ticks_add(now, _TRAVEL_MS)
        elif action == states.PAUSE:
            bay.due = ticks_add(now, _PAUSE_MS)
        elif action == states.STILL:
            bay.due = None
        elif action == states.COUNT:
            self._count(bay)
        elif action == states.NOTE_JAM:
            phase = 1 if bay.state == states.CLOSING and bay.cause == 0 else 2
            bay.cause = bay.cause or chain.JAMMED
            self._note(chain.JAM, {"bay": bay.number, "request": bay.request, "phase": phase})
        elif action == states.SETTLE:
            self._settle(bay)
        elif action == states.ALARM:
            board.buzz(_ALARM)
        elif action == states.NOTE_FORCED:
            self._note(chain.FORCED, {"bay": bay.number})

    def _count(self, bay: Bay) -> None:
        if bay.request is not None:
            bay.cause = bay.cause or (chain.LAST_IMPRESSION if bay.pressed >= bay.spends else 0)
            self._note(chain.PRESS, {"bay": bay.number, "request": bay.request, "count": bay.pressed})
            self.board.buzz(_COUNTED)

    def _settle(self, bay: Bay) -> None:
        """The shutter is proven closed: what was not pressed comes back with this entry, and only with it."""
        bay.due = bay.closes_at = None
        if bay.request is None:
            return
        self._note(
            chain.CLOSED,
            {
                "bay": bay.number,
                "request": bay.request,
                "pressed": bay.pressed,
                "given_back": bay.left,
                "cause": bay.cause or chain.JAMMED,
            },
        )
        bay.request = bay.candidate = None

    def _note(self, kind: int, fields: dict) -> None:
        """Write an entry about the bays or the housing. A flash that fails stops nothing that is about to close."""
        reserve = kind in _RESERVED
        if not reserve and not self._notes.take(self.board.ticks_ms()):
            return  # a contact that flutters must not fill the log
        try:
            fields = {name: fields[name] for name in fields if fields[name] is not None}
            self.journal.write(kind, fields, True, reserve)
            self._changed(kind in (chain.TAMPER, chain.CLOSED))
        except (OSError, Refused) as error:
            print("not logged: %s (%s)" % (chain.names()[kind], error))
