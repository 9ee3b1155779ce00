"""Whether the box may have opened: every intent is judged again, by the same rules, on what the box then knew.

The verifier reads `now` from the intent's own time. The box decides and then writes, so a second may pass between: a
limit that ends in that very second counts as kept.
"""

from __future__ import annotations

from sealwire import chain, errors, messages, rules
from sealwire.chain import Entry, History
from sealwire.errors import Refused, SealwireError
from sealwire.messages import DECISION, READY, REQUEST, SUBSTITUTE, Message
from sealwire.roster import Roster

from sealhost.audit.bundle import message_path
from sealhost.audit.findings import Check, Rank
from sealhost.audit.standing import LogReader


def judge_intent(replay: LogReader, seq: int, entry: Entry) -> None:
    """Every finding about one intent."""
    _check_box(replay, seq, entry)
    grant = replay.letter(seq, entry["grant"], messages.GRANT)
    roster = replay.roster(seq)
    if grant is None or roster is None:
        return
    try:
        _judge(replay, seq, entry, grant, roster)
    except SealwireError as refusal:
        why = f"the opening of entry {seq} does not follow from its grant {grant.reference.hex()}: {refusal}"
        replay.blame(seq, refusal.name, why, Rank.USE)


def _check_box(replay: LogReader, seq: int, entry: Entry) -> None:
    """Whether the box was in a state to open at all."""
    stand = replay.stand
    if stand.alarm:
        why = f"entry {seq} opens a bay though the alarm of entry {stand.alarm} was not cleared"
        replay.blame(seq, errors.name_of(errors.TAMPERED), why, Rank.USE)
    if not stand.clock_set:
        replay.blame(seq, Check.CLOCK_SET, f"entry {seq} opens a bay while the box's clock was lost", Rank.USE)
    if entry["bay"] in stand.open:
        why = f"entry {seq} opens a bay whose opening of entry {stand.open[entry['bay']].seq} has no end"
        replay.blame(seq, errors.name_of(errors.BAY_BUSY), why, Rank.USE)
    if entry["roster"] != stand.roster:
        why = f"entry {seq} names roster {entry['roster']}, but the box held {stand.roster}"
        replay.blame(seq, Check.INTENT_ROSTER, why, Rank.USE)


class _Case:
    """The messages of a grant, their signatures checked by the roster in force. Raises SealwireError."""

    def __init__(self, replay: LogReader, seq: int, grant: Message, roster: Roster) -> None:
        site = replay.site
        grant.check(roster.host(grant.kid), replay.verify)
        self.request = messages.read(grant["request"], site, (REQUEST,))
        self.decisions = [messages.read(raw, site, (DECISION,)) for raw in grant["decisions"]]
        self.substitutes = [messages.read(raw, site, (SUBSTITUTE,)) for raw in grant["substitutes"]]
        ready = grant.get("ready")
        self.ready = None if ready is None else messages.read(ready, site, (READY,))
        people = [self.request, *self.decisions, *self.substitutes, *([self.ready] if self.ready else [])]
        for message in people:
            message.check(roster.signer(message.kid)[1], replay.verify)
        for message in people:
            self._must_be_there(replay, seq, message)
            replay.used.add(message.reference)

    @staticmethod
    def _must_be_there(replay: LogReader, seq: int, message: Message) -> None:
        name = message.reference.hex()
        if message.reference not in replay.letters.by_reference and not replay.findings.blames(name):
            why = f"the grant of entry {seq} carries this {message.name}, which is not among the bundle's messages"
            replay.findings.add(Rank.MESSAGE, message_path(message.reference), name, Check.MESSAGE_MISSING, why)


def _judge(replay: LogReader, seq: int, entry: Entry, grant: Message, roster: Roster) -> None:
    case = _Case(replay, seq, grant, roster)
    request = case.request
    if request.reference != entry["request"]:
        raise Refused(errors.OTHER_REQUEST)
    if request["box"] != replay.log.kid:
        raise Refused(errors.WRONG_BOX)
    if request["bay"] != entry["bay"]:
        raise Refused(errors.WRONG_BAY)
    before = replay.nonces.setdefault(grant["nonce"], seq)
    if before != seq:
        why = f"the challenge that entry {seq} answers was used up by entry {before}"
        replay.blame(seq, Check.NONCE_TWICE, why, Rank.USE)
    if not replay.on_chain(seq, request["anchor_seq"], request["anchor_head"]):
        raise Refused(errors.UNANCHORED)
    history = history_of(replay, request, seq)
    try:
        left, people = _weigh(case, roster, grant["nonce"], history, entry.time)
    except Refused:
        if entry.time - 1 < replay.log.entry(seq - 1).time:
            raise
        left, people = _weigh(case, roster, grant["nonce"], history, entry.time - 1)
    if left != entry["spends"]:
        why = f"the intent (entry {seq}) spends {entry['spends']} impressions, {left} were left"
        replay.blame(seq, Check.INTENT_SPENDS, why, Rank.USE)
    if people != sorted(entry["people"]):
        why = f"the intent (entry {seq}) counts people {sorted(entry['people'])}, the decisions count {people}"
        replay.blame(seq, Check.INTENT_PEOPLE, why, Rank.USE)


def history_of(replay: LogReader, request: Message, before: int) -> History:
    """What the log says of a request between its anchor and an entry."""
    history = chain.History(request.reference)
    for seq in range(request["anchor_seq"] + 1, before):
        history.apply(replay.log.entry(seq))
    return history


def _weigh(case: _Case, roster: Roster, nonce: bytes, history: History, now: int) -> tuple[int, list[int]]:
    judgement = rules.judge(roster, case.request, case.decisions, case.substitutes, now, history.against)
    if case.ready is not None:
        rules.check_ready(roster, judgement.case, case.ready, nonce, now)
    left = rules.may_open(judgement, history, case.ready is not None, now)
    return left, sorted(judgement.people)
