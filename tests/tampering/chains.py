"""Alterations of the boxes' logs in a bundle: of every field of every kind of entry, and of every link of the chain.

The attacker is a dishonest host, which makes manifest and receipt anew with its real key. ``chain`` says what else is
made to fit.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from sealhost.audit.bundle import checkpoint_path, entries_path
from sealhost.audit.log import Line, read_lines
from sealwire import cbor, chain, messages

from tests.host.bundles import SITE, Box
from tests.tampering import forging
from tests.tampering.changes import changes, entry_definition
from tests.tampering.shelf import Shelf

LEFT = "the chain left as it was"
REMADE = "the chain made anew"
WRONG_KEY = "the chain made anew, its checkpoints signed by another enrolled key"
FORGED = "the chain made anew, its checkpoints signed by another key in the box's name"
BY_BOX = "the chain made anew and signed by the box's own key"
CHAINS = (LEFT, REMADE, WRONG_KEY, FORGED, BY_BOX)

_Lines = list[Line]


@dataclass(frozen=True)
class LogChange:
    """What is done to one log: to which entry, of what kind, field and how; ``lines`` is the log that comes of it.

    head_too: the links left alone are part of the change, so the chain is not made anew.
    """

    box: Box
    seq: int
    kind: int
    field: str
    how: str
    lines: tuple[Line, ...]
    head_too: bool = False

    @property
    def name(self) -> str:
        """As a test's name."""
        return f"entry {self.seq} ({chain.names()[self.kind]}.{self.field or 'whole'}) {self.how}"


@dataclass(frozen=True)
class AlteredLog:
    """A bundle with an altered log; ``checkpoints`` are the paths of those that were signed anew."""

    change: LogChange
    chain: str
    items: dict[str, bytes]
    checkpoints: tuple[str, ...]

    @property
    def path(self) -> str:
        """Where the log lies."""
        return entries_path(self.change.box.key.kid)


class Logs:
    """The logs of a shelf's bundle."""

    def __init__(self, shelf: Shelf) -> None:
        self.shelf = shelf
        self.lines = {box.key.kid: read_lines(shelf.items[entries_path(box.key.kid)])[0] for box in shelf.town.both}

    def segment(self, box: Box, seq: int) -> tuple[int, int]:
        """The entries between two checkpoints among which one lies."""
        ends = sorted({messages.read(raw, SITE)["seq"] for raw in box.checkpoints})
        before = max((end for end in ends if end < seq), default=0)
        return before + 1, min((end for end in ends if end >= seq), default=box.seq)

    def of_fields(self, kind: int, rng: random.Random, instances: int | None) -> Iterator[LogChange]:
        """Every field of a kind of entry altered: so often, or in every way in every entry (None)."""
        definition = entry_definition(kind)
        here = [(box, line) for box in self.shelf.town.both for line in self._lines(box) if _kind(line) == kind]
        found: dict[tuple[str, str], list[LogChange]] = {}
        for box, line in here:
            value = cbor.decode(line.raw)
            others = [cbor.decode(other.raw) for _, other in rng.sample(here, min(3, len(here)))]
            made = [(change.field, change.how, change.value) for change in changes(definition, value, others, rng)]
            other_kind = kind % len(chain.names()) + 1
            made.append(("kind", "passed off as another kind", {**value, 0: other_kind}))
            for field, how, altered in made:
                lines = self._with(box, line.seq, Line(line.seq, cbor.encode(altered), line.head))
                found.setdefault((field, how), []).append(LogChange(box, line.seq, kind, field, how, lines))
        for field in dict.fromkeys(field for field, _ in found):
            candidates = [change for key, made in found.items() for change in made if key[0] == field]
            most = len(candidates) if instances is None else instances
            yield from rng.sample(candidates, min(most, len(candidates)))

    def held(self, kind: int) -> set[str]:
        """The fields that some entry of a kind has, and that are altered there."""
        lines = [line for box in self.shelf.town.both for line in self._lines(box) if _kind(line) == kind]
        values = [cbor.decode(line.raw) for line in lines]
        rng = random.Random(0)
        made = [change for value in values for change in changes(entry_definition(kind), value, [], rng)]
        return {change.field for change in made if change.how == "dropped"} | ({"kind"} if values else set())

    def of_places(self, kind: int, rng: random.Random, instances: int | None) -> Iterator[LogChange]:
        """An entry of a kind removed, moved, repeated, exchanged with another of this or of the other box's log."""
        here = [(box, line) for box in self.shelf.town.both for line in self._lines(box) if _kind(line) == kind]
        for box, line in here if instances is None else rng.sample(here, min(instances, len(here))):
            lines, at = self._lines(box), line.seq - 1
            rest = lines[:at] + lines[at + 1 :]
            places = [place for place in range(len(lines)) if lines[place].raw != line.raw]
            to = rng.choice(places)
            swapped = list(lines)
            swapped[at], swapped[to] = lines[to], lines[at]
            other = self._lines(next(one for one in self.shelf.town.both if one is not box))
            foreign = rng.choice([one for one in other if one.raw != line.raw])
            for how, made in (
                ("removed", rest),
                ("moved", [*rest[:to], line, *rest[to:]]),
                ("repeated", [*lines[: at + 1], *lines[at:]]),
                ("exchanged with another", swapped),
                (
                    "replaced by the other box's",
                    [*lines[:at], Line(line.seq, foreign.raw, line.head), *lines[at + 1 :]],
                ),
            ):
                first = min(line.seq, to + 1) if how in ("moved", "exchanged with another") else line.seq
                yield LogChange(box, first, kind, "", how, tuple(made))

    def of_links(self, rng: random.Random) -> Iterator[LogChange]:
        """Seq and head beside every entry altered, and the log cut after every entry."""
        for box in self.shelf.town.both:
            lines = self._lines(box)
            for at, line in enumerate(lines):
                head = bytes([line.head[0] ^ 1 << rng.randrange(8)]) + line.head[1:]
                for how, other in (
                    ("head flipped", Line(line.seq, line.raw, head)),
                    ("head of another", Line(line.seq, line.raw, lines[at - 1].head)),
                    ("seq flipped", Line(line.seq ^ 1 << rng.randrange(10), line.raw, line.head)),
                ):
                    made = self._with(box, line.seq, other)
                    yield LogChange(box, line.seq, _kind(line), "", how, made, head_too=True)
                if at:
                    yield LogChange(box, line.seq, _kind(line), "", "cut off with all after it", tuple(lines[:at]))

    def put(self, change: LogChange, how: str) -> AlteredLog:
        """The bundle with an altered log, and what else the attacker makes fit."""
        items = dict(self.shelf.items)
        kid = change.box.key.kid
        if how == LEFT or change.head_too:
            items[entries_path(kid)] = _encode(change.lines)
            return AlteredLog(change, LEFT, self.shelf.seal(items), ())
        raws = [line.raw for line in change.lines]
        heads = [chain.genesis(SITE)]
        for raw in raws:
            heads.append(chain.next_head(heads[-1], raw))
        made = [Line(seq, raw, heads[seq]) for seq, raw in enumerate(raws, 1)]
        items[entries_path(kid)] = _encode(made)
        signed = self._sign_anew(change, how, heads, items) if how != REMADE else ()
        return AlteredLog(change, how, self.shelf.seal(items), signed)

    def _sign_anew(self, change: LogChange, how: str, heads: list[bytes], items: dict[str, bytes]) -> tuple[str, ...]:
        """New checkpoints for all that the change made wrong."""
        box = change.box
        signed = []
        for path in [path for path in self.shelf.messages if path.startswith(f"boxes/{box.key.kid.hex()}/checkp")]:
            message = self.shelf.messages[path]
            seq = min(message["seq"], len(heads) - 1)
            if heads[seq] == message["head"] and seq == message["seq"]:
                continue
            payload = messages.payload(messages.CHECKPOINT, {**message.fields, "seq": seq, "head": heads[seq]})
            by: forging.Signer = box.key if how == BY_BOX else self.shelf.keys_for(message).peer
            kid = by.kid if how == WRONG_KEY else box.key.kid
            raw = forging.sign(messages.CHECKPOINT, SITE, kid, payload, by)
            del items[path]
            new = checkpoint_path(box.key.kid, seq, messages.read(raw, SITE).reference)
            items[new] = raw
            signed.append(new)
        return tuple(signed)

    def _lines(self, box: Box) -> _Lines:
        return self.lines[box.key.kid]

    def _with(self, box: Box, seq: int, line: Line) -> tuple[Line, ...]:
        lines = self._lines(box)
        return (*lines[: seq - 1], line, *lines[seq:])


def _kind(line: Line) -> int:
    return chain.read_entry(line.raw).kind


def _encode(lines: tuple[Line, ...] | _Lines) -> bytes:
    return b"".join(cbor.encode([line.seq, line.raw, line.head]) for line in lines)
