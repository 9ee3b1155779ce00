"""What a box's log says, entry by entry: how the box stood, and whether each entry could follow from the ones before.

Guarantees: every entry that names a message, a roster or an opening is held against it. Uses of a seal are judged in
`openings`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sealwire import chain, cose, errors, limits, messages
from sealwire.chain import Entry
from sealwire.errors import Refused
from sealwire.messages import CLEARS_CLOCK, CLEARS_TAMPER, Message
from sealwire.roster import Roster, check_succession

from sealhost.audit.bundle import message_path, roster_path
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
    rebooted: bool = False  # the box started while this was open


@dataclass
class Stand:
    """How a box stands after an entry."""

    boot: int = 0
    roster: int = 0
    alarm: int = 0
    clock: int = 0
    clock_set: bool = False
    time: int = 0
    open: dict[int, Opening] = field(default_factory=dict)


@dataclass(frozen=True)
class Event:
    """Something of the box itself that the ledger shows: an alarm, a reset, a shutter that was forced."""

    box: bytes
    seq: int
    time: int
    name: str


class Replay:
    """Goes through one log. ``judge_intent(replay, seq, entry)`` is asked about every intent."""

    def __init__(
        self,
        site: bytes,
        log: BoxLog,
        rosters: RosterChain,
        letters: Letters,
        verify: Verify,
        findings: Findings,
        judge_intent: Callable[[Replay, int, Entry], None],
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
        self._judge_intent = judge_intent
        self._signed: dict[int, tuple[int, int, int]] = {0: (0, 0, 0)}  # seq: boot, roster, time
        self._handlers: dict[int, Callable[[int, Entry], None]] = {
            chain.BOOT: self._boot,
            chain.ROSTER: self._roster,
            chain.INTENT: self._intent,
            chain.PRESS: self._press,
            chain.CLOSED: self._closed,
            chain.INTERRUPTED: self._interrupted,
            chain.DECISION: self._loose,
            chain.FINISH: self._loose,
            chain.TAMPER: self._tamper,
            chain.RESET: self._reset,
            chain.TIME: self._time,
            chain.PRUNE: self._prune,
            chain.RELEASE: self._release,
            chain.JAM: self._jam,
            chain.FORCED: self._note,
            chain.SEAL: self._note,
        }

    def run(self) -> None:
        """Check all entries that the chain vouches for, then what the checkpoints say of the box."""
        for seq, entry in enumerate(self.log.entries, 1):
            self._place(seq, entry)
            if entry.time < self.stand.time:
                why = f"entry {seq} is dated before the entry before it"
                self.blame(seq, Check.CLOCK_BACKWARDS, why)
            self.stand.time = max(self.stand.time, entry.time)
            handler = self._handlers.get(entry.kind)
            if handler is not None:
                handler(seq, entry)
            self._signed[seq] = (self.stand.boot, self.stand.roster, self.stand.time)
        for message in self.log.checkpoints:
            self._checkpoint(message)

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

    # What each kind of entry must be

    def _place(self, seq: int, entry: Entry) -> None:
        """The first entry is the origin and no other; each stretch of the log but the first begins with the stand."""
        if (seq == 1) != (entry.kind == chain.ORIGIN):
            why = "the log does not begin with its origin" if seq == 1 else f"entry {seq} is a second origin"
            self.blame(seq, Check.ORIGIN, why)
        elif seq == 1:
            self._origin(entry)
        due = seq > 1 and seq % limits.STATE_EVERY == 1
        if due != (entry.kind == chain.STATE):
            why = f"entry {seq} {'must' if due else 'must not'} be a state entry"
            self.blame(seq, Check.STATE_ENTRY, why)
        elif due and entry.fields != self._state():
            self.blame(seq, Check.STATE_ENTRY, f"entry {seq} says another state of the box than the entries before it")

    def _state(self) -> dict[str, object]:
        stand = self.stand
        opened = [{"bay": bay, "request": stand.open[bay].request} for bay in sorted(stand.open)]
        return {
            "boot": stand.boot,
            "roster": stand.roster,
            "alarm": stand.alarm,
            "clock": stand.clock,
            "open": opened,
        }

    def _origin(self, entry: Entry) -> None:
        trust = self.rosters.trust
        held = {(frozenset(trust.authority), trust.threshold)}
        held |= {(frozenset(r.fields["authority"]), r.fields["threshold"]) for r in self.rosters.rosters.values()}
        if cose.key_id(entry["box"]) != self.log.kid:
            self.blame(1, Check.ORIGIN, "the log's first entry names another box than its path")
        if entry["site"] != self.site:
            self.blame(1, Check.ORIGIN, "the log's first entry names another site")
        if (frozenset(entry["authority"]), entry["threshold"]) not in held and self.rosters.broken_at is None:
            why = "the box was provisioned with other authority keys, or another number that must sign, than given here"
            self.blame(1, Check.ORIGIN, why)

    def _boot(self, seq: int, entry: Entry) -> None:
        stand = self.stand
        if entry["boot"] <= stand.boot:
            self.blame(seq, Check.BOOT_COUNT, f"start {entry['boot']} follows start {stand.boot}")
        for opening in stand.open.values():
            if opening.rebooted:
                self._not_interrupted(seq, opening)
            opening.rebooted = True
        stand.boot = entry["boot"]
        stand.clock_set = bool(entry["clock_set"])

    def _roster(self, seq: int, entry: Entry) -> None:
        version = entry["version"]
        held = self.rosters.rosters.get(self.stand.roster)
        known_before = held is not None or self.stand.roster == 0
        step_from = self.stand.roster
        self.stand.roster = version
        roster = self.rosters.rosters.get(version)
        if roster is None:
            if not self.rosters.unknown(version):
                why = f"the box adopted roster {version} (entry {seq}), which is not in the bundle"
                path = roster_path(version, b"").replace("-.cose", "-…")
                self.findings.add(Rank.ROSTER, path, str(version), Check.ROSTER_MISSING, why)
            return
        if entry["digest"] != self.rosters.digests[version]:
            self.blame(seq, Check.ROSTER_ENTRY, f"the box adopted another roster {version} than the one in the bundle")
        if self.stand.open:
            self.blame(seq, Check.ROSTER_ENTRY, f"the box adopted roster {version} while a bay was open")
        try:
            roster.box(self.log.kid)
            if known_before:
                authority, threshold = self._authority(held)
                check_succession(step_from, authority, threshold, roster.fields, self.rosters.signers[version])
        except Refused as refusal:
            self.blame(seq, Check.ROSTER_ENTRY, f"roster {version} was not the box's to adopt: {refusal}")

    def _authority(self, held: Roster | None) -> tuple[list[bytes], int]:
        """The authority keys that the box obeys, and how many must sign."""
        if held is not None:
            return held.fields["authority"], held.fields["threshold"]
        origin = self.log.entries[0]
        if origin.kind != chain.ORIGIN:
            return [], 1
        return origin["authority"], origin["threshold"]

    def _intent(self, seq: int, entry: Entry) -> None:
        stand = self.stand
        self._judge_intent(self, seq, entry)
        opening = Opening(
            self.log.kid,
            entry["bay"],
            entry["request"],
            seq,
            entry.time,
            entry["spends"],
            entry["people"],
            entry["roster"],
        )
        stand.open[entry["bay"]] = opening
        self.openings.append(opening)

    def _opening(self, seq: int, entry: Entry) -> Opening | None:
        """The opening that an entry belongs to."""
        opening = self.stand.open.get(entry["bay"])
        if opening is None or opening.request != entry["request"]:
            why = f"entry {seq} ({entry.name}) is about a request that bay {entry['bay']} was not open for"
            self.blame(seq, Check.NOT_OPEN, why, Rank.USE)
            return None
        if opening.rebooted and entry.kind != chain.INTERRUPTED:
            self._not_interrupted(seq, opening)
        return opening

    def _not_interrupted(self, seq: int, opening: Opening) -> None:
        why = f"the box started while the opening of entry {opening.seq} was open, and entry {seq} goes on with it"
        self.blame(seq, Check.NOT_INTERRUPTED, why, Rank.USE)

    def _press(self, seq: int, entry: Entry) -> None:
        opening = self._opening(seq, entry)
        if opening is None:
            return
        if entry["count"] != opening.pressed + 1:
            why = f"press {entry['count']} (entry {seq}) follows press {opening.pressed} of this opening"
            self.blame(seq, Check.PRESS_COUNT, why, Rank.USE)
        opening.pressed += 1

    def _closed(self, seq: int, entry: Entry) -> None:
        opening = self._opening(seq, entry)
        if opening is None:
            return
        del self.stand.open[entry["bay"]]
        opening.closed, opening.given_back = entry.time, entry["given_back"]
        opening.cause = chain.CAUSES.get(entry["cause"], "unknown")
        if entry["pressed"] != opening.pressed:
            why = (
                f"the closing (entry {seq}) counts {entry['pressed']} impressions, the log before it {opening.pressed}"
            )
            self.blame(seq, Check.CLOSED_COUNT, why, Rank.USE)
        rest = max(0, opening.spends - entry["pressed"])
        if entry["given_back"] != rest:
            why = f"entry {seq} gives back {entry['given_back']} of {opening.spends}, but {rest} were not pressed"
            self.blame(seq, Check.GIVEN_BACK, why, Rank.USE)

    def _interrupted(self, seq: int, entry: Entry) -> None:
        opening = self._opening(seq, entry)
        if opening is not None:
            del self.stand.open[entry["bay"]]
            opening.closed, opening.cause = entry.time, "interrupted"

    def _jam(self, seq: int, entry: Entry) -> None:
        self._note(seq, entry)
        opening = self.stand.open.get(entry["bay"])
        if opening is not None and opening.request == entry.get("request"):
            opening.jams += 1

    def _note(self, seq: int, entry: Entry) -> None:
        name = entry.name
        if entry.kind == chain.SEAL:
            name = "seal_back" if entry["present"] else "seal_removed"
        self.events.append(Event(self.log.kid, seq, entry.time, name))

    def _tamper(self, seq: int, entry: Entry) -> None:
        self._note(seq, entry)
        self.stand.alarm = seq

    # Entries that name a message

    def _loose(self, seq: int, entry: Entry) -> None:
        """A denial, withdrawal or finish that reached the box by itself."""
        decision = entry.kind == chain.DECISION
        message = self.letter(seq, entry["message"], messages.DECISION if decision else messages.FINISH)
        roster = self.roster(seq)
        if message is None or roster is None:
            return
        self.used.add(message.reference)
        names = ("request", "verdict", "for") if decision else ("request", "reason")
        self._same(seq, entry, message, names)
        try:
            if roster.signer(message.kid)[0]["number"] != entry["person"]:
                name = message.reference.hex()
                why = f"entry {seq} names person {entry['person']}, but another one signed the message {name}"
                self.blame(seq, Check.ENTRY_MESSAGE, why)
        except Refused as refusal:
            self.blame(seq, refusal.name, f"entry {seq} obeys a message of nobody in the roster in force: {refusal}")

    def _same(self, seq: int, entry: Entry, message: Message, names: tuple[str, ...]) -> None:
        for name in names:
            if entry.get(name) != message.get(name):
                why = f"entry {seq} says another `{name}` than the message {message.reference.hex()} that it names"
                self.blame(seq, Check.ENTRY_MESSAGE, why)

    def _for_this_box(self, seq: int, message: Message) -> None:
        if message["box"] != self.log.kid:
            self.blame(seq, errors.name_of(errors.WRONG_BOX), f"entry {seq} obeys a message for another box")

    def _reset(self, seq: int, entry: Entry) -> None:
        self._note(seq, entry)
        message = self.letter(seq, entry["message"], messages.RESET)
        if message is not None:
            self._for_this_box(seq, message)
            self._same(seq, entry, message, ("clears", "utc"))
            anchor = message["anchor_seq"]
            late = entry["clears"] & CLEARS_TAMPER and anchor < self.stand.alarm
            if late or not self.on_chain(seq, anchor, message["anchor_head"]):
                why = f"the reset of entry {seq} was not made for this log, or before the alarm that it clears"
                self.blame(seq, errors.name_of(errors.UNANCHORED), why)
            held = self.roster(seq) if self.stand.roster else None
            keys = self._authority(held)[0]
            if (held or not self.stand.roster) and message.kid not in [cose.key_id(key) for key in keys]:
                why = f"the reset of entry {seq} is not signed by an authority that the box obeyed"
                self.blame(seq, errors.name_of(errors.UNKNOWN_SIGNER), why)
        if entry["clears"] & CLEARS_TAMPER:
            self.stand.alarm = 0
        if entry["clears"] & CLEARS_CLOCK:
            self.stand.clock, self.stand.clock_set = seq, True

    def _time(self, seq: int, entry: Entry) -> None:
        if self.stand.clock_set:
            self.blame(seq, Check.CLOCK_SET, f"entry {seq} sets a clock that ran: only the authority's reset may")
        message = self.letter(seq, entry["message"], messages.TIME)
        if message is not None:
            self._for_this_box(seq, message)
            self._same(seq, entry, message, ("utc",))
            self._by_host(seq, message)
        self.stand.clock, self.stand.clock_set = seq, True

    def _by_host(self, seq: int, message: Message) -> None:
        roster = self.roster(seq)
        try:
            if roster is not None:
                roster.host(message.kid)
        except Refused as refusal:
            self.blame(seq, refusal.name, f"entry {seq} obeys a {message.name} of no host of the roster in force")

    def _prune(self, seq: int, entry: Entry) -> None:
        """The ack itself is not in a bundle: its content is known, so its reference can be made again for each host."""
        acked = entry["acked"]
        if entry["first"] - 1 > acked or entry["first"] > seq - limits.KEEP_ENTRIES:
            self.blame(seq, Check.PRUNED_EARLY, f"entry {seq} drops entries that were not acked, or too young")
        roster = self.roster(seq)
        if roster is None:
            return
        head = self.log.heads[acked - 1] if acked < seq else b""
        acks = [_ack_reference(self.site, self.log.kid, acked, head, key) for key in roster.fields["hosts"] if head]
        if entry["message"] not in acks:
            why = f"entry {seq} names an ack that no host of the roster in force can have given for entry {acked}"
            self.blame(seq, Check.ENTRY_MESSAGE, why)

    def _release(self, seq: int, entry: Entry) -> None:
        roster = self.roster(seq)
        if roster is not None and entry["message"] not in roster.fields["releases"]:
            why = f"entry {seq} takes a release that the roster in force does not list"
            self.blame(seq, errors.name_of(errors.RELEASE_NOT_LISTED), why)

    def on_chain(self, seq: int, anchor: int, head: bytes) -> bool:
        """Whether an anchor was good when entry ``seq`` was written: on the chain, and not too far back."""
        last = seq - 1
        if last > 0 and self.log.entry(last).kind == chain.STATE:
            last -= 1  # it came with this entry, after the box had looked
        return last - limits.ANCHOR_BACK <= anchor < seq and self.log.heads[anchor - 1] == head

    def _checkpoint(self, message: Message) -> None:
        stand = self._signed.get(message["seq"])
        if stand is None:
            return  # beyond what the chain vouches for: said already
        boot, roster, time = stand
        if (message["boot"], message["roster"]) != (boot, roster) or message["clock"] < time:
            why = f"the box signed another boot count, roster or clock after entry {message['seq']} than its log says"
            seq = message["seq"]
            self.findings.add(Rank.LOG, self.log.path, f"checkpoint {seq}", Check.CHECKPOINT_STATE, why)


def _ack_reference(site: bytes, box: bytes, seq: int, head: bytes, host: bytes) -> bytes:
    """The reference of a host's ack for an entry; it does not depend on the signature."""
    payload = messages.payload(messages.ACK, {"box": box, "seq": seq, "head": head})
    return cose.reference(cose.to_be_signed(messages.ACK, "ack", site, cose.key_id(host), payload))
