"""Everything that can be altered in what a box is sent opens nothing, and keeps nothing true from its effect.

Real firmware, over MQTT. The alterations are made from the schema (`tests.tampering`): of each message inside a grant
that the host's real key signs, of the grant itself, and of all else that a box takes.
"""

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from sealwire import cbor, chain, errors, messages
from sealwire.messages import Message

from tests.system.people import Key
from tests.system.stage import COMMITTEE, WAIT, Stage
from tests.tampering import forging
from tests.tampering.changes import changes, message_fields
from tests.tampering.effort import INSTANCES, TIMEOUT_S, seeded
from tests.tampering.forging import Forgery, Keys

pytestmark = pytest.mark.timeout(TIMEOUT_S)

NOT_ANOTHERS_WORD = (forging.KEPT, forging.FORGED, forging.WRONG_ROLE, forging.SITE, forging.HEADER)
"""The signatures by which an altered message is nobody's."""
INSIDE = (messages.REQUEST, messages.DECISION, messages.SUBSTITUTE, messages.READY)
SENT_AT_MOST = 3
HARMLESS = {("decisions", "items swapped")}
"""What the host may do to a grant: the order of decisions says nothing."""


class Case:
    """A request that opens only with a substitute's decision and a `ready`; its messages, and a grant of them."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        now = stage.now()
        self.request = stage.request(created=now - 20, attended=now - 10)
        period = {"person": 4, "from": now - 60, "until": now + 3600, "roster": stage.version}
        self.substitute = self._read(stage.officers[1].build(messages.SUBSTITUTE, period, stage.site))
        self.decisions = [
            self._read(stage.decision(self.request, 0, reason_digest=bytes(32))),
            self._read(stage.decision(self.request, 2, **{"for": 3})),
        ]
        self.nonce = bytes(stage.ask(COMMITTEE)["nonce"])
        self.ready = self._read(stage.ready(self.request, self.nonce))

    def _read(self, raw: bytes) -> Message:
        return messages.read(raw, self.stage.site)

    def inner(self, number: int) -> list[Message]:
        """The messages of a type inside the grant."""
        return {
            messages.REQUEST: [self.request],
            messages.DECISION: self.decisions,
            messages.SUBSTITUTE: [self.substitute],
            messages.READY: [self.ready],
        }[number]

    def grant(self, altered: Message | None = None, raw: bytes = b"") -> Message:
        """The grant, with other bytes in the place of one of its messages."""

        def of(message: Message) -> bytes:
            return raw if message is altered else message.raw

        fields = {
            "nonce": self.nonce,
            "request": of(self.request),
            "decisions": [of(decision) for decision in self.decisions],
            "substitutes": [of(self.substitute)],
            "ready": of(self.ready),
        }
        return self._read(self.stage.host.build(messages.GRANT, fields, self.stage.site))


def keys_for(stage: Stage, message: Message) -> Keys:
    """Its signer's key, that of another of the same role, and the host's; for the host's own, the keeper's."""
    everybody = [stage.authority, stage.host, stage.keeper, *stage.officers]
    own = next(key for key in everybody if key.kid == message.kid)
    peer = {stage.keeper.kid: stage.officers[0], stage.host.kid: stage.stranger, stage.authority.kid: stage.stranger}
    other: Key = peer.get(own.kid, stage.auditor)
    return Keys(own, other, stage.keeper if own is stage.host else stage.host)


def altered(stage: Stage, message: Message, rng: random.Random, signings: tuple[str, ...]) -> Iterator[Forgery]:
    """The alterations of a message that are tried."""
    for forgery in forging.chosen([message], keys_for(stage, message), rng, INSTANCES):
        if forgery.signing in signings and len(forgery.raw) > 0:
            yield forgery


def inside_grants(case: Case, number: int) -> Iterator[bytes]:
    """Grants by the host's real key, one message inside altered."""
    own_word = number in (messages.REQUEST, messages.READY)  # another request, or another challenge, than was decided
    signings = (*NOT_ANOTHERS_WORD, forging.OWN, forging.PEER) if own_word else NOT_ANOTHERS_WORD
    for at, message in enumerate(case.inner(number)):
        for forgery in altered(case.stage, message, seeded("inside", number, at), signings):
            if len(forgery.raw) <= 512:
                yield case.grant(message, forgery.raw).raw


def refused(stage: Stage, make: Callable[[], Iterable[bytes]]) -> int:
    """Send all until the box has refused as many, as every sender sends again what a link lost; how many.

    ``make`` is asked when the sending begins, so that nothing in it is stale.
    """
    before = refusals(stage)
    for _ in range(SENT_AT_MOST):
        sending = list(make())
        for raw in sending:
            stage.send(raw)
        stage.ask(COMMITTEE)
        if refusals(stage) - before > len(sending):  # the one that `refusals` makes is one of them
            return len(sending)
    raise AssertionError("the box did not refuse all:\n" + stage.box.firmware_log())


def refusals(stage: Stage) -> int:
    """How many refusals the box has written, or says that it has not written. One more is made for that."""
    hour = stage.now() + 3600
    stage.next_hour()
    stage.send(b"\xd2")
    stage.wait_entry(chain.REFUSED, lambda entry: entry.time >= hour)  # entries come in order: all are here then
    return sum(1 + int(entry["unlogged"]) for entry in stage.log(chain.REFUSED))


def done(stage: Stage) -> list[str]:
    """What the box did: all of its log but refusals."""
    return [f"{entry.name} {entry.fields}" for entry in stage.log() if entry.kind not in (chain.REFUSED, chain.STATE)]


def test_what_is_altered_inside_a_grant_holds_every_field(stage: Stage) -> None:
    case = Case(stage)
    held = set()
    for number in INSIDE:
        for message in case.inner(number):
            made = changes(messages.fields_of(number), forging.wire_value(message), [], seeded())
            held |= {(number, change.field) for change in made if change.how == "dropped"}
    wanted = {(number, name) for number, name in message_fields() if number in INSIDE}
    assert wanted - held == {(messages.REQUEST, "follows")}  # absent here; it is added then


@pytest.mark.parametrize("number", INSIDE)
def test_no_altered_message_inside_a_grant_opens_anything(stage: Stage, number: int) -> None:
    before = done(stage)
    assert refused(stage, lambda: inside_grants(Case(stage), number)) > 20
    assert done(stage) == before
    assert number == messages.READY or "stale_nonce" not in reasons(stage), "refused for their age"
    opens_all_the_same(stage)


def reasons(stage: Stage) -> set[str]:
    """By which names the box refused, as far as it wrote them."""
    return {errors.name_of(entry["reason"]) for entry in stage.log(chain.REFUSED)}


def opens_all_the_same(stage: Stage) -> None:
    """A grant as it should be opens the bay."""
    case = Case(stage)
    stage.send(case.grant().raw)
    stage.wait_entry(chain.INTENT, lambda entry: bool(entry["request"] == case.request.reference))
    stage.box.wait_shutter(COMMITTEE, "open", WAIT)


def test_no_altered_grant_opens_anything(stage: Stage) -> None:
    before = done(stage)
    assert refused(stage, lambda: altered_grants(stage)) > 30
    assert done(stage) == before
    opens_all_the_same(stage)


def altered_grants(stage: Stage) -> Iterator[bytes]:
    """A grant altered, by nobody and by the host itself."""
    for one in altered(stage, Case(stage).grant(), seeded("grant"), (*NOT_ANOTHERS_WORD, forging.OWN)):
        if (one.field, one.how) not in HARMLESS:
            yield one.raw


def originals(stage: Stage) -> dict[int, Message]:
    """A message of every type that a box could be sent directly; of those that it takes, one that would be taken."""
    request = stage.request()
    now, end = stage.now(), {"box": stage.kid, "seq": max(stage.entries), "head": stage.heads()[max(stage.entries)]}
    build: dict[int, Any] = {
        messages.ROSTER: (stage.authority, stage.roster()),
        messages.FINISH: (stage.keeper, {"request": request.reference, "reason": 1}),
        messages.TIME: (stage.host, {"box": stage.kid, "nonce": stage.ask()["nonce"], "utc": now}),
        messages.ACK: (stage.host, end),
        messages.RESET: (stage.authority, {"box": stage.kid, **stage.anchor(), "clears": 2, "utc": now + 5}),
    }
    made = {number: key.build(number, fields, stage.site) for number, (key, fields) in build.items()}
    made[messages.DECISION] = stage.decision(request, 0, messages.WITHDRAW)
    read = {number: messages.read(raw, stage.site) for number, raw in made.items()}
    for number in messages.names():
        if number not in read:
            read[number] = forging.least_message(number, stage.site, stage.host)
    return read


def altered_originals(stage: Stage) -> Iterator[bytes]:
    """All of them, altered by nobody."""
    for number, message in originals(stage).items():
        for one in altered(stage, message, seeded("direct", number), NOT_ANOTHERS_WORD):
            yield one.raw


def test_nothing_altered_that_is_sent_directly_has_any_effect(stage: Stage) -> None:
    before = done(stage)
    assert refused(stage, lambda: altered_originals(stage)) > 500
    assert done(stage) == before
    said = originals(stage)
    assert said.keys() == messages.names().keys()
    kinds = {messages.DECISION: chain.DECISION, messages.FINISH: chain.FINISH, messages.ROSTER: chain.ROSTER}
    for number, kind in (*kinds.items(), (messages.RESET, chain.RESET)):
        count = len(stage.log(kind)) + 1
        stage.send(said[number].raw)
        stage.wait_entry(kind, count=count)


def test_altered_asking_brings_no_challenge(stage: Stage) -> None:
    value = {0: messages.ASK, 1: COMMITTEE}
    made = [change.value for change in changes(messages.item_fields(messages.ASK), value, [], seeded("ask"))]
    wrong = [other for other in made if other.get(1) not in (1, 2)]
    assert refused(stage, lambda: map(cbor.encode, wrong)) > 3
    stage.open()
