"""Who is listed: the sites' kids for the access list, from the rosters that this host holds."""

from __future__ import annotations

from sealwire.cose import key_id

from sealhost.fence.acl import Place
from sealhost.services.context import Context, Turn
from sealhost.store import sites


def places(context: Context) -> list[Place]:
    """Each site of this host, by its adopted roster; before the first, its authority and this host."""
    with context.view() as turn:
        return [_place(turn, bytes(row.site)) for row in sites.all_sites(turn.tx)]


def _place(turn: Turn, site: bytes) -> Place:
    authority, _ = turn.authority(site)
    people = {key_id(key) for key in authority}
    hosts, boxes = {turn.context.signer.kid}, set()
    roster = turn.roster(site)
    if roster is not None:
        people |= {key_id(bytes(key[1:])) for person in roster.fields["people"] for key in person["keys"]}
        hosts |= {key_id(key) for key in roster.fields["hosts"]}
        boxes = {key_id(box["public"]) for box in roster.fields["boxes"]}
    return Place(site, frozenset(hosts), frozenset(boxes), frozenset(people))
