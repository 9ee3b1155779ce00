"""The host's front door for messages: every one is accepted, or refused by name, and nothing it holds ends the daemon.

Guarantees: one message is one transaction; a person's message is answered by a receipt, the same one for the same
message; a refusal leaves no trace but one bounded log line and receipt. An unexpected error is raised to the link,
which keeps the message and tries again.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterable
from typing import Any

import structlog
from sealwire import errors, messages, topics
from sealwire.errors import DecodeError, Refused, SealwireError
from sealwire.messages import Message
from sqlalchemy import Row
from sqlalchemy.exc import IntegrityError

from sealhost.core.limiter import Limiter
from sealhost.services import again, authority, boxlog, people, timers
from sealhost.services.context import Context, Send, Turn
from sealhost.store import boxes, outbox, sites
from sealhost.store import messages as message_store

_log = structlog.get_logger(__name__)

FROM_PEOPLE = (*people.TAKERS, *authority.TAKERS)
SET_ASIDE_PER_KEY = 500  # as many as a box logs of one signer in a day
FROM_BOX = (messages.CHECKPOINT, messages.CHALLENGE)


class Host:
    """All use cases behind the link. Its methods may be called from any thread; they take turns."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._turns = threading.Lock()
        self._refusals = Limiter(burst=20, per_second=0.2, total_burst=500, total_per_second=20)
        self._acks = Limiter(burst=50, per_second=5, total_burst=500, total_per_second=50)

    def filters(self) -> list[tuple[str, bool]]:
        """What to subscribe to, and whether what a broker retained there is wanted."""
        with self._context.view() as turn:
            known = sites.all_sites(turn.tx)
        found = []
        for row in known:
            people_in, box_out, box_status = topics.host_filters(row.site)
            found += [(people_in, False), (box_out, False), (box_status, True)]
        return found

    def handle(self, topic: str, payload: bytes, retained: bool = False) -> list[Send]:
        """Take one message; what it returns is to be published now. Everything else is in the outbox."""
        where = topics.parse(topic)
        with self._turns:
            if where is None:
                return self._refused(b"", Refused(errors.WRONG_SITE, "no topic of ours"), payload, None)
            kind, site, box, other = where
            if kind == "host_in" and other is not None:
                return self._from_person(site, other, payload)
            if kind == "box_out" and box is not None:
                return self._from_box(site, box, payload)
            if kind == "box_status" and box is not None:
                return self._status(site, box, payload, retained)
        return []

    def tick(self) -> list[Send]:
        """What time brings: things to send again, to ask again, requests that end."""
        with self._turns, self._context.turn() as turn:
            timers.tick(turn)
        return turn.sends

    def reconnected(self) -> list[Send]:
        """After each connect: retained inboxes anew (a broker may have forgotten), and everything that waits, now."""
        with self._turns, self._context.turn() as turn:
            message_store.hurry(turn.tx, turn.now)
            outbox.hurry(turn.tx, turn.now)
            for row in sites.all_sites(turn.tx):
                for box in boxes.all_boxes(turn.tx, row.site):
                    if boxes.last_staged(turn.tx, row.site, box.kid) is not None:
                        self._context.unproven.setdefault((row.site, box.kid), turn.now)
                for waiting in outbox.waiting(turn.tx, row.site):
                    stored = message_store.find(turn.tx, row.site, waiting.reference)
                    if stored is not None:
                        topic = topics.inbox_waiting(row.site, waiting.kid, waiting.reference)
                        turn.send(topic, stored.raw, retain=True)
        return turn.sends

    def delivered(self, rows: Iterable[int]) -> None:
        """The broker has these outbox rows."""
        with self._turns, self._context.turn() as turn:
            for row in rows:
                outbox.done(turn.tx, row)

    def due(self) -> list[timers.Due]:
        """The outbox rows that are to be published now; each is due again later until it is answered or delivered."""
        with self._turns:
            with self._context.view() as turn:
                if not timers.any_due(turn):
                    return []
            with self._context.turn() as turn:
                return timers.take_due(turn)

    # --- people and authority ---

    def _from_person(self, site: bytes, sender: bytes, payload: bytes) -> list[Send]:
        message, taking = None, None
        try:
            message = messages.read(payload, site, FROM_PEOPLE)
            if message.kid != sender:
                # No receipt: signed for these very bytes, it could be carried into the inbox of who did sign them.
                return self._refused(sender, Refused(errors.UNKNOWN_SIGNER, "under another's topic"), payload, message)
            with self._context.turn() as turn:
                taking = turn
                received = self._take(turn, message)
                timers.ask_due(turn)  # the decision that meets the rule does not wait for the next tick
                self._receipt(turn, site, sender, message.reference, errors.ACCEPTED, received)
            return turn.sends
        except SealwireError as refusal:
            proven = taking is not None and taking.verified
            if message is not None and proven and people.goes_to_boxes(message):
                # The person sent it to the box as well, which obeys it by itself: an auditor must find it.
                with self._context.turn() as turn:
                    message_store.set_aside(turn.tx, message, turn.now, SET_ASIDE_PER_KEY)
            return self._refused(sender, self._named(refusal, message), payload, message, site, proven)
        except IntegrityError:
            # Another host took the same message at the same time: it is answered when it is repeated.
            _log.warning("a message was taken twice at once", sender=sender.hex())
            return []

    def _take(self, turn: Turn, message: Message) -> int:
        """Take a message, or know it from before; when it was received first."""
        received = authority.received(turn, message)
        if received is not None:
            return received
        if message.number in authority.TAKERS:
            authority.TAKERS[message.number](turn, message)
        else:
            roster = turn.roster(message.site)
            if roster is None:
                raise Refused(errors.NO_ROSTER)
            try:
                people.TAKERS[message.number](turn, roster, message)
            except Refused as refusal:
                again.take(turn, roster, message, refusal)
        turn.counted.append(("accepted", message.name))
        _log.info("accepted", type=message.name, reference=message.reference.hex(), sender=message.kid.hex())
        return turn.now

    def _receipt(self, turn: Turn, site: bytes, sender: bytes, reference: bytes, result: int, at: int) -> None:
        fields = {"reference": reference, "result": result, "at": at}
        turn.send(topics.inbox(site, sender), turn.sign(messages.RECEIPT, fields, site))

    def _named(self, refusal: SealwireError, message: Message | None) -> SealwireError:
        """A signature that is good for another site of this host says so."""
        if refusal.reason != errors.BAD_SIGNATURE or message is None:
            return refusal
        with self._context.view() as turn:
            for row in sites.all_sites(turn.tx):
                other = messages.read(message.raw, row.site)
                roster = turn.roster(row.site)
                if row.site == message.site or roster is None:
                    continue
                try:
                    other.check(roster.signer(message.kid)[1], self._context.verify)
                except SealwireError:
                    continue
                return Refused(errors.WRONG_SITE)
        return refusal

    def _refused(
        self,
        sender: bytes,
        refusal: SealwireError,
        payload: bytes,
        message: Message | None,
        site: bytes | None = None,
        proven: bool = False,
    ) -> list[Send]:
        """One log line and, for a person, one receipt; a noisy sender gets fewer of both.

        `proven`: the signature held. Without, the receipt speaks of the bytes that came, never of a reference, which
        a mangled copy shares with the message that it was made from.
        """
        self._context.tally.count("refused", refusal.name)
        held_back = self._refusals.allow(sender, time.monotonic())
        if held_back is None:
            return []
        reference = message.reference if message is not None and proven else hashlib.sha256(payload).digest()
        _log.warning(
            "refused",
            reason=refusal.name,
            detail=refusal.detail,
            type=message.name if message is not None else None,
            sender=sender.hex(),
            reference=reference.hex(),
            size=len(payload),
            unlogged=held_back,
        )
        if site is None:
            return []
        turn = Turn(self._context, None, self._context.now())  # type: ignore[arg-type]  # nothing is read or written
        self._receipt(turn, site, sender, reference, refusal.reason, turn.now)
        return turn.sends

    # --- boxes ---

    def _from_box(self, site: bytes, kid: bytes, payload: bytes) -> list[Send]:
        message = None
        try:
            fields = None
            if messages.is_item(payload):
                number, fields = messages.read_item(payload)
                if number != messages.ENTRIES:
                    raise DecodeError(errors.UNEXPECTED_TYPE)
            else:
                message = messages.read(payload, site, FROM_BOX)
            with self._context.turn() as turn:
                box = self._known_box(turn, site, kid)
                if fields is not None:
                    boxlog.take_entries(turn, box, fields)
                elif message is not None:
                    self._signed_by_box(turn, box, message)
            return self._bounded(kid, turn.sends)
        except SealwireError as refusal:
            if refusal.reason == errors.OTHER_CHAIN:
                self._keep_evidence(site, kid, message, refusal)
            return self._refused(kid, refusal, payload, message)

    def _known_box(self, turn: Turn, site: bytes, kid: bytes) -> Row[Any]:
        roster = turn.roster(site)
        if roster is None:
            raise Refused(errors.NO_ROSTER)
        roster.box(kid)
        box = boxes.get(turn.tx, site, kid)
        if box is None:
            raise Refused(errors.UNKNOWN_BOX)
        return box

    def _signed_by_box(self, turn: Turn, box: Row[Any], message: Message, answer: bool = True) -> None:
        message.check(box.public, self._context.verify)
        if message.number == messages.CHECKPOINT:
            boxlog.take_checkpoint(turn, box, message, answer)
        else:
            boxlog.take_challenge(turn, box, message)

    def _keep_evidence(self, site: bytes, kid: bytes, message: Message | None, refusal: SealwireError) -> None:
        """A box that signed two histories: what it signed is kept, whatever else of it is refused."""
        if message is None:
            return
        with self._context.turn() as turn:
            turn.record(site, "other_chain", message.reference, kid, message.raw.hex())

    def _bounded(self, box: bytes, sends: list[Send]) -> list[Send]:
        """Bound what one box can make the host send at once, acks above all."""
        return sends if not sends or self._acks.allow(box, time.monotonic()) is not None else []

    def _status(self, site: bytes, kid: bytes, payload: bytes, retained: bool) -> list[Send]:
        """Whether the box is there; a retained checkpoint also tells what is still to be fetched from it."""
        message = None
        try:
            if payload:
                message = messages.read(payload, site, (messages.CHECKPOINT,))
            with self._context.turn() as turn:
                box = self._known_box(turn, site, kid)
                if message is None:
                    boxes.update_box(turn.tx, site, kid, online=False)
                    return []
                message.check(box.public, self._context.verify)
                if retained:
                    boxlog.take_checkpoint(turn, box, message, answer=message["seq"] > box.seq)
                boxes.update_box(turn.tx, site, kid, online=True)
            return self._bounded(kid, turn.sends)
        except SealwireError as refusal:
            return self._refused(kid, refusal, payload, message)
