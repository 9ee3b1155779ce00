"""A box's log as the bundle holds it: reading it, its chain, its checkpoints, and which entry is to blame when they
do not fit.

The file is a CBOR sequence (RFC 8742) of ``[seq, entry, head]``: the entry's bytes and the chain's head after it. Seq
and head prove nothing, since whoever changes entries can change them too; what proves is the box's signature under
checkpoints. They serve to name the very entry when somebody did not bother; when somebody did, the entries between
two checkpoints are named, and among them the one without which, or in another place, the box's signature would hold.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sealwire import cbor, chain, cose, errors, limits, messages
from sealwire.chain import Entry
from sealwire.errors import DecodeError, SealwireError
from sealwire.messages import Message

from sealhost.audit.bundle import Bundle, checkpoint_path, entries_path
from sealhost.audit.findings import Check, Findings, Rank
from sealhost.audit.rosters import RosterChain, Verify

_SEARCHED = 96  # entries between two checkpoints among which one that moved is searched for: n*n*n/2 hashes


@dataclass
class Line:
    """One element of the file."""

    seq: int
    raw: bytes
    head: bytes


@dataclass
class BoxLog:
    """A log whose entries 1 to `len(entries)` may be looked at; `proven` of them are under a checkpoint.

    broken: the rest was left out, since something before it does not hold. heads[seq] is the chain's head after an
    entry.
    """

    kid: bytes
    path: str
    entries: list[Entry] = field(default_factory=list)
    raws: list[bytes] = field(default_factory=list)
    heads: list[bytes] = field(default_factory=list)
    checkpoints: list[Message] = field(default_factory=list)
    proven: int = 0
    broken: bool = False

    def entry(self, seq: int) -> Entry:
        """The entry of this seq, from 1."""
        return self.entries[seq - 1]


def write_entries(first_head: bytes, entries: Iterable[bytes]) -> bytes:
    """The file of a log from its first entry on. ``first_head`` is the chain's genesis."""
    out = bytearray()
    head = first_head
    for seq, raw in enumerate(entries, 1):
        head = chain.next_head(head, raw)
        out += cbor.encode([seq, raw, head])
    return bytes(out)


def read_lines(content: bytes) -> tuple[list[Line], str]:
    """The elements of the file, and what is wrong where it stops being one ("" when nothing is)."""
    lines: list[Line] = []
    at = 0
    while at < len(content):
        try:
            line, at = _read_line(content, at)
        except DecodeError as error:
            return lines, f"byte {at}: {error}"
        lines.append(line)
    return lines, ""


def _read_line(content: bytes, at: int) -> tuple[Line, int]:
    major, number, at = cbor.read_head(content, at)
    if major != 4 or number != 3:
        raise DecodeError(errors.WRONG_FIELD_TYPE, "not [seq, entry, head]")
    major, seq, at = cbor.read_head(content, at)
    if major != 0:
        raise DecodeError(errors.WRONG_FIELD_TYPE, "seq is no number")
    raw, at = _read_bytes(content, at, limits.ENTRY)
    head, at = _read_bytes(content, at, limits.HASH)
    return Line(seq, raw, head), at


def _read_bytes(content: bytes, at: int, most: int) -> tuple[bytes, int]:
    major, size, at = cbor.read_head(content, at)
    if major != 2 or size > most:
        raise DecodeError(errors.WRONG_FIELD_TYPE, "not the byte string that belongs there")
    if at + size > len(content):
        raise DecodeError(errors.TRUNCATED)
    return content[at : at + size], at + size


def check_log(
    bundle: Bundle, site: bytes, kid: bytes, rosters: RosterChain, verify: Verify, findings: Findings
) -> BoxLog:
    """Read a box's log and hold it against its checkpoints."""
    log = BoxLog(kid, entries_path(kid))
    lines, damage = read_lines(bundle.items.get(log.path, b""))
    if damage:
        why = f"after entry {len(lines)} the file is no log any more ({damage})"
        findings.add(Rank.CHAIN, log.path, f"entry {len(lines) + 1}", Check.ENTRIES_DAMAGED, why)
        log.broken = True
    _Chain(log, site, findings).link(lines)
    public_key = _box_key(log, rosters)
    log.checkpoints = _read_checkpoints(bundle, site, log, public_key, verify, findings)
    _match(log, site, findings)
    return log


def _box_key(log: BoxLog, rosters: RosterChain) -> bytes | None:
    """The key that signs the checkpoints: the one with this kid, by a roster or by the log's own first entry."""
    if log.entries and log.entries[0].kind == chain.ORIGIN and cose.key_id(log.entries[0]["box"]) == log.kid:
        return bytes(log.entries[0]["box"])
    return rosters.box_key(log.kid)


class _Chain:
    """Follows the links from genesis, names the first that does not hold, and leaves out what comes after it."""

    def __init__(self, log: BoxLog, site: bytes, findings: Findings) -> None:
        self.log = log
        self.findings = findings
        self.head = chain.genesis(site)

    def link(self, lines: list[Line]) -> None:
        """Fill the log with the entries whose links hold."""
        lines = self._in_order(lines)
        for at, line in enumerate(lines):
            seq = at + 1
            if line.seq != seq:
                missing = f"entry {seq}" if line.seq == seq + 1 else f"entries {seq} to {line.seq - 1}"
                self._break(
                    seq, Check.ENTRY_MISSING, f"{missing} of the log cannot be found: it goes on with {line.seq}"
                )
                return
            head = chain.next_head(self.head, line.raw)
            if head != line.head:
                self._blame(seq, head, line, lines[at + 1] if at + 1 < len(lines) else None)
                return
            try:
                entry = chain.read_entry(line.raw)
            except DecodeError as error:
                self._break(seq, error.name, f"entry {seq} cannot be read: {error}")
                return
            self.head = head
            self.log.heads.append(head)
            self.log.raws.append(line.raw)
            self.log.entries.append(entry)

    def _in_order(self, lines: list[Line]) -> list[Line]:
        """Entries that stand in the wrong place or twice are named and put right, so that the rest can be checked."""
        kept: dict[int, Line] = {}
        highest = 0
        for line in lines:
            if line.seq in kept:
                if not self._links(kept, kept[line.seq]) and self._links(kept, line):
                    kept[line.seq] = line
                why = f"there are two entries {line.seq}: one was added"
                self.findings.add(Rank.CHAIN, self.log.path, f"entry {line.seq}", Check.ENTRY_ADDED, why)
                continue
            if line.seq < highest:
                why = f"entry {line.seq} stands after entry {highest}: the order was changed"
                self.findings.add(Rank.CHAIN, self.log.path, f"entry {line.seq}", Check.ENTRY_ORDER, why)
            highest = max(highest, line.seq)
            kept[line.seq] = line
        return [kept[seq] for seq in sorted(kept)]

    def _links(self, kept: dict[int, Line], line: Line) -> bool:
        before = kept[line.seq - 1].head if line.seq - 1 in kept else self.head
        return chain.next_head(before, line.raw) == line.head

    def _blame(self, seq: int, head: bytes, line: Line, after: Line | None) -> None:
        """Either the entry or only the head beside it was changed: the next link tells."""
        if after is not None and chain.next_head(head, after.raw) == after.head:
            self._break(seq, Check.ENTRY_HEAD, f"the head listed beside entry {seq} is not the chain's")
            return
        why = f"entry {seq} was altered, or another put in its place: the chain does not lead through it"
        self._break(seq, Check.ENTRY_ALTERED, why)

    def _break(self, seq: int, check: str, why: str) -> None:
        self.findings.add(Rank.CHAIN, self.log.path, f"entry {seq}", check, why)
        self.log.broken = True


def _read_checkpoints(
    bundle: Bundle, site: bytes, log: BoxLog, public_key: bytes | None, verify: Verify, findings: Findings
) -> list[Message]:
    found = []
    for path in bundle.below(f"boxes/{log.kid.hex()}/checkpoints/"):
        if findings.blames(path):
            continue
        subject = f"checkpoint {int(path.rpartition('/')[2].partition('-')[0])}"
        try:
            message = messages.read(bundle.items[path], site, (messages.CHECKPOINT,))
            if public_key is None:
                continue  # neither log nor roster know the box: said elsewhere
            message.check(public_key, verify)
        except SealwireError as error:
            findings.add(Rank.CHAIN, path, subject, error.name, f"this checkpoint is refused: {error}")
            continue
        if path != checkpoint_path(log.kid, message["seq"], message.reference):
            why = f"this item holds the checkpoint of entry {message['seq']}, which its path does not say"
            findings.add(Rank.CHAIN, path, subject, Check.ITEM_NAME, why)
        found.append(message)
    return sorted(found, key=lambda message: (message["seq"], message["boot"], message["clock"], message.reference))


def _match(log: BoxLog, site: bytes, findings: Findings) -> None:
    """Hold the chain against what the box signed; afterwards `proven` is set and what cannot be trusted left out."""
    for message in log.checkpoints:
        seq = message["seq"]
        path = checkpoint_path(log.kid, seq, message.reference)
        if seq > len(log.entries):
            if not log.broken:
                gone = seq - len(log.entries)
                why = (
                    f"the box signed its log up to entry {seq}, but {gone} of its entries {log.proven + 1} to {seq} "
                    f"{'is' if gone == 1 else 'are'} not there: cut off, or dropped and the chain made anew"
                )
                subject = f"entries {log.proven + 1} to {seq}"
                findings.add(Rank.CHAIN, log.path, subject, Check.LOG_TRUNCATED, why)
                log.broken = True
            return
        if log.heads[seq - 1] != message["head"]:
            if any(other["seq"] == seq and other["head"] != message["head"] for other in log.checkpoints):
                why = f"the box signed two different heads after entry {seq}"
                findings.add(Rank.CHAIN, path, f"checkpoint {seq}", Check.CHECKPOINT_HEAD, why)
            elif later := _signed_later(log, message):
                why = f"the box signed another head after entry {seq} than the chain that it signed at entry {later}"
                findings.add(Rank.CHAIN, path, f"checkpoint {seq}", Check.CHECKPOINT_HEAD, why)
            else:
                _name_culprit(log, site, path, message, findings)
            del log.entries[seq:], log.heads[seq:]
            log.broken = True
            return
        log.proven = seq
    rest = len(log.entries) - log.proven
    if rest and not log.broken and not findings.blamed_below(f"boxes/{log.kid.hex()}/checkpoints/"):
        which = f"entry {len(log.entries)} is" if rest == 1 else f"entries {log.proven + 1} to {len(log.entries)} are"
        why = f"{which} under no checkpoint: the box's signature for them is missing"
        findings.add(Rank.CHAIN, log.path, f"entry {log.proven + 1}", Check.UNPROVEN, why)


def _signed_later(log: BoxLog, message: Message) -> int:
    """The entry of a later checkpoint whose head is the chain's; 0 without one."""
    for other in log.checkpoints:
        seq: int = other["seq"]
        if message["seq"] < seq <= len(log.heads) and log.heads[seq - 1] == other["head"]:
            return seq
    return 0


def _name_culprit(log: BoxLog, site: bytes, path: str, message: Message, findings: Findings) -> None:
    """The links hold among themselves, but do not lead to what the box signed: somebody made the chain anew."""
    first, last = log.proven + 1, message["seq"]
    start = log.heads[first - 2] if first > 1 else chain.genesis(site)
    found = _search(log, start, first, last, message["head"])
    if found is None:
        which = f"entry {last} is" if first == last else f"among entries {first} to {last}, at least one is"
        why = f"{which} not what the box signed: altered, dropped, added or moved, and the chain made anew"
        findings.add(Rank.CHAIN, log.path, f"entries {first} to {last}", Check.CHECKPOINT_HEAD, why)
        return
    check, seq, why = found
    findings.add(Rank.CHAIN, log.path, f"entry {seq}", check, f"{why} the head that the box signed at {last} ({path})")


def _search(log: BoxLog, start: bytes, first: int, last: int, goal: bytes) -> tuple[Check, int, str] | None:
    """Whether one entry fewer, or one entry in another place, leads to the signed head."""
    raws = [log.raws[seq - 1] for seq in range(first, min(last + 1, len(log.raws)) + 1)]
    size = last - first + 1
    if size > _SEARCHED:
        return None
    for at in range(len(raws)):
        if len(raws) > size and _lead(start, raws[:at] + raws[at + 1 :]) == goal:
            return Check.ENTRY_ADDED, first + at, f"entry {first + at} was added: without it the chain leads to"
    raws = raws[:size]
    for at in range(size):
        rest = raws[:at] + raws[at + 1 :]
        for to in range(size):
            if _lead(start, [*rest[:to], raws[at], *rest[to:]]) == goal:
                why = f"entry {first + at} was moved from place {first + to}: put back there, the chain leads to"
                return Check.ENTRY_ORDER, first + at, why
    for at in range(size):
        for other in range(at + 1, size):
            swapped = list(raws)
            swapped[at], swapped[other] = raws[other], raws[at]
            if _lead(start, swapped) == goal:
                why = f"entries {first + at} and {first + other} were exchanged: put back, the chain leads to"
                return Check.ENTRY_ORDER, first + at, why
    return None


def _lead(head: bytes, raws: list[bytes]) -> bytes:
    for raw in raws:
        head = chain.next_head(head, raw)
    return head
