"""An altered payload under every kind of signature.

Guarantees: what comes out has the form of a message, whatever its payload holds. Leaves to others: who must refuse it.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sealwire import cbor, cose, messages
from sealwire.messages import Message

from tests.tampering.changes import Change, changes, least

KEPT = "signature kept"
FORGED = "signed by another in the signer's name"
WRONG_ROLE = "signed by an enrolled key of another role"
PEER = "signed by another enrolled key of the same role"
OWN = "signed anew by its own signer"
ALL = "signed anew by all its signers"
SITE = "signed by its own signer for another site"
HEADER = "header altered"

OTHER_SITE = bytes(range(16, 32))


@dataclass(frozen=True)
class Forgery:
    """An altered message: of what type it was, which field was altered how, under which signature."""

    number: int
    field: str
    how: str
    signing: str
    raw: bytes

    @property
    def name(self) -> str:
        """As a test's name."""
        return f"{messages.names()[self.number]}.{self.field or 'whole'} {self.how}, {self.signing}"


class Signer(Protocol):
    """A signing key of any room."""

    @property
    def kid(self) -> bytes:
        """Its name."""

    def sign(self, data: bytes) -> bytes:
        """A signature."""


@dataclass(frozen=True)
class Keys:
    """Whose keys may be tried on one message. own: who signed it; peer: has the same role; stranger: another role."""

    own: Signer
    peer: Signer
    stranger: Signer


def envelope(number: int, kid: bytes, payload: bytes, signature: bytes) -> bytes:
    """A COSE_Sign1 of the project's form around anything."""
    protected = cbor.encode(cose.protected_header(number, kid))
    return b"\xd2\x84" + protected + b"\xa0" + cbor.encode(payload) + cbor.encode(signature)


def sign(number: int, site: bytes, kid: bytes, payload: bytes, by: Signer) -> bytes:
    """A message under a kid, by any key."""
    signed = cose.to_be_signed(number, messages.names()[number], site, kid, payload)
    return envelope(number, kid, payload, by.sign(signed))


def signed_ways(message: Message, payload: bytes, keys: Keys) -> Iterator[tuple[str, bytes]]:
    """(signing, raw) of a payload in the place of a message's."""
    number, site, kid = message.number, message.site, message.kid
    if payload != message.payload:
        yield KEPT, envelope(number, kid, payload, message.signature)
        yield OWN, sign(number, site, kid, payload, keys.own)
    yield FORGED, sign(number, site, kid, payload, keys.stranger)
    yield WRONG_ROLE, sign(number, site, keys.stranger.kid, payload, keys.stranger)
    yield PEER, sign(number, site, keys.peer.kid, payload, keys.peer)
    yield SITE, sign(number, OTHER_SITE, kid, payload, keys.own)


def forgeries(message: Message, changes: Iterator[Change], keys: Keys) -> Iterator[Forgery]:
    """Everything that can be made of a message: each change under each signature, then its envelope altered."""
    for change in changes:
        payload = cbor.encode(change.value)
        for signing, raw in signed_ways(message, payload, keys):
            yield Forgery(message.number, change.field, change.how, signing, raw)
    for signing, raw in signed_ways(message, message.payload, keys):
        yield Forgery(message.number, "", "unaltered", signing, raw)
    for how, raw in envelopes(message):
        yield Forgery(message.number, "", how, HEADER, raw)


def chosen(messages_of_type: Sequence[Message], keys: Keys, rng: random.Random, instances: int | None) -> list[Forgery]:
    """Every field of some messages of one type under every signature: so often, or in every way (None)."""
    values = [wire_value(message) for message in messages_of_type]
    found: dict[tuple[str, str, str], list[Forgery]] = {}
    for message, value in zip(messages_of_type, values, strict=True):
        others = [other for other in values if other is not value]
        made = changes(messages.fields_of(message.number), value, others, rng)
        for forgery in forgeries(message, made, keys):
            key = (forgery.field, forgery.signing, "" if forgery.field else forgery.how)
            found.setdefault(key, []).append(forgery)
    if instances is None:
        return [forgery for candidates in found.values() for forgery in candidates]
    return [one for candidates in found.values() for one in rng.sample(candidates, min(instances, len(candidates)))]


def least_message(number: int, site: bytes, by: Signer) -> Message:
    """A signed message with the least value in every field, the optional ones among them: of a type that no story
    tells of.
    """
    value = {field.number: least(field) for field in messages.fields_of(number)}
    return messages.read(sign(number, site, by.kid, cbor.encode(value), by), site)


def envelopes(message: Message) -> Iterator[tuple[str, bytes]]:
    """(how, raw) of every part of the envelope altered, the payload left alone."""
    number, kid, payload, signature = message.number, message.kid, message.payload, message.signature
    yield "kid flipped", envelope(number, _flip(kid), payload, signature)
    yield "signature flipped", envelope(number, kid, payload, _flip(signature))
    yield "signature zeroed", envelope(number, kid, payload, bytes(len(signature)))
    yield "passed off as another type", envelope(number % len(messages.names()) + 1, kid, payload, signature)
    yield "tag dropped", message.raw[1:]
    yield "cut short", message.raw[:-1]
    yield "byte added", message.raw + b"\0"
    for at in (7, 9):  # alg, content type
        yield f"header byte {at} flipped", message.raw[:at] + _flip(message.raw[at : at + 1]) + message.raw[at + 1 :]


def _flip(data: bytes) -> bytes:
    return data[:-1] + bytes([data[-1] ^ 1])


def wire_value(message: Message) -> Any:
    """A message's payload as it is on the wire."""
    return cbor.decode(message.payload)
