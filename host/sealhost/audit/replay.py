"""What a box's log says, entry by entry: how the box stood, and whether each entry could follow from the ones before.

Guarantees: every entry that names a message, a roster or an opening is held against it. Uses of a seal are judged in
`openings`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from sealwire import chain, cose, limits
from sealwire.chain import Entry
from sealwire.errors import Refused
from sealwire.messages import Message
from sealwire.roster import check_succession

from sealhost.audit import obeyed
from sealhost.audit.bundle import checkpoint_path
from sealhost.audit.findings import Check, Findings, Rank
from sealhost.audit.letters import Letters
from sealhost.audit.log import BoxLog
from sealhost.audit.openings import judge_intent
from sealhost.audit.rosters import RosterChain, Verify
from sealhost.audit.standing import LogReader, Opening

_CLOSING = 2  # phase of a jam


@dataclass(frozen=True)
class Signed:
    """How the box stood after an entry, as far as a checkpoint says it too."""

    boot: int
    roster: int
    time: int
    clock_set: bool
    firmware: str


class Replay(LogReader):
    """Goes through one log."""

    def __init__(
        self,
        site: bytes,
        log: BoxLog,
        rosters: RosterChain,
        letters: Letters,
        verify: Verify,
        findings: Findings,
    ) -> None:
        super().__init__(site, log, rosters, letters, verify, findings)
        self._signed: dict[int, Signed] = {}  # by seq
        self._handlers: dict[int, Callable[[int, Entry], None]] = {
            **{kind: partial(check, self) for kind, check in obeyed.HANDLERS.items()},
            chain.BOOT: self._boot,
            chain.ROSTER: self._roster,
            chain.INTENT: self._intent,
            chain.PRESS: self._press,
            chain.CLOSED: self._closed,
            chain.INTERRUPTED: self._interrupted,
            chain.TAMPER: self._tamper,
            chain.JAM: self._jam,
            chain.FORCED: self.note,
            chain.SEAL: self.note,
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
            stand = self.stand
            self._signed[seq] = Signed(stand.boot, stand.roster, stand.time, stand.clock_set, stand.firmware)
        for message in self.log.checkpoints:
            self._checkpoint(message)

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
        stand.boot, stand.firmware = entry["boot"], entry["firmware"]
        stand.clock_set = bool(entry["clock_set"])

    def _roster(self, seq: int, entry: Entry) -> None:
        version = entry["version"]
        held = self.rosters.rosters.get(self.stand.roster)
        known_before = held is not None or self.stand.roster == 0
        step_from, authority_before = self.stand.roster, self.authority()
        self.stand.roster = version
        roster = self.rosters.rosters.get(version)
        if roster is None:
            return  # said by `check_adopted`, or where the chain of rosters breaks
        if entry["digest"] != self.rosters.digests[version]:
            self.blame(seq, Check.ROSTER_ENTRY, f"the box adopted another roster {version} than the one in the bundle")
        if not all(opening.stuck for opening in self.stand.open.values()):
            self.blame(seq, Check.ROSTER_ENTRY, f"the box adopted roster {version} while a bay was open")
        try:
            roster.box(self.log.kid)
            if known_before:
                authority, threshold = authority_before
                check_succession(step_from, authority, threshold, roster.fields, self.rosters.signers[version])
        except Refused as refusal:
            self.blame(seq, Check.ROSTER_ENTRY, f"roster {version} was not the box's to adopt: {refusal}")

    def _intent(self, seq: int, entry: Entry) -> None:
        stand = self.stand
        judge_intent(self, seq, entry)
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
        self.note(seq, entry)
        opening = self.stand.open.get(entry["bay"])
        if opening is not None and opening.request == entry.get("request"):
            opening.jams += 1
            opening.stuck = entry["phase"] == _CLOSING

    def _tamper(self, seq: int, entry: Entry) -> None:
        self.note(seq, entry)
        self.stand.alarm = seq

    def _checkpoint(self, message: Message) -> None:
        """A clock may be later than the last entry, and may get lost in use; everything else is in the log."""
        log = self._signed.get(message["seq"])
        if log is None:
            return  # beyond what the chain vouches for: said already
        wrong = [name for name in ("boot", "roster", "firmware") if message[name] != getattr(log, name)]
        wrong += ["clock"] if message["clock"] < log.time else []
        wrong += ["clock_set"] if message["clock_set"] and not log.clock_set else []
        if wrong:
            seq = message["seq"]
            path = checkpoint_path(self.log.kid, seq, message.reference)
            why = f"the box signed another `{'` and `'.join(wrong)}` after entry {seq} than its log says"
            self.findings.add(Rank.LOG, path, f"checkpoint {seq}", Check.CHECKPOINT_STATE, why)


def check_adopted(log: BoxLog, rosters: RosterChain, findings: Findings) -> None:
    """Every roster that a box adopted is there; else what may hang on it stays unjudged (`RosterChain.unknown`)."""
    for seq, entry in enumerate(log.entries, 1):
        if entry.kind != chain.ROSTER or entry["version"] in rosters.rosters or rosters.unknown(entry["version"]):
            continue
        version = entry["version"]
        why = f"the box adopted roster {version} (entry {seq}), which is not in the bundle"
        path = f"rosters/{version:06d}-…"
        findings.add(Rank.ROSTER, path, str(version), Check.ROSTER_MISSING, why)
        rosters.broken_at = min(version, rosters.broken_at or version)
