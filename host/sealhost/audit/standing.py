"""How a box stands as one goes through its log, and how an entry of it is blamed: what all checks of the log share."""

from __future__ import annotations

from dataclasses import dataclass, field

from sealwire import chain, limits, messages
from sealwire.chain import Entry
from sealwire.messages import Message
from sealwire.roster import Roster

from sealhost.audit.bundle import message_path
from sealhost.audit.findings import Check, Findings, Rank
from sealhost.audit.letters import Letters
from sealhost.audit.log import BoxLog
from sealhost.audit.rosters import RosterChain, Verify


@dataclass
class Opening:
    """One use of a bay, from its intent to its end. Times are the box's, UTC seconds."""

    box: bytes
    bay: int
    request: bytes
    seq: int
    time: int
    spends: int
    people: list[int]
    roster: int
    pressed: int = 0
    given_back: int = 0
    closed: int | None = None
    cause: str = ""
    jams: int = 0
    stuck: bool = False  # the shutter did not close: the bay is jammed, its request not ended
    rebooted: bool = False  # the box started while this was open


@dataclass
class Stand:
    """How a box stands after an entry."""

    boot: int = 0
    roster: int = 0
    alarm: int = 0
    clock: int = 0
    clock_set: bool = False
    firmware: str = ""
    time: int = 0
    open: dict[int, Opening] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """Something of the box itself that the ledger shows: an alarm, a reset, a shutter that was forced."""

    box: bytes
    seq: int
    time: int
    name: str


class LogReader:
    """Where a reading of one log stands, with everything that its entries are held against."""

    def __init__(
        self,
        site: bytes,
        log: BoxLog,
        rosters: RosterChain,
        letters: Letters,
        verify: Verify,
        findings: Findings,
    ) -> None:
        self.site = site
        self.log = log
        self.rosters = rosters
        self.letters = letters
        self.verify = verify
        self.findings = findings
        self.stand = Stand()
        self.openings: list[Opening] = []
        self.events: list[Event] = []
        self.nonces: dict[bytes, int] = {}
        self.used: set[bytes] = set()

    def blame(self, seq: int, check: str, why: str, rank: Rank = Rank.LOG) -> None:
        """A finding about an entry."""
        self.findings.add(rank, self.log.path, f"entry {seq}", check, why)

    def roster(self, seq: int) -> Roster | None:
        """The roster in force; None when it is not proven, which was said before."""
        roster = self.rosters.rosters.get(self.stand.roster)
        if roster is None:
            box = self.log.kid.hex()
            self.findings.note(f"box {box}, entry {seq}: the roster in force is not proven, so it was not checked")
        return roster

    def letter(self, seq: int, reference: bytes, number: int) -> Message | None:
        """The message that an entry names; a finding when it is not there."""
        message = self.letters.get(reference, number)
        if message is None and not self.findings.blames(reference.hex()):
            why = f"entry {seq} of the box's log names this {messages.names()[number]}, which is not in the bundle"
            self.findings.add(Rank.LOG, message_path(reference), reference.hex(), Check.MESSAGE_MISSING, why)
        return message

    def on_chain(self, seq: int, anchor: int, head: bytes) -> bool:
        """Whether an anchor was good when entry ``seq`` was written: on the chain, and not too far back."""
        last = seq - 1
        if last > 0 and self.log.entry(last).kind == chain.STATE:
            last -= 1  # it came with this entry, after the box had looked
        return last - limits.ANCHOR_BACK <= anchor < seq and self.log.heads[anchor - 1] == head

    def authority(self) -> tuple[list[bytes], int]:
        """The authority keys that the box obeys, and how many must sign."""
        held = self.rosters.rosters.get(self.stand.roster)
        if held is not None:
            return held.fields["authority"], held.fields["threshold"]
        origin = self.log.entries[0]
        if origin.kind != chain.ORIGIN:
            return [], 1
        return origin["authority"], origin["threshold"]

    def note(self, seq: int, entry: Entry) -> None:
        name = entry.name
        if entry.kind == chain.SEAL:
            name = "seal_back" if entry["present"] else "seal_removed"
        self.events.append(Event(self.log.kid, seq, entry.time, name))
