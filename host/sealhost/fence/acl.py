"""Who may publish and hear what at the broker: Mosquitto's access list, from who is listed in the sites' rosters. Pure.

Guarantees: a user that is not listed here has no line, and so neither reads nor writes anything; nobody is given a
topic above their site, nor `$SYS`. Mosquitto asks the list at every delivery and every publish, not at subscribing.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from sealwire import topics

from sealhost.fence import FenceError

READ, WRITE = "read", "write"
Rule = tuple[str, str]
"""(read or write, topic filter)"""


@dataclass(frozen=True, slots=True)
class Place:
    """A site's kids. `people`: every key of the roster's people, and the authority's keys."""

    site: bytes
    hosts: frozenset[bytes] = frozenset()
    boxes: frozenset[bytes] = frozenset()
    people: frozenset[bytes] = frozenset()


def users(places: Iterable[Place], gateways: Collection[str] = ()) -> dict[str, list[Rule]]:
    """The rules of each user name. FenceError for a gateway's name that cannot stand in the file."""
    rules: dict[str, list[Rule]] = defaultdict(list)
    for name in gateways:
        if not name or len(name) > 64 or not name.isascii() or not all(one.isalnum() or one in "-_." for one in name):
            raise FenceError(f"{name[:80]!r} is no name of a gateway: letters, digits, - _ . and no more than 64")
    for place in sorted(places, key=lambda one: one.site):
        for kid in sorted(place.hosts):
            rules[kid.hex()] += _host(place, kid)
        for kid in sorted(place.boxes):
            rules[kid.hex()] += _box(place, kid)
        for kid in sorted(place.people):
            rules[kid.hex()] += _person(place, kid)
        for name in gateways:
            rules[name] += [rule for kid in sorted(place.boxes) for rule in _box(place, kid)]
    for name in gateways:
        rules[name] += []
    return dict(rules)


def file(rules: dict[str, list[Rule]]) -> bytes:
    """The access list as Mosquitto reads it."""
    blocks = ["# Written by sealhost from the rosters it holds: changes made here are lost."]
    for user in sorted(rules):
        lines = dict.fromkeys(f"topic {access} {topic}" for access, topic in rules[user])
        blocks.append("\n".join([f"user {user}", *lines]))
    return ("\n\n".join(blocks) + "\n").encode()


def _host(place: Place, kid: bytes) -> Iterator[Rule]:
    for topic in topics.host_filters(place.site):
        yield READ, topic
    yield WRITE, f"{topics.PREFIX}{place.site.hex()}/inbox/#"
    for box in sorted(place.boxes):
        yield WRITE, topics.box_in(place.site, box, kid)


def _box(place: Place, kid: bytes) -> Iterator[Rule]:
    yield READ, topics.box_in_filter(place.site, kid)
    yield WRITE, topics.box_out(place.site, kid)
    yield WRITE, topics.box_status(place.site, kid)


def _person(place: Place, kid: bytes) -> Iterator[Rule]:
    yield WRITE, topics.host_in(place.site, kid)
    for topic in (*topics.inbox_filters(place.site, kid), *topics.boxes_filters(place.site)):
        yield READ, topic
    for box in sorted(place.boxes):
        yield WRITE, topics.box_in(place.site, box, kid)
