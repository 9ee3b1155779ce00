"""Entries that name a message, and whether the box was right to obey it: loose denials, finishes, resets, times,
acks, releases, credentials.
"""

from __future__ import annotations

from collections.abc import Callable

from sealwire import chain, cose, errors, limits, messages
from sealwire.chain import Entry
from sealwire.errors import Refused
from sealwire.messages import CLEARS_CLOCK, CLEARS_TAMPER, Message

from sealhost.audit.findings import Check
from sealhost.audit.standing import LogReader


def _loose(reader: LogReader, seq: int, entry: Entry) -> None:
    """A denial, withdrawal or finish that reached the box by itself."""
    decision = entry.kind == chain.DECISION
    message = reader.letter(seq, entry["message"], messages.DECISION if decision else messages.FINISH)
    roster = reader.roster(seq)
    if message is None or roster is None:
        return
    reader.used.add(message.reference)
    names = ("request", "verdict", "for") if decision else ("request", "reason")
    _same(reader, seq, entry, message, names)
    try:
        if roster.signer(message.kid)[0]["number"] != entry["person"]:
            name = message.reference.hex()
            why = f"entry {seq} names person {entry['person']}, but another one signed the message {name}"
            reader.blame(seq, Check.ENTRY_MESSAGE, why)
    except Refused as refusal:
        reader.blame(seq, refusal.name, f"entry {seq} obeys a message of nobody in the roster in force: {refusal}")


def _same(reader: LogReader, seq: int, entry: Entry, message: Message, names: tuple[str, ...]) -> None:
    for name in names:
        if entry.get(name) != message.get(name):
            why = f"entry {seq} says another `{name}` than the message {message.reference.hex()} that it names"
            reader.blame(seq, Check.ENTRY_MESSAGE, why)


def _for_this_box(reader: LogReader, seq: int, message: Message) -> None:
    if message["box"] != reader.log.kid:
        reader.blame(seq, errors.name_of(errors.WRONG_BOX), f"entry {seq} obeys a message for another box")


def _reset(reader: LogReader, seq: int, entry: Entry) -> None:
    reader.note(seq, entry)
    message = reader.letter(seq, entry["message"], messages.RESET)
    if message is not None:
        _for_this_box(reader, seq, message)
        _same(reader, seq, entry, message, ("clears", "utc"))
        anchor = message["anchor_seq"]
        late = entry["clears"] & CLEARS_TAMPER and anchor < reader.stand.alarm
        late = late or (entry["clears"] & CLEARS_CLOCK and anchor < reader.stand.clock)
        if late or not reader.on_chain(seq, anchor, message["anchor_head"]):
            why = f"the reset of entry {seq} was made for another log, or before the alarm or the clock that it ends"
            reader.blame(seq, errors.name_of(errors.UNANCHORED), why)
        held = reader.roster(seq) if reader.stand.roster else None
        keys = reader.authority()[0]
        if (held or not reader.stand.roster) and message.kid not in [cose.key_id(key) for key in keys]:
            why = f"the reset of entry {seq} is not signed by an authority that the box obeyed"
            reader.blame(seq, errors.name_of(errors.UNKNOWN_SIGNER), why)
    if entry["clears"] & CLEARS_TAMPER:
        reader.stand.alarm = 0
    if entry["clears"] & CLEARS_CLOCK:
        reader.stand.clock, reader.stand.clock_set = seq, True
        reader.stand.time = entry["utc"]  # the one way back


def _time(reader: LogReader, seq: int, entry: Entry) -> None:
    if reader.stand.clock_set:
        reader.blame(seq, Check.CLOCK_SET, f"entry {seq} sets a clock that ran: only the authority's reset may")
    if seq > 1 and entry["utc"] < reader.log.entry(seq - 1).time:
        why = f"entry {seq} sets the clock back: only the authority's reset may"
        reader.blame(seq, errors.name_of(errors.TIMES_OUT_OF_ORDER), why)
    message = reader.letter(seq, entry["message"], messages.TIME)
    if message is not None:
        _for_this_box(reader, seq, message)
        _same(reader, seq, entry, message, ("utc",))
        _by_host(reader, seq, message)
    reader.stand.clock, reader.stand.clock_set = seq, True


def _by_host(reader: LogReader, seq: int, message: Message) -> None:
    roster = reader.roster(seq)
    try:
        if roster is not None:
            roster.host(message.kid)
    except Refused as refusal:
        reader.blame(seq, refusal.name, f"entry {seq} obeys a {message.name} of no host of the roster in force")


def _prune(reader: LogReader, seq: int, entry: Entry) -> None:
    """The ack itself is not in a bundle: its content is known, so its reference can be made again for each host."""
    acked = entry["acked"]
    if entry["first"] - 1 > acked or entry["first"] > seq - limits.KEEP_ENTRIES:
        reader.blame(seq, Check.PRUNED_EARLY, f"entry {seq} drops entries that were not acked, or too young")
    if entry["first"] % limits.STATE_EVERY != 1:
        why = f"entry {seq} drops entries up to {entry['first'] - 1}, though a box drops whole stretches"
        reader.blame(seq, Check.PRUNED_EARLY, why)
    roster = reader.roster(seq)
    if roster is None:
        return
    head = reader.log.heads[acked - 1] if acked < seq else b""
    acks = [_ack_reference(reader.site, reader.log.kid, acked, head, key) for key in roster.fields["hosts"] if head]
    if entry["message"] not in acks:
        why = f"entry {seq} names an ack that no host of the roster in force can have given for entry {acked}"
        reader.blame(seq, Check.ENTRY_MESSAGE, why)


def _release(reader: LogReader, seq: int, entry: Entry) -> None:
    roster = reader.roster(seq)
    if roster is not None and entry["message"] not in roster.fields["releases"]:
        why = f"entry {seq} takes a release that the roster in force does not list"
        reader.blame(seq, errors.name_of(errors.RELEASE_NOT_LISTED), why)


def _link(reader: LogReader, seq: int, entry: Entry) -> None:
    """Credentials for TLS: whether they were this box's, and by a host. What they hold is no matter of the audit."""
    message = reader.letter(seq, entry["message"], messages.CREDENTIALS)
    if message is not None:
        _for_this_box(reader, seq, message)
        _same(reader, seq, entry, message, ("issued",))
        _by_host(reader, seq, message)


def _ack_reference(site: bytes, box: bytes, seq: int, head: bytes, host: bytes) -> bytes:
    """The reference of a host's ack for an entry; it does not depend on the signature."""
    payload = messages.payload(messages.ACK, {"box": box, "seq": seq, "head": head})
    return cose.reference(cose.to_be_signed(messages.ACK, "ack", site, cose.key_id(host), payload))


HANDLERS: dict[int, Callable[[LogReader, int, Entry], None]] = {
    chain.DECISION: _loose,
    chain.FINISH: _loose,
    chain.RESET: _reset,
    chain.TIME: _time,
    chain.PRUNE: _prune,
    chain.RELEASE: _release,
    chain.LINK: _link,
}
"""What checks each kind of entry."""
