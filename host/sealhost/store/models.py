"""The tables. Every row belongs to a site, so that one host serves several.

Times are UTC seconds; kids have 16 bytes, references and digests 32. Signed messages are kept as the bytes that came.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

_Id = BigInteger().with_variant(Integer, "sqlite")  # SQLite counts up only a column of type INTEGER


class Base(DeclarativeBase):
    """What Alembic compares the database with."""

    type_annotation_map = {bytes: LargeBinary, int: BigInteger, str: Text, bool: Boolean}  # noqa: RUF012


class Site(Base):
    """A site that this host serves, and the authority keys it was set up with."""

    __tablename__ = "sites"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    name: Mapped[str]
    authority: Mapped[bytes]  # the public keys, 32 bytes each, one after the other
    threshold: Mapped[int]
    created: Mapped[int]


class Roster(Base):
    """An adopted roster."""

    __tablename__ = "rosters"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True)
    payload: Mapped[bytes]
    adopted: Mapped[int]


class RosterMessage(Base):
    """A roster as one authority key signed it; `adopted` once enough of them are there."""

    __tablename__ = "roster_messages"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    reference: Mapped[bytes] = mapped_column(primary_key=True)
    version: Mapped[int]
    kid: Mapped[bytes]
    raw: Mapped[bytes]
    digest: Mapped[bytes]  # SHA-256 of the payload: which signatures are over the same roster
    received: Mapped[int]
    adopted: Mapped[bool]


class MattersMessage(Base):
    """One part of a matter list, as an authority key signed it."""

    __tablename__ = "matters_messages"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    reference: Mapped[bytes] = mapped_column(primary_key=True)
    version: Mapped[int]
    part: Mapped[int]
    raw: Mapped[bytes]
    received: Mapped[int]


class Message(Base):
    """A signed message that was accepted, or that this host signed (grant, time)."""

    __tablename__ = "messages"
    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    site: Mapped[bytes]
    reference: Mapped[bytes]
    type: Mapped[int]
    kid: Mapped[bytes]
    request: Mapped[bytes | None]  # the request it speaks of
    raw: Mapped[bytes]
    received: Mapped[int]
    __table_args__ = (
        UniqueConstraint("site", "reference", name="uq_messages_reference"),
        Index("ix_messages_request", "site", "request", "type"),
    )


class SetAside(Base):
    """A denial, withdrawal or finish, well signed, that was refused here. A box that heard it by itself may obey it."""

    __tablename__ = "set_aside"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    reference: Mapped[bytes] = mapped_column(primary_key=True)
    kid: Mapped[bytes]
    raw: Mapped[bytes]
    received: Mapped[int]
    __table_args__ = (Index("ix_set_aside_kid", "site", "kid"),)


class Request(Base):
    """Where a request stands: `state` from proven facts, `live_state` with what the box said but has not proven yet."""

    __tablename__ = "requests"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    reference: Mapped[bytes] = mapped_column(primary_key=True)
    box: Mapped[bytes]
    bay: Mapped[int]
    keeper: Mapped[bytes]  # kid of the key that signed it
    person: Mapped[int]  # number of that person
    matter: Mapped[int]
    impressions: Mapped[int]
    details: Mapped[bytes]
    anchor_seq: Mapped[int]
    created: Mapped[int]
    expires: Mapped[int]
    attended: Mapped[int]
    received: Mapped[int]
    state: Mapped[str] = mapped_column(String(16))
    live_state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[int]  # why it failed, or why the box last refused; 0 when neither
    until: Mapped[int]  # last second of use, 0 until approved
    opened: Mapped[int]
    spent: Mapped[int]
    pressed: Mapped[int]
    ask_at: Mapped[int | None]  # when to ask the box for a challenge
    asks: Mapped[int]  # how often in vain
    changed: Mapped[int]
    __table_args__ = (
        Index("ix_requests_state", "site", "state"),
        Index("ix_requests_ask", "ask_at"),
        Index("ix_requests_bay", "site", "box", "bay"),
    )


class Box(Base):
    """A box of the roster: how far its log is proven and stored, and what it last said of itself."""

    __tablename__ = "boxes"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    kid: Mapped[bytes] = mapped_column(primary_key=True)
    public: Mapped[bytes]
    seq: Mapped[int]
    head: Mapped[bytes]
    checkpoint: Mapped[bytes | None]  # the last one, proven or not
    checkpoint_seq: Mapped[int]
    boot: Mapped[int]
    clock_set: Mapped[bool]
    roster: Mapped[int]
    firmware: Mapped[str]
    online: Mapped[bool]
    seen: Mapped[int]
    push_at: Mapped[int | None]  # when to send the newer roster
    pushes: Mapped[int]
    time_at: Mapped[int | None]  # when to ask for a challenge, to set its clock
    times: Mapped[int]


class Entry(Base):
    """A log entry under a checkpoint."""

    __tablename__ = "entries"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    box: Mapped[bytes] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    raw: Mapped[bytes]
    head: Mapped[bytes]
    kind: Mapped[int]
    request: Mapped[bytes | None]
    __table_args__ = (Index("ix_entries_request", "site", "box", "request"), Index("ix_entries_kind", "site", "kind"))


class Staged(Base):
    """A log entry that no checkpoint proves yet."""

    __tablename__ = "staged"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    box: Mapped[bytes] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    raw: Mapped[bytes]
    head: Mapped[bytes]
    kind: Mapped[int]
    request: Mapped[bytes | None]


class Checkpoint(Base):
    """A checkpoint that proved what is stored up to its seq."""

    __tablename__ = "checkpoints"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    box: Mapped[bytes] = mapped_column(primary_key=True)
    seq: Mapped[int] = mapped_column(primary_key=True)
    raw: Mapped[bytes]
    received: Mapped[int]


class Challenge(Base):
    """The newest challenge of a bay."""

    __tablename__ = "challenges"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    box: Mapped[bytes] = mapped_column(primary_key=True)
    bay: Mapped[int] = mapped_column(primary_key=True)
    nonce: Mapped[bytes]
    raw: Mapped[bytes]
    boot: Mapped[int]
    seq: Mapped[int]
    head: Mapped[bytes]
    roster: Mapped[int]
    received: Mapped[int]  # when this nonce was first seen


class Grant(Base):
    """A grant that was made. At most one for a nonce is `alive`: the index holds even against a fault in the code."""

    __tablename__ = "grants"
    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    site: Mapped[bytes]
    reference: Mapped[bytes]
    request: Mapped[bytes]
    nonce: Mapped[bytes]
    raw: Mapped[bytes]
    made: Mapped[int]
    ready: Mapped[bool]
    state: Mapped[str] = mapped_column(String(16))  # alive, taken, refused, dropped
    reason: Mapped[int]
    __table_args__ = (
        UniqueConstraint("site", "reference", name="uq_grants_reference"),
        Index(
            "uq_grants_alive_nonce",
            "site",
            "nonce",
            unique=True,
            sqlite_where=text("state = 'alive'"),
            postgresql_where=text("state = 'alive'"),
        ),
        Index("ix_grants_request", "site", "request"),
    )


class Outbox(Base):
    """What is still to be sent. With `answer`, until that reference is answered; else until the broker has it."""

    __tablename__ = "outbox"
    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    site: Mapped[bytes]
    topic: Mapped[str]
    payload: Mapped[bytes]
    retain: Mapped[bool]
    due: Mapped[int]
    attempts: Mapped[int]
    answer: Mapped[bytes | None]
    box: Mapped[bytes | None]
    __table_args__ = (Index("ix_outbox_due", "due"), Index("ix_outbox_answer", "site", "answer"))


class Waiting(Base):
    """A request that is retained in the inbox of a key."""

    __tablename__ = "waiting"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    reference: Mapped[bytes] = mapped_column(primary_key=True)
    kid: Mapped[bytes] = mapped_column(primary_key=True)


class Blob(Base):
    """Details, reasons, photographs, attachments: salt and content, named by their SHA-256."""

    __tablename__ = "blobs"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    digest: Mapped[bytes] = mapped_column(primary_key=True)
    body: Mapped[bytes]
    kid: Mapped[bytes]
    created: Mapped[int]


class Enrolment(Base):
    """A new key's own message that nobody has vouched for yet. It holds a name: it goes when the authority decides."""

    __tablename__ = "enrolments"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    kid: Mapped[bytes] = mapped_column(primary_key=True)
    raw: Mapped[bytes]
    received: Mapped[int]


class SignIn(Base):
    """A challenge by which somebody signed in; it works once."""

    __tablename__ = "sign_ins"
    challenge: Mapped[bytes] = mapped_column(primary_key=True)
    site: Mapped[bytes]
    kid: Mapped[bytes]
    expires: Mapped[int]


class Session(Base):
    """Somebody who is signed in; the token itself is not stored."""

    __tablename__ = "sessions"
    token_hash: Mapped[bytes] = mapped_column(primary_key=True)
    site: Mapped[bytes]
    kid: Mapped[bytes]
    expires: Mapped[int]


class Restore(Base):
    """This database was brought back from a backup that was `made` then; what came after it is asked for again."""

    __tablename__ = "restores"
    epoch: Mapped[bytes] = mapped_column(primary_key=True)  # 8 random bytes
    made: Mapped[int]
    restored: Mapped[int]


class News(Base):
    """Something to tell people of, written in the transaction that did it; gone when it was looked at."""

    __tablename__ = "news"
    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    site: Mapped[bytes]
    at: Mapped[int]
    event: Mapped[str]
    reference: Mapped[bytes | None]
    kid: Mapped[bytes | None]
    detail: Mapped[str]


class Telling(Base):
    """What one route (of notify.toml) is still to be told, or was told a moment ago. No address, no personal data."""

    __tablename__ = "tellings"
    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    site: Mapped[bytes]
    route: Mapped[str]
    urgent: Mapped[bool]
    content: Mapped[str]  # JSON
    made: Mapped[int]
    due: Mapped[int]
    attempts: Mapped[int]
    sent: Mapped[int | None]  # kept for a while after that, so that a flood is noticed
    __table_args__ = (Index("ix_tellings_due", "due"), Index("ix_tellings_route", "route"))


class Reminder(Base):
    """When to look at a request again: before its times run out, and when its report is due."""

    __tablename__ = "reminders"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    reference: Mapped[bytes] = mapped_column(primary_key=True)
    what: Mapped[str] = mapped_column(primary_key=True)
    at: Mapped[int]
    __table_args__ = (Index("ix_reminders_at", "at"),)


class Case(Base):
    """Something that people must look at, once for each subject, until one of them closes it with a reason."""

    __tablename__ = "cases"
    site: Mapped[bytes] = mapped_column(primary_key=True)
    id: Mapped[bytes] = mapped_column(primary_key=True)  # 8 bytes, of site, kind and subject
    kind: Mapped[str]
    subject: Mapped[str]
    request: Mapped[bytes | None]
    box: Mapped[bytes | None]
    detail: Mapped[str]
    opened: Mapped[int]
    closed: Mapped[int | None]
    closed_by: Mapped[bytes | None]  # kid
    session: Mapped[bytes | None]  # SHA-256 of the token with which it was closed
    reason: Mapped[str]
    __table_args__ = (
        UniqueConstraint("site", "kind", "subject", name="uq_cases_subject"),
        Index("ix_cases_request", "site", "request"),
    )


class Audit(Base):
    """What the host did, in the transaction that did it. No personal data."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(_Id, primary_key=True, autoincrement=True)
    site: Mapped[bytes]
    at: Mapped[int]
    event: Mapped[str]
    reference: Mapped[bytes | None]
    kid: Mapped[bytes | None]
    detail: Mapped[str]
