"""The bays: turns what the board senses into events of `states`, and does what the table says.

Guarantees: nothing drives a shutter but :meth:`Box.open`, which writes the intent first and drives only once that is on
flash; an end of the drive comes before anything that may wait or fail; what fails leaves the bay closed and the request
spent. A press or a closing that flash did not take is written later, in its order: until then the bay opens nothing.
Leaves to others: whether a grant is good (`gate`), the housing (`housing`), and who is told (`outbox`).
"""

import asyncio

from micropython import const
from sealwire import chain, errors
from sealwire.errors import Refused

from sealbox import states
from sealbox.board import ticks_add, ticks_diff
from sealbox.housing import Housing
from sealbox.presses import NONE, Presses
from sealbox.rate import Rate

_TRAVEL_MS = const(2500)  # a shutter that has not arrived by then is stuck
_PAUSE_MS = const(400)  # lets the spring pull back before the second try
_TRIES = const(2)
_IDLE_MS = const(2000)  # how long the loop sleeps at most; well under the watchdog's time
_BEYOND = const(50)  # presses counted above what was approved: more is no hand, and would fill the log

_RESERVED = (chain.PRESS, chain.CLOSED, chain.JAM, chain.TAMPER, chain.FORCED)  # what tells of a use or of an attack
_FLUTTERING = (chain.SEAL, chain.POWER, chain.FORCED)  # what a loose contact would repeat
_NOTES_PER_HOUR = const(30)  # of each of these: one that flutters must not hide another

_SOON_MS = const(5000)  # so long before the end of a window the box says so, unless the window is hardly longer

# What the buzzer says, each unlike the others in rhythm: milliseconds on, off, on, ... All of them end.
_OPENED = const((80, 80, 80))
_COUNTED = const((40,))
_LAST = const((500,))
_SOON = const((60, 940, 60, 940, 60, 940, 60, 940, 60))
_ALARM = const((800, 200, 800, 200, 800))
_ALARMS_PER_HOUR = const(20)  # a loose contact must not make the box scream all night


class Bay:
    """One bay as the firmware knows it.

    state: of `states`; candidate: the grant it serves; request: its reference, until the closing is on flash; spends:
    impressions it opened for; pressed: counted so far; logged: of them on flash; cause: of the closing under way.
    """

    def __init__(self, number: int, now: int) -> None:
        self.number = number
        self.state = states.CLOSING
        self.presses = Presses(now)
        self.candidate = None
        self.request = None
        self.spends = 0
        self.pressed = 0
        self.logged = 0
        self.cause = 0
        self.tries = 0
        self.paused = False  # between two tries
        self.due = None  # ticks at which a shutter must have arrived, or a pause is over
        self.closes_at = None  # ticks at which the window ends; for the display
        self.soon_at = None  # ticks at which the box says that it will
        self.window_ms = 0
        self.seal = True
        self.seal_logged = True

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
        self.housing = Housing(self)
        self._rates = [Rate(_NOTES_PER_HOUR) for _ in _FLUTTERING]
        self._alarms = Rate(_ALARMS_PER_HOUR)
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
        if self.journal.alarm or self.housing.alarm:
            raise Refused(errors.TAMPERED)
        if not self.journal.clock.is_set():
            raise Refused(errors.CLOCK_LOST)
        if bay.state == states.JAMMED:
            raise Refused(errors.BAY_JAMMED)
        if bay.state == states.LOCKED and bay.request is not None:
            raise Refused(errors.FLASH_FAILED, "the last closing is not written")
        # Presses of a contact that is held or chatters would not be seen.
        if bay.state != states.LOCKED or not bay.presses.at_rest or not self._may_drive(bay):
            raise Refused(errors.BAY_BUSY)
        if not bay.seal:
            raise Refused(errors.SEAL_MISSING)
        if self.housing.low:
            raise Refused(errors.BATTERY_LOW)
        if not self.journal.log.room():
            raise Refused(errors.LOG_FULL)
        return bay

    def _may_drive(self, bay: Bay) -> bool:
        """Whether the supply carries this bay's drive beside what is driven already."""
        if self.board.both_drive:
            return True
        return not any(other.state in (states.OPENING, states.OPEN) for other in self.bays if other is not bay)

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
        bay.spends, bay.pressed, bay.logged, bay.tries, bay.cause = spends, 0, 0, 0, 0
        bay.window_ms = candidate.judgement.case.rule["open_seconds"] * 1000
        bay.presses.reset(self.board.ticks_ms())
        candidate.settle()
        self._event(bay, states.GRANTED)

    def close(self, bay: Bay, cause: int) -> None:
        """End an opening for a reason of `chain`."""
        if bay.state in (states.OPENING, states.OPEN):
            bay.cause = cause
            self._event(bay, states.CLOSE)

    def close_all(self, cause: int) -> None:
        """End every opening: the drives first, whatever is written about it."""
        for bay in self.bays:
            if bay.state in (states.OPENING, states.OPEN):
                self.board.close(bay.number)
        for bay in self.bays:
            self.close(bay, cause)

    def sound_alarm(self) -> None:
        """Somebody must come."""
        if self._alarms.take(self.board.ticks_ms()):
            self.board.buzz(_ALARM)

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
            if bay.state == states.OPEN and bay.soon_at is not None:
                sleep = min(sleep, max(0, ticks_diff(bay.soon_at, now)))
        return sleep

    def poll(self) -> None:
        """Take in everything the board senses, once."""
        self.housing.poll()
        for bay in self.bays:
            self._poll_bay(bay)

    def _poll_bay(self, bay: Bay) -> None:
        board, now = self.board, self.board.ticks_ms()
        driving = board.driving(bay.number)
        closed, opened = board.switches(bay.number)
        self._poll_presses(bay, now)
        if bay.state in (states.OPENING, states.OPEN) and not bay.paused and not driving:
            bay.cause = bay.cause or chain.WINDOW_OVER
            self._event(bay, states.DRIVE_ENDED)
        if opened and not closed:
            self._event(bay, states.SHUTTER_OPEN)
        elif closed and not opened and (bay.state == states.OPEN or not board.driving(bay.number)):
            self._event(bay, states.SHUTTER_CLOSED)
        elif not closed:
            self._event(bay, states.SHUTTER_LEFT)
        if bay.state == states.OPEN and bay.soon_at is not None and ticks_diff(now, bay.soon_at) >= 0:
            bay.soon_at = None
            board.buzz(_SOON)
        if bay.due is not None and ticks_diff(now, bay.due) >= 0:
            self._late(bay)
        if bay.state == states.LOCKED and bay.request is not None:
            self._settle(bay)  # flash did not take it before
        self._poll_seal(bay)

    def _poll_presses(self, bay: Bay, now: int) -> None:
        for _ in range(bay.presses.take(self.board.take_edges(bay.number), now)):
            if bay.request is not None and bay.state != states.LOCKED and bay.pressed < bay.spends + _BEYOND:
                bay.pressed += 1
                self._event(bay, states.LAST_PRESSED if bay.pressed >= bay.spends else states.PRESSED)
        if bay.presses.fault != NONE:
            self.close(bay, chain.SENSOR_FAULT)

    def _poll_seal(self, bay: Bay) -> None:
        seal = self.board.seal_present(bay.number)
        if bay.seal and not seal:
            self.sound_alarm()
        bay.seal = seal
        if seal != bay.seal_logged and self.note(chain.SEAL, {"bay": bay.number, "present": int(seal)}):
            bay.seal_logged = seal

    def _late(self, bay: Bay) -> None:
        """The shutter did not arrive in time, or the pause before the next try is over."""
        bay.due = None
        if bay.paused:
            self._event(bay, states.PAUSE_OVER)
        else:
            self._event(bay, states.TRAVEL_OVER if bay.tries < _TRIES else states.TRAVEL_FAILED)

    def _event(self, bay: Bay, event: int) -> None:
        before = bay.state
        bay.state, actions = states.step(before, event)
        for action in actions:
            self._do(bay, action)
        if bay.state != before:
            print("bay %d %s" % (bay.number, states.NAMES[bay.state]))
            if bay.state == states.OPEN:
                bay.closes_at = ticks_add(self.board.ticks_ms(), bay.window_ms)
                bay.soon_at = ticks_add(bay.closes_at, -_SOON_MS) if bay.window_ms > 2 * _SOON_MS else None
                self.board.buzz(_OPENED)
        if bay.state != before or states.COUNT in actions:
            self._changed(False)

    def _do(self, bay: Bay, action: int) -> None:
        board, now = self.board, self.board.ticks_ms()
        if action == states.RELEASE:
            board.close(bay.number)
        elif action == states.DRIVE:
            bay.tries += 1
            bay.paused = False
            board.open(bay.number, bay.window_ms + _TRAVEL_MS)
        elif action == states.TRAVEL:
            bay.paused = False
            bay.due = ticks_add(now, _TRAVEL_MS)
        elif action == states.PAUSE:
            bay.paused = True
            bay.due = ticks_add(now, _PAUSE_MS)
        elif action == states.STILL:
            bay.due = None
        elif action == states.COUNT:
            self._count(bay)
        elif action == states.NOTE_JAM:
            phase = 2 if bay.state == states.JAMMED else 1
            bay.cause = bay.cause or chain.JAMMED
            self.note(chain.JAM, {"bay": bay.number, "request": bay.request, "phase": phase})
        elif action == states.SETTLE:
            self._settle(bay)
        elif action == states.ALARM:
            self.sound_alarm()
        elif action == states.NOTE_FORCED:
            self.note(chain.FORCED, {"bay": bay.number})

    def _count(self, bay: Bay) -> None:
        """One more press was counted: log it, and those before it that flash did not take."""
        bay.cause = bay.cause or (chain.LAST_IMPRESSION if bay.pressed >= bay.spends else 0)
        self._log_presses(bay)
        if bay.pressed > bay.spends:
            self.sound_alarm()
        else:
            self.board.buzz(_LAST if bay.pressed == bay.spends else _COUNTED)

    def _log_presses(self, bay: Bay) -> bool:
        while bay.logged < bay.pressed:
            fields = {"bay": bay.number, "request": bay.request, "count": bay.logged + 1}
            if not self.note(chain.PRESS, fields):
                return False
            bay.logged += 1
        return True

    def _settle(self, bay: Bay) -> None:
        """The shutter is proven closed: what was not pressed comes back with this entry, and only with it."""
        bay.due = bay.closes_at = None
        if bay.request is None or not self._log_presses(bay):
            return
        fields = {"bay": bay.number, "request": bay.request, "pressed": bay.pressed, "given_back": bay.left}
        fields["cause"] = bay.cause or chain.JAMMED
        if self.note(chain.CLOSED, fields):
            bay.request = bay.candidate = None

    def note(self, kind: int, fields: dict) -> bool:
        """Write an entry about the bays or the housing; False if flash did not take it, or too many of its kind came.

        A flash that fails stops nothing that is about to close.
        """
        if kind in _FLUTTERING and not self._rates[_FLUTTERING.index(kind)].take(self.board.ticks_ms()):
            return False  # a contact that flutters must not fill the log
        try:
            fields = {name: fields[name] for name in fields if fields[name] is not None}
            self.journal.write(kind, fields, True, kind in _RESERVED)
        except (OSError, Refused) as error:
            print("not logged: %s (%s)" % (chain.names()[kind], error))
            return False
        self._changed(kind in (chain.TAMPER, chain.CLOSED))
        return True
