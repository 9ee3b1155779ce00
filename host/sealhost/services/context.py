"""What every use case is given: the database, the host's key, a clock; and the unit of work they share.

Guarantees: what a `Turn` collects to be sent is handed out only after its transaction was committed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from sealwire import cbor, limits, messages, topics
from sealwire.messages import Message
from sealwire.roster import Roster
from sealwire.schema import from_map
from sqlalchemy import Connection

from sealhost.core.tally import Tally
from sealhost.store import messages as message_store
from sealhost.store import restores, sites
from sealhost.store.database import Database

AGAIN_S = 31 * 86400
"""So long after a restore, what its backup lacks is taken late."""

Verify = Callable[[bytes, bytes, bytes], bool]


class Signer(Protocol):
    """The host's key."""

    public_key: bytes
    kid: bytes

    def sign(self, data: bytes) -> bytes:
        """The signature over `data`."""


@dataclass(frozen=True, slots=True)
class Send:
    """Something to publish after the commit."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass
class Context:
    """What lives as long as the daemon."""

    database: Database
    signer: Signer
    verify: Verify
    now: Callable[[], int]
    rosters: dict[tuple[bytes, int], Roster] = field(default_factory=dict)
    unproven: dict[tuple[bytes, bytes], int] = field(default_factory=dict)
    """Since when a box (site, kid) has staged entries that a checkpoint should soon follow."""
    tally: Tally = field(default_factory=Tally)
    adoptions: int = 0
    """Rosters that were adopted, or nearly, since the start: whoever has seen fewer looks at the rosters anew."""

    @contextmanager
    def turn(self) -> Iterator[Turn]:
        """One unit of work in one transaction."""
        with self.database.write() as tx:
            turn = Turn(self, tx, self.now())
            yield turn
        for name, label in turn.counted:
            self.tally.count(name, label)
        for step, seconds in turn.timed:
            self.tally.took(step, seconds)

    @contextmanager
    def view(self) -> Iterator[Turn]:
        """The same for reading only."""
        with self.database.read() as tx:
            yield Turn(self, tx, self.now())


@dataclass
class Turn:
    """One transaction: its connection, its moment, and what is to be sent when it is committed."""

    context: Context
    tx: Connection
    now: int
    sends: list[Send] = field(default_factory=list)
    verified: bool = False
    """Whether `check` held: only then a refusal may speak for the message's reference."""

    counted: list[tuple[str, str]] = field(default_factory=list)
    timed: list[tuple[str, int]] = field(default_factory=list)
    """What the tally hears when this is committed."""

    def check(self, message: Message, public_key: bytes) -> None:
        """Check a message's signature. Raises Refused: unknown_signer, weak_key, bad_signature."""
        message.check(public_key, self.context.verify)
        self.verified = True

    def send(self, topic: str, payload: bytes, retain: bool = False) -> None:
        """Publish after the commit, without a row: for what is asked for again when it is lost."""
        self.sends.append(Send(topic, payload, retain))

    def sign(self, number: int, fields: dict[str, Any], site: bytes) -> bytes:
        """A message of this host."""
        signer = self.context.signer
        return messages.build(number, fields, site, signer.public_key, signer.sign)

    def to_box(self, site: bytes, box: bytes) -> str:
        """The topic on which this host speaks to a box."""
        return topics.box_in(site, box, self.context.signer.kid)

    def record(self, site: bytes, event: str, reference: bytes | None, kid: bytes | None, detail: str = "") -> None:
        """An audit record."""
        message_store.record(self.tx, site, self.now, event, reference, kid, detail)

    def may_be_lost(self, made: int | None = None) -> bool:
        """Whether something of that time may have been here before the database was brought back from a backup.

        Without a time: whether anything still may come again.
        """
        last = restores.last(self.tx)
        if last is None or self.now > last.restored + AGAIN_S:
            return False
        return made is None or last.made - limits.CLOCK_AHEAD <= made <= last.restored + limits.CLOCK_AHEAD

    def roster(self, site: bytes) -> Roster | None:
        """The site's adopted roster, None before the first."""
        version = sites.newest_version(self.tx, site)
        return self.roster_of(site, version) if version else None

    def roster_of(self, site: bytes, version: int) -> Roster | None:
        """An adopted roster by its version."""
        known = self.context.rosters.get((site, version))
        if known is None:
            payload = sites.roster_payload(self.tx, site, version)
            if payload is None:
                return None
            known = Roster(from_map(messages.fields_of(messages.ROSTER), cbor.decode(payload)))
            if len(self.context.rosters) > 64:
                self.context.rosters.clear()
            self.context.rosters[(site, version)] = known
        return known

    def authority(self, site: bytes) -> tuple[list[bytes], int]:
        """(keys, threshold) that the next roster must satisfy: of the adopted one, else as configured."""
        roster = self.roster(site)
        if roster is not None:
            return roster.fields["authority"], roster.fields["threshold"]
        row = sites.get(self.tx, site)
        if row is None:
            return [], 1
        return sites.authority_keys(row), row.threshold
