"""What the box writes into its log, and how it stands by what it wrote.

Guarantees: an entry carries the box's time; the first entry of every stretch of `limits.STATE_EVERY` says how the box
stands, so that :meth:`Journal.start` reads one stretch however long the log is; how the box stands (boot count, alarm,
roster version, open bays) is kept nowhere else. Leaves to others: what to write when, and the bytes on flash (`log`).
"""

from sealwire import chain, limits
from sealwire.chain import BOOT, CLOSED, DECISION, FINISH, INTENT, INTERRUPTED, LINK, RESET, ROSTER, STATE, TAMPER, TIME
from sealwire.errors import LOG_FULL, Refused
from sealwire.messages import CLEARS_CLOCK, CLEARS_TAMPER

from sealbox.log import LogFull


class Journal:
    """The log as the box sees it; what it says follows every entry.

    boot: boot count; roster: version, 0 for none; alarm: seq of the tamper entry that no reset has cleared, or 0;
    clock_seq: seq of the entry that last set the clock, or 0; open: {bay: request} of the openings without an end.
    """

    def __init__(self, log: object, clock: object) -> None:
        self.log = log
        self.clock = clock
        self.boot = 0
        self.roster = 0
        self.alarm = 0
        self.clock_seq = 0
        self.open = {}

    def start(self) -> None:
        """Read how the box stood at the end of the log. Raises LogCorrupt."""
        last = self.log.seq
        if last:
            first = (last - 1) // limits.STATE_EVERY * limits.STATE_EVERY + 1
            for seq, raw in self.log.entries(first):
                self._follow(seq, chain.read_entry(raw))

    def write(self, kind: int, fields: dict, flush: bool = True, reserve: bool = False) -> int:
        """Write an entry and return its seq; durable on return with ``flush``.

        reserve: it may use the room kept for closings, alarms and boots. Raises Refused (log_full) and OSError (the
        flash failed); the log and how the box stands are unchanged then.
        """
        now = self.clock.now()
        try:
            if self.log.seq and self.log.seq % limits.STATE_EVERY == 0:
                self.log.append(chain.build_entry(STATE, now, self._state()), False, reserve)
            seq = self.log.append(chain.build_entry(kind, now, fields), flush, reserve)
        except LogFull:
            raise Refused(LOG_FULL) from None
        self._follow(seq, chain.Entry(kind, now, fields))
        return seq

    def history(self, request: bytes, anchor: int) -> "chain.History":
        """What the entries after seq ``anchor`` say of a request; only those that name it are read in full."""
        history = chain.History(request)
        for _, raw in self.log.find(request, anchor + 1):
            history.apply(chain.read_entry(raw))
        history.clock_changed = self.clock_seq > anchor
        return history

    def knows(self, reference: bytes) -> bool:
        """Whether an entry of the last `limits.ANCHOR_BACK` says that a message had its effect: it has no other.

        An entry that only refuses it, or names it as a request, says no such thing.
        """
        for _, raw in self.log.find(reference, max(1, self.log.seq - limits.ANCHOR_BACK)):
            entry = chain.read_entry(raw)
            if entry.kind in (DECISION, FINISH, RESET, LINK) and entry["message"] == reference:
                return True
        return False

    def _state(self) -> dict:
        opened = [{"bay": bay, "request": self.open[bay]} for bay in sorted(self.open)]
        return {
            "boot": self.boot,
            "roster": self.roster,
            "alarm": self.alarm,
            "clock": self.clock_seq,
            "open": opened,
        }

    def _follow(self, seq: int, entry: "chain.Entry") -> None:
        kind = entry.kind
        if entry.time > self.clock.floor:
            self.clock.floor = entry.time
        if kind == BOOT:
            self.boot = entry["boot"]
        elif kind == ROSTER:
            self.roster = entry["version"]
        elif kind == TAMPER:
            self.alarm = seq
        elif kind == TIME:
            self.clock_seq = seq
        elif kind == RESET:
            if entry["clears"] & CLEARS_TAMPER:
                self.alarm = 0
            if entry["clears"] & CLEARS_CLOCK:
                self.clock_seq = seq
                self.clock.floor = entry["utc"]  # the one way back, for a clock that ran ahead
        elif kind == INTENT:
            self.open[entry["bay"]] = entry["request"]
        elif kind in (CLOSED, INTERRUPTED):
            self.open.pop(entry["bay"], None)
        elif kind == STATE:
            self.boot, self.roster = entry["boot"], entry["roster"]
            self.alarm, self.clock_seq = entry["alarm"], entry["clock"]
            self.open = {item["bay"]: item["request"] for item in entry["open"]}
