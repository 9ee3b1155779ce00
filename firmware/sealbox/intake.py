"""What arrives at the box: reads each message, has it checked, gives it its effect, or refuses it by name.

Guarantees: one message at a time; while signatures are checked the bays are looked after; a refusal costs at most a few
log entries an hour, and none delays a shutter. Leaves to others: whether a grant is good (`gate`), the bays (`box`),
sending (`outbox`).
"""

import asyncio
import gc

from micropython import const
from sealwire import chain, errors, limits, messages
from sealwire.errors import DecodeError, Refused, SealwireError
from sealwire.messages import (
    ACK,
    APPROVE,
    ASK,
    CLEARS_CLOCK,
    CLEARS_TAMPER,
    CREDENTIALS,
    DECISION,
    FINISH,
    GRANT,
    RESET,
    ROSTER,
    TIME,
)

from sealbox.ed25519 import REMEMBERED_KEYS
from sealbox.gate import check_signatures
from sealbox.rate import Rate

_LARGE = const(1536)  # what is checked of more than this takes the memory of the remembered keys
_TYPES = (GRANT, DECISION, FINISH, ROSTER, TIME, RESET, ACK, CREDENTIALS)


class Intake:
    """The box's ears. ``crypto`` is `ed25519`; ``outbox`` sends challenges and learns of acks; ``credentials`` are
    those for TLS, or None."""

    def __init__(
        self,
        site: bytes,
        identity: object,
        box: object,
        rosters: object,
        outbox: object,
        crypto: object,
        credentials: object = None,
    ) -> None:
        self._site = site
        self._identity = identity
        self._box = box
        self._gate = box.gate
        self._journal = box.journal
        self._rosters = rosters
        self._outbox = outbox
        self._crypto = crypto
        self._credentials = credentials
        self._renewals = Rate(limits.LOOSE_PER_HOUR)
        self._refusals = Rate(limits.REFUSALS_PER_HOUR)
        self._unlogged = 0
        self._loose = {}  # kid: Rate; of the roster's people only

    async def handle(self, sender: "bytes | None", raw: "memoryview | None") -> None:
        """Give one message its effect, or log why not; ``raw`` is None for one that was too large to be read.

        ``sender``, the topic's word, proves nothing and is not used.
        """
        message = None
        try:
            if raw is None:
                raise DecodeError(errors.TOO_LARGE)
            if len(raw) > _LARGE:
                self._crypto.forget()
                gc.collect()  # in one piece, as far as may be
            if messages.is_item(raw):
                self._item(raw)
                return
            message = messages.read(raw, self._site, _TYPES, True)
            if message.number == GRANT:
                await self._grant(message)
            else:
                self._others(message)
        except SealwireError as error:
            self._refuse(error, message)
        except OSError as error:
            print("flash failed:", error)
            self._refuse(Refused(errors.FLASH_FAILED), message)
        except MemoryError:
            message = None
            self._crypto.forget()  # when it is sent again, there is more
            gc.collect()
            self._refuse(Refused(errors.TOO_LARGE, "for the memory there is"), None)

    def _others(self, message: "messages.Message") -> None:
        number = message.number
        if number == ACK:
            self._ack(message)
        elif number in (DECISION, FINISH):
            self._loose_message(message)
        elif number == ROSTER:
            self._roster(message)
        elif number == TIME:
            self._time(message)
        elif number == CREDENTIALS:
            self._renew(message)
        else:
            self._reset(message)

    def _item(self, raw: bytes) -> None:
        number, fields = messages.read_item(raw)
        if number != ASK:
            raise DecodeError(errors.UNEXPECTED_TYPE)
        if fields["bay"] > len(self._box.bays):
            raise Refused(errors.UNKNOWN_BAY)
        self._outbox.challenge(fields["bay"])

    # A grant

    async def _grant(self, message: "messages.Message") -> None:
        candidate = self._gate.read(message, self._crypto.verify)
        bay = candidate.request["bay"]
        self._box.check_ready(bay)
        roster = self._gate.roster
        for _ in check_signatures(candidate, roster, self._crypto.verify):
            await asyncio.sleep(0)
            self._box.poll()
        # Nothing may come between here and the intent: no await, no call that waits.
        if self._gate.roster is not roster:
            raise Refused(errors.STALE_NONCE, "the roster changed meanwhile")
        spends = self._gate.decide(candidate)
        self._box.check_ready(bay)
        self._gate.use(bay)
        self._box.open(candidate, spends)
        self._outbox.wake()
        # The next grant of the same people is checked in half the time; this one's shutter is moving already.
        people = [public_key for _, public_key in candidate.signed(roster)]
        people = people[: REMEMBERED_KEYS - 1]  # one more would push out the first, each time
        try:
            for public_key in [roster.host(message.kid)] + people:
                await asyncio.sleep(0)
                self._box.poll()
                self._crypto.remember(public_key)
        except MemoryError:
            return

    # Messages that come without the host

    def _loose_message(self, message: "messages.Message") -> None:
        roster = self._roster_held()
        now = self._journal.clock.now()
        person, public_key = roster.signer(message.kid)
        if not person["from"] <= now <= person["until"]:
            raise Refused(errors.SIGNER_NOT_VALID)
        if message.number == DECISION and message["verdict"] == APPROVE:
            raise Refused(errors.UNEXPECTED_TYPE, "approvals travel in grants")
        message.check(public_key, self._crypto.verify)
        if self._journal.knows(message.reference):
            return
        rate = self._loose.setdefault(message.kid, Rate(limits.LOOSE_PER_HOUR))
        if not rate.take(self._box.board.ticks_ms()):
            raise Refused(errors.TOO_FAST)
        fields = {"request": message["request"], "person": person["number"], "message": message.reference}
        if message.number == FINISH:
            fields["reason"] = message["reason"]
            self._journal.write(chain.FINISH, fields)
        else:
            fields["verdict"] = message["verdict"]
            if message.get("for") is not None:
                fields["for"] = message["for"]
            self._journal.write(chain.DECISION, fields)
        self._box.recheck(message["request"])
        self._outbox.wake(True)

    # Roster, clock, alarm

    def _roster_held(self) -> object:
        if self._gate.roster is None:
            raise Refused(errors.NO_ROSTER)
        return self._gate.roster

    def _roster(self, message: "messages.Message") -> None:
        if not self._box.closed():
            raise Refused(errors.BAY_BUSY)
        if message["version"] == self._journal.roster:
            return  # sent again; the entry is the answer
        if self._rosters.offer(message, self._crypto.verify):
            self._gate.roster = None
            gc.collect()  # there is no room for two
            try:
                self._gate.roster = self._rosters.load()
            except MemoryError:
                self._box.board.reset()  # all bays are closed; a box that starts has room for what it adopted
            self._loose = {}
            print("roster %d" % message["version"])
            self._outbox.wake(True)

    def _time(self, message: "messages.Message") -> None:
        self._for_me(message)
        if self._journal.clock.is_set():
            raise Refused(errors.CLOCK_RUNNING)
        if not self._gate.holds(message["nonce"]):
            raise Refused(errors.STALE_NONCE)
        if message["utc"] < self._journal.clock.floor:
            raise Refused(errors.TIMES_OUT_OF_ORDER)
        message.check(self._roster_held().host(message.kid), self._crypto.verify)
        # The entry first: a clock that runs without it would let requests through that were anchored before.
        self._journal.write(chain.TIME, {"utc": message["utc"], "message": message.reference})
        self._journal.clock.set(message["utc"])
        self._outbox.wake(True)

    def _reset(self, message: "messages.Message") -> None:
        """The authority clears an alarm or sets a running clock."""
        self._for_me(message)
        journal = self._journal
        seq, clears = message["anchor_seq"], message["clears"]
        if journal.log.seq - seq > limits.ANCHOR_BACK or journal.log.head_at(seq) != message["anchor_head"]:
            raise Refused(errors.UNANCHORED)
        if clears & CLEARS_TAMPER and seq < journal.alarm:
            raise Refused(errors.UNANCHORED, "made before the alarm")
        if clears & CLEARS_CLOCK and seq < journal.clock_seq:
            raise Refused(errors.UNANCHORED, "made before the clock was last set")
        message.check(self._rosters.authority_key(message.kid), self._crypto.verify)
        if journal.knows(message.reference):
            return
        if not clears & CLEARS_CLOCK and not journal.alarm:
            raise Refused(errors.NOTHING_TO_CLEAR)
        if not self._box.closed():
            raise Refused(errors.BAY_BUSY)
        fields = {"clears": clears, "utc": message["utc"], "message": message.reference}
        journal.write(chain.RESET, fields, True, True)
        if clears & CLEARS_CLOCK:
            journal.clock.set(message["utc"])
        self._outbox.wake(True)

    def _renew(self, message: "messages.Message") -> None:
        """Newer credentials for TLS. No certificate is looked into before the signature was found to hold."""
        self._for_me(message)
        held, journal = self._credentials, self._journal
        if held is None:
            raise Refused(errors.UNEXPECTED_TYPE, "the box was not set up for TLS")
        if not journal.clock.is_set():
            raise Refused(errors.CLOCK_LOST)
        issued = message["issued"]
        same = issued == held.issued and message.reference == held.reference
        if issued <= held.issued and not same:
            raise Refused(errors.TIMES_OUT_OF_ORDER)
        if issued > journal.clock.now() + limits.CLOCK_AHEAD:
            raise Refused(errors.TIME_AHEAD)
        message.check(self._roster_held().host(message.kid), self._crypto.verify, True)
        if same and journal.knows(message.reference):
            return
        if not self._renewals.take(self._box.board.ticks_ms()):
            raise Refused(errors.TOO_FAST)
        if not same:
            held.take(message)
        journal.write(chain.LINK, {"issued": issued, "message": message.reference})
        print("credentials of", issued)
        self._outbox.wake(True)

    def _for_me(self, message: "messages.Message") -> None:
        if message["box"] != self._identity.kid:
            raise Refused(errors.WRONG_BOX)

    def _ack(self, message: "messages.Message") -> None:
        self._for_me(message)
        if self._gate.roster is None:
            return  # nobody's word counts yet; the host sends a roster first
        message.check(self._gate.roster.host(message.kid), self._crypto.verify)
        self._outbox.acked(message)

    # Refusals

    def _is_genuine(self, message: "messages.Message") -> bool:
        """Whether who it names signed it. Only then may an entry say that this message was refused."""
        number = message.number
        try:
            if number in (ROSTER, RESET):
                key = self._rosters.authority_key(message.kid)
            elif number in (DECISION, FINISH):
                key = self._roster_held().signer(message.kid)[1]
            else:
                key = self._roster_held().host(message.kid)
            message.check(key, self._crypto.verify, True)
        except (SealwireError, MemoryError):
            return False
        return True

    def _refuse(self, error: SealwireError, message: "messages.Message | None") -> None:
        if not self._refusals.take(self._box.board.ticks_ms()):
            self._unlogged += 1
            return
        print("refused", error)
        fields = {"reason": error.reason, "unlogged": self._unlogged}
        if message is not None:
            fields["type"], fields["kid"] = message.number, message.kid
            if self._is_genuine(message):
                fields["message"] = message.reference
        try:
            self._journal.write(chain.REFUSED, fields)
            self._unlogged = 0
        except (OSError, SealwireError) as failure:
            print("not logged:", failure)
        self._outbox.wake()
