"""Alterations of the items of a bundle: every message of it, altered in every way, and items as such.

`level` says who did it: somebody on the way, who leaves manifest and receipt as they were, or a dishonest host, which
makes both anew with its real key.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sealhost.audit.bundle import RECEIPT, checkpoint_path, matters_path, message_path, roster_path
from sealhost.audit.letters import EXPORTED
from sealwire import cbor, chain, cose, messages
from sealwire.errors import DecodeError
from sealwire.messages import Message

from tests.host.bundles import SITE
from tests.tampering import forging
from tests.tampering.changes import Change, changes, message_fields
from tests.tampering.forging import Forgery, Keys
from tests.tampering.town import Town

_ROLES = (
    ("authority", "authority2"),
    ("keeper", "other_keeper", "keeper's tablet"),
    ("first", "second", "third"),
    ("host", "other_host"),
    ("box", "other_box"),
    ("maker", "authority2"),
)
_IN_PLACE = (forging.KEPT, forging.FORGED, forging.SITE, forging.HEADER)
_TRIED = {forging.OWN: 2}  # ways for each field where no signature stops it; elsewhere one will do


@dataclass(frozen=True)
class Altered:
    """A bundle in which one message was altered: the message, where it lay, where it lies now, and how."""

    message: Message
    forgery: Forgery
    old: str
    new: str
    items: dict[str, bytes]


class Shelf:
    """The items of a town's bundle, and what rests on what."""

    def __init__(self, town: Town) -> None:
        self.town = town
        self.items = town.items()
        self.messages = {path: self._read(path) for path in self.items if path.endswith((".cose", ".receipt"))}
        self.rests: dict[bytes, list[str]] = {}  # reference: what names or carries it
        self._index()

    def _read(self, path: str) -> Message:
        return messages.read(self.items[path], SITE)

    def _index(self) -> None:
        by_raw = {message.raw: message.reference for message in self.messages.values()}
        for message in self.messages.values():
            for value in _values(message.fields):
                self.rests.setdefault(by_raw.get(value, value), []).append(message.name)
        for box in self.town.both:
            for raw in box.raws:
                entry = chain.read_entry(raw)
                for value in _values(entry.fields):
                    self.rests.setdefault(value, []).append(f"entry {entry.name}")

    def of_type(self, number: int) -> list[str]:
        """The paths of all messages of a type."""
        return [path for path in sorted(self.messages) if self.messages[path].number == number]

    def keys_for(self, message: Message) -> Keys:
        """Whose keys are tried on a message."""
        name = self.town.signer_of(message.kid)
        role = next(role for role in _ROLES if name in role)
        peer = next(other for other in role if other != name)
        stranger = "keeper" if "host" in role else "host"
        return Keys(*(self.town.keys[who] for who in (name, peer, stranger)))

    def forgeries(self, path: str, rng: random.Random) -> Iterator[Forgery]:
        """Everything that is made of one message."""
        message = self.messages[path]
        others = [other for other in self.of_type(message.number) if other != path]
        values = [forging.wire_value(self.messages[other]) for other in rng.sample(others, min(3, len(others)))]
        made: Iterator[Change] = changes(messages.fields_of(message.number), forging.wire_value(message), values, rng)
        yield from forging.forgeries(message, made, self.keys_for(message))
        if message.number == messages.ROSTER:
            yield from self._by_all(message, values, rng)

    def _by_all(self, message: Message, values: list[Any], rng: random.Random) -> Iterator[Forgery]:
        """A roster that everybody who signed it signs anew: `put` has the others sign it too."""
        for change in changes(messages.fields_of(message.number), forging.wire_value(message), values, rng):
            by, payload = self.keys_for(message).own, cbor.encode(change.value)
            raw = forging.sign(message.number, SITE, message.kid, payload, by)
            yield Forgery(message.number, change.field, change.how, forging.ALL, raw)

    def put(self, path: str, forgery: Forgery) -> Altered:
        """The bundle with a forgery in a message's place; re-signed ones lie where their new reference says."""
        new = path if forgery.signing in _IN_PLACE else self.place(path, forgery.raw)
        items = {other: content for other, content in self.items.items() if other != path}
        items[new] = forgery.raw
        if forgery.signing == forging.ALL:
            self._sign_by_all(path, forgery.raw, items)
        return Altered(self.messages[path], forgery, path, new, self.seal(items) if new != RECEIPT else items)

    def _sign_by_all(self, path: str, raw: bytes, items: dict[str, bytes]) -> None:
        """Replace the other signatures of the same roster as well."""
        payload = cose.read(raw).payload
        for other in self.of_type(messages.ROSTER):
            message = self.messages[other]
            if other != path and message.payload == self.messages[path].payload:
                del items[other]
                again = forging.sign(message.number, SITE, message.kid, payload, self.keys_for(message).own)
                items[self.place(other, again)] = again

    def seal(self, items: dict[str, bytes]) -> dict[str, bytes]:
        """Items with manifest and receipt made anew by the real host."""
        return self.town.seal(items)

    @staticmethod
    def place(path: str, raw: bytes) -> str:
        """Where a message in the place of another one lies by its own name."""
        folder = path.split("/")[0]
        try:
            message = messages.read(raw, SITE)
        except DecodeError:
            return path
        if folder == "rosters":
            return roster_path(message["version"], message.kid)
        if folder == "matters":
            return matters_path(message["version"], message["part"], message.reference)
        if folder == "boxes":
            return checkpoint_path(bytes.fromhex(path.split("/")[1]), message["seq"], message.reference)
        return path if path == RECEIPT else message_path(message.reference)

    def choose(self, number: int, rng: random.Random, instances: int | None) -> Iterator[tuple[str, Forgery]]:
        """(path, forgery) of every field of a type under every signature: in so many messages, or in all (None)."""
        paths = self.of_type(number)
        chosen = paths if instances is None else self._some(number, paths, rng, instances)
        found: dict[tuple[str, ...], list[tuple[str, Forgery]]] = {}
        for path in chosen:
            for forgery in self.forgeries(path, rng):
                found.setdefault(_key(forgery), []).append((path, forgery))
        for key, candidates in found.items():
            most = len(candidates) if instances is None else instances * _TRIED.get(key[1], 1)
            yield from rng.sample(candidates, min(most, len(candidates)))

    def everything(self, number: int, rng: random.Random) -> Iterator[tuple[str, Forgery]]:
        """(path, forgery) of everything of a type, what nothing rests on first."""
        for path in sorted(self.of_type(number), key=lambda path: self.messages[path].reference in self.rests):
            for forgery in self.forgeries(path, rng):
                yield path, forgery

    def _some(self, number: int, paths: list[str], rng: random.Random, instances: int) -> list[str]:
        """Messages that together hold every field of their type that any has, and some more."""
        missing = {name for of, name in message_fields() if of == number}
        chosen = rng.sample(paths, min(instances, len(paths)))
        for path in chosen:
            missing -= self._held(path)
        for path in paths:
            if missing & self._held(path):
                chosen.append(path)
                missing -= self._held(path)
        return chosen

    def _held(self, path: str) -> set[str]:
        message = self.messages[path]
        definition = messages.fields_of(message.number)
        rng = random.Random(0)
        return {
            change.field
            for change in changes(definition, forging.wire_value(message), [], rng)
            if change.how == "dropped"
        }


def _key(forgery: Forgery) -> tuple[str, ...]:
    return (forgery.field, forgery.signing, "" if forgery.field else forgery.how)


def types_at(path: str) -> tuple[int, ...]:
    """The types that a bundle may hold at a path."""
    folder = path.split("/")[0]
    return {"rosters": (messages.ROSTER,), "matters": (messages.MATTERS,), "boxes": (messages.CHECKPOINT,)}.get(
        folder, (messages.RECEIPT,) if path == RECEIPT else EXPORTED
    )


def _values(fields: object) -> Iterator[bytes]:
    if isinstance(fields, dict):
        for value in fields.values():
            yield from _values(value)
    elif isinstance(fields, list):
        for value in fields:
            yield from _values(value)
    elif isinstance(fields, bytes) and len(fields) >= 32:
        yield fields
